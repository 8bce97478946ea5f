// See slot_contents.h.
#include "passes/slot_contents.h"

#include <algorithm>

#include "mir/edit.h"

namespace shrike::passes {

using namespace mir;

SlotContents::SlotContents(const Function& function, const Dominators& dominators)
    : addresses_(function), slots_(function.slots.size()) {
  if (slots_.empty()) return;
  for (BlockId block : dominators.order) {
    uint32_t at = 0;
    for (const Inst& inst : function.blocks[block].insts) note(inst, {block, at++});
  }
  for (State& slot : slots_) {
    auto comes_after = [&](const Read& read) {
      return read.block == slot.contents->block ? read.at > slot.contents->last
                                                : dominators.dominates(slot.contents->block, read.block);
    };
    if (slot.is_lost || (slot.contents && !std::ranges::all_of(slot.reads, comes_after))) slot.contents.reset();
  }
}

SlotId SlotContents::written_by(const Inst& inst) const {
  const bool writes = inst.op == Opcode::store || inst.op == Opcode::zero ||
                      (inst.op == Opcode::call && inst.helper == HelperId::get_current_comm);
  return writes ? addresses_.of(inst.operands[0]).slot : SlotId();
}

SlotId SlotContents::slot_at(ValueId address) const {
  const SlotAddress at = addresses_.of(address);
  return at.offset == 0 ? at.slot : SlotId();
}

void SlotContents::note(const Inst& inst, Read place) {
  switch (inst.op) {
    case Opcode::load: return read(inst.operands[0], place);
    case Opcode::store: {
      const std::optional<int64_t> constant = addresses_.constant_of(inst.operands[1]);
      SlotWrite stored{.op = inst.op, .offset = inst.imm, .bytes = bytes_of(inst.width), .is_constant = constant.has_value()};
      stored.stored = constant ? *constant : inst.operands[1].index;
      return write(addresses_.of(inst.operands[0]), stored, place);
    }
    case Opcode::zero:
      return write(addresses_.of(inst.operands[0]), {.op = inst.op, .offset = inst.imm, .bytes = inst.length}, place);
    case Opcode::copy: lose(inst.operands[0]); return read(inst.operands[1], place);
    case Opcode::ptr_add:
      if (!addresses_.of(inst.result).slot.is_valid()) lose(inst.operands[0]);
      return;
    case Opcode::call: return note_call(inst, place);
    default: each_use(inst, [&](ValueId use) { lose(use); });
  }
}

void SlotContents::note_call(const Inst& inst, Read place) {
  size_t next = 0;
  for (HelperOperand operand : row_of(inst.helper).operands) {
    if (!is_value_operand(operand)) continue;
    const ValueId value = inst.operands[next++];
    switch (operand) {
      case HelperOperand::key:
      case HelperOperand::value:
      case HelperOperand::in:
      case HelperOperand::in_n: read(value, place); break;
      case HelperOperand::out:
        if (const std::optional<int64_t> size = addresses_.constant_of(inst.operands[next]);
            inst.helper == HelperId::get_current_comm && size)
          write(addresses_.of(value), {.op = Opcode::call, .bytes = static_cast<uint32_t>(*size)}, place);
        else lose(value);
        break;
      default: lose(value);
    }
  }
}

void SlotContents::write(const SlotAddress& to, SlotWrite write, Read place) {
  if (!to.slot.is_valid()) return;
  State& slot = slots_[to.slot.index];
  if (!slot.contents) slot.contents = Contents{.block = place.block, .first = place.at};
  slot.is_lost |= slot.contents->block != place.block;
  slot.contents->last = place.at;
  write.offset += to.offset;
  slot.contents->writes.push_back(write);
}

void SlotContents::read(ValueId address, Read place) {
  const SlotAddress at = addresses_.of(address);
  if (at.slot.is_valid()) slots_[at.slot.index].reads.push_back(place);
}

void SlotContents::lose(ValueId address) {
  const SlotAddress at = addresses_.of(address);
  if (at.slot.is_valid()) slots_[at.slot.index].is_lost = true;
}

}  // namespace shrike::passes
