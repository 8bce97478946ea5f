// See repair_ssa.h. Where definitions meet are the iterated dominance frontiers of their blocks (Cytron and others, 1991),
// computed for each variable; parameters are made only where a use asks for one.
#include "mir/repair_ssa.h"

#include <utility>

#include "mir/edit.h"

namespace shrike::mir {

void SsaRepair::define(ValueId original, BlockId block, ValueId definition) {
  uint32_t& index = index_[original];
  if (index == 0) {
    variables_.push_back({original, {}, {}, {}});
    index = static_cast<uint32_t>(variables_.size());
  }
  variables_[index - 1].definitions.push_back({block, definition});
}

ValueId SsaRepair::at_start_of(ValueId original, BlockId block) {
  ValueId placeholder = add_value(function_, function_.values[original].type);
  asked_.push_back({placeholder, original, block});
  return placeholder;
}

void SsaRepair::run() {
  if (variables_.empty()) return;
  dominators_ = find_dominators(function_);
  find_frontiers();
  rewrite_uses();
  Replacements answers;
  for (const Asked& asked : asked_)
    answers.add(asked.placeholder, at_start(std::as_const(index_)[asked.original] - 1, asked.block));
  give_arguments();
  replace_uses(function_, answers);
}

// Up the tree from each edge into a block that several enter; who has the block already has it all the way up.
void SsaRepair::find_frontiers() {
  frontiers_.resize(function_.blocks.size());
  for (BlockId block : dominators_.order) {
    if (dominators_.predecessors[block.index].size() < 2) continue;
    BlockId until = dominators_.immediate[block.index];
    for (BlockId from : dominators_.predecessors[block.index])
      for (BlockId at = from; at != until && at.is_valid(); at = dominators_.immediate[at.index]) {
        std::vector<BlockId>& frontier = frontiers_[at.index];
        if (!frontier.empty() && frontier.back() == block) break;
        frontier.push_back(block);
      }
  }
}

void SsaRepair::find_meets(Variable& variable) const {
  variable.meets.resize(function_.blocks.size());
  std::vector<BlockId> work;
  for (auto& [block, value] : variable.definitions)
    if (dominators_.is_reachable(block)) work.push_back(block);
  while (!work.empty()) {
    BlockId block = work.back();
    work.pop_back();
    for (BlockId meet : frontiers_[block.index]) {
      if (variable.meets[meet.index]) continue;
      variable.meets[meet.index] = true;
      work.push_back(meet);
    }
  }
}

namespace {

ValueId find_in(const std::vector<std::pair<BlockId, ValueId>>& values, BlockId block) {
  for (auto& [at, value] : values)
    if (at == block) return value;
  return {};
}

}  // namespace

ValueId SsaRepair::at_start(uint32_t v, BlockId block) {
  if (variables_[v].meets.empty()) find_meets(variables_[v]);
  for (BlockId at = block;;) {
    Variable& variable = variables_[v];
    if (variable.meets[at.index]) {
      ValueId param = find_in(variable.params, at);
      if (param.is_valid()) return param;
      param = add_value(function_, function_.values[variable.original].type);
      function_.blocks[at].params.push_back(param);
      variable.params.push_back({at, param});
      pending_.push_back({v, at});
      return param;
    }
    at = dominators_.immediate[at.index];
    CHECK(at.is_valid(), "a use that no definition reaches");
    if (ValueId value = find_in(variable.definitions, at); value.is_valid()) return value;
  }
}

ValueId SsaRepair::at_end(uint32_t v, BlockId block) {
  ValueId value = find_in(variables_[v].definitions, block);
  return value.is_valid() ? value : at_start(v, block);
}

void SsaRepair::rewrite_uses() {
  for (BlockId block : dominators_.order)
    for (Inst& inst : function_.blocks[block].insts)
      each_use(inst, [&](ValueId& use) {
        if (uint32_t index = std::as_const(index_)[use]; index != 0) use = at_end(index - 1, block);
      });
}

void SsaRepair::give_arguments() {
  const Lists<Edge> edges = incoming_edges(function_);
  // In the order in which they were made: so arguments stand like parameters. Giving one may make others.
  for (size_t i = 0; i < pending_.size(); i++) {
    Pending next = pending_[i];
    for (Edge edge : edges[next.block.index]) {
      if (!dominators_.is_reachable(edge.from)) continue;
      ValueId argument = at_end(next.variable, edge.from);
      function_.blocks[edge.from].insts.back().targets[edge.target].args.push_back(argument);
    }
  }
}

}  // namespace shrike::mir
