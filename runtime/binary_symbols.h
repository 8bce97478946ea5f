// Function symbols of one ELF file, for naming addresses. Read once, then independent of the file.
//
// Takes .symtab and .dynsym; when a file is stripped, .symtab of its separate debug file (found by build id under
// /usr/lib/debug). Addresses asked for are offsets in the file, which is what a memory map translates to whether the
// file is position-independent or not. Deliberately no DWARF: neither lines nor inlined frames.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

struct Elf;

namespace shrike {

struct AddressName {
  std::string_view name;  // empty: unknown
  uint64_t offset = 0;
};

class BinarySymbols {
 public:
  BinarySymbols(int fd, bool demangle);                          // the fd stays the caller's
  BinarySymbols(const void* image, size_t size, bool demangle);  // an ELF image in memory: the vdso

  AddressName find(uint64_t file_offset);
  size_t size() const { return symbols_.size(); }

 private:
  struct Segment {
    uint64_t offset, address, size;
  };
  struct Entry {
    uint64_t address, size;
    uint32_t name;  // offset into names_
    uint8_t rank;   // of several names for one address the greatest is shown
  };
  void read(Elf* elf);
  void read_symbols(Elf* elf);
  void read_debug_file(Elf* elf);
  void sort();

  bool demangle_;
  bool has_symtab_ = false;
  std::vector<Segment> segments_;
  std::vector<Entry> symbols_;
  std::string names_;
  std::unordered_map<uint32_t, std::string> demangled_;
};

}  // namespace shrike
