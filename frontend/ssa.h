// Gives the script's scalar variables SSA values while MIR is being built, by the method of Braun et al., "Simple and
// Efficient Construction of Static Single Assignment Form" (CC 2013), sections 2.2 and 2.3: a block whose predecessors are
// all known is sealed; a read in one that is not leaves a block parameter to be completed later.
#pragma once

#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "frontend/checked.h"
#include "mir/build.h"

namespace shrike {

class SsaVariables {
 public:
  // `undefined` is what a variable reads as on a path that never assigned it; it dominates every read.
  SsaVariables(mir::Builder& builder, mir::ValueId undefined) : builder_(builder), undefined_(undefined) {}

  // Every edge between blocks is told once, after the instruction that makes it: target `index` of the last one of `from`.
  void edge(mir::BlockId from, uint32_t index, mir::BlockId to);
  // No edge to `block` will follow.
  void seal(mir::BlockId block);

  void write(VariableId variable, mir::ValueId value);  // in the builder's block
  mir::ValueId read(VariableId variable);

 private:
  struct BlockState {
    std::vector<std::pair<mir::BlockId, uint32_t>> predecessors;
    std::unordered_map<VariableId, mir::ValueId> values;
    std::vector<std::pair<VariableId, mir::ValueId>> incomplete;  // parameters made before sealing
    bool is_sealed = false;
  };
  mir::ValueId read_in(VariableId variable, mir::BlockId block);
  void complete(VariableId variable);

  mir::Builder& builder_;
  mir::ValueId undefined_;
  std::unordered_map<mir::BlockId, BlockState> blocks_;
  // Blocks that got a parameter for the variable being read, and the predecessor whose value is the next to be passed.
  std::vector<std::pair<mir::BlockId, size_t>> incomplete_;
};

}  // namespace shrike
