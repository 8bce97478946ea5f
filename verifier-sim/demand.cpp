// A fixpoint backwards over the program, made anew when the walk has learned something.
#include "verifier-sim/demand.h"

#include <algorithm>

#include "mir/helpers.h"
#include "verifier-sim/structure.h"

namespace shrike::sim {
namespace {

namespace cls = bpf::cls;

constexpr uint16_t all_registers = 0x3ff, arguments = 0x3e, scratched = 0x3f;

uint16_t bit(unsigned n) {
  return static_cast<uint16_t>(1u << n);
}

uint16_t without(uint16_t set, uint16_t gone) {
  return static_cast<uint16_t>(set & ~gone);
}

// The arguments whose numbers a helper's check looks at; what it only takes as a number may be any.
uint16_t checked_arguments(uint32_t number) {
  const auto id = mir::find_helper(number);
  if (!id) return arguments;
  const mir::HelperRow& row = mir::row_of(*id);
  uint16_t set = 0;
  for (size_t i = 0; i < row.operands.size(); i++) {
    const mir::HelperOperand operand = row.operands[i];
    const mir::HelperOperand previous = i == 0 ? mir::HelperOperand::integer : row.operands[i - 1];
    const bool is_size = previous == mir::HelperOperand::in || previous == mir::HelperOperand::in_n ||
                         previous == mir::HelperOperand::out || previous == mir::HelperOperand::out_n;
    const bool is_any = operand == mir::HelperOperand::integer || operand == mir::HelperOperand::addr;
    if (is_size || !is_any) set |= bit(static_cast<unsigned>(i) + 1);
  }
  return set;
}

bool has_callbacks(const Structure& structure) {
  return std::find(structure.repeats.begin(), structure.repeats.end(), true) != structure.repeats.end();
}

}  // namespace

// Rounds of callbacks are covered by states that are still being walked. Before 6.5 kernels compare all numbers of programs that
// have functions, and may walk more than they allow.
Demand::Demand(const Walk& walk)
    : program_(walk.program),
      moves_pointer_(walk.program.insns.size()),
      hits_stack_(walk.program.insns.size()),
      wanted_(walk.program.insns.size() + 1, all_registers),
      is_all_(has_callbacks(walk.structure) || (!walk.profile.forgets_numbers_of_functions && walk.structure.starts.size() > 1)) {
}

void Demand::see(const Walk& walk) {
  const bpf::Insn& insn = walk.at();
  const auto is_pointer = [&](unsigned n) { return walk.state.current().regs[n].is_pointer(); };
  const uint8_t insn_class = insn.opcode & 7;
  if (insn_class == cls::alu || insn_class == cls::alu64) {
    if ((insn.opcode & bpf::src::x) == 0 || moves_pointer_[walk.insn]) return;
    if (!is_pointer(insn.dst()) && !is_pointer(insn.src())) return;
    moves_pointer_[walk.insn] = is_old_ = true;
  } else if (insn_class == cls::stx && !hits_stack_[walk.insn] && walk.state.current().regs[insn.dst()].kind == Kind::stack) {
    hits_stack_[walk.insn] = is_old_ = true;
  }
}

uint16_t Demand::before(uint32_t i) const {
  const bpf::Insn& insn = program_.insns[i];
  const uint8_t operation = insn.opcode & 0xf0;
  const bool by_register = (insn.opcode & bpf::src::x) != 0;
  const uint16_t dst = bit(insn.dst()), src = bit(insn.src());
  const uint16_t after = wanted_[i + 1];
  switch (insn.opcode & 7) {
    case cls::alu:
    case cls::alu64:
      if (operation == bpf::alu::mov)
        return static_cast<uint16_t>(without(after, dst) | (by_register && (after & dst) != 0 ? src : 0));
      if (operation == bpf::alu::end || operation == bpf::alu::neg || !by_register) return after;
      if (moves_pointer_[i]) return static_cast<uint16_t>(after | dst | src);
      return static_cast<uint16_t>(after | ((after & dst) != 0 ? src : 0));
    case cls::ld:
      if (insn.opcode != bpf::ld_imm64) return without(after, scratched);
      return without(i + 2 < wanted_.size() ? wanted_[i + 2] : uint16_t{0}, dst);
    case cls::ldx: return without(after, dst);
    case cls::st: return after;
    case cls::stx: {
      const bool is_atomic = (insn.opcode & 0xe0) == bpf::mode::atomic;
      return static_cast<uint16_t>(after | (hits_stack_[i] || is_atomic ? src : 0) | (is_atomic ? bit(0) : 0));
    }
    default: break;
  }
  if (insn.opcode == bpf::exit_insn) return bit(0);
  if (insn.opcode == bpf::call_insn) {
    const uint16_t given = insn.src() == 0 ? checked_arguments(static_cast<uint32_t>(insn.imm)) : arguments;
    return static_cast<uint16_t>(without(after, scratched) | given);
  }
  uint16_t set = insn.opcode == bpf::ja_insn ? uint16_t{0} : static_cast<uint16_t>(after | dst | (by_register ? src : 0));
  if (is_jump(insn)) set |= wanted_[static_cast<size_t>(static_cast<int64_t>(i) + 1 + jump_distance(insn))];
  return set;
}

const std::vector<uint16_t>& Demand::registers() {
  if (is_all_ || !is_old_) return wanted_;
  is_old_ = false;
  std::fill(wanted_.begin(), wanted_.end(), uint16_t{0});
  for (bool changed = true; changed;) {
    changed = false;
    for (auto i = static_cast<uint32_t>(program_.insns.size()); i-- > 0;) {
      const uint16_t set = before(i);
      if (set != wanted_[i]) wanted_[i] = set, changed = true;
    }
  }
  return wanted_;
}

}  // namespace shrike::sim
