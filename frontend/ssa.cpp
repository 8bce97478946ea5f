// The names of the paper are kept: read, write, seal, incomplete parameters.
#include "frontend/ssa.h"

namespace shrike {

using mir::BlockId;
using mir::ValueId;

void SsaVariables::edge(BlockId from, uint32_t index, BlockId to) {
  CHECK(!blocks_[to].is_sealed, "an edge to a sealed block");
  blocks_[to].predecessors.emplace_back(from, index);
}

void SsaVariables::seal(BlockId block) {
  blocks_[block].is_sealed = true;
  // Completing may read in this block again, so the list is taken first.
  std::vector<std::pair<VariableId, ValueId>> incomplete = std::move(blocks_[block].incomplete);
  for (const auto& [variable, param] : incomplete) {
    incomplete_.push_back({block, 0});
    complete(variable);
  }
}

void SsaVariables::write(VariableId variable, ValueId value) {
  blocks_[builder_.block()].values[variable] = value;
}

ValueId SsaVariables::read(VariableId variable) {
  ValueId value = read_in(variable, builder_.block());
  complete(variable);
  return value;
}

ValueId SsaVariables::read_in(VariableId variable, BlockId block) {
  // Up through blocks with one predecessor, then give all of them the value.
  std::vector<BlockId> passed;
  ValueId value;
  while (true) {
    BlockState& state = blocks_[block];
    if (auto known = state.values.find(variable); known != state.values.end()) {
      value = known->second;
      break;
    }
    if (state.is_sealed && state.predecessors.empty()) {
      value = undefined_;
      break;
    }
    if (state.is_sealed && state.predecessors.size() == 1) {
      passed.push_back(block);
      block = state.predecessors.front().first;
      continue;
    }
    value = builder_.add_param(block, mir::ValueType{});
    state.values[variable] = value;  // before the operands: a loop may read it again
    if (state.is_sealed) incomplete_.push_back({block, 0});
    else state.incomplete.emplace_back(variable, value);
    break;
  }
  for (BlockId each : passed) blocks_[each].values[variable] = value;
  return value;
}

// Gives parameters what their predecessors pass. Reading there may make more parameters, which come first: one after the other
// and not by recursion, since there may be as many as a script has statements.
void SsaVariables::complete(VariableId variable) {
  while (!incomplete_.empty()) {
    auto& [block, next] = incomplete_.back();
    const auto& predecessors = blocks_[block].predecessors;  // do not change: the block is sealed
    if (next == predecessors.size()) {
      incomplete_.pop_back();
      continue;
    }
    auto [from, index] = predecessors[next];
    next++;
    ValueId value = read_in(variable, from);
    builder_.function().blocks[from].insts.back().targets[index].args.push_back(value);
  }
}

}  // namespace shrike
