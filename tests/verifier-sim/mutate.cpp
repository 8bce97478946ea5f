// Faults change one instruction in place, so that every other jump stays right.
#include "tests/verifier-sim/mutate.h"

#include "tests/verifier-sim/assemble.h"

namespace shrike::sim::test {
namespace {

struct Random {
  uint64_t state;
  uint64_t next() {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545f4914f6cdd1du >> 11;
  }
  unsigned pick(unsigned n) { return static_cast<unsigned>(next() % n); }
};

enum class Shape : uint8_t { other, arithmetic, mask, compare, memory, call };

Shape shape_of(const Insn& i) {
  uint8_t op = i.opcode & 0xf0;
  switch (i.opcode & 7) {
    case cls::alu:
    case cls::alu64: return op == alu::and_ && !(i.opcode & bpf::src::x) ? Shape::mask : Shape::arithmetic;
    case cls::ldx:
    case cls::st:
    case cls::stx: return Shape::memory;
    case cls::jmp32:
    case cls::jmp:
      if (op == jmp::call) return Shape::call;
      return op == jmp::exit || op == jmp::ja ? Shape::other : Shape::compare;
    default: return Shape::other;
  }
}

Insn no_operation() {
  return jump(0);
}

void spoil_arithmetic(Insn& i, Random& random) {
  switch (random.pick(4)) {
    case 0: i.imm += static_cast<int32_t>(random.pick(17)) - 8; break;
    case 1: i.regs = make_regs(i.dst(), static_cast<uint8_t>(i.opcode & bpf::src::x ? random.pick(10) : i.src())); break;
    case 2: i.opcode ^= 3; break;  // 64 to 32 bits and back
    default: i = no_operation(); break;
  }
}

void spoil_compare(Insn& i, Random& random) {
  static constexpr uint8_t relations[] = {jmp::jeq,  jmp::jgt, jmp::jge, jmp::jset, jmp::jne, jmp::jsgt,
                                          jmp::jsge, jmp::jlt, jmp::jle, jmp::jslt, jmp::jsle};
  switch (random.pick(5)) {
    case 0: i = no_operation(); break;
    case 1: i.opcode = static_cast<uint8_t>((i.opcode & 0x0f) | relations[random.pick(11)]); break;
    case 2: i.imm += static_cast<int32_t>(random.pick(9)) - 4; break;
    case 3: i.opcode ^= 3; break;  // jmp to jmp32 and back
    default: i.regs = make_regs(static_cast<uint8_t>(random.pick(10)), i.src()); break;
  }
}

void spoil_memory(Insn& i, Random& random) {
  switch (random.pick(4)) {
    case 0: i.offset = static_cast<int16_t>(i.offset + 8 * (static_cast<int>(random.pick(9)) - 4)); break;
    case 1: i.offset = static_cast<int16_t>(i.offset + static_cast<int>(random.pick(5)) - 2); break;
    case 2: i.opcode ^= bpf::size::b; break;
    default: i.regs = make_regs(i.dst() == 10 ? i.dst() : static_cast<uint8_t>(random.pick(11)), i.src()); break;
  }
}

bool spoil(Insn& i, Random& random) {
  if (random.pick(8) == 0) {
    i.regs = make_regs(i.src(), i.dst());
    return true;
  }
  switch (shape_of(i)) {
    case Shape::mask:
      i.imm = random.pick(2) ? i.imm * 2 + 1 : static_cast<int32_t>(random.pick(2) ? -1 : 0x7fffffff);
      return true;
    case Shape::arithmetic: spoil_arithmetic(i, random); return true;
    case Shape::compare: spoil_compare(i, random); return true;
    case Shape::memory: spoil_memory(i, random); return true;
    case Shape::call:
      if (i.src() != 0) return false;
      i.imm = static_cast<int32_t>(1 + random.pick(211));
      return true;
    default: return false;
  }
}

}  // namespace

ProgramInput mutate(const ProgramInput& program, uint64_t seed) {
  Random random{seed * 0x9e3779b97f4a7c15u + 1};
  ProgramInput mutant = program;
  auto count = static_cast<unsigned>(mutant.insns.size());
  for (unsigned tries = 0; tries < 50; tries++) {
    unsigned at = random.pick(count);
    bool is_half = at > 0 && mutant.insns[at - 1].opcode == bpf::ld_imm64;
    // A call is seldom worth its own fault: nearly all end as an argument of the wrong kind.
    if (is_half || (shape_of(mutant.insns[at]) == Shape::call && random.pick(4))) continue;
    if (spoil(mutant.insns[at], random)) break;
  }
  return mutant;
}

}  // namespace shrike::sim::test
