// BPF machine instructions as the kernel takes them: encoding and disassembly. Depends on nothing.
// Facts: RFC 9669 and the kernel's UAPI header.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace shrike::bpf {

// struct bpf_insn of the UAPI: eight bytes, little endian.
struct Insn {
  uint8_t opcode = 0;
  uint8_t regs = 0;  // low nibble destination, high nibble source
  int16_t offset = 0;
  int32_t imm = 0;

  uint8_t dst() const { return regs & 15; }
  uint8_t src() const { return regs >> 4; }
  bool operator==(const Insn&) const = default;
};
static_assert(sizeof(Insn) == 8);

inline constexpr uint8_t make_regs(uint8_t dst, uint8_t src) {
  return static_cast<uint8_t>(dst | (src << 4));
}

// Instruction classes and fields of the opcode byte.
namespace cls {
inline constexpr uint8_t ld = 0, ldx = 1, st = 2, stx = 3, alu = 4, jmp = 5, jmp32 = 6, alu64 = 7;
}
namespace size {
inline constexpr uint8_t w = 0x00, h = 0x08, b = 0x10, dw = 0x18;
}
namespace mode {
inline constexpr uint8_t imm = 0x00, abs = 0x20, ind = 0x40, mem = 0x60, memsx = 0x80, atomic = 0xc0;
}
namespace src {
inline constexpr uint8_t k = 0x00, x = 0x08;
}
namespace alu {
inline constexpr uint8_t add = 0x00, sub = 0x10, mul = 0x20, div = 0x30, or_ = 0x40, and_ = 0x50, lsh = 0x60, rsh = 0x70,
                         neg = 0x80, mod = 0x90, xor_ = 0xa0, mov = 0xb0, arsh = 0xc0, end = 0xd0;
}
namespace jmp {
inline constexpr uint8_t ja = 0x00, jeq = 0x10, jgt = 0x20, jge = 0x30, jset = 0x40, jne = 0x50, jsgt = 0x60, jsge = 0x70,
                         call = 0x80, exit = 0x90, jlt = 0xa0, jle = 0xb0, jslt = 0xc0, jsle = 0xd0;
}
namespace atomic {
inline constexpr int32_t add = 0x00, or_ = 0x40, and_ = 0x50, xor_ = 0xa0, fetch = 0x01, xchg = 0xe1, cmpxchg = 0xf1;
}
// Source register field of ld_imm64 and call.
namespace pseudo {
inline constexpr uint8_t map_fd = 1, map_value = 2, btf_id = 3, func = 4, call = 1, kfunc_call = 2;
}

inline constexpr uint8_t ld_imm64 = cls::ld | size::dw | mode::imm;
inline constexpr uint8_t call_insn = cls::jmp | jmp::call;
inline constexpr uint8_t exit_insn = cls::jmp | jmp::exit;
inline constexpr uint8_t ja_insn = cls::jmp | jmp::ja;

// Encoders, one per shape of instruction.
inline constexpr Insn alu_reg(uint8_t opcode, uint8_t dst, uint8_t from, int16_t offset = 0) {
  return {static_cast<uint8_t>(opcode | src::x), make_regs(dst, from), offset, 0};
}
inline constexpr Insn alu_imm(uint8_t opcode, uint8_t dst, int32_t imm, int16_t offset = 0) {
  return {opcode, make_regs(dst, 0), offset, imm};
}
inline constexpr Insn load(uint8_t opcode, uint8_t dst, uint8_t base, int16_t offset) {
  return {opcode, make_regs(dst, base), offset, 0};
}
inline constexpr Insn store_reg(uint8_t mode_and_size, uint8_t base, int16_t offset, uint8_t from) {
  return {static_cast<uint8_t>(cls::stx | mode_and_size), make_regs(base, from), offset, 0};
}
inline constexpr Insn store_imm(uint8_t mode_and_size, uint8_t base, int16_t offset, int32_t imm) {
  return {static_cast<uint8_t>(cls::st | mode_and_size), make_regs(base, 0), offset, imm};
}
inline constexpr Insn atomic_op(uint8_t opcode, uint8_t base, int16_t offset, uint8_t from, int32_t operation) {
  return {opcode, make_regs(base, from), offset, operation};
}
inline constexpr Insn jump_reg(uint8_t opcode, uint8_t a, uint8_t b, int16_t offset) {
  return {static_cast<uint8_t>(opcode | src::x), make_regs(a, b), offset, 0};
}
inline constexpr Insn jump_imm(uint8_t opcode, uint8_t a, int32_t imm, int16_t offset) {
  return {opcode, make_regs(a, 0), offset, imm};
}
inline constexpr Insn jump_always(int16_t offset) {
  return {ja_insn, 0, offset, 0};
}
inline constexpr Insn jump_far(int32_t offset) {
  return {static_cast<uint8_t>(cls::jmp32 | jmp::ja), 0, 0, offset};
}
inline constexpr Insn call_helper(int32_t number) {
  return {call_insn, 0, 0, number};
}
inline constexpr Insn call_subprogram() {  // imm: distance from the instruction after it
  return {call_insn, make_regs(0, pseudo::call), 0, 0};
}
inline constexpr Insn call_kernel_function(int32_t type) {  // its number in the kernel's types
  return {call_insn, make_regs(0, pseudo::kfunc_call), 0, type};
}
inline constexpr Insn exit_program() {
  return {exit_insn, 0, 0, 0};
}
// The two halves of ld_imm64; `kind` is a pseudo source register or 0.
inline constexpr Insn wide_low(uint8_t dst, uint8_t kind, int32_t low) {
  return {ld_imm64, make_regs(dst, kind), 0, low};
}
inline constexpr Insn wide_high(int32_t high) {
  return {0, 0, 0, high};
}

// One instruction in the kernel log's syntax ("r0 = *(u64 *)(r1 +8)"); `next` is the second half of ld_imm64.
std::string disassemble(const Insn& insn, const Insn* next);

}  // namespace shrike::bpf
