// See frames.h.
#include "passes/frames.h"

#include <unordered_map>

namespace shrike::passes {

using namespace mir;

namespace {
constexpr uint32_t frame_rounding = 32;  // of each frame in a chain, by kernels up to 6.1; 16 in later ones

uint32_t align_up(uint32_t value, uint32_t align) {
  return (value + align - 1) / align * align;
}
}  // namespace

uint32_t frame_bytes(const Slot& slot) {
  return align_up(slot.size, 8);
}

std::vector<uint32_t> frame_bytes(const Module& module) {
  std::vector<uint32_t> frames;
  for (const Function& function : module.functions) {
    uint32_t bytes = 0;
    for (const Slot& slot : function.slots) bytes += frame_bytes(slot);
    frames.push_back(bytes);
  }
  return frames;
}

namespace {

// `known`: those of functions that were looked at already, for many may call the same one.
Chain deepest_chain(const Module& module, const std::vector<uint32_t>& frames, FunctionId function,
                    std::unordered_map<uint32_t, Chain>& known) {
  if (auto found = known.find(function.index); found != known.end()) return found->second;
  Chain below;
  for (const Block& block : module.functions[function].blocks) {
    for (const Inst& inst : block.insts) {
      if (!inst.callee.is_valid()) continue;
      CHECK(inst.callee != function, "a function calls itself back");
      Chain chain = deepest_chain(module, frames, inst.callee, known);
      if (chain.bytes > below.bytes) below = std::move(chain);
    }
  }
  uint32_t own = frames[function.index] + register_spill_room;
  Chain chain{{function}, below.functions.empty() ? own : align_up(own, frame_rounding) + align_up(below.bytes, frame_rounding)};
  chain.functions.insert(chain.functions.end(), below.functions.begin(), below.functions.end());
  known.emplace(function.index, chain);
  return chain;
}

}  // namespace

Chain deepest_chain(const Module& module, const std::vector<uint32_t>& frames, FunctionId function) {
  std::unordered_map<uint32_t, Chain> known;
  return deepest_chain(module, frames, function, known);
}

Span span_of(const Function& function, SlotId slot) {
  for (const Block& block : function.blocks)
    for (const Inst& inst : block.insts)
      if (inst.slot == slot && inst.span.is_known()) return inst.span;
  return function.span;
}

}  // namespace shrike::passes
