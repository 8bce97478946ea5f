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

inline constexpr uint8_t make_regs(uint8_t dst, uint8_t src) { return static_cast<uint8_t>(dst | (src << 4)); }

// Instruction classes and fields of the opcode byte.
namespace cls { inline constexpr uint8_t ld = 0, ldx = 1, st = 2, stx = 3, alu = 4, jmp = 5, jmp32 = 6, alu64 = 7; }
namespace size { inline constexpr uint8_t w = 0x00, h = 0x08, b = 0x10, dw = 0x18; }
namespace mode { inline constexpr uint8_t imm = 0x00, mem = 0x60, memsx = 0x80, atomic = 0xc0; }
namespace src { inline constexpr uint8_t k = 0x00, x = 0x08; }
namespace alu {
inline constexpr uint8_t add = 0x00, sub = 0x10, mul = 0x20, div = 0x30, or_ = 0x40, and_ = 0x50, lsh = 0x60, rsh = 0x70,
                         neg = 0x80, mod = 0x90, xor_ = 0xa0, mov = 0xb0, arsh = 0xc0, end = 0xd0;
}
namespace jmp {
inline constexpr uint8_t ja = 0x00, jeq = 0x10, jgt = 0x20, jge = 0x30, jset = 0x40, jne = 0x50, jsgt = 0x60, jsge = 0x70,
                         call = 0x80, exit = 0x90, jlt = 0xa0, jle = 0xb0, jslt = 0xc0, jsle = 0xd0;
}
namespace atomic { inline constexpr int32_t add = 0x00, or_ = 0x40, and_ = 0x50, xor_ = 0xa0, fetch = 0x01, xchg = 0xe1, cmpxchg = 0xf1; }
// Source register field of ld_imm64 and call.
namespace pseudo { inline constexpr uint8_t map_fd = 1, map_value = 2, btf_id = 3, func = 4, call = 1, kfunc_call = 2; }

inline constexpr uint8_t ld_imm64 = cls::ld | size::dw | mode::imm;
inline constexpr uint8_t call_insn = cls::jmp | jmp::call;
inline constexpr uint8_t exit_insn = cls::jmp | jmp::exit;
inline constexpr uint8_t ja_insn = cls::jmp | jmp::ja;

// One instruction in the kernel log's syntax ("r0 = *(u64 *)(r1 +8)"); `next` is the second half of ld_imm64.
std::string disassemble(const Insn& insn, const Insn* next);

}  // namespace shrike::bpf
