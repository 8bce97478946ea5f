// One walk over a function's blocks, each before those behind it, with what is known where it begins: what holds on all edges
// into it. Nothing is known where a block is entered from one that has not been walked yet, as headers of loops are.
#pragma once

#include <utility>
#include <vector>

#include "mir/analysis/dominators.h"
#include "mir/edit.h"

namespace shrike::passes {

// along(edge, block, known) gives what is known at the end of an edge, of what is known where it begins; keep_common(known,
// other) leaves of the one what the other says, too; walk(block, known) goes through a block and changes what is known.
template <class Known, class Along, class KeepCommon, class Walk>
void walk_forward(const mir::Dominators& dominators, const Lists<mir::Edge>& edges, Along&& along, KeepCommon&& keep_common,
                  Walk&& walk) {
  std::vector<Known> at_end(dominators.immediate.size());
  std::vector<bool> is_done(dominators.immediate.size());
  for (mir::BlockId block : dominators.order) {
    Known known;
    bool is_first = true;
    for (mir::Edge edge : edges[block.index]) {
      if (!dominators.is_reachable(edge.from)) continue;
      if (!is_done[edge.from.index]) {
        known = {};
        break;
      }
      const auto& other = along(edge, block, std::as_const(at_end[edge.from.index]));
      if (is_first) known = other;
      else keep_common(known, other);
      is_first = false;
    }
    walk(block, known);
    at_end[block.index] = std::move(known);
    is_done[block.index] = true;
  }
}

// The same, where edges tell nothing.
template <class Known, class KeepCommon, class Walk>
void walk_forward(const mir::Dominators& dominators, const Lists<mir::Edge>& edges, KeepCommon&& keep_common, Walk&& walk) {
  walk_forward<Known>(
      dominators, edges, [](mir::Edge, mir::BlockId, const Known& known) -> const Known& { return known; }, keep_common, walk);
}

}  // namespace shrike::passes
