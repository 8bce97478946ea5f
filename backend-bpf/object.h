// The finished program: all that the runtime needs to load it, and nothing of how it was made.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend-bpf/isa.h"
#include "mir/helpers.h"
#include "mir/interface.h"

namespace shrike::bpf {

// A ld_imm64 whose immediate is filled in at load time.
struct Relocation {
  uint32_t insn = 0;  // index of the ld_imm64
  mir::MapId map;
  bool is_value = false;  // address of the map's value plus `offset`, else the map itself
  uint32_t offset = 0;
};

// A call of a function of the kernel, whose number in the kernel's types is filled in at load time.
struct KernelCall {
  uint32_t insn = 0;
  mir::HelperId function = mir::HelperId::iter_num_new;
};

// Maps instructions [insn, next entry's insn) to the source.
struct LineEntry {
  uint32_t insn = 0;
  Span span;
};

// A subprogram inside a program: the main function first, then callbacks and sub-programs.
struct Subprogram {
  uint32_t insn = 0;  // first instruction
  std::string name;
  uint32_t stack_bytes = 0;
};

struct Program {
  std::string name;  // the function's
  mir::ProgramType type = mir::ProgramType::kprobe;
  std::vector<Insn> insns;
  std::vector<Relocation> relocations;
  std::vector<KernelCall> kernel_calls;
  std::vector<LineEntry> lines;
  std::vector<Subprogram> subprograms;
  bool has_callbacks = false;  // some subprogram is handed to a helper
};

struct Object {
  mir::Interface interface;
  std::vector<Program> programs;     // index = position; see program_of
  std::vector<uint32_t> program_of;  // by FunctionId::index: index into programs, UINT32_MAX for other functions
};

// What BPF_BTF_LOAD and BPF_PROG_LOAD take: types, and func_info / line_info records per program.
// The kernel needs func_info only for programs with callbacks; everywhere else it makes logs and
// bpftool readable.
struct ProgramBtf {
  std::vector<uint8_t> func_info;  // struct bpf_func_info[], 8 bytes each
  std::vector<uint8_t> line_info;  // struct bpf_line_info[], 16 bytes each
};
struct ObjectBtf {
  std::vector<uint8_t> types;  // a whole BTF blob
  std::vector<ProgramBtf> programs;
};
ObjectBtf build_btf(const Object& object, const SourceMap& sources);

// The object as an ELF relocatable for bpftool and libbpf: one section a program, .maps, .BTF, .BTF.ext, license.
std::vector<uint8_t> write_elf(const Object& object, const SourceMap& sources);

// Disassembly of every program with byte encodings, relocations and `# line:column` comments.
std::string print(const Object& object, const SourceMap* sources);

}  // namespace shrike::bpf
