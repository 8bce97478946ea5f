// Dominators by semidominators: T. Lengauer and R. E. Tarjan, "A Fast Algorithm for Finding Dominators in a Flowgraph" (1979),
// the simple way of linking. Simpler methods that walk up the tree are quadratic for what scripts have: chains of conditions that
// all lead to one block make iterating so, and conditions of which one that fails lets all behind it fail make nearest common
// ancestors.
#include "mir/analysis/dominators.h"

#include <algorithm>
#include <utility>

namespace shrike::mir {

namespace {

const std::vector<BlockTarget>& targets_of(const Block& block) {
  static const std::vector<BlockTarget> none;
  return block.insts.empty() ? none : block.insts.back().targets;
}

// What a depth-first search finds, by preorder numbers. Without recursion: text may nest blocks deeper than the C stack.
struct Visited {
  BlockId block;
  uint32_t ancestor;   // its parent in the search, then one that is further up
  uint32_t semi;       // its semidominator, or itself
  uint32_t best;       // the one with the least semidominator on the way to the ancestor
  uint32_t immediate;  // its parent in the search, then its immediate dominator
  uint32_t first = 0;  // of those whose semidominator it is, and that wait; none: zero
  uint32_t next = 0;   // of those that wait with it
};

class Semidominators {
 public:
  // Gives the postorder, too.
  Semidominators(const Function& function, std::vector<BlockId>& postorder) : number_(function.blocks.size(), UINT32_MAX) {
    visited_.reserve(function.blocks.size());
    postorder.reserve(function.blocks.size());
    std::vector<std::pair<uint32_t, uint32_t>> path;
    auto visit = [&](BlockId block, uint32_t parent) {
      const auto number = static_cast<uint32_t>(visited_.size());
      number_[block.index] = number;
      visited_.push_back({block, parent, number, number, parent});
      path.emplace_back(number, 0);
    };
    visit(function.entry(), 0);
    while (!path.empty()) {
      auto& [number, next] = path.back();
      const std::vector<BlockTarget>& targets = targets_of(function.blocks[visited_[number].block]);
      if (next == targets.size()) {
        postorder.push_back(visited_[number].block);
        path.pop_back();
        continue;
      }
      const BlockId target = targets[next++].block;
      if (number_[target.index] == UINT32_MAX) visit(target, number);
    }
  }

  void find(const Lists<BlockId>& predecessors, std::vector<BlockId>& immediate) {
    for (auto w = static_cast<uint32_t>(visited_.size() - 1); w > 0; w--) {
      const uint32_t parent = visited_[w].immediate;
      uint32_t semi = parent;
      for (BlockId predecessor : predecessors[visited_[w].block.index])
        semi = std::min(semi, visited_[best(number_[predecessor.index], w + 1)].semi);
      visited_[w].semi = semi;
      visited_[w].next = std::exchange(visited_[semi].first, w);
      // The way up to the parent is linked now.
      for (uint32_t v = std::exchange(visited_[parent].first, 0); v != 0; v = visited_[v].next) {
        const uint32_t above = best(v, w);
        visited_[v].immediate = visited_[above].semi < parent ? above : parent;
      }
    }
    // Those whose semidominator does not dominate them have the same dominator as another, which comes before them.
    for (uint32_t w = 1; w < visited_.size(); w++) {
      uint32_t& above = visited_[w].immediate;
      if (above != visited_[w].semi) above = visited_[above].immediate;
      immediate[visited_[w].block.index] = visited_[above].block;
    }
  }

 private:
  // The one with the least semidominator on the way up to, but without, the first that is less than `linked`. Ways are shortened.
  uint32_t best(uint32_t v, uint32_t linked) {
    return visited_[v].ancestor < linked ? visited_[v].best : best_on_path(v, linked);
  }

  uint32_t best_on_path(uint32_t v, uint32_t linked) {
    path_.clear();
    for (; visited_[v].ancestor >= linked; v = visited_[v].ancestor) path_.push_back(v);
    for (uint32_t above = v; !path_.empty(); path_.pop_back(), above = v) {
      v = path_.back();
      visited_[v].ancestor = visited_[above].ancestor;
      if (visited_[visited_[above].best].semi < visited_[visited_[v].best].semi) visited_[v].best = visited_[above].best;
    }
    return visited_[v].best;
  }

  std::vector<uint32_t> number_;  // by block
  std::vector<Visited> visited_;
  std::vector<uint32_t> path_;
};

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
  Semidominators search(function, result.order);
  std::reverse(result.order.begin(), result.order.end());
  result.immediate.resize(count);
  result.tree_first.assign(count, UINT32_MAX);
  result.tree_last.assign(count, 0);
  result.predecessors = {count, [&](auto&& add) {
                           for (BlockId block : result.order)
                             for (const BlockTarget& target : targets_of(function.blocks[block])) add(target.block.index, block);
                         }};
  search.find(result.predecessors, result.immediate);
  number_tree(result, count);
  return result;
}

}  // namespace shrike::mir
