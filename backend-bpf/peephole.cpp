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

bool remove_dead(Function& function) {
  std::vector<BitSet> live_out = live_out_sets(function), spills_out = live_out_spills(function);
  RegisterEffects effects;
  bool removed = false;
  for (uint32_t i = 0; i < function.blocks.size(); i++) {
    BitSet &live = live_out[i], &spills = spills_out[i];
    std::vector<Inst>& insts = function.blocks[lir::BlockId(i)].insts;
    std::vector<bool> is_dead(insts.size());
    for (size_t k = insts.size(); k-- > 0;) {
      const Inst& inst = insts[k];
      bool is_spill = is_spill_access(function, inst), is_store = inst.op == Op::st64;
      effects_of(inst, effects);
      is_dead[k] = is_spill && is_store ? !spills.test(inst.slot.index)
                                        : is_removable(inst) && std::none_of(effects.defs.begin(), effects.defs.end(),
                                                                             [&](Node def) { return live.test(def); });
      removed |= is_dead[k];
      if (is_dead[k]) continue;
      for (Node def : effects.defs) live.reset(def);
      for (Node use : effects.uses) live.set(use);
      if (is_spill && is_store) spills.reset(inst.slot.index);
      if (is_spill && !is_store) spills.set(inst.slot.index);
    }
    size_t k = 0;
    std::erase_if(insts, [&](const Inst&) { return static_cast<bool>(is_dead[k++]); });
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
