// Names for user addresses of any process. A process's memory map is read when its first address arrives (or on
// remember()) and kept after the process is gone; it is read again when an address is in none of its mappings, or when
// the process runs another program. Of processes that were gone before that, MappingWatch knows. ELF files are read once
// each, whoever maps them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/binary_symbols.h"
#include "runtime/mapping_watch.h"

namespace shrike {

struct UserSymbol {
  std::string_view name;    // empty: unknown
  std::string_view module;  // path of the mapped file; empty: not in a file
  uint64_t offset = 0;
};

class UserSymbols {
 public:
  explicit UserSymbols(bool demangle) : demangle_(demangle) {}

  void remember(uint32_t pid);
  // From now on, learns what processes map as they do it; see MappingWatch.
  void watch() { watch_ = std::make_unique<MappingWatch>(); }
  UserSymbol find(uint32_t pid, uint64_t address);

 private:
  struct FileIdHash {
    size_t operator()(const FileId& id) const { return static_cast<size_t>(id.device * 0x9e3779b97f4a7c15ULL ^ id.inode); }
  };
  struct Process {
    std::vector<Mapping> mappings;  // executable ones, by address
    FileId program;
    int64_t read_at_ns = 0;
    int64_t checked_at_ns = 0;
  };
  Process& process(uint32_t pid);
  void read_mappings(uint32_t pid, Process& process, int64_t now);
  const Mapping* locate(uint32_t pid, uint64_t address);
  const Mapping* locate_watched(uint32_t pid, uint64_t address);
  BinarySymbols* symbols_of(uint32_t pid, const Mapping& mapping);

  bool demangle_;
  std::unordered_map<uint32_t, Process> processes_;
  std::unordered_map<FileId, std::unique_ptr<BinarySymbols>, FileIdHash> files_;  // null: unreadable
  std::unique_ptr<BinarySymbols> vdso_;
  std::unique_ptr<MappingWatch> watch_;
  Mapping watched_;  // the last answer of watch_
};

}  // namespace shrike
