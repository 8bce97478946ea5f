// See frames.h.
#include "passes/frames.h"

#include <unordered_map>

#include "mir/stack.h"

namespace shrike::passes {

using namespace mir;

uint32_t frame_bytes(const Slot& slot) {
  return (slot.size + 7) & ~7u;
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
Chain deepest_chain(const Module& module, const std::vector<uint32_t>& frames, uint32_t room, FunctionId function,
                    std::unordered_map<uint32_t, Chain>& known) {
  if (auto found = known.find(function.index); found != known.end()) return found->second;
  Chain below;
  for (const Block& block : module.functions[function].blocks) {
    for (const Inst& inst : block.insts) {
      if (!inst.callee.is_valid()) continue;
      CHECK(inst.callee != function, "a function calls itself back");
      Chain chain = deepest_chain(module, frames, room, inst.callee, known);
      if (chain.bytes > below.bytes) below = std::move(chain);
    }
  }
  uint32_t own = frames[function.index] + room;
  Chain chain{{function}, below.functions.empty() ? own : rounded_frame(own) + rounded_frame(below.bytes)};
  chain.functions.insert(chain.functions.end(), below.functions.begin(), below.functions.end());
  known.emplace(function.index, chain);
  return chain;
}

}  // namespace

Chain deepest_chain(const Module& module, const std::vector<uint32_t>& frames, uint32_t room, FunctionId function) {
  std::unordered_map<uint32_t, Chain> known;
  return deepest_chain(module, frames, room, function, known);
}

Span span_of(const Function& function, SlotId slot) {
  for (const Block& block : function.blocks)
    for (const Inst& inst : block.insts)
      if (inst.slot == slot && inst.span.is_known()) return inst.span;
  return function.span;
}

}  // namespace shrike::passes
