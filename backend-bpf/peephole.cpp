// Local clean-up of allocated code: instructions whose result nobody reads, then pairs of neighbours, by one table of
// rules. Each rule keeps three requirements: registers and memory hold the same values after the pair; no register is
// written that was not; bounds the verifier could know before it can still know.
#include <algorithm>

#include "backend-bpf/liveness.h"
#include "backend-bpf/stages.h"

namespace shrike::bpf {

using lir::Function;
using lir::Inst;
using lir::Op;

namespace {

enum class Outcome { keep, drop_first, drop_second };

// A rule may rewrite the instruction it does not drop.
struct Rule {
  const char* name;
  Outcome (*apply)(const Function& function, Inst& first, Inst& second);
};

bool is_imm(const Inst& inst) {
  return !inst.b.is_valid();
}

// mov a, b; mov b, a
Outcome move_back(const Function&, Inst& first, Inst& second) {
  bool matches = lir::is_move(first) && lir::is_move(second) && first.dst == second.b && first.b == second.dst;
  return matches ? Outcome::drop_second : Outcome::keep;
}

// st64 [spill], a; ldx64 b, [spill]
Outcome load_after_store(const Function& function, Inst& first, Inst& second) {
  bool matches = first.op == Op::st64 && second.op == Op::ldx64 && first.slot.is_valid() && first.slot == second.slot &&
                 function.slots[first.slot].is_spill && first.b.is_valid();
  if (!matches) return Outcome::keep;
  if (first.b == second.dst) return Outcome::drop_second;
  Inst move;
  move.op = Op::mov64;
  move.dst = second.dst;
  move.b = first.b;
  move.span = second.span;
  second = move;
  return Outcome::keep;
}

// lea a, slot+x; add64 a, y
Outcome add_to_lea(const Function&, Inst& first, Inst& second) {
  if (first.op != Op::lea || second.op != Op::add64 || !is_imm(second) || first.dst != second.dst) return Outcome::keep;
  first.offset += static_cast<int32_t>(second.imm);
  return Outcome::drop_second;
}

// add64 a, x; add64 a, y
Outcome add_twice(const Function&, Inst& first, Inst& second) {
  if (first.op != Op::add64 || second.op != Op::add64 || first.dst != second.dst || !is_imm(first) || !is_imm(second))
    return Outcome::keep;
  if (!lir::fits_imm(first.imm + second.imm)) return Outcome::keep;
  first.imm += second.imm;
  return Outcome::drop_second;
}

// ldx8 a, ...; and64 a, 255, and the like: the load has extended already
Outcome extend_after_load(const Function&, Inst& first, Inst& second) {
  if (first.dst != second.dst || !first.dst.is_valid()) return Outcome::keep;
  bool clears_16 =
      second.op == Op::and64 && is_imm(second) && (second.imm == 0xffff || (second.imm == 0xff && first.op == Op::ldx8));
  bool clears_32 = second.op == Op::mov32 && second.b == second.dst;
  bool is_narrow = first.op == Op::ldx8 || first.op == Op::ldx16;
  return (is_narrow && clears_16) || ((is_narrow || first.op == Op::ldx32) && clears_32) ? Outcome::drop_second : Outcome::keep;
}

constexpr Rule rules[] = {
    {"move_back", move_back}, {"load_after_store", load_after_store},   {"add_to_lea", add_to_lea},
    {"add_twice", add_twice}, {"extend_after_load", extend_after_load},
};

bool changes_nothing(const Inst& inst) {
  if (lir::is_move(inst)) return inst.dst == inst.b;
  if (!is_imm(inst)) return false;
  switch (inst.op) {
    case Op::add64:
    case Op::sub64:
    case Op::or64:
    case Op::xor64:
    case Op::lsh64:
    case Op::rsh64:
    case Op::arsh64: return inst.imm == 0;
    case Op::mul64:
    case Op::div64: return inst.imm == 1;
    default: return false;
  }
}

// Only computes its result; memory is not written. Loads may go: they have no effect either.
bool is_removable(const Inst& inst) {
  switch (lir::row_of(inst.op).form) {
    case lir::Form::st:
    case lir::Form::atomic:
    case lir::Form::call:
    case lir::Form::call_fn:
    case lir::Form::jump:
    case lir::Form::ja:
    case lir::Form::exit: return false;
    default: return true;
  }
}

// Registers as bits of a word: there are no others any more.
struct RegisterMasks {
  uint32_t uses = 0, defs = 0;
};

RegisterMasks masks_of(const Inst& inst) {
  RegisterMasks masks{lir::implicit_uses(inst), lir::implicit_defs(inst)};
  lir::visit_regs(inst, [&](lir::Reg reg, lir::Role role) {
    const Node node = node_of(reg);
    if (node == no_node) return;
    if (lir::reads(role)) masks.uses |= 1u << node;
    if (lir::writes(role)) masks.defs |= 1u << node;
  });
  return masks;
}

// By block: what is live at its end.
std::vector<uint32_t> live_registers(const Function& function) {
  const size_t blocks = function.blocks.size();
  std::vector<RegisterMasks> of(blocks);
  std::vector<uint32_t> in(blocks), out(blocks);
  for (uint32_t i = 0; i < blocks; i++) {
    for (const Inst& inst : function.blocks[lir::BlockId(i)].insts) {
      const RegisterMasks masks = masks_of(inst);
      of[i].uses |= masks.uses & ~of[i].defs;
      of[i].defs |= masks.defs;
    }
    in[i] = of[i].uses;
  }
  const std::vector<lir::BlockId> order = lir::reverse_postorder(function);
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t k = order.size(); k-- > 0;) {
      const uint32_t i = order[k].index;
      for (const lir::BlockTarget& to : function.blocks[order[k]].insts.back().targets) out[i] |= in[to.block.index];
      const uint32_t live = of[i].uses | (out[i] & ~of[i].defs);
      changed |= live != in[i];
      in[i] = live;
    }
  }
  return out;
}

bool has_spills(const Function& function) {
  return std::any_of(function.slots.begin(), function.slots.end(), [](const lir::Slot& slot) { return slot.is_spill; });
}

bool remove_dead(Function& function) {
  const std::vector<uint32_t> live_out = live_registers(function);
  const bool spills_any = has_spills(function);
  const auto spills_out = spills_any ? live_out_spills(function) : std::vector<std::vector<uint32_t>>();
  NodeSet live_spills(function.slots.size());
  bool removed = false;
  std::vector<bool> is_dead;
  for (uint32_t i = 0; i < function.blocks.size(); i++) {
    uint32_t live = live_out[i];
    if (spills_any) live_spills.become(spills_out[i]);
    std::vector<Inst>& insts = function.blocks[lir::BlockId(i)].insts;
    is_dead.assign(insts.size(), false);
    bool removed_here = false;
    for (size_t k = insts.size(); k-- > 0;) {
      const Inst& inst = insts[k];
      const bool is_spill = spills_any && is_spill_access(function, inst), is_store = inst.op == Op::st64;
      const RegisterMasks masks = masks_of(inst);
      is_dead[k] = is_spill && is_store ? !live_spills.test(inst.slot.index) : is_removable(inst) && (masks.defs & live) == 0;
      removed_here |= is_dead[k];
      if (is_dead[k]) continue;
      live = (live & ~masks.defs) | masks.uses;
      if (is_spill && is_store) live_spills.reset(inst.slot.index);
      if (is_spill && !is_store) live_spills.set(inst.slot.index);
    }
    removed |= removed_here;
    size_t k = 0;
    if (removed_here) std::erase_if(insts, [&](const Inst&) { return static_cast<bool>(is_dead[k++]); });
  }
  return removed;
}

// One pass over a block; a pair that changed is looked at again with its neighbours.
bool apply_rules(const Function& function, std::vector<Inst>& insts) {
  std::vector<Inst> done;
  done.reserve(insts.size());
  for (Inst& inst : insts) {
    done.push_back(std::move(inst));
    for (bool changed = true; changed;) {
      changed = false;
      if (!done.empty() && changes_nothing(done.back())) {
        done.pop_back();
        break;
      }
      if (done.size() < 2) break;
      for (const Rule& rule : rules) {
        Outcome outcome = rule.apply(function, done[done.size() - 2], done.back());
        if (outcome == Outcome::keep) continue;
        done.erase(done.end() - (outcome == Outcome::drop_first ? 2 : 1));
        changed = true;
        break;
      }
    }
  }
  bool shrank = done.size() < insts.size();
  insts = std::move(done);
  return shrank;
}

}  // namespace

void peephole(Function& function) {
  for (bool changed = true; changed;) {
    changed = shorten_jumps(function);
    changed |= remove_dead(function);
    for (lir::Block& block : function.blocks) changed |= apply_rules(function, block.insts);
  }
}

}  // namespace shrike::bpf
