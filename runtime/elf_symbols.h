// Symbols of programs and libraries: name to file offset, for uprobes, or to address, for uaddr. The way back, from an address to
// its name, is the output's business.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/elf_image.h"

namespace shrike {

struct ElfSymbol {
  std::string name;
  uint64_t file_offset = 0;  // of its first instruction
  uint64_t address = 0;      // as linked
  uint64_t size = 0;
};

enum class ElfStatus { found, missing, unreadable };

// Calls f for each function symbol (.symtab, .dynsym, then what was stripped) until it returns false; a name that is in two
// tables comes twice. Old versions of versioned symbols (memcpy@GLIBC_2.2.5) are left out. `why` tells why a file is unreadable.
ElfStatus each_function(const std::string& path, const DebugDirectories& directories,
                        const std::function<bool(const ElfSymbol&)>& f, std::string& why);

// One symbol by its exact name, functions and objects.
std::optional<ElfSymbol> find_symbol(const std::string& path, const DebugDirectories& directories, std::string_view name);

// The address, as linked, of what is at an offset in the file; nothing if it is in no loaded part.
std::optional<uint64_t> linked_address(const std::string& path, uint64_t file_offset);

}  // namespace shrike
