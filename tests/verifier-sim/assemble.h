// Instructions by name, for programs written by hand or by the generator.
#pragma once

#include <cstdint>
#include <vector>

#include "backend-bpf/isa.h"
#include "verifier-sim/verdict.h"

namespace shrike::sim::test {

using bpf::Insn;
using bpf::make_regs;

namespace cls = bpf::cls;
namespace alu = bpf::alu;
namespace jmp = bpf::jmp;

inline Insn insn(unsigned opcode, unsigned dst, unsigned src, int offset, int64_t imm) {
  return {static_cast<uint8_t>(opcode), make_regs(static_cast<uint8_t>(dst), static_cast<uint8_t>(src)),
          static_cast<int16_t>(offset), static_cast<int32_t>(imm)};
}
inline Insn alu64_imm(unsigned op, unsigned dst, int64_t imm) {
  return insn(cls::alu64 | op, dst, 0, 0, imm);
}
inline Insn alu64_reg(unsigned op, unsigned dst, unsigned src) {
  return insn(cls::alu64 | op | bpf::src::x, dst, src, 0, 0);
}
inline Insn alu32_imm(unsigned op, unsigned dst, int64_t imm) {
  return insn(cls::alu | op, dst, 0, 0, imm);
}
inline Insn alu32_reg(unsigned op, unsigned dst, unsigned src) {
  return insn(cls::alu | op | bpf::src::x, dst, src, 0, 0);
}
inline Insn mov(unsigned dst, int64_t imm) {
  return alu64_imm(alu::mov, dst, imm);
}
inline Insn mov_reg(unsigned dst, unsigned src) {
  return alu64_reg(alu::mov, dst, src);
}
inline Insn load(unsigned size, unsigned dst, unsigned src, int offset) {
  return insn(cls::ldx | bpf::mode::mem | size, dst, src, offset, 0);
}
inline Insn store(unsigned size, unsigned dst, int offset, unsigned src) {
  return insn(cls::stx | bpf::mode::mem | size, dst, src, offset, 0);
}
inline Insn store_imm(unsigned size, unsigned dst, int offset, int64_t imm) {
  return insn(cls::st | bpf::mode::mem | size, dst, 0, offset, imm);
}
inline Insn jump_imm(unsigned op, unsigned dst, int64_t imm, int by) {
  return insn(cls::jmp | op, dst, 0, by, imm);
}
inline Insn jump_reg(unsigned op, unsigned dst, unsigned src, int by) {
  return insn(cls::jmp | op | bpf::src::x, dst, src, by, 0);
}
inline Insn jump32_imm(unsigned op, unsigned dst, int64_t imm, int by) {
  return insn(cls::jmp32 | op, dst, 0, by, imm);
}
inline Insn jump(int by) {
  return insn(bpf::ja_insn, 0, 0, by, 0);
}
inline Insn call(unsigned helper) {
  return insn(bpf::call_insn, 0, 0, 0, helper);
}
inline Insn exit_insn() {
  return insn(bpf::exit_insn, 0, 0, 0, 0);
}

// A program under construction, with its maps.
struct Assembler {
  ProgramInput program;

  Assembler& add(Insn i) {
    program.insns.push_back(i);
    return *this;
  }
  Assembler& load_map(unsigned dst, uint32_t map) {
    program.references.push_back({static_cast<uint32_t>(program.insns.size()), map});
    add(insn(bpf::ld_imm64, dst, bpf::pseudo::map_fd, 0, 0));
    return add(insn(0, 0, 0, 0, 0));
  }
  Assembler& load_imm64(unsigned dst, uint64_t value) {
    add(insn(bpf::ld_imm64, dst, 0, 0, static_cast<int32_t>(value)));
    return add(insn(0, 0, 0, 0, static_cast<int32_t>(value >> 32)));
  }
  int here() const { return static_cast<int>(program.insns.size()); }
};

}  // namespace shrike::sim::test
