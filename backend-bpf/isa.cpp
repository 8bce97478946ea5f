// Disassembly in the syntax of the kernel's verifier log, so that our listings and its logs can be laid side by side.
// Needs nothing else: no names of helpers or maps, the listing of a whole object adds those.
#include "backend-bpf/isa.h"

#include <cstdio>

namespace shrike::bpf {

namespace {

template <class... Args>
std::string format(const char* pattern, Args... args) {
  char buffer[128];
  snprintf(buffer, sizeof buffer, pattern, args...);
  return buffer;
}

const char* size_name(uint8_t opcode) {
  switch (opcode & 0x18) {
    case size::b: return "u8";
    case size::h: return "u16";
    case size::w: return "u32";
    default: return "u64";
  }
}

const char* alu_symbol(const Insn& insn) {
  bool is_signed = insn.offset == 1;
  switch (insn.opcode & 0xf0) {
    case alu::add: return "+=";
    case alu::sub: return "-=";
    case alu::mul: return "*=";
    case alu::div: return is_signed ? "s/=" : "/=";
    case alu::or_: return "|=";
    case alu::and_: return "&=";
    case alu::lsh: return "<<=";
    case alu::rsh: return ">>=";
    case alu::mod: return is_signed ? "s%=" : "%=";
    case alu::xor_: return "^=";
    case alu::mov: return "=";
    case alu::arsh: return "s>>=";
    default: return nullptr;
  }
}

const char* jump_symbol(uint8_t opcode) {
  switch (opcode & 0xf0) {
    case jmp::jeq: return "==";
    case jmp::jgt: return ">";
    case jmp::jge: return ">=";
    case jmp::jset: return "&";
    case jmp::jne: return "!=";
    case jmp::jsgt: return "s>";
    case jmp::jsge: return "s>=";
    case jmp::jlt: return "<";
    case jmp::jle: return "<=";
    case jmp::jslt: return "s<";
    case jmp::jsle: return "s<=";
    default: return nullptr;
  }
}

std::string unknown(const Insn& insn) {
  return format("?? %02x %02x %d %d", insn.opcode, insn.regs, insn.offset, insn.imm);
}

std::string disassemble_alu(const Insn& insn) {
  bool is_wide = (insn.opcode & 7) == cls::alu64;
  char reg = is_wide ? 'r' : 'w';
  int dst = insn.dst(), from = insn.src();
  uint8_t operation = insn.opcode & 0xf0;
  if (operation == alu::neg) return format("%c%d = -%c%d", reg, dst, reg, dst);
  if (operation == alu::end) {
    const char* kind = is_wide ? "bswap" : (insn.opcode & src::x) ? "be" : "le";
    return format("r%d = %s%d r%d", dst, kind, insn.imm, dst);
  }
  const char* symbol = alu_symbol(insn);
  if (!symbol) return unknown(insn);
  if (!(insn.opcode & src::x)) return format("%c%d %s %d", reg, dst, symbol, insn.imm);
  if (operation == alu::mov && insn.offset != 0) return format("%c%d = (s%d)%c%d", reg, dst, insn.offset, reg, from);
  return format("%c%d %s %c%d", reg, dst, symbol, reg, from);
}

std::string disassemble_atomic(const Insn& insn) {
  int base = insn.dst(), from = insn.src();
  const char* size = size_name(insn.opcode);
  int bits = (insn.opcode & 0x18) == size::dw ? 64 : 32;
  auto memory = format("(%s *)(r%d %+d)", size, base, insn.offset);
  if (insn.imm == atomic::cmpxchg)
    return format("r0 = atomic%s_cmpxchg(%s, r0, r%d)", bits == 64 ? "64" : "", memory.c_str(), from);
  if (insn.imm == atomic::xchg) return format("r%d = atomic%s_xchg(%s, r%d)", from, bits == 64 ? "64" : "", memory.c_str(), from);
  const char* name = nullptr;
  const char* symbol = nullptr;
  switch (insn.imm & ~atomic::fetch) {
    case atomic::add: name = "add", symbol = "+="; break;
    case atomic::or_: name = "or", symbol = "|="; break;
    case atomic::and_: name = "and", symbol = "&="; break;
    case atomic::xor_: name = "xor", symbol = "^="; break;
    default: return unknown(insn);
  }
  if (insn.imm & atomic::fetch)
    return format("r%d = atomic%s_fetch_%s(%s, r%d)", from, bits == 64 ? "64" : "", name, memory.c_str(), from);
  return format("lock *%s %s r%d", memory.c_str(), symbol, from);
}

std::string disassemble_jump(const Insn& insn) {
  bool is_wide = (insn.opcode & 7) == cls::jmp;
  uint8_t operation = insn.opcode & 0xf0;
  if (operation == jmp::ja) return is_wide ? format("goto pc%+d", insn.offset) : format("gotol pc%+d", insn.imm);
  if (insn.opcode == exit_insn) return "exit";
  if (insn.opcode == call_insn) {
    if (insn.src() == pseudo::call) return format("call pc%+d", insn.imm);
    if (insn.src() == pseudo::kfunc_call) return format("call kernel-function#%d", insn.imm);
    return format("call %d", insn.imm);
  }
  const char* symbol = jump_symbol(insn.opcode);
  if (!symbol) return unknown(insn);
  char reg = is_wide ? 'r' : 'w';
  if (insn.opcode & src::x) return format("if %c%d %s %c%d goto pc%+d", reg, insn.dst(), symbol, reg, insn.src(), insn.offset);
  return format("if %c%d %s 0x%x goto pc%+d", reg, insn.dst(), symbol, static_cast<unsigned>(insn.imm), insn.offset);
}

std::string disassemble_wide(const Insn& insn, const Insn* next) {
  auto low = static_cast<uint32_t>(insn.imm);
  auto high = next ? static_cast<uint32_t>(next->imm) : 0;
  int dst = insn.dst();
  switch (insn.src()) {
    case 0: return format("r%d = 0x%llx", dst, static_cast<unsigned long long>(high) << 32 | low);
    case pseudo::map_fd: return format("r%d = map[fd:%d]", dst, insn.imm);
    case pseudo::map_value: return format("r%d = map[fd:%d][0]+%u", dst, insn.imm, high);
    case pseudo::btf_id: return format("r%d = btf[id:%d]", dst, insn.imm);
    case pseudo::func: return format("r%d = subprog[%+d]", dst, insn.imm);
    default: return unknown(insn);
  }
}

}  // namespace

std::string disassemble(const Insn& insn, const Insn* next) {
  switch (insn.opcode & 7) {
    case cls::alu:
    case cls::alu64: return disassemble_alu(insn);
    case cls::jmp:
    case cls::jmp32: return disassemble_jump(insn);
    case cls::ld:
      if (insn.opcode == ld_imm64) return disassemble_wide(insn, next);
      return unknown(insn);
    case cls::ldx: {
      std::string size = size_name(insn.opcode);
      if ((insn.opcode & 0xe0) == mode::memsx) size[0] = 's';
      return format("r%d = *(%s *)(r%d %+d)", insn.dst(), size.c_str(), insn.src(), insn.offset);
    }
    case cls::st: return format("*(%s *)(r%d %+d) = %d", size_name(insn.opcode), insn.dst(), insn.offset, insn.imm);
    default:
      if ((insn.opcode & 0xe0) == mode::atomic) return disassemble_atomic(insn);
      return format("*(%s *)(r%d %+d) = r%d", size_name(insn.opcode), insn.dst(), insn.offset, insn.src());
  }
}

}  // namespace shrike::bpf
