// Names for user addresses of any process. A process's memory map is read when its first address arrives (or on
// remember()) and kept after the process is gone; it is read again when an address is in none of its mappings, or when
// the process runs another program. ELF files are read once each, whoever maps them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/binary_symbols.h"

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
  UserSymbol find(uint32_t pid, uint64_t address);

 private:
  struct FileId {
    uint64_t device = 0, inode = 0;
    bool operator==(const FileId&) const = default;
  };
  struct FileIdHash {
    size_t operator()(const FileId& id) const { return static_cast<size_t>(id.device * 0x9e3779b97f4a7c15ULL ^ id.inode); }
  };
  struct Mapping {
    uint64_t begin, end, offset;
    FileId file;
    std::string path;
  };
  struct Process {
    std::vector<Mapping> mappings;  // executable ones, by address
    FileId program;
    int64_t read_at_ns = 0;
    int64_t checked_at_ns = 0;
  };
  Process& process(uint32_t pid);
  void read_mappings(uint32_t pid, Process& process, int64_t now);
  BinarySymbols* symbols_of(uint32_t pid, const Mapping& mapping);

  bool demangle_;
  std::unordered_map<uint32_t, Process> processes_;
  std::unordered_map<FileId, std::unique_ptr<BinarySymbols>, FileIdHash> files_;  // null: unreadable
  std::unique_ptr<BinarySymbols> vdso_;
};

}  // namespace shrike
