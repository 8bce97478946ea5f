// Lets slots that are filled with the same be one, filled once: the key of a map that a program asks several times, or of
// several maps.
//
// Needs: any valid MIR; reuse_values before it, so that equal values are one. Establishes: nothing. Destroys: nothing; slots that
// nobody uses any more stay until remove_dead.
// Does not touch slots that anything but stores, zeroing and the task's name writes to (slot_contents), nor large ones, which
// would be kept from sharing their bytes with others for longer.
#include <algorithm>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "mir/edit.h"
#include "passes/passes.h"
#include "passes/slot_contents.h"

namespace shrike::passes {

namespace {

using namespace mir;

constexpr uint32_t largest = 64;  // bytes

class SlotReuse {
 public:
  explicit SlotReuse(Function& function) : function_(function) {}

  void run() {
    if (function_.slots.size() < 2) return;
    dominators_ = find_dominators(function_);
    SlotContents contents(function_, dominators_);
    stands_for_.resize(function_.slots.size());
    for (SlotId slot : in_order(contents)) look_for_equal(slot, contents);
    if (!changed_) return;
    for (Block& block : function_.blocks) {
      std::erase_if(block.insts, [](const Inst& inst) { return inst.op == Opcode::constant && !inst.result.is_valid(); });
      for (Inst& inst : block.insts)
        if (inst.op == Opcode::slot_addr && stands_for_[inst.slot.index].is_valid()) inst.slot = stands_for_[inst.slot.index];
    }
    replace_uses(function_, replacements_);
  }

 private:
  // By the place where they are filled, those that dominate others first.
  std::vector<SlotId> in_order(const SlotContents& contents) const {
    std::vector<SlotId> slots;
    for (uint32_t s = 0; s < function_.slots.size(); s++)
      if (contents.of(SlotId(s)) && function_.slots[SlotId(s)].size <= largest) slots.emplace_back(s);
    std::ranges::sort(slots, {}, [&](SlotId slot) {
      const SlotContents::Contents& filled = *contents.of(slot);
      return std::pair(dominators_.tree_first[filled.block.index], filled.first);
    });
    return slots;
  }

  void look_for_equal(SlotId slot, const SlotContents& contents) {
    const SlotContents::Contents& filled = *contents.of(slot);
    std::vector<SlotId>& equal = by_contents_[{function_.slots[slot].size, function_.slots[slot].align, filled.writes}];
    for (SlotId other : equal) {
      const SlotContents::Contents& before = *contents.of(other);
      const bool is_at_hand =
          before.block == filled.block ? before.last < filled.first : dominators_.dominates(before.block, filled.block);
      if (!is_at_hand) continue;
      stands_for_[slot.index] = other;
      drop_writes(slot, other, contents);
      return;
    }
    equal.push_back(slot);
  }

  void drop_writes(SlotId slot, SlotId other, const SlotContents& contents) {
    changed_ = true;
    std::vector<ValueId> answers;
    each_write(other, contents, [&](Inst& inst) { answers.push_back(inst.result); });
    size_t next = 0;
    each_write(slot, contents, [&](Inst& inst) {
      if (inst.result.is_valid()) replacements_.add(inst.result, answers[next]);
      next++;
      inst = Inst{.op = Opcode::constant};  // in its place until all slots have been looked at
    });
  }

  template <class F>
  void each_write(SlotId slot, const SlotContents& contents, F&& f) {
    const SlotContents::Contents& filled = *contents.of(slot);
    std::vector<Inst>& insts = function_.blocks[filled.block].insts;
    for (uint32_t at = filled.first; at <= filled.last; at++)
      if (contents.written_by(insts[at]) == slot) f(insts[at]);
  }

  Function& function_;
  Dominators dominators_;
  using Key = std::tuple<uint32_t, uint32_t, std::vector<SlotWrite>>;
  std::map<Key, std::vector<SlotId>> by_contents_;
  std::vector<SlotId> stands_for_;  // by slot
  Replacements replacements_;
  bool changed_ = false;
};

}  // namespace

void reuse_slots(Module& module, PassContext& context) {
  for (Function& function : module.functions)
    if (context.may_change(function)) SlotReuse(function).run();
}

}  // namespace shrike::passes
