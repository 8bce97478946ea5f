// A BPF object file as clang makes it: functions, what their instructions refer to, and the maps. Nothing is loaded. The
// sections, symbols and relocations are read here, map definitions by libbpf; object_programs.cpp makes of them what the
// model of the verifier judges.
#pragma once

#include <gelf.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backend-bpf/isa.h"
#include "backend-bpf/object.h"
#include "runtime/elf_image.h"
#include "verifier-sim/program.h"

namespace shrike {

struct ObjectSection {
  std::string name;
  bool is_code = false;
  std::vector<uint8_t> bytes;  // none of .bss
};

struct ObjectSymbol {
  std::string name;
  size_t section = 0;  // 0: not defined in this file
  uint64_t value = 0;  // offset in the section
  uint64_t size = 0;
  bool is_function = false;
  bool is_section = false;
  bool is_global = false;  // visible outside of this file
};

// Where an instruction stands: section and number of the instruction in it.
struct InsnPlace {
  size_t section = 0;
  uint32_t insn = 0;
  auto operator<=>(const InsnPlace&) const = default;
};

struct ObjectFile {
  std::vector<ObjectSection> sections;  // by ELF number
  std::vector<ObjectSymbol> symbols;
  std::map<InsnPlace, size_t> references;  // instruction to symbol
  std::string license;

  std::vector<bpf::Insn> code(const ObjectSymbol& function) const;
  const ObjectSymbol* function_at(InsnPlace place) const;  // that begins there
  std::optional<size_t> section_named(std::string_view name) const;
};

// Nothing: `why` says what is wrong with the file.
std::optional<ObjectFile> read_object_file(Elf* elf, std::string& why);

// The maps, and which symbol or section of the file stands for which.
struct ObjectMaps {
  std::vector<sim::MapShape> shapes;
  std::map<std::string, uint32_t, std::less<>> by_name;  // of a variable in .maps, or of a data section
  std::map<uint32_t, std::string> not_modelled;          // by map: why programs that use it cannot be judged
};
std::optional<ObjectMaps> read_object_maps(const std::string& bytes, std::string& why);

}  // namespace shrike
