// Function symbols of one ELF file, for naming addresses. Read once, then independent of the file.
//
// Takes .symtab, of the file or of what was stripped from it (elf_image.h), and .dynsym. Addresses asked for are offsets
// in the file, which is what a memory map translates to whether the file is position-independent or not. Lines and inlined
// functions are the business of source_lines.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/elf_image.h"

namespace shrike {

struct AddressName {
  std::string_view name;  // empty: unknown
  uint64_t offset = 0;
};

class BinarySymbols {
 public:
  BinarySymbols(ElfImage& image, const DebugDirectories& directories, bool demangle);

  // An offset in the file to the address as linked; nothing if the offset is in no loaded part.
  std::optional<uint64_t> address(uint64_t file_offset) const { return address_of(segments_, file_offset); }
  AddressName find(uint64_t file_offset);
  size_t size() const { return symbols_.size(); }
  size_t bytes() const { return symbols_.capacity() * sizeof(Entry) + names_.capacity(); }

 private:
  struct Entry {
    uint64_t address, size;
    uint32_t name;  // offset into names_
    uint8_t rank;   // of several names for one address the greatest is shown
  };
  void read_symbols(Elf* elf, uint32_t table);
  void sort();

  bool demangle_;
  std::vector<ElfSegment> segments_;
  std::vector<Entry> symbols_;
  std::string names_;
  std::unordered_map<uint32_t, std::string> demangled_;
};

// The C++ name that a mangled one stands for; anything else as it is.
std::string demangled(const char* name);
// Of a function's C++ name the part between its result, which only those of templates have, and its parameters.
std::string_view cpp_function_name(std::string_view name);

}  // namespace shrike
