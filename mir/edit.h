// Changes functions that already exist: what every pass needs beside the Builder.
// Needs: any function. Establishes nothing by itself; each function tells what it keeps.
// Does not keep analyses up to date: they are values, recomputed by who needs them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "mir/base/lists.h"
#include "mir/module.h"

namespace shrike::mir {

// Calls f(ValueId&) for every use of a value in `inst`: operands, then block arguments.
template <class F>
void each_use(Inst& inst, F&& f) {
  for (ValueId& operand : inst.operands) f(operand);
  for (BlockTarget& target : inst.targets)
    for (ValueId& arg : target.args) f(arg);
}
template <class F>
void each_use(const Inst& inst, F&& f) {
  for (ValueId operand : inst.operands) f(operand);
  for (const BlockTarget& target : inst.targets)
    for (ValueId arg : target.args) f(arg);
}

// Values to be read as other values. Chains (a for b, b for c) resolve to their end.
class Replacements {
 public:
  void add(ValueId from, ValueId to);
  ValueId resolve(ValueId value) const;
  bool empty() const { return count_ == 0; }

 private:
  SideTable<ValueId, ValueId> to_;
  size_t count_ = 0;
};

// Rewrites every use at once. The replaced definitions stay; remove_dead takes them.
void replace_uses(Function& function, const Replacements& replacements);
void replace_uses(Function& function, ValueId from, ValueId to);

// Moves the instructions from index `at` on to a new block of that name (made unique). The old block is left
// without an end: append one. Edges into the old block are unchanged.
BlockId split_block(Function& function, BlockId block, size_t at, const std::string& name);

// Adds a block with a name not yet used in the function: `name`, else `name.1` and so on.
BlockId add_block(Function& function, const std::string& name);
std::string unique_slot_name(Function& function, const std::string& name);

// Instructions to be put before others of one block, applied together so that indices stay those of before.
// Insertions at one place keep their order.
class InsertionSet {
 public:
  void insert(size_t before, Inst inst) { pending_.push_back({before, std::move(inst)}); }
  bool empty() const { return pending_.empty(); }
  void apply(Block& block);  // and forgets them

 private:
  struct Insertion {
    size_t before;
    Inst inst;
  };
  std::vector<Insertion> pending_;
};

// A new value of `type`, to be the result of an instruction that the caller places.
ValueId add_value(Function& function, ValueType type);

// Which edges enter a block. `target` is the index into the last instruction's targets.
struct Edge {
  BlockId from;
  uint32_t target = 0;
};
Lists<Edge> incoming_edges(const Function& function);  // indexed by block

// The argument that `edge` gives to parameter `param`; invalid for the pointer that branch_null itself provides.
ValueId argument_of(const Function& function, Edge edge, size_t param);

std::vector<bool> reachable_blocks(const Function& function);  // indexed by block

// Drops blocks that no path from the entry reaches, slots for which `keep_slot` is false, and numbers blocks, slots
// and values without gaps, in order of their place. Returns true if a block or slot went away.
bool compact(Function& function, const std::vector<bool>& keep_slot);
// The same, keeping all slots.
bool compact(Function& function);

}  // namespace shrike::mir
