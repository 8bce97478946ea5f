// Names for user addresses of any process. A process's memory map is read when its first address arrives (or on
// remember()) and kept after the process is gone; it is read again when an address is in none of its mappings, or when
// the process runs another program. Of processes that were gone before that, MappingWatch knows. ELF files are read once
// each, whoever maps them; what is in no file may be in the map of a just-in-time compiler.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/binary_symbols.h"
#include "runtime/mapping_watch.h"
#include "runtime/perf_map.h"
#include "runtime/source_lines.h"

namespace shrike {

struct UserSymbol {
  std::string_view name;    // empty: unknown
  std::string_view module;  // path of the mapped file; empty: not in a file
  uint64_t offset = 0;
  std::span<const SourceFrame> lines;  // see SourceLines::find; empty unless asked for
};

class UserSymbols {
 public:
  explicit UserSymbols(const SymbolOptions& options) : options_(options) {}

  void remember(uint32_t pid);
  // From now on, learns what processes map as they do it; see MappingWatch.
  void watch() { watch_ = std::make_unique<MappingWatch>(); }
  // Those that were there before, too, are known then.
  void wait_for_present() const {
    if (watch_ != nullptr) watch_->wait_for_present();
  }
  // `is_return`: the address is where a call returns to, so that the source line is that of the instruction before it. What
  // the answer refers to lives until the next question.
  UserSymbol find(uint32_t pid, uint64_t address, bool is_return);

 private:
  struct FileIdHash {
    size_t operator()(const FileId& id) const { return static_cast<size_t>(id.device * 0x9e3779b97f4a7c15ULL ^ id.inode); }
  };
  struct Process {
    std::vector<Mapping> mappings;  // executable ones, by address
    FileId program;
    int64_t read_at_ns = 0;
    int64_t checked_at_ns = 0;
    std::unique_ptr<PerfMap> compiled;  // of code in no file
  };
  struct File {
    std::unique_ptr<BinarySymbols> symbols;  // null: unreadable
    std::unique_ptr<SourceLines> lines;
  };
  Process& process(uint32_t pid);
  void read_mappings(uint32_t pid, Process& process, int64_t now);
  const Mapping* locate(uint32_t pid, uint64_t address);
  const Mapping* locate_watched(uint32_t pid, uint64_t address);
  File read_elf(std::unique_ptr<ElfImage> image) const;
  File* file_of(uint32_t pid, const Mapping& mapping);
  void forget_files();
  std::unique_ptr<ElfImage> open_mapped(uint32_t pid, const Mapping& mapping) const;

  SymbolOptions options_;
  std::unordered_map<uint32_t, Process> processes_;
  std::unordered_map<FileId, File, FileIdHash> files_;
  size_t files_bytes_ = 0;
  std::unique_ptr<File> vdso_;
  std::unique_ptr<MappingWatch> watch_;
  Mapping watched_;  // the last answer of watch_
};

}  // namespace shrike
