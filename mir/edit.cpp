// See edit.h.
#include "mir/edit.h"

#include <algorithm>

namespace shrike::mir {

void Replacements::add(ValueId from, ValueId to) {
  CHECK(from != to, "a value cannot replace itself");
  to_[from] = to;
  count_++;
}

ValueId Replacements::resolve(ValueId value) const {
  if (!value.is_valid()) return value;
  while (to_[value].is_valid()) value = to_[value];
  return value;
}

void replace_uses(Function& function, const Replacements& replacements) {
  if (replacements.empty()) return;
  for (Block& block : function.blocks)
    for (Inst& inst : block.insts) each_use(inst, [&](ValueId& use) { use = replacements.resolve(use); });
}

void replace_uses(Function& function, ValueId from, ValueId to) {
  for (Block& block : function.blocks)
    for (Inst& inst : block.insts)
      each_use(inst, [&](ValueId& use) {
        if (use == from) use = to;
      });
}

BlockId add_block(Function& function, const std::string& name) {
  return function.blocks.add({.name = function.block_names.next(function.blocks, name), .params = {}, .insts = {}});
}

std::string unique_slot_name(Function& function, const std::string& name) {
  return function.slot_names.next(function.slots, name);
}

BlockId split_block(Function& function, BlockId block, size_t at, const std::string& name) {
  BlockId rest = add_block(function, name);
  std::vector<Inst>& insts = function.blocks[block].insts;
  CHECK(at <= insts.size(), "split behind the end of a block");
  auto first = insts.begin() + static_cast<std::ptrdiff_t>(at);
  function.blocks[rest].insts.assign(std::make_move_iterator(first), std::make_move_iterator(insts.end()));
  insts.erase(first, insts.end());
  return rest;
}

void InsertionSet::apply(Block& block) {
  if (pending_.empty()) return;
  std::stable_sort(pending_.begin(), pending_.end(), [](const Insertion& a, const Insertion& b) { return a.before < b.before; });
  std::vector<Inst> merged;
  merged.reserve(block.insts.size() + pending_.size());
  size_t next = 0;
  for (size_t i = 0; i <= block.insts.size(); i++) {
    for (; next < pending_.size() && pending_[next].before == i; next++) merged.push_back(std::move(pending_[next].inst));
    if (i < block.insts.size()) merged.push_back(std::move(block.insts[i]));
  }
  CHECK(next == pending_.size(), "insertion behind the end of a block");
  block.insts = std::move(merged);
  pending_.clear();
}

ValueId add_value(Function& function, ValueType type) {
  return function.values.add({.type = type});
}

Lists<Edge> incoming_edges(const Function& function) {
  return {function.blocks.size(), [&](auto&& add) {
            for (uint32_t b = 0; b < function.blocks.size(); b++) {
              const Block& block = function.blocks[BlockId(b)];
              if (block.insts.empty()) continue;
              const std::vector<BlockTarget>& targets = block.insts.back().targets;
              for (uint32_t t = 0; t < targets.size(); t++) add(targets[t].block.index, Edge{BlockId(b), t});
            }
          }};
}

ValueId argument_of(const Function& function, Edge edge, size_t param) {
  const Inst& end = function.blocks[edge.from].insts.back();
  const std::vector<ValueId>& args = end.targets[edge.target].args;
  bool provides_pointer = end.op == Opcode::branch_null && edge.target == 1;
  if (provides_pointer && param == 0) return {};
  size_t index = provides_pointer ? param - 1 : param;
  CHECK(index < args.size(), "edge gives fewer arguments than the block has parameters");
  return args[index];
}

std::vector<bool> reachable_blocks(const Function& function) {
  std::vector<bool> reached(function.blocks.size(), false);
  std::vector<BlockId> work;
  auto reach = [&](BlockId block) {
    if (reached[block.index]) return;
    reached[block.index] = true;
    work.push_back(block);
  };
  reach(function.entry());
  while (!work.empty()) {
    const Block& block = function.blocks[work.back()];
    work.pop_back();
    if (block.insts.empty()) continue;
    for (const BlockTarget& target : block.insts.back().targets) reach(target.block);
  }
  return reached;
}

namespace {

// Whether values are numbered in the order of their definitions, without gaps.
bool has_compact_values(const Function& function) {
  uint32_t next = 0;
  for (const Block& block : function.blocks) {
    for (ValueId param : block.params)
      if (param.index != next++) return false;
    for (const Inst& inst : block.insts)
      if (inst.result.is_valid() && inst.result.index != next++) return false;
  }
  return next == function.values.size();
}

bool is_all(const std::vector<bool>& flags) {
  return std::find(flags.begin(), flags.end(), false) == flags.end();
}

}  // namespace

bool compact(Function& function, const std::vector<bool>& keep_slot) {
  std::vector<bool> reached = reachable_blocks(function);
  if (is_all(reached) && is_all(keep_slot) && has_compact_values(function)) return false;
  std::vector<BlockId> new_block(reached.size());
  std::vector<SlotId> new_slot(keep_slot.size());
  std::vector<ValueId> new_value(function.values.size());
  Table<BlockId, Block> blocks;
  Table<SlotId, Slot> slots;
  Table<ValueId, Value> values;
  for (uint32_t b = 0; b < reached.size(); b++)
    if (reached[b]) new_block[b] = blocks.add(std::move(function.blocks[BlockId(b)]));
  for (uint32_t s = 0; s < keep_slot.size(); s++)
    if (keep_slot[s]) new_slot[s] = slots.add(std::move(function.slots[SlotId(s)]));
  auto define = [&](ValueId& value) {
    ValueId renamed = values.add(function.values[value]);
    new_value[value.index] = renamed;
    value = renamed;
  };
  // Definitions first, as a use may stand in an earlier block than its definition.
  for (Block& block : blocks) {
    for (ValueId& param : block.params) define(param);
    for (Inst& inst : block.insts)
      if (inst.result.is_valid()) define(inst.result);
  }
  for (Block& block : blocks) {
    for (Inst& inst : block.insts) {
      each_use(inst, [&](ValueId& use) { use = new_value[use.index]; });
      for (BlockTarget& target : inst.targets) target.block = new_block[target.block.index];
      if (inst.slot.is_valid()) inst.slot = new_slot[inst.slot.index];
    }
  }
  bool smaller = blocks.size() < function.blocks.size() || slots.size() < function.slots.size();
  function.blocks = std::move(blocks);
  function.slots = std::move(slots);
  function.values = std::move(values);
  function.block_names.forget();
  function.slot_names.forget();
  return smaller;
}

bool compact(Function& function) {
  return compact(function, std::vector<bool>(function.slots.size(), true));
}

}  // namespace shrike::mir
