// See repair_ssa.h. Where definitions meet are the iterated dominance frontiers of their blocks (Cytron and others, 1991), found
// for each variable without frontiers at hand (V. Sreedhar and G. Gao, "A Linear Time Algorithm for Placing phi-Nodes", 1995),
// and only where the variable is needed: frontiers of all blocks, and those of one definition, may be as long as the function.
// Parameters are made only where a use asks for one.
#include "mir/repair_ssa.h"

#include <algorithm>
#include <queue>
#include <utility>

#include "mir/edit.h"

namespace shrike::mir {

void SsaRepair::define(ValueId original, BlockId block, ValueId definition) {
  uint32_t& index = index_[original];
  if (index == 0) {
    variables_.push_back({.original = original});
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
  find_tree();
  find_uses();
  rewrite_uses();
  Replacements answers;
  for (const Asked& asked : asked_)
    answers.add(asked.placeholder, at_start(std::as_const(index_)[asked.original] - 1, asked.block));
  give_arguments();
  replace_uses(function_, answers);
}

void SsaRepair::find_tree() {
  const auto each_child = [&](auto&& add) {
    for (BlockId block : dominators_.order)
      if (dominators_.immediate[block.index].is_valid()) add(dominators_.immediate[block.index].index, block);
  };
  children_ = {function_.blocks.size(), each_child};
  level_.resize(function_.blocks.size());
  each_child([&](uint32_t parent, BlockId child) { level_[child.index] = level_[parent] + 1; });
  place_.resize(function_.blocks.size());
}

void SsaRepair::find_uses() {
  for (BlockId block : dominators_.order)
    for (const Inst& inst : function_.blocks[block].insts)
      each_use(inst, [&](ValueId use) {
        if (const uint32_t index = std::as_const(index_)[use]; index != 0) variables_[index - 1].used_in.push_back(block);
      });
  for (Variable& variable : variables_) {
    std::ranges::stable_sort(variable.definitions, {}, &std::pair<BlockId, ValueId>::first);
    std::erase_if(variable.used_in, [&](BlockId block) { return definition_in(variable, block).is_valid(); });
  }
  for (const Asked& asked : asked_) variables_[std::as_const(index_)[asked.original] - 1].used_in.push_back(asked.block);
}

// Up from the uses, as far as there is no definition.
void SsaRepair::find_needed(Variable& variable) {
  std::vector<BlockId> work;
  const auto note = [&](BlockId block) {
    if (std::exchange(place_[block.index], 1) != 0) return;
    variable.needed.push_back({.block = block});
    work.push_back(block);
  };
  for (BlockId block : variable.used_in) note(block);
  while (!work.empty()) {
    const BlockId block = work.back();
    work.pop_back();
    for (BlockId from : dominators_.predecessors[block.index])
      if (!definition_in(variable, from).is_valid()) note(from);
  }
  std::ranges::sort(variable.needed, {}, &Needed::block);
  for (uint32_t i = 0; i < variable.needed.size(); i++) place_[variable.needed[i].block.index] = i + 1;
  find_meets(variable);
  for (const Needed& needed : variable.needed) place_[needed.block.index] = 0;
}

// From the definitions, the deepest in the tree first, down to where their dominance ends: edges to blocks that are no deeper.
// What is below one that has been looked at ends nowhere else.
void SsaRepair::find_meets(Variable& variable) {
  std::priority_queue<std::pair<uint32_t, BlockId>> roots;
  for (auto& [block, value] : variable.definitions)
    if (dominators_.is_reachable(block)) roots.emplace(level_[block.index], block);
  std::vector<bool> is_seen(variable.needed.size());
  std::vector<BlockId> work;
  while (!roots.empty()) {
    const auto [level, root] = roots.top();
    roots.pop();
    if (const uint32_t place = place_[root.index]; place != 0) is_seen[place - 1] = true;
    work.push_back(root);
    while (!work.empty()) {
      const BlockId block = work.back();
      work.pop_back();
      for (const BlockTarget& target : function_.blocks[block].insts.back().targets) {
        const uint32_t place = place_[target.block.index];
        if (place == 0 || level_[target.block.index] > level || variable.needed[place - 1].is_meet) continue;
        variable.needed[place - 1].is_meet = true;
        if (!definition_in(variable, target.block).is_valid()) roots.emplace(level_[target.block.index], target.block);
      }
      for (BlockId child : children_[block.index]) {
        const uint32_t place = place_[child.index];
        if (place == 0 || is_seen[place - 1] || definition_in(variable, child).is_valid()) continue;
        is_seen[place - 1] = true;
        work.push_back(child);
      }
    }
  }
}

ValueId SsaRepair::definition_in(const Variable& variable, BlockId block) const {
  const auto found = std::ranges::lower_bound(variable.definitions, block, {}, &std::pair<BlockId, ValueId>::first);
  return found != variable.definitions.end() && found->first == block ? found->second : ValueId();
}

ValueId SsaRepair::make_param(uint32_t v, BlockId block) {
  const ValueId param = add_value(function_, function_.values[variables_[v].original].type);
  function_.blocks[block].params.push_back(param);
  pending_.push_back({v, block});
  return param;
}

ValueId SsaRepair::at_start(uint32_t v, BlockId block) {
  Variable& variable = variables_[v];
  if (variable.needed.empty()) find_needed(variable);
  // Up the tree to what is known, which is then so for all on the way.
  std::vector<Needed*> way;
  ValueId value;
  for (BlockId at = block; !value.is_valid();) {
    const auto found = std::ranges::lower_bound(variable.needed, at, {}, &Needed::block);
    CHECK(found != variable.needed.end() && found->block == at, "a use that no definition reaches");
    Needed& needed = *found;
    if (!needed.value.is_valid() && needed.is_meet) needed.value = make_param(v, at);
    value = needed.value;
    if (value.is_valid()) break;
    way.push_back(&needed);
    at = dominators_.immediate[at.index];
    CHECK(at.is_valid(), "a use that no definition reaches");
    value = definition_in(variable, at);
  }
  for (Needed* needed : way) needed->value = value;
  return value;
}

ValueId SsaRepair::at_end(uint32_t v, BlockId block) {
  ValueId value = definition_in(variables_[v], block);
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
