// How much of the kernel's stack functions need: the sum that spill_to_scratch brings down and check_budget judges.
#pragma once

#include <cstdint>
#include <vector>

#include "mir/module.h"

namespace shrike::passes {

// Left in every frame for what register allocation spills, while slots can still leave. What it takes in the end the back end
// knows: fit_chains judges that.
inline constexpr uint32_t register_spill_room = 64;

uint32_t frame_bytes(const mir::Slot& slot);                   // with the padding it may cause
std::vector<uint32_t> frame_bytes(const mir::Module& module);  // slots of each function

// A function and those it calls or has called back, each by the one before, that together need the most stack.
struct Chain {
  std::vector<mir::FunctionId> functions;
  uint32_t bytes = 0;  // as kernels with a JIT count them
};
// `room`: of each frame besides its slots.
Chain deepest_chain(const mir::Module& module, const std::vector<uint32_t>& frames, uint32_t room, mir::FunctionId function);

// The first place that takes the slot's address: the closest thing to the expression that needs it.
Span span_of(const mir::Function& function, mir::SlotId slot);

}  // namespace shrike::passes
