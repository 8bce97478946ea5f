// Is everything that `now` may be already covered by `then`, a state proved safe (or being walked)? And are two states
// exactly the same, which at one instruction of one path means a loop without progress?
#pragma once

#include <vector>

#include "verifier-sim/walk.h"

namespace shrike::sim {

bool covers(const State& then, const State& now, const std::vector<uint16_t>& live, uint32_t insn, const Profile& profile);
bool identical(const State& a, const State& b);
bool same_registers(const State& a, const State& b);  // of the innermost frames; the stack may differ

}  // namespace shrike::sim
