// Removes bounds (clamp_u and masks by a constant) of values that the verifier knows to be within them already. Where it has
// looked at the ranges for that, what can only be one number becomes it: half of a histogram's first step for a value of 32 bits.
//
// Needs: accesses_checked. Establishes: nothing; keeps accesses_checked, or leaves the function as it was.
// Destroys: nothing; what is dropped stays until remove_dead.
// Does not use facts that only the meaning of an operation gives (Prover::semantics): the verifier would not see them.
#include <algorithm>
#include <utility>
#include <vector>

#include "mir/edit.h"
#include "mir/obligations.h"
#include "passes/passes.h"

namespace shrike::passes {

namespace {

using namespace mir;

// Whether every number of the range passes the bound unchanged.
bool is_within(const Inst& inst, const Range& value, const ValueRanges& ranges, BlockId block) {
  if (inst.op == Opcode::clamp_u) return value.umax <= static_cast<uint64_t>(inst.imm);
  Range mask = ranges.at(block, inst.operands[1]).range;
  uint64_t maybe_set = ~value.known | value.bits;
  return mask.is_exact() && (maybe_set & ~mask.umax) == 0;
}

bool is_check(const Inst& inst) {
  return inst.op == Opcode::clamp_u || inst.op == Opcode::and_;
}

bool has_check(const Function& function) {
  for (const Block& block : function.blocks)
    if (std::any_of(block.insts.begin(), block.insts.end(), is_check)) return true;
  return false;
}

// Computed, but one number whatever it is computed from.
bool is_one_number(const Inst& inst, const ValueRanges& ranges, const Function& function) {
  if (inst.op == Opcode::constant || !inst.result.is_valid() || effect_of(inst) != Effect::pure) return false;
  const Range& range = ranges.of(inst.result).range;
  return function.values[inst.result].type.is_integer() && range.is_exact() && !range.is_empty();
}

// How many were removed.
uint32_t drop_in(Module& module, FunctionId id) {
  if (!has_check(module.functions[id])) return 0;
  Replacements replacements;
  std::vector<std::pair<Inst*, uint64_t>> numbers;
  uint32_t removed = 0;
  {
    ValueRanges ranges(module, id, Prover::verifier);
    Function& function = module.functions[id];
    for (uint32_t b = 0; b < function.blocks.size(); b++) {
      if (!ranges.dominators().is_reachable(BlockId(b))) continue;
      for (Inst& inst : function.blocks[BlockId(b)].insts) {
        if (is_one_number(inst, ranges, function)) numbers.emplace_back(&inst, ranges.of(inst.result).range.umin);
        else if (!is_check(inst)) continue;
        else if (is_within(inst, ranges.at(BlockId(b), inst.operands[0]).range, ranges, BlockId(b)))
          replacements.add(inst.result, inst.operands[0]), removed++;
      }
    }
  }
  for (auto [inst, number] : numbers) {
    Inst constant{.op = Opcode::constant, .result = inst->result, .imm = static_cast<int64_t>(number)};
    constant.span = inst->span;
    *inst = std::move(constant);
  }
  if (replacements.empty()) return 0;
  Function before = module.functions[id];
  replace_uses(module.functions[id], replacements);
  // A bound known where a check stood may be unknown where its result is used; then all checks stay.
  if (unproved(module, id).empty()) return removed;
  module.functions[id] = std::move(before);
  return 0;
}

}  // namespace

void drop_proved_checks(Module& module, PassContext& context) {
  for (uint32_t f = 0; f < module.functions.size(); f++) {
    if (!context.may_change(module.functions[FunctionId(f)])) continue;
    uint32_t removed = drop_in(module, FunctionId(f));
    if (context.bounds != nullptr) (*context.bounds)[FunctionId(f)].removed += removed;
  }
}

}  // namespace shrike::passes
