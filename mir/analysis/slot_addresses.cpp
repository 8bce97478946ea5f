// Definitions come before uses in the order of dominators only: a pointer that is moved before it is known stays unknown.
#include "mir/analysis/slot_addresses.h"

namespace shrike::mir {

SlotAddresses::SlotAddresses(const Function& function) {
  if (function.slots.empty()) return;
  addresses_.resize(function.values.size());
  constants_.resize(function.values.size());
  for (const Block& block : function.blocks)
    for (const Inst& inst : block.insts) {
      if (inst.op == Opcode::constant) constants_[inst.result.index] = inst.imm;
      if (inst.op == Opcode::slot_addr) addresses_[inst.result.index] = {inst.slot, 0};
    }
  for (const Block& block : function.blocks)
    for (const Inst& inst : block.insts) {
      if (inst.op != Opcode::ptr_add) continue;
      const SlotAddress from = of(inst.operands[0]);
      const std::optional<int64_t> step = constant_of(inst.operands[1]);
      if (from.slot.is_valid() && step) addresses_[inst.result.index] = {from.slot, from.offset + *step};
    }
}

}  // namespace shrike::mir
