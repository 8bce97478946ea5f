// Rows are tried in order: the more special sentence stands first.
#include "verifier-sim/sentences.h"

namespace shrike::sim {
namespace {

struct SentenceRow {
  std::string_view part;
  RejectClass reject_class;
};

constexpr SentenceRow rows[] = {
    {"maps of type", RejectClass::map_type},
    {"programs of type", RejectClass::program_type},
    {"is too complex", RejectClass::complexity},
    {"program is too large", RejectClass::complexity},
    {"too many states", RejectClass::complexity},
    {"infinite loop detected", RejectClass::loop},
    {"cur state:", RejectClass::loop},
    {"back-edge from insn", RejectClass::loop},
    {"unreachable insn", RejectClass::unreachable},
    {"last insn is not an exit", RejectClass::cfg},
    {"jump out of range", RejectClass::cfg},
    {"jump into the middle", RejectClass::cfg},
    {"call to invalid destination", RejectClass::cfg},
    {"too many subprograms", RejectClass::cfg},
    {"uses reserved fields", RejectClass::opcode},
    {"unknown opcode", RejectClass::opcode},
    {"invalid bpf_ld_imm64", RejectClass::opcode},
    {"invalid BPF_LD_IMM64", RejectClass::opcode},
    {"invalid BPF_LD_IMM", RejectClass::opcode},
    {"invalid atomic operand size", RejectClass::opcode},
    {"invalid atomic opcode", RejectClass::opcode},
    {"unrecognized bpf_ld_imm64", RejectClass::opcode},
    {"[ABS|IND] instructions", RejectClass::opcode},
    {"invalid shift", RejectClass::opcode},
    {"div by zero", RejectClass::opcode},
    {"div64 by zero", RejectClass::opcode},
    {" is invalid", RejectClass::opcode},
    {"!read_ok", RejectClass::uninit_register},
    {"frame pointer is read only", RejectClass::frame_write},
    {"misaligned", RejectClass::misaligned},
    {"invalid mem access 'scalar'", RejectClass::scalar_deref},
    {"invalid mem access 'inv'", RejectClass::scalar_deref},
    {"_or_null'", RejectClass::nullable_deref},
    {"min value is negative, either use unsigned or", RejectClass::size_range},
    {"invalid zero-sized", RejectClass::size_range},
    {"unbounded memory access, use", RejectClass::size_range},
    {"unbounded size, use", RejectClass::size_range},
    {"invalid access to map key", RejectClass::mem_bounds},
    {"invalid access to memory", RejectClass::mem_bounds},
    {"min value is negative, either use unsigned index", RejectClass::map_bounds},
    {"unbounded memory access, make sure", RejectClass::map_bounds},
    {"max value is outside of the allowed memory range", RejectClass::map_bounds},
    {"min value is outside of the allowed memory range", RejectClass::map_bounds},
    {"invalid access to map value", RejectClass::map_bounds},
    {"direct value offset", RejectClass::map_bounds},
    {"invalid read from stack", RejectClass::stack_uninit},
    {"invalid indirect read from stack", RejectClass::stack_uninit},
    {"uninit stack in range", RejectClass::stack_uninit},
    {"combined stack size", RejectClass::stack_limit},
    {"the call stack of", RejectClass::stack_limit},
    {"invalid size of register", RejectClass::stack_bounds},
    {"corrupted spill memory", RejectClass::stack_bounds},
    {"attempt to corrupt spilled", RejectClass::stack_bounds},
    {"into stack frame of the caller", RejectClass::other},
    {"stack pointer to the caller", RejectClass::retval},
    {"At program exit", RejectClass::retval},
    {"At callback return", RejectClass::retval},
    {"R0 not a scalar value", RejectClass::retval},
    {"subtraction from stack pointer", RejectClass::pointer_arith},
    {"pointer arithmetic", RejectClass::pointer_arith},
    {"tried to subtract pointer", RejectClass::pointer_arith},
    {"bitwise operator", RejectClass::pointer_arith},
    {"prohibited", RejectClass::pointer_arith},
    {"math between", RejectClass::pointer_arith},
    {"pointer be out of bounds", RejectClass::pointer_arith},
    {"pointer offset", RejectClass::pointer_arith},
    {"has pointer with unsupported alu", RejectClass::pointer_arith},
    {"ctx ptr", RejectClass::ctx_access},
    {"invalid bpf_context access", RejectClass::ctx_access},
    {"variable ctx access", RejectClass::ctx_access},
    {" stack", RejectClass::stack_bounds},
    {"supported only for", RejectClass::helper},
    {"cannot use helper", RejectClass::helper},
    {"unknown func", RejectClass::helper},
    {"invalid func", RejectClass::helper},
    {"GPL-restricted", RejectClass::helper},
    {"cannot call GPL", RejectClass::helper},
    {"Unreleased reference", RejectClass::ref_leak},
    {"reference leak", RejectClass::ref_leak},
    {" expected=", RejectClass::arg_type},
    {"cannot pass map_type", RejectClass::arg_type},
    {"is not a known constant", RejectClass::arg_type},
    {"readonly map", RejectClass::arg_type},
    {"constant address", RejectClass::arg_type},
    {"zero-terminated", RejectClass::arg_type},
    {"release helper expects", RejectClass::arg_type},
    {"must have zero offset", RejectClass::arg_type},
    {"must be a referenced", RejectClass::arg_type},
};

}  // namespace

RejectClass class_of(std::string_view sentence) {
  for (const SentenceRow& row : rows) {
    if (sentence.find(row.part) != std::string_view::npos) return row.reject_class;
  }
  return RejectClass::other;
}

}  // namespace shrike::sim
