// Is everything that `now` may be already covered by `then`, a state proved safe (or being walked)? And are two states
// exactly the same, which at one instruction of one path means a loop without progress?
#pragma once

#include <cstdint>
#include <vector>

#include "verifier-sim/walk.h"

namespace shrike::sim {

// By instruction, the registers that are still read, and those of them whose numbers matter.
struct Compared {
  const std::vector<uint16_t>& live;
  const std::vector<uint16_t>& wanted;
};

bool covers(const State& then, const State& now, const Compared& compared, uint32_t insn, const Profile& profile);
bool identical(const State& a, const State& b);
bool same_registers(const State& a, const State& b);  // of the innermost frames; the stack may differ

}  // namespace shrike::sim
