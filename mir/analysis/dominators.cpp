// Dominators by semidominators and nearest common ancestors: L. Georgiadis, "Linear-Time Algorithms for Dominators and Related
// Problems" (2005), section 2.3. Chains of conditions that all lead to one block would make iterating quadratic.
#include "mir/analysis/dominators.h"

#include <algorithm>

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
      uint32_t& semi = visited_[w].semi;
      semi = visited_[w].immediate;
      for (BlockId predecessor : predecessors[visited_[w].block.index]) {
        const uint32_t v = number_[predecessor.index];
        semi =
            std::min(semi, visited_[v].ancestor <= w ? visited_[visited_[v].best].semi : visited_[best_on_path(v, w + 1)].semi);
      }
    }
    for (uint32_t w = 1; w < visited_.size(); w++) {
      uint32_t& above = visited_[w].immediate;
      while (above > visited_[w].semi) above = visited_[above].immediate;
      immediate[visited_[w].block.index] = visited_[above].block;
    }
  }

 private:
  // The one with the least semidominator on the way up to, but without, the first that is less than `linked`. Ways are shortened.
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
