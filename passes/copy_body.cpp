// The callee stays as it is: its values, slots and blocks get new numbers in the function that they are copied to.
#include "passes/copy_body.h"

#include "mir/edit.h"

namespace shrike::passes {

namespace {

using namespace mir;

uint32_t words_of(uint32_t bytes) {
  return (bytes + 7) / 8;
}

}  // namespace

uint32_t weight_of(const Inst& inst) {
  switch (inst.op) {
    case Opcode::constant:
    case Opcode::slot_addr:
    case Opcode::jump: return 0;
    case Opcode::map_value_addr: return 2;
    case Opcode::zero: return words_of(inst.length);
    case Opcode::copy: return 2 * words_of(inst.length);
    case Opcode::call:
    case Opcode::call_fn: return 2 + static_cast<uint32_t>(inst.operands.size());
    default: return 1;
  }
}

uint32_t weight_of(const Function& function) {
  uint32_t weight = 0;
  for (const Block& block : function.blocks)
    for (const Inst& inst : block.insts) weight += weight_of(inst);
  return weight;
}

std::vector<BlockId> copy_body(Function& function, const Function& callee, const std::vector<ValueId>& arguments) {
  std::vector<BlockId> blocks;
  std::vector<SlotId> slots;
  std::vector<ValueId> values(callee.values.size());
  for (const Slot& slot : callee.slots) {
    Slot copy = slot;
    copy.name = unique_slot_name(function, slot.name);
    slots.push_back(function.slots.add(std::move(copy)));
  }
  for (const Block& from : callee.blocks) blocks.push_back(add_block(function, from.name));
  auto define = [&](ValueId value) { return values[value.index] = add_value(function, callee.values[value].type); };
  const std::vector<ValueId>& params = callee.blocks[callee.entry()].params;
  for (size_t p = 0; p < params.size(); p++) values[params[p].index] = arguments[p];
  // Definitions first, as a use may stand in an earlier block than its definition.
  for (uint32_t b = 0; b < callee.blocks.size(); b++) {
    const Block& from = callee.blocks[BlockId(b)];
    Block& to = function.blocks[blocks[b]];
    if (BlockId(b) != callee.entry())
      for (ValueId param : from.params) to.params.push_back(define(param));
    to.insts = from.insts;
    for (Inst& inst : to.insts)
      if (inst.result.is_valid()) inst.result = define(inst.result);
  }
  for (BlockId copied : blocks)
    for (Inst& inst : function.blocks[copied].insts) {
      each_use(inst, [&](ValueId& use) { use = values[use.index]; });
      for (BlockTarget& target : inst.targets) target.block = blocks[target.block.index];
      if (inst.slot.is_valid()) inst.slot = slots[inst.slot.index];
    }
  return blocks;
}

void drop_functions(Module& module, const std::vector<bool>& is_dropped) {
  Table<FunctionId, Function> kept;
  std::vector<FunctionId> renumbered(module.functions.size());
  for (uint32_t f = 0; f < module.functions.size(); f++)
    if (!is_dropped[f]) renumbered[f] = kept.add(std::move(module.functions[FunctionId(f)]));
  for (Function& function : kept)
    for (Block& block : function.blocks)
      for (Inst& inst : block.insts)
        if (inst.callee.is_valid()) inst.callee = renumbered[inst.callee.index];
  for (AttachPoint& probe : module.interface.probes)
    if (probe.program.is_valid()) probe.program = renumbered[probe.program.index];
  module.functions = std::move(kept);
}

}  // namespace shrike::passes
