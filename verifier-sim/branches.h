// Jumps: which ways are possible, and what each way teaches the registers, their linked copies and nullable pointers.
#pragma once

#include "verifier-sim/walk.h"

namespace shrike::sim {

// Sets `next` to where the walk goes on; another possible way is pushed.
bool transfer_jump(Walk& w, uint32_t& next);

// A nullable pointer, by id, turned out null or not, in every copy.
void settle_null(State& s, uint32_t id, uint32_t reference, bool is_null);

}  // namespace shrike::sim
