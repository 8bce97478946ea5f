// For every value of a function: which numbers an integer can be, which object a pointer points into and how far. Facts
// hold at the definition, or, refined by the branches that dominate it, at a block. A value the caller keeps; changing
// the function makes it stale.
//
// What is told is what the verifier knows, too. So of an integer nothing is known behind a round of an iterator's loop but what
// is found out behind it: when the verifier comes to iter_num_next again, it forgets each number that is another one than last
// time and has not decided anything on the way it took (widen_imprecise_scalars in kernel/bpf/verifier.c). Constants are made
// anew where they are used.
#pragma once

#include <vector>

#include "mir/analysis/dominators.h"
#include "mir/analysis/range.h"
#include "mir/module.h"

namespace shrike::mir {

enum class ObjectKind : uint8_t {
  unknown,    // not traced to one object
  context,    // of unknown size; only constant offsets are legal
  slot,       // a stack slot of this function
  frame,      // the caller's slot, in a callback or sub-program
  map_value,  // of map `id`
  map_key,    // handed to a for_each callback
  record,     // reserved ring memory
  number,     // what an iterator is at
  either,     // of several, whichever way was taken; size and align are the least
};

struct Object {
  ObjectKind kind = ObjectKind::unknown;
  uint32_t id = 0;     // slot: SlotId; map_value, map_key: MapId
  uint64_t size = 0;   // bytes; 0 if unknown
  uint32_t align = 1;  // of its address

  bool operator==(const Object&) const = default;
};

// An integer's numbers, or a pointer's distance from the start of its object.
struct Fact {
  Range range;
  Object object;  // pointers

  bool operator==(const Fact&) const = default;
};

class ValueRanges {
 public:
  ValueRanges(const Module& module, FunctionId function, Prover prover);

  const Fact& of(ValueId value) const { return facts_[value.index]; }
  Fact at(BlockId block, ValueId value) const;  // anywhere in the block after the definition
  const Dominators& dominators() const { return dominators_; }

 private:
  // What blocks and all that they dominate know more of a value, in order of the dominator tree: from one step to the next all
  // blocks know the same. Each says all that is known there, so that one look is enough.
  struct Step {
    uint32_t first;      // preorder number in the tree
    uint32_t range;      // in refined_ranges_; 0: nothing more
    bool is_refinement;  // false: here what was known inside of another one ends
    uint32_t since;      // where that was found out, by preorder number
  };

  bool has_loop() const;
  void find_rounds(const std::vector<bool>& has_next);
  bool is_forgotten(BlockId block, ValueId value) const;
  void sweep(bool is_ascending);
  Fact param_fact(BlockId block, size_t param) const;
  Fact inst_fact(BlockId block, const Inst& inst) const;
  Range call_range(BlockId block, const Inst& inst) const;
  void refine_block(BlockId block);
  const Step* refinement_at(BlockId block, ValueId value) const;
  void add_refinement(BlockId block, ValueId value, const Range& range);
  // Narrows `range` of `value` by what taking edge `target` of `block` says.
  void refine_edge(BlockId block, size_t target, ValueId value, Range& range) const;
  void condition_facts(BlockId block, ValueId condition, bool holds, int depth,
                       std::vector<std::pair<ValueId, Range>>& out) const;
  const Inst* definition(ValueId value) const;
  void entry_facts();
  void parameter_facts();

  const Module& module_;
  const Function& function_;
  FunctionId id_;
  Prover prover_;
  Dominators dominators_;
  std::vector<Fact> facts_;                 // by value
  std::vector<bool> is_known_;              // by value: visited at least once
  std::vector<uint8_t> growth_;             // by value: how often a parameter grew
  std::vector<std::vector<Step>> refined_;  // by value
  std::vector<Range> refined_ranges_;
  std::vector<BlockId> round_;  // by block: the closest block with iter_num_next that comes before; empty if there is none
  std::vector<std::pair<uint32_t, uint32_t>> defined_at_;  // by value: block, inst; UINT32_MAX inst for parameters
  bool changed_ = false;
};

}  // namespace shrike::mir
