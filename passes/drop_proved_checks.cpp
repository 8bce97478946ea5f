// Removes bounds (clamp_u and masks by a constant) of values that the verifier knows to be within them already.
//
// Needs: accesses_checked. Establishes: nothing; keeps accesses_checked, or leaves the function as it was.
// Destroys: nothing; what is dropped stays until remove_dead.
// Does not use facts that only the meaning of an operation gives (Prover::semantics): the verifier would not see them.
#include <algorithm>

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

// How many were removed.
uint32_t drop_in(Module& module, FunctionId id) {
  if (!has_check(module.functions[id])) return 0;
  Replacements replacements;
  uint32_t removed = 0;
  {
    ValueRanges ranges(module, id, Prover::verifier);
    const Function& function = module.functions[id];
    for (uint32_t b = 0; b < function.blocks.size(); b++) {
      if (!ranges.dominators().is_reachable(BlockId(b))) continue;
      for (const Inst& inst : function.blocks[BlockId(b)].insts) {
        if (!is_check(inst)) continue;
        if (is_within(inst, ranges.at(BlockId(b), inst.operands[0]).range, ranges, BlockId(b)))
          replacements.add(inst.result, inst.operands[0]), removed++;
      }
    }
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
