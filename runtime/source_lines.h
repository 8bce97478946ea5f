// Source positions of addresses in one ELF file, with the functions inlined there, from DWARF. Reads what an address needs
// when it is asked for, and remembers the answers.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/elf_image.h"

namespace shrike {

struct SourceFrame {
  std::string function;
  std::string file;  // with its directory; empty: unknown
  int line = 0;
};

class SourceLines {
 public:
  SourceLines(std::unique_ptr<ElfImage> image, const DebugDirectories& directories, bool demangle);
  ~SourceLines();
  SourceLines(const SourceLines&) = delete;
  SourceLines& operator=(const SourceLines&) = delete;

  bool has_debug_info() const { return dwarf_ != nullptr; }
  // What is at an address as linked, innermost first: each but the last is inlined into the next. Empty: not known.
  const std::vector<SourceFrame>& find(uint64_t address);

 private:
  std::vector<SourceFrame> read(uint64_t address);

  std::unique_ptr<ElfImage> image_;
  Dwarf* dwarf_ = nullptr;
  bool demangle_;
  std::unordered_map<uint64_t, std::vector<SourceFrame>> known_;
};

// The compilation unit that holds code at an address as linked; null if there is none.
Dwarf_Die* unit_at(Dwarf* dwarf, uint64_t address, Dwarf_Die& memory);

}  // namespace shrike
