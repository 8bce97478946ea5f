// The command line, bpftrace's plus what shows the compiler at work, as one value. Parsing touches no file.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/frontend.h"
#include "mir/base/diagnostic.h"
#include "runtime/output.h"

namespace shrike {

enum class Action : uint8_t { run, check, list, format, info, version, help };

// What can be shown of a program on its way to bytes.
enum class Emit : uint8_t { ast, checked, mir, llvm, lir, assembly, elf };

struct Options {
  Action action = Action::run;

  std::optional<std::string> program;        // -e
  std::string file;                          // FILE, or "-"; empty with -e
  std::vector<std::string> positionals;      // $1..
  std::map<std::string, std::string> named;  // after --: getopt
  std::string pattern;                       // -l
  std::string kernels;                       // check --kernel; empty: those that shrike is for
  bool min_kernel = false;                   // check --min-kernel
  bool verifier_log = false;                 // check --log
  std::vector<std::string> include_folders;  // -I: searched for headers of the C section
  std::vector<std::string> first_headers;    // --include: read before the script

  std::string command;      // -c
  uint32_t pid = 0;         // -p
  std::string output_file;  // -o
  DebugDirectories debug;   // --debuginfo before the usual one
  OutputFormat format = OutputFormat::text;
  Buffering buffering = Buffering::line;
  bool quiet = false;
  bool verbose = false;
  bool runtime_warnings = false;  // -k
  bool hide_warnings = false;     // --no-warnings
  bool unsafe = false;
  bool dry_run = false;
  std::string hidden_features;              // --no-feature
  Mode mode = Mode::trace;                  // --test, --bench, --mode
  std::optional<std::string> probe_filter;  // --probe-filter: which of them

  std::vector<Emit> shown;          // -d: printed on the way
  bool shows_verifier_log = false;  // -d verifier
  bool shows_loading = false;       // -d libbpf
  std::optional<Emit> emit;         // --emit: printed, and nothing is run
  std::string emit_elf;             // --emit-elf FILE
  std::string emit_llvm;            // --emit-llvm FILE
  std::string report;               // --report FILE
  std::vector<std::string> print_after;
  std::string stop_after;
  std::vector<std::string> skip;
  std::vector<std::string> passes;     // --passes: instead of the usual ones
  std::optional<uint32_t> pass_limit;  // --pass-limit
  std::string run_pass;
  bool time_passes = false;
  bool time_start = false;
  bool spill_everything = false;  // --regalloc=spill-everything
  std::optional<int> isa;         // --isa: else what the kernel knows
};

// Nothing after errors, which are reported.
std::optional<Options> parse_options(const std::vector<std::string>& args, Diagnostics& diagnostics);

// --stop-after=load: programs are loaded, which only this kernel's verifier can judge, and attached to nothing.
inline constexpr std::string_view load_stage = "load";

std::string_view help_text();

}  // namespace shrike
