// Dominators by the iteration of Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm" (2001): meet over
// predecessors in reverse postorder until nothing changes.
#include "mir/analysis/dominators.h"

#include <algorithm>

namespace shrike::mir {

namespace {

const std::vector<BlockTarget>& targets_of(const Block& block) {
  static const std::vector<BlockTarget> none;
  return block.insts.empty() ? none : block.insts.back().targets;
}

// Depth first without recursion: text may nest blocks deeper than the C stack.
std::vector<BlockId> postorder(const Function& function) {
  std::vector<BlockId> out;
  std::vector<bool> seen(function.blocks.size());
  std::vector<std::pair<BlockId, size_t>> path = {{function.entry(), 0}};
  seen[0] = true;
  while (!path.empty()) {
    auto& [block, next] = path.back();
    const std::vector<BlockTarget>& targets = targets_of(function.blocks[block]);
    if (next == targets.size()) {
      out.push_back(block);
      path.pop_back();
      continue;
    }
    BlockId target = targets[next++].block;
    if (seen[target.index]) continue;
    seen[target.index] = true;
    path.push_back({target, 0});
  }
  return out;
}

void number_tree(Dominators& dominators, size_t block_count) {
  const Lists<BlockId> children(block_count, [&](auto&& add) {
    for (BlockId block : dominators.order)
      if (dominators.immediate[block.index].is_valid()) add(dominators.immediate[block.index].index, block);
  });
  uint32_t number = 0;
  std::vector<std::pair<BlockId, size_t>> path = {{dominators.order[0], 0}};
  dominators.tree_first[dominators.order[0].index] = number++;
  while (!path.empty()) {
    auto& [block, next] = path.back();
    if (next == children[block.index].size()) {
      dominators.tree_last[block.index] = number - 1;
      path.pop_back();
      continue;
    }
    BlockId child = children[block.index][next++];
    dominators.tree_first[child.index] = number++;
    path.push_back({child, 0});
  }
}

}  // namespace

Dominators find_dominators(const Function& function) {
  size_t count = function.blocks.size();
  Dominators result;
  result.order = postorder(function);
  std::vector<uint32_t> rank(count);  // postorder number
  for (uint32_t i = 0; i < result.order.size(); i++) rank[result.order[i].index] = i;
  std::reverse(result.order.begin(), result.order.end());
  result.immediate.resize(count);
  result.tree_first.assign(count, UINT32_MAX);
  result.tree_last.assign(count, 0);
  result.predecessors = {count, [&](auto&& add) {
                           for (BlockId block : result.order)
                             for (const BlockTarget& target : targets_of(function.blocks[block])) add(target.block.index, block);
                         }};

  BlockId entry = function.entry();
  std::vector<BlockId>& immediate = result.immediate;
  immediate[entry.index] = entry;
  for (bool changed = true; changed;) {
    changed = false;
    for (BlockId block : result.order) {
      if (block == entry) continue;
      BlockId meet;
      for (BlockId predecessor : result.predecessors[block.index]) {
        if (!immediate[predecessor.index].is_valid()) continue;  // not visited yet
        BlockId other = predecessor;
        while (meet.is_valid() && meet != other) {
          while (rank[meet.index] < rank[other.index]) meet = immediate[meet.index];
          while (rank[other.index] < rank[meet.index]) other = immediate[other.index];
        }
        meet = other;
      }
      changed |= immediate[block.index] != meet;
      immediate[block.index] = meet;
    }
  }
  immediate[entry.index] = {};
  number_tree(result, count);
  return result;
}

}  // namespace shrike::mir
