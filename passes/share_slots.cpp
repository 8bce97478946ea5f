// Gives slots whose contents are never needed at the same time the same bytes.
//
// Needs: any valid MIR; pointers are not stored in memory (the Builder cannot). Establishes: nothing.
// Destroys: ids of slots. Does not split slots nor move them; does not touch those whose address becomes a number. Slots whose
// address goes to a callback share with their like, so that spill_to_scratch never finds a big slot tied to one that must stay;
// iterators with iterators.
//
// A slot is live where its content may have been written before and may be read later. Any use of a pointer that may
// lead to it counts as both, except an instruction that overwrites the whole slot, before which nothing is read.
// Slots that are used while another is live, or by one instruction, interfere (Chaitin 1981, with slots for registers).
#include <algorithm>
#include <bit>

#include "mir/analysis/dominators.h"
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
  void keep(const SlotSet& other) {
    for (size_t i = 0; i < words_.size(); i++) words_[i] &= other.words_[i];
  }
  template <class F>
  void each(F&& f) const {
    for (uint32_t w = 0; w < words_.size(); w++)
      for (uint64_t rest = words_[w]; rest != 0; rest &= rest - 1)
        f(SlotId(w * 64 + static_cast<uint32_t>(std::countr_zero(rest))));
  }

 private:
  std::vector<uint64_t> words_;
};

// Slots share with those of their kind.
enum class Sharing : uint8_t { plain, callback, iterator, none };

class SlotLiveness {
 public:
  explicit SlotLiveness(const Function& function)
      : function_(function),
        order_(find_dominators(function).order),
        count_(function.slots.size()),
        sharing_(count_, Sharing::plain) {
    find_pointers();
    find_events();
    touched_in_.assign(function.blocks.size(), SlotSet(count_));
    live_in_.assign(function.blocks.size(), SlotSet(count_));
    flow_forward();
    flow_backward();
    interferes_.assign(count_, SlotSet(count_));
    for (uint32_t b = 0; b < function.blocks.size(); b++) find_interference(BlockId(b));
    for (uint32_t s = 0; s < count_; s++) interferes_[s].each([&](SlotId other) { interferes_[other.index].add(SlotId(s)); });
  }

  Sharing sharing(SlotId slot) const { return sharing_[slot.index]; }
  const SlotSet& interfering(SlotId slot) const { return interferes_[slot.index]; }

 private:
  // What an instruction does with slots; those that do nothing have none.
  struct Event {
    std::vector<SlotId> used;  // it may read or write them in part
    SlotId overwritten;        // it fills this one from end to end without reading it
  };

  bool is_stack(ValueId value) const { return function_.values[value].type.region == Region::stack; }

  void find_pointers() {
    points_to_.resize(function_.values.size());
    exact_.resize(function_.values.size());
    for (uint32_t v = 0; v < points_to_.size(); v++)
      if (is_stack(ValueId(v))) points_to_[v] = SlotSet(count_);
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
    } else if (inst.op == Opcode::ptr_add && is_stack(inst.result)) {
      grew = points_to_[inst.result.index].add_all(points_to_[inst.operands[0].index]);
    }
    for (const BlockTarget& target : inst.targets) {
      const std::vector<ValueId>& params = function_.blocks[target.block].params;
      size_t provided = params.size() - target.args.size();
      for (size_t i = 0; i < target.args.size(); i++)
        if (is_stack(target.args[i])) grew |= points_to_[params[i + provided].index].add_all(points_to_[target.args[i].index]);
    }
    return grew;
  }

  SlotId overwritten(const Inst& inst) const {
    if (inst.op != Opcode::store && inst.op != Opcode::zero && inst.op != Opcode::copy) return {};
    SlotId slot = exact_[inst.operands[0].index];
    if (!slot.is_valid() || inst.imm != 0) return {};
    uint32_t length = inst.op == Opcode::store ? bytes_of(inst.width) : inst.length;
    return length == function_.slots[slot].size ? slot : SlotId();
  }

  void find_events() {
    events_.resize(function_.blocks.size());
    for (uint32_t b = 0; b < function_.blocks.size(); b++)
      for (const Inst& inst : function_.blocks[BlockId(b)].insts) find_event(inst, events_[b]);
  }

  // Moving or passing on a pointer is no use of what it points to.
  void find_event(const Inst& inst, std::vector<Event>& events) {
    if (inst.op == Opcode::ptr_add) return;
    Event event;
    event.overwritten = overwritten(inst);
    for (size_t i = event.overwritten.is_valid() ? 1 : 0; i < inst.operands.size(); i++)
      if (is_stack(inst.operands[i])) points_to_[inst.operands[i].index].each([&](SlotId slot) { event.used.push_back(slot); });
    for (SlotId slot : event.used) sharing_[slot.index] = std::max(sharing_[slot.index], sharing_asked(inst));
    if (event.overwritten.is_valid() || !event.used.empty()) events.push_back(std::move(event));
  }

  static Sharing sharing_asked(const Inst& inst) {
    if (inst.op == Opcode::ptr_to_int) return Sharing::none;
    if (inst.op != Opcode::call) return Sharing::plain;
    if (inst.callee.is_valid()) return Sharing::callback;
    return inst.helper == HelperId::iter_num_new ? Sharing::iterator : Sharing::plain;
  }

  static void touch(const Event& event, SlotSet& touched) {
    for (SlotId slot : event.used) touched.add(slot);
    if (event.overwritten.is_valid()) touched.add(event.overwritten);
  }

  // From the set live after an instruction to the one live before it.
  static void step_back(const Event& event, SlotSet& live) {
    if (event.overwritten.is_valid()) live.remove(event.overwritten);
    for (SlotId slot : event.used) live.add(slot);
  }

  void flow_forward() {
    bool grew = true;
    while (grew) {
      grew = false;
      for (const BlockId block : order_) {
        SlotSet touched = touched_in_[block.index];
        for (const Event& event : events_[block.index]) touch(event, touched);
        for (const BlockTarget& target : targets(block)) grew |= touched_in_[target.block.index].add_all(touched);
      }
    }
  }

  void flow_backward() {
    bool grew = true;
    while (grew) {
      grew = false;
      for (size_t k = order_.size(); k-- > 0;) {
        const uint32_t b = order_[k].index;
        SlotSet live = live_out(order_[k]);
        for (size_t i = events_[b].size(); i-- > 0;) step_back(events_[b][i], live);
        grew |= live_in_[b].add_all(live);
      }
    }
  }

  const std::vector<BlockTarget>& targets(BlockId block) const {
    static const std::vector<BlockTarget> none;
    const std::vector<Inst>& insts = function_.blocks[block].insts;
    return insts.empty() ? none : insts.back().targets;
  }

  SlotSet live_out(BlockId block) const {
    SlotSet live(count_);
    for (const BlockTarget& target : targets(block)) live.add_all(live_in_[target.block.index]);
    return live;
  }

  void find_interference(BlockId block) {
    const std::vector<Event>& events = events_[block.index];
    std::vector<SlotSet> live_after(events.size(), SlotSet(0));
    SlotSet live = live_out(block);
    for (size_t i = events.size(); i-- > 0;) {
      live_after[i] = live;
      step_back(events[i], live);
    }
    SlotSet touched = touched_in_[block.index];
    for (size_t i = 0; i < events.size(); i++) {
      touch(events[i], touched);
      SlotSet here(count_);
      touch(events[i], here);
      live_after[i].add_all(here);
      live_after[i].keep(touched);
      here.each([&](SlotId slot) { interferes_[slot.index].add_all(live_after[i]); });
    }
  }

  const Function& function_;
  std::vector<BlockId> order_;  // in which few rounds settle what flows between blocks; what is not reached needs nothing
  size_t count_;
  std::vector<SlotSet> points_to_;             // by value; empty for what is no stack pointer
  std::vector<SlotId> exact_;                  // by value: the slot whose first byte it is, where that is plain
  std::vector<std::vector<Event>> events_;     // by block
  std::vector<SlotSet> touched_in_, live_in_;  // by block
  std::vector<SlotSet> interferes_;            // by slot; itself included
  std::vector<Sharing> sharing_;               // by slot
};

void share_slots_in(Function& function) {
  if (function.slots.size() < 2) return;
  SlotLiveness liveness(function);
  std::vector<SlotId> order;
  for (uint32_t s = 0; s < function.slots.size(); s++) order.push_back(SlotId(s));
  std::stable_sort(order.begin(), order.end(),
                   [&](SlotId a, SlotId b) { return function.slots[a].size > function.slots[b].size; });
  struct Group {
    SlotId first;     // gives the bytes
    SlotSet blocked;  // those that interfere with a member
  };
  std::vector<Group> groups;
  SideTable<SlotId, SlotId> place;
  size_t lonely = 0;
  for (SlotId slot : order) {
    if (liveness.sharing(slot) == Sharing::none) {
      place[slot] = slot;
      lonely++;
      continue;
    }
    auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& g) {
      return !g.blocked.has(slot) && liveness.sharing(g.first) == liveness.sharing(slot);
    });
    if (group == groups.end()) group = groups.insert(groups.end(), {slot, SlotSet(function.slots.size())});
    group->blocked.add_all(liveness.interfering(slot));
    place[slot] = group->first;
  }
  if (groups.size() + lonely == function.slots.size()) return;
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

void share_slots(Module& module, PassContext& context) {
  for (Function& function : module.functions)
    if (context.may_change(function)) share_slots_in(function);
}

}  // namespace shrike::passes
