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
#include <unordered_map>
#include <utility>

#include "mir/analysis/dominators.h"
#include "mir/edit.h"
#include "passes/passes.h"

namespace shrike::passes {

namespace {

using namespace mir;

// Slots share with those of their kind.
enum class Sharing : uint8_t { plain, callback, iterator, none };

// Which slots interfere. Scripts are long rows of statements that have slots of their own: what follows is in proportion to the
// blocks that lie between the first and the last use of each slot, and to the pairs that interfere, not to blocks times slots.
class SlotLiveness {
 public:
  explicit SlotLiveness(const Function& function)
      : function_(function),
        order_(find_dominators(function).order),
        sharing_(function.slots.size(), Sharing::plain),
        lives_(function.slots.size()),
        interferes_(function.slots.size()),
        held_in_(order_.size()) {
    find_pointers();
    find_edges();
    find_events();
    for (uint32_t s = 0; s < lives_.size(); s++) find_life(SlotId(s));
    find_interference();
  }

  Sharing sharing(SlotId slot) const { return sharing_[slot.index]; }
  // Not itself; several times, perhaps.
  const std::vector<SlotId>& interfering(SlotId slot) const { return interferes_[slot.index]; }

 private:
  // What an instruction does with slots; those that do nothing have none.
  struct Event {
    std::vector<SlotId> used;  // it may read or write them in part
    SlotId overwritten;        // it fills this one from end to end without reading it
  };

  // What a block with events of a slot needs of the slot's content before it.
  struct Visit {
    uint32_t block;
    bool reads;
  };

  // Blocks are numbered by their place in order_. No way from one use to another leaves those from `first` to `last`.
  struct Life {
    std::vector<Visit> visits;  // by block
    uint32_t first = 0, last = 0;
    std::vector<bool> live_out;  // by block, from the first

    bool is_live_behind(uint32_t block) const { return live_out[block - first]; }
  };

  bool is_stack(ValueId value) const { return function_.values[value].type.region == Region::stack; }

  void find_pointers() {
    points_to_.resize(function_.values.size());
    exact_.resize(function_.values.size());
    bool grew = true;
    while (grew) {
      grew = false;
      for (const BlockId block : order_)
        for (const Inst& inst : function_.blocks[block].insts) grew |= flow_pointers(inst);
    }
  }

  bool flow_pointers(const Inst& inst) {
    bool grew = false;
    if (inst.op == Opcode::slot_addr) {
      exact_[inst.result.index] = inst.slot;
      grew = add_all({inst.slot}, points_to_[inst.result.index]);
    } else if (inst.op == Opcode::ptr_add && is_stack(inst.result)) {
      grew = add_all(points_to_[inst.operands[0].index], points_to_[inst.result.index]);
    }
    for (const BlockTarget& target : inst.targets) {
      const std::vector<ValueId>& params = function_.blocks[target.block].params;
      size_t provided = params.size() - target.args.size();
      for (size_t i = 0; i < target.args.size(); i++)
        if (is_stack(target.args[i])) grew |= add_all(points_to_[target.args[i].index], points_to_[params[i + provided].index]);
    }
    return grew;
  }

  // Both in order of their numbers. True if the second grew.
  static bool add_all(const std::vector<SlotId>& more, std::vector<SlotId>& slots) {
    if (std::ranges::includes(slots, more)) return false;
    std::vector<SlotId> both;
    std::ranges::set_union(slots, more, std::back_inserter(both));
    slots = std::move(both);
    return true;
  }

  // Also says what regions edges back make: those that jump over common blocks make one.
  void find_edges() {
    std::vector<uint32_t> place(function_.blocks.size());
    for (uint32_t b = 0; b < order_.size(); b++) place[order_[b].index] = b;
    successors_ = Lists<uint32_t>(order_.size(), [&](auto&& add) {
      for (uint32_t b = 0; b < order_.size(); b++)
        for (const BlockTarget& target : function_.blocks[order_[b]].insts.back().targets) add(b, place[target.block.index]);
    });
    is_header_.resize(order_.size());
    std::vector<uint32_t> back_to(order_.size());  // the lowest of its successors, or itself
    for (uint32_t b = 0; b < order_.size(); b++) {
      back_to[b] = b;
      for (const uint32_t to : successors_[b]) {
        back_to[b] = std::min(back_to[b], to);
        if (to <= b) is_header_[to] = true;
      }
    }
    lowest_.resize(order_.size());
    highest_.resize(order_.size());
    for (uint32_t b = static_cast<uint32_t>(order_.size()); b > 0;) {
      const uint32_t last = b - 1;
      uint32_t low = last;
      for (uint32_t k = last + 1; k-- > low;) low = std::min(low, back_to[k]);
      for (uint32_t k = low; k <= last; k++) {
        lowest_[k] = low;
        highest_[k] = last;
      }
      b = low;
    }
  }

  SlotId overwritten(const Inst& inst) const {
    if (inst.op != Opcode::store && inst.op != Opcode::zero && inst.op != Opcode::copy) return {};
    SlotId slot = exact_[inst.operands[0].index];
    if (!slot.is_valid() || inst.imm != 0) return {};
    uint32_t length = inst.op == Opcode::store ? bytes_of(inst.width) : inst.length;
    return length == function_.slots[slot].size ? slot : SlotId();
  }

  void find_events() {
    events_.resize(order_.size());
    for (uint32_t b = 0; b < order_.size(); b++) {
      for (const Inst& inst : function_.blocks[order_[b]].insts) find_event(inst, events_[b]);
      for (const Event& event : events_[b]) {
        for (const SlotId slot : event.used) visit(slot, b, true);
        if (event.overwritten.is_valid()) visit(event.overwritten, b, false);
      }
    }
  }

  // Only the first in a block tells what is needed before it.
  void visit(SlotId slot, uint32_t block, bool reads) {
    std::vector<Visit>& visits = lives_[slot.index].visits;
    if (visits.empty() || visits.back().block != block) visits.push_back({block, reads});
  }

  // Moving or passing on a pointer is no use of what it points to.
  void find_event(const Inst& inst, std::vector<Event>& events) {
    if (inst.op == Opcode::ptr_add) return;
    Event event;
    event.overwritten = overwritten(inst);
    for (size_t i = event.overwritten.is_valid() ? 1 : 0; i < inst.operands.size(); i++)
      if (is_stack(inst.operands[i])) add_all(points_to_[inst.operands[i].index], event.used);
    for (SlotId slot : event.used) sharing_[slot.index] = std::max(sharing_[slot.index], sharing_asked(inst));
    if (event.overwritten.is_valid() || !event.used.empty()) events.push_back(std::move(event));
  }

  static Sharing sharing_asked(const Inst& inst) {
    if (inst.op == Opcode::ptr_to_int) return Sharing::none;
    if (inst.op != Opcode::call) return Sharing::plain;
    if (inst.callee.is_valid()) return Sharing::callback;
    return inst.helper == HelperId::iter_num_new ? Sharing::iterator : Sharing::plain;
  }

  // Sets live_out of a slot, and adds it to held_in_ where it may have content that is needed.
  void find_life(SlotId slot) {
    Life& life = lives_[slot.index];
    if (life.visits.empty()) return;
    life.first = lowest_[life.visits.front().block];
    life.last = highest_[life.visits.back().block];
    const size_t length = life.last - life.first + 1;
    const auto is_within = [&](uint32_t block) { return block >= life.first && block <= life.last; };

    std::vector<bool> touched_in(length), live_in(length);
    bool again = true;  // an edge back told news
    while (again) {
      again = false;
      auto next = life.visits.begin();
      for (uint32_t b = life.first; b <= life.last; b++) {
        const bool touches = next != life.visits.end() && next->block == b;
        if (touches) ++next;
        if (!touches && !touched_in[b - life.first]) continue;
        for (const uint32_t to : successors_[b]) {
          if (!is_within(to) || touched_in[to - life.first]) continue;
          touched_in[to - life.first] = true;
          again |= to <= b;
        }
      }
    }

    life.live_out.resize(length);
    again = true;
    while (again) {
      again = false;
      auto next = life.visits.rbegin();
      for (uint32_t b = life.last + 1; b-- > life.first;) {
        bool is_live = false;
        for (const uint32_t to : successors_[b]) is_live |= is_within(to) && live_in[to - life.first];
        life.live_out[b - life.first] = is_live;
        if (next != life.visits.rend() && next->block == b) is_live = (next++)->reads;
        again |= is_live && !live_in[b - life.first] && is_header_[b];
        live_in[b - life.first] = is_live;
      }
    }
    for (uint32_t b = life.first; b <= life.last; b++)
      if (touched_in[b - life.first] && live_in[b - life.first]) held_in_[b].push_back(slot);
  }

  // Slots that are held, with one step for each that comes or goes.
  class Held {
   public:
    explicit Held(size_t slots) : place_(slots, UINT32_MAX) {}
    bool has(SlotId slot) const { return place_[slot.index] != UINT32_MAX; }
    const std::vector<SlotId>& all() const { return slots_; }
    void set(SlotId slot, bool is_held) {
      if (is_held == has(slot)) return;
      if (is_held) {
        place_[slot.index] = static_cast<uint32_t>(slots_.size());
        slots_.push_back(slot);
        return;
      }
      const uint32_t place = std::exchange(place_[slot.index], UINT32_MAX);
      const SlotId last = slots_.back();
      slots_.pop_back();
      if (last == slot) return;
      slots_[place] = last;
      place_[last.index] = place;
    }
    void clear() {
      for (const SlotId slot : slots_) place_[slot.index] = UINT32_MAX;
      slots_.clear();
    }

   private:
    std::vector<SlotId> slots_;
    std::vector<uint32_t> place_;  // by slot
  };

  void find_interference() {
    Held held(lives_.size());
    std::vector<uint32_t> noted_in(lives_.size(), UINT32_MAX);  // by slot: the block in which it has met all that are held
    for (uint32_t b = 0; b < order_.size(); b++) {
      for (const SlotId slot : held_in_[b]) held.set(slot, true);
      const std::vector<std::vector<bool>> live_after = find_live_after(b);
      for (size_t i = 0; i < events_[b].size(); i++) {
        const std::vector<SlotId> here = touched(events_[b][i]);
        for (size_t k = 0; k < here.size(); k++) {
          for (size_t other = 0; other < k; other++) interfere(here[k], here[other]);
          // What came since came by an event of its own, and has met this one then.
          if (noted_in[here[k].index] == b && held.has(here[k])) continue;
          for (const SlotId other : held.all())
            if (other != here[k]) interfere(here[k], other);
          noted_in[here[k].index] = b;
        }
        for (size_t k = 0; k < here.size(); k++) held.set(here[k], live_after[i][k]);
      }
      held.clear();
    }
  }

  void interfere(SlotId a, SlotId b) {
    interferes_[a.index].push_back(b);
    interferes_[b.index].push_back(a);
  }

  static std::vector<SlotId> touched(const Event& event) {
    std::vector<SlotId> slots = event.used;
    if (event.overwritten.is_valid()) add_all({event.overwritten}, slots);
    return slots;
  }

  // By event and slot that it touches: whether what it leaves there is needed.
  std::vector<std::vector<bool>> find_live_after(uint32_t block) const {
    const std::vector<Event>& events = events_[block];
    std::vector<std::vector<bool>> after(events.size());
    std::unordered_map<uint32_t, bool> live;  // by slot, where an event of the block tells
    for (size_t i = events.size(); i-- > 0;) {
      for (const SlotId slot : touched(events[i])) {
        const auto told = live.find(slot.index);
        after[i].push_back(told != live.end() ? told->second : lives_[slot.index].is_live_behind(block));
      }
      if (events[i].overwritten.is_valid()) live[events[i].overwritten.index] = false;
      for (const SlotId slot : events[i].used) live[slot.index] = true;
    }
    return after;
  }

  const Function& function_;
  std::vector<BlockId> order_;                   // what is not reached needs nothing
  std::vector<std::vector<SlotId>> points_to_;   // by value; empty for what is no stack pointer
  std::vector<SlotId> exact_;                    // by value: the slot whose first byte it is, where that is plain
  std::vector<Sharing> sharing_;                 // by slot
  std::vector<Life> lives_;                      // by slot
  std::vector<std::vector<SlotId>> interferes_;  // by slot
  // By block, as lives have them.
  Lists<uint32_t> successors_;
  std::vector<uint32_t> lowest_, highest_;  // of the region of edges back that it is in, or itself
  std::vector<bool> is_header_;             // an edge back leads to it
  std::vector<std::vector<Event>> events_;
  std::vector<std::vector<SlotId>> held_in_;  // what is held at its begin
};

void share_slots_in(Function& function) {
  if (function.slots.size() < 2) return;
  SlotLiveness liveness(function);
  std::vector<SlotId> order;
  for (uint32_t s = 0; s < function.slots.size(); s++) order.push_back(SlotId(s));
  std::stable_sort(order.begin(), order.end(),
                   [&](SlotId a, SlotId b) { return function.slots[a].size > function.slots[b].size; });
  struct Group {
    SlotId first;               // gives the bytes
    std::vector<bool> blocked;  // by slot: those that interfere with a member
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
      return !g.blocked[slot.index] && liveness.sharing(g.first) == liveness.sharing(slot);
    });
    if (group == groups.end()) group = groups.insert(groups.end(), {slot, std::vector<bool>(function.slots.size())});
    for (const SlotId other : liveness.interfering(slot)) group->blocked[other.index] = true;
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
