// Everything from bytes to what the user reads: ring records and whole maps in, text or JSON lines out.
//
// Needs the Interface of the running program and a MapReader; owns formats parsed once per event, the symbol
// tables (read only when something is symbolised) and one output buffer that ends in write(2).
//
// What the callers of this header may rely on:
//  - stdout carries the trace, stderr `Attached N probes`, `Lost N events`, errorf, warnf and warnings. In JSON all
//    of these but warning() are records on stdout.
//  - a string[n] without a NUL in its n bytes was cut short: n - 1 bytes and the trailer (`..`) are printed.
//  - exit does not stop Output: records that follow it in the ring are printed as usual if they are handed over.
//  - a closed stdout (EPIPE, with SIGPIPE ignored by the caller) makes is_closed() true and everything after it silent.
//  - Buffering::line writes at the end of every call that completed a line, ::none after every call, ::full when 64 KiB
//    are waiting. A drain of the ring is bracketed by hold() and flush(), so that a burst is one write.
//  - a `*` width or precision in a format takes a field of its own, before the field it applies to.
// It deliberately does not poll, does not touch probes and does not decide when a trace ends.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mir/base/source.h"
#include "mir/interface.h"
#include "runtime/symbol_options.h"

namespace shrike {

enum class OutputFormat : uint8_t { text, json };
enum class Buffering : uint8_t { line, full, none };

struct OutputOptions {
  OutputFormat format = OutputFormat::text;
  Buffering buffering = Buffering::line;
  int out_fd = 1;  // -o FILE: the caller opens it
  int err_fd = 2;
  bool quiet = false;              // hides `Attached N probes`
  bool (*is_colored)() = nullptr;  // asked when there is something to say on stderr; none: no colors
  bool unsafe = false;             // system() is refused without it
  SymbolOptions symbols;
  uint64_t max_cat_bytes = 10240;
  std::string str_trunc_trailer = "..";

  bool has_color() const { return is_colored != nullptr && is_colored(); }
};

// All entries of one map, as the kernel gives them. `values` holds `copies` values of value_size bytes per entry.
struct MapContents {
  size_t count = 0;
  uint32_t copies = 1;  // number of possible CPUs for per-CPU kinds
  std::vector<uint8_t> keys;
  std::vector<uint8_t> values;
};

// Where maps come from: the kernel, or a test.
class MapReader {
 public:
  virtual ~MapReader() = default;
  virtual MapContents read(mir::MapId map) = 0;
  virtual void clear(mir::MapId map) = 0;  // forgets every entry; arrays become all zero
  virtual void zero(mir::MapId map) = 0;   // keeps the entries, values become zero; a scalar stays present
};

class KernelMaps final : public MapReader {
 public:
  // `fds` by MapId::index; -1 for maps that were not created. The fds stay the caller's.
  KernelMaps(const mir::Interface& interface, std::vector<int> fds);
  MapContents read(mir::MapId map) override;
  void clear(mir::MapId map) override;
  void zero(mir::MapId map) override;

 private:
  void forget(mir::MapId map);
  const mir::Interface& interface_;
  uint32_t copies_of(const mir::MapDecl& map);
  std::vector<int> fds_;
  uint32_t cpu_count_ = 0;  // not known yet
};

struct RecordResult {
  bool is_exit = false;
  int exit_code = 0;
  std::vector<uint64_t> unwatched;  // addresses that need no watching any more
};

struct TestResult {
  std::string_view name;
  uint64_t nanoseconds = 0;
  bool is_passed = false;
  std::string output;  // of the test alone, for JSON; text has it already
};

struct BenchmarkResult {
  std::string_view name;
  double nanoseconds = 0;  // on average
  uint64_t runs = 0;
};

class Output {
 public:
  // All of these must outlive the Output.
  Output(const mir::Interface& interface, const SourceMap& sources, MapReader& maps, OutputOptions options);
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // One record of the ring, beginning with its event id. Records too short for their event are dropped with a warning.
  RecordResult record(std::span<const uint8_t> bytes);

  // As `print(@map, top, div)`; 0 means not given.
  void print_map(mir::MapId map, int64_t top = 0, int64_t div = 0);
  // What ends a trace: in text two newlines first (always), then every user map in order of name.
  void print_all_maps();

  void attached(size_t probes);  // `Attached N probes`
  void pinned(const std::string& path);
  void lost_events(uint64_t count);  // `Lost N events`; the number since the last call
  void test(const TestResult& result);
  void benchmark(const BenchmarkResult& result);
  size_t errors() const;                // that programs told: errorf, assert, run-time errors
  void line(std::string_view text);     // one line on the program's output as is, for __BPFTRACE_NOTIFY_PROBES_ATTACHED
  void warning(std::string_view text);  // `WARNING: text` on stderr, after flushing stdout

  // Reads the memory map of a process now, so that its addresses still have names after it exits. For the child of -c
  // (after its exec) and the target of -p; other processes are remembered when their first address arrives.
  void remember_process(uint32_t pid);
  // For programs that show user addresses: from here on any process may end, and its addresses still have names.
  void wait_for_present_processes();

  // Between hold() and flush() nothing is written unless 64 KiB wait. flush() then writes what waits, except with
  // Buffering::full. The destructor writes everything.
  void hold();
  void flush();
  void write_everything();
  bool is_closed() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace shrike
