// Gives slots whose contents are never needed at the same time the same bytes.
//
// Needs: any valid MIR; pointers are not stored in memory (the Builder cannot). Establishes: nothing.
// Destroys: ids of slots. Does not split slots nor move them; does not touch those whose address goes to a callback,
// so that spill_to_scratch never finds a big slot tied to one that must stay, nor those whose address becomes a number.
//
// A slot is live where its content may have been written before and may be read later. Any use of a pointer that may
// lead to it counts as both, except an instruction that overwrites the whole slot, before which nothing is read.
// Slots that are used while another is live, or by one instruction, interfere (Chaitin 1981, with slots for registers).
#include <algorithm>

#include "mir/edit.h"
#include "passes/passes.h"

namespace shrike::passes {

namespace {

using namespace mir;

class SlotSet {
 public:
  explicit SlotSet(size_t slots = 0) : words_((slots + 63) / 64, 0) {}
  bool has(SlotId slot) const { return words_[slot.index / 64] >> (slot.index % 64) & 1; }
  void add(SlotId slot) { words_[slot.index / 64] |= uint64_t{1} << (slot.index % 64); }
  void remove(SlotId slot) { words_[slot.index / 64] &= ~(uint64_t{1} << (slot.index % 64)); }
  // True if the set grew.
  bool add_all(const SlotSet& other) {
    bool grew = false;
    for (size_t i = 0; i < words_.size(); i++) {
      grew |= (other.words_[i] & ~words_[i]) != 0;
      words_[i] |= other.words_[i];
    }
    return grew;
  }
  template <class F>
  void each(F&& f) const {
    for (uint32_t i = 0; i < words_.size() * 64; i++)
      if (has(SlotId(i))) f(SlotId(i));
  }

 private:
  std::vector<uint64_t> words_;
};

class SlotLiveness {
 public:
  explicit SlotLiveness(const Function& function) : function_(function), count_(function.slots.size()) {
    find_pointers();
    size_t blocks = function.blocks.size();
    touched_in_.assign(blocks, SlotSet(count_));
    live_out_.assign(blocks, SlotSet(count_));
    flow_forward();
    flow_backward();
    interferes_.assign(count_, SlotSet(count_));
    alone_ = SlotSet(count_);
    for (uint32_t b = 0; b < blocks; b++) find_interference(BlockId(b));
  }

  bool may_share(SlotId a, SlotId b) const {
    return !interferes_[a.index].has(b) && !interferes_[b.index].has(a) && !alone_.has(a) && !alone_.has(b);
  }

 private:
  const SlotSet& pointed(ValueId value) const { return points_to_[value.index]; }

  void find_pointers() {
    points_to_.assign(function_.values.size(), SlotSet(count_));
    exact_.assign(function_.values.size(), SlotId());
    bool grew = true;
    while (grew) {
      grew = false;
      for (const Block& block : function_.blocks)
        for (const Inst& inst : block.insts) grew |= flow_pointers(inst);
    }
  }

  bool flow_pointers(const Inst& inst) {
    bool grew = false;
    if (inst.op == Opcode::slot_addr) {
      exact_[inst.result.index] = inst.slot;
      grew = !points_to_[inst.result.index].has(inst.slot);
      points_to_[inst.result.index].add(inst.slot);
    } else if (inst.op == Opcode::ptr_add) {
      grew = points_to_[inst.result.index].add_all(pointed(inst.operands[0]));
    }
    for (const BlockTarget& target : inst.targets) {
      const std::vector<ValueId>& params = function_.blocks[target.block].params;
      size_t provided = params.size() - target.args.size();
      for (size_t i = 0; i < target.args.size(); i++)
        grew |= points_to_[params[i + provided].index].add_all(pointed(target.args[i]));
    }
    return grew;
  }

  // The slot that an instruction fills from end to end without reading it; invalid if none.
  SlotId overwritten(const Inst& inst) const {
    if (inst.op != Opcode::store && inst.op != Opcode::zero && inst.op != Opcode::copy) return {};
    SlotId slot = exact_[inst.operands[0].index];
    if (!slot.is_valid() || inst.imm != 0) return {};
    uint32_t length = inst.op == Opcode::store ? bytes_of(inst.width) : inst.length;
    return length == function_.slots[slot].size ? slot : SlotId();
  }

  // Slots that an instruction may read or write in part. Moving or passing on a pointer is no use of what it points to.
  SlotSet used(const Inst& inst) const {
    SlotSet slots(count_);
    if (inst.op == Opcode::ptr_add) return slots;
    size_t first = overwritten(inst).is_valid() ? 1 : 0;
    for (size_t i = first; i < inst.operands.size(); i++) slots.add_all(pointed(inst.operands[i]));
    return slots;
  }

  void flow_forward() {
    bool grew = true;
    while (grew) {
      grew = false;
      for (uint32_t b = 0; b < function_.blocks.size(); b++) {
        SlotSet touched = touched_in_[b];
        const Block& block = function_.blocks[BlockId(b)];
        for (const Inst& inst : block.insts) touch(inst, touched);
        if (block.insts.empty()) continue;
        for (const BlockTarget& target : block.insts.back().targets) grew |= touched_in_[target.block.index].add_all(touched);
      }
    }
  }

  void touch(const Inst& inst, SlotSet& touched) const {
    touched.add_all(used(inst));
    if (SlotId slot = overwritten(inst); slot.is_valid()) touched.add(slot);
  }

  // From the set live after an instruction to the one live before it.
  void step_back(const Inst& inst, SlotSet& live) const {
    if (SlotId slot = overwritten(inst); slot.is_valid()) live.remove(slot);
    live.add_all(used(inst));
  }

  void flow_backward() {
    bool grew = true;
    while (grew) {
      grew = false;
      for (uint32_t b = static_cast<uint32_t>(function_.blocks.size()); b-- > 0;) {
        const Block& block = function_.blocks[BlockId(b)];
        if (block.insts.empty()) continue;
        for (const BlockTarget& target : block.insts.back().targets) grew |= live_out_[b].add_all(live_in(target.block));
      }
    }
  }

  SlotSet live_in(BlockId block) const {
    SlotSet live = live_out_[block.index];
    const std::vector<Inst>& insts = function_.blocks[block].insts;
    for (size_t i = insts.size(); i-- > 0;) step_back(insts[i], live);
    return live;
  }

  void find_interference(BlockId block) {
    const std::vector<Inst>& insts = function_.blocks[block].insts;
    std::vector<SlotSet> live_after(insts.size(), SlotSet(count_));
    SlotSet live = live_out_[block.index];
    for (size_t i = insts.size(); i-- > 0;) {
      live_after[i] = live;
      step_back(insts[i], live);
    }
    SlotSet touched = touched_in_[block.index];
    for (size_t i = 0; i < insts.size(); i++) {
      touch(insts[i], touched);
      SlotSet here = used(insts[i]);
      if (SlotId slot = overwritten(insts[i]); slot.is_valid()) here.add(slot);
      SlotSet present = live_after[i];
      present.add_all(here);
      here.each([&](SlotId a) {
        present.each([&](SlotId b) {
          if (a != b && touched.has(b)) interferes_[a.index].add(b);
        });
      });
      if (insts[i].callee.is_valid() || insts[i].op == Opcode::ptr_to_int) alone_.add_all(here);
    }
  }

  const Function& function_;
  size_t count_;
  std::vector<SlotSet> points_to_;              // by value
  std::vector<SlotId> exact_;                   // by value: the slot whose first byte it is, where that is plain
  std::vector<SlotSet> touched_in_, live_out_;  // by block
  std::vector<SlotSet> interferes_;             // by slot
  SlotSet alone_;                               // never shared
};

void share_slots_in(Function& function) {
  if (function.slots.size() < 2) return;
  SlotLiveness liveness(function);
  std::vector<SlotId> order;
  for (uint32_t s = 0; s < function.slots.size(); s++) order.push_back(SlotId(s));
  std::stable_sort(order.begin(), order.end(),
                   [&](SlotId a, SlotId b) { return function.slots[a].size > function.slots[b].size; });
  std::vector<std::vector<SlotId>> groups;  // the first of each gives the bytes
  SideTable<SlotId, SlotId> place;
  for (SlotId slot : order) {
    auto fits = [&](const std::vector<SlotId>& group) {
      return std::all_of(group.begin(), group.end(), [&](SlotId member) { return liveness.may_share(slot, member); });
    };
    auto group = std::find_if(groups.begin(), groups.end(), fits);
    if (group == groups.end()) group = groups.insert(groups.end(), std::vector<SlotId>());
    group->push_back(slot);
    place[slot] = group->front();
  }
  if (groups.size() == function.slots.size()) return;
  std::vector<bool> kept(function.slots.size(), false);
  for (SlotId slot : order) {
    Slot& into = function.slots[place[slot]];
    into.align = std::max(into.align, function.slots[slot].align);
    kept[place[slot].index] = true;
  }
  for (Block& block : function.blocks)
    for (Inst& inst : block.insts)
      if (inst.slot.is_valid()) inst.slot = place[inst.slot];
  compact(function, kept);
}

}  // namespace

void share_slots(Module& module, PassContext&) {
  for (Function& function : module.functions) share_slots_in(function);
}

}  // namespace shrike::passes
