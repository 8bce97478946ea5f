// What a slot is used for is counted once; changes of instructions keep their places.
#include "passes/field_reads.h"

#include <algorithm>
#include <utility>

#include "mir/edit.h"

namespace shrike::passes {

using namespace mir;

namespace {

constexpr int64_t most_bytes = 8;

bool is_read(HelperId helper) {
  return helper == HelperId::probe_read_kernel || helper == HelperId::probe_read_user ||
         helper == HelperId::probe_read_kernel_str || helper == HelperId::probe_read_user_str;
}

bool is_of_rings(HelperId helper) {
  return helper == HelperId::ringbuf_reserve || helper == HelperId::ringbuf_submit || helper == HelperId::ringbuf_discard ||
         helper == HelperId::ringbuf_output;
}

}  // namespace

FieldReads::FieldReads(Function& function, bool shows_addresses)
    : function_(function), shows_addresses_(shows_addresses), addresses_(function) {
  definitions_.resize(function.values.size());
  is_used_.resize(function.values.size());
  uses_.resize(function.slots.size());
  is_shown_.resize(function.slots.size());
  for (Block& block : function.blocks)
    for (Inst& inst : block.insts) note(inst);
  for (Block& block : function.blocks)
    for (Inst& inst : block.insts) note_uses(inst);
}

bool FieldReads::shows_addresses(const Module& module) {
  for (const Function& function : module.functions)
    for (const Block& block : function.blocks)
      for (const Inst& inst : block.insts)
        if (inst.op == Opcode::ptr_to_int && function.values[inst.operands[0]].type.region != Region::ctx) return true;
  return false;
}

bool FieldReads::has_several(const Function& function) {
  size_t count = 0;
  for (const Block& block : function.blocks)
    for (const Inst& inst : block.insts)
      if (inst.op == Opcode::call && inst.helper == HelperId::probe_read_kernel && ++count > 1) return true;
  return false;
}

void FieldReads::note(Inst& inst) {
  if (inst.result.is_valid()) {
    Definition& definition = definitions_[inst.result.index];
    definition = {inst.op, inst.imm, inst.slot, {}, {}};
    if (!inst.operands.empty()) definition.first = inst.operands[0];
    if (inst.operands.size() > 1) definition.second = inst.operands[1];
  }
  each_use(inst, [&](ValueId used) { is_used_[used.index] = true; });
  if (inst.op == Opcode::slot_addr) uses_[inst.slot.index].addresses.push_back(&inst);
  if (inst.op != Opcode::ptr_to_int) return;
  if (SlotId slot = addresses_.of(inst.operands[0]).slot; slot.is_valid()) is_shown_[slot.index] = true;
}

void FieldReads::note_uses(Inst& inst) {
  size_t operand = 0;
  each_use(inst, [&](ValueId used) {
    const bool is_first = operand++ == 0;
    const SlotId slot = slot_of(used);
    if (!slot.is_valid()) return;
    Uses& uses = uses_[slot.index];
    if (is_first && inst.op == Opcode::load) uses.loads.push_back(&inst);
    else if (is_first && inst.op == Opcode::call && inst.helper == HelperId::probe_read_kernel) uses.reads++;
    else uses.has_others = true;
  });
}

SlotId FieldReads::slot_of(ValueId value) const {
  const Definition& definition = definitions_[value.index];
  return definition.op == Opcode::slot_addr ? definition.slot : SlotId();
}

std::optional<int64_t> FieldReads::constant_of(ValueId value) const {
  const Definition& definition = definitions_[value.index];
  return definition.op == Opcode::constant ? std::optional(definition.imm) : std::nullopt;
}

std::optional<FieldRead> FieldReads::of(const Inst& inst) const {
  if (inst.op != Opcode::call || inst.helper != HelperId::probe_read_kernel || is_used_[inst.result.index]) return std::nullopt;
  const std::optional<int64_t> bytes = constant_of(inst.operands[1]);
  const SlotId slot = slot_of(inst.operands[0]);
  if (!bytes || *bytes <= 0 || *bytes > most_bytes || !slot.is_valid()) return std::nullopt;
  if (uses(slot).has_others || uses(slot).reads != 1) return std::nullopt;
  FieldRead read{slot, inst.operands[2], 0, *bytes};
  const Definition& address = definitions_[read.base.index];
  if (address.op != Opcode::add) return read;
  if (const std::optional<int64_t> added = constant_of(address.second)) read.offset = *added, read.base = address.first;
  return read;
}

bool FieldReads::may_be_read_by_number(ValueId pointer) const {
  if (function_.values[pointer].type.region == Region::mem) return false;  // a record's
  const SlotId slot = addresses_.of(pointer).slot;
  return !slot.is_valid() || is_shown_[slot.index];
}

bool FieldReads::may_change_reads(const Inst& inst) const {
  if (!shows_addresses_ || effect_of(inst) != Effect::writes) return false;
  if (inst.op == Opcode::call_fn || inst.op == Opcode::agg_update || inst.callee.is_valid()) return true;
  if (inst.op == Opcode::call && is_of_rings(inst.helper)) return false;
  if (inst.op == Opcode::call && !is_read(inst.helper)) return true;
  return may_be_read_by_number(inst.operands[0]);
}

bool FieldReads::may_shift(SlotId slot, int64_t by) const {
  return std::ranges::all_of(uses(slot).loads, [&](const Inst* load) { return (load->imm + by) % bytes_of(load->width) == 0; });
}

void drop_read(Inst& call) {
  Inst nothing{.op = Opcode::constant, .result = call.result};
  nothing.span = call.span;
  call = std::move(nothing);
}

}  // namespace shrike::passes
