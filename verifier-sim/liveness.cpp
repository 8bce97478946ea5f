// A fixpoint over at most a few thousand instructions; calls are taken to read all five argument registers.
#include "verifier-sim/liveness.h"

#include "verifier-sim/structure.h"

namespace shrike::sim {
namespace {

namespace cls = bpf::cls;

struct Effect {
  uint16_t reads = 0;
  uint16_t writes = 0;
};

uint16_t bit(unsigned n) {
  return static_cast<uint16_t>(1u << n);
}

Effect effect_of(const bpf::Insn& i) {
  uint8_t op = i.opcode & 0xf0;
  bool by_register = (i.opcode & 8) != 0;
  switch (i.opcode & 7) {
    case cls::alu:
    case cls::alu64:
      if (op == bpf::alu::mov) return {by_register ? bit(i.src()) : uint16_t{0}, bit(i.dst())};
      if (op == bpf::alu::end || op == bpf::alu::neg) return {bit(i.dst()), 0};
      return {static_cast<uint16_t>(bit(i.dst()) | (by_register ? bit(i.src()) : 0)), 0};
    case cls::ld:
      // A load out of a packet is to the kernel as if it read all.
      if (i.opcode != bpf::ld_imm64) return {0x3ff, 0};
      return {0, bit(i.dst())};
    case cls::ldx: return {bit(i.src()), bit(i.dst())};
    case cls::st: return {bit(i.dst()), 0};
    case cls::stx:
      // Atomics may read r0 and write their source; counting them as reads only keeps more alive.
      return {static_cast<uint16_t>(bit(i.dst()) | bit(i.src()) | ((i.opcode & 0xe0) == bpf::mode::atomic ? bit(0) : 0)), 0};
    default:
      if (op == bpf::jmp::call) return {0x3e, 0x3f};
      if (op == bpf::jmp::exit) return {bit(0), 0};
      if (op == bpf::jmp::ja) return {};
      return {static_cast<uint16_t>(bit(i.dst()) | (by_register ? bit(i.src()) : 0)), 0};
  }
}

}  // namespace

std::vector<uint16_t> live_registers(const ProgramInput& program) {
  size_t n = program.insns.size();
  std::vector<uint16_t> live(n + 1, 0);
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = n; i-- > 0;) {
      const bpf::Insn& insn = program.insns[i];
      uint16_t after = 0;
      if (insn.opcode == bpf::ld_imm64) after = i + 2 < n ? live[i + 2] : 0;
      else if (insn.opcode != bpf::exit_insn && insn.opcode != bpf::ja_insn) after = live[i + 1];
      if (is_jump(insn)) after |= live[static_cast<size_t>(static_cast<int64_t>(i) + 1 + jump_distance(insn))];
      Effect e = effect_of(insn);
      auto before = static_cast<uint16_t>((after & ~e.writes) | e.reads);
      if (before != live[i]) live[i] = before, changed = true;
    }
  }
  return live;
}

}  // namespace shrike::sim
