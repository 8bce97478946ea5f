// Control flow facts of a function: order, predecessors, dominators. A value the caller keeps; changing the blocks of
// the function makes it stale.
#pragma once

#include <vector>

#include "mir/base/lists.h"
#include "mir/module.h"

namespace shrike::mir {

struct Dominators {
  std::vector<BlockId> order;                   // reachable blocks in reverse postorder, the entry first
  Lists<BlockId> predecessors;                  // by block; once per edge, only of reachable blocks
  std::vector<BlockId> immediate;               // by block; invalid for the entry and for unreachable blocks
  std::vector<uint32_t> tree_first, tree_last;  // by block: preorder number in the tree, and the last one below it

  bool is_reachable(BlockId block) const { return tree_first[block.index] != UINT32_MAX; }
  // Every block dominates itself. Unreachable blocks neither dominate nor are dominated.
  bool dominates(BlockId a, BlockId b) const {
    return is_reachable(a) && is_reachable(b) && tree_first[a.index] <= tree_first[b.index] &&
           tree_first[b.index] <= tree_last[a.index];
  }
};

// Needs a function with at least one block and targets that exist.
Dominators find_dominators(const Function& function);

}  // namespace shrike::mir
