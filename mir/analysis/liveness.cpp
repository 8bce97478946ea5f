// Backward data flow over blocks until nothing changes.
#include "mir/analysis/liveness.h"

namespace shrike::mir {

namespace {

// live = live_out, less what the block defines, plus what it uses.
void step_backward(const Block& block, std::vector<bool>& live) {
  for (auto inst = block.insts.rbegin(); inst != block.insts.rend(); ++inst) {
    if (inst->result.is_valid()) live[inst->result.index] = false;
    for (ValueId operand : inst->operands) live[operand.index] = true;
    for (const BlockTarget& target : inst->targets)
      for (ValueId arg : target.args) live[arg.index] = true;
  }
  for (ValueId param : block.params) live[param.index] = false;
}

}  // namespace

Liveness find_liveness(const Function& function) {
  std::vector<bool> none(function.values.size());
  Liveness liveness{std::vector(function.blocks.size(), none), std::vector(function.blocks.size(), none)};
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = function.blocks.size(); i-- > 0;) {
      const Block& block = function.blocks[BlockId(i)];
      std::vector<bool>& out = liveness.live_out[i];
      if (!block.insts.empty()) {
        for (const BlockTarget& target : block.insts.back().targets)
          for (size_t value = 0; value < none.size(); value++)
            if (liveness.live_in[target.block.index][value]) out[value] = true;
      }
      std::vector<bool> in = out;
      step_backward(block, in);
      if (in == liveness.live_in[i]) continue;
      liveness.live_in[i] = std::move(in);
      changed = true;
    }
  }
  return liveness;
}

}  // namespace shrike::mir
