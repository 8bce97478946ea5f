// Calls: helpers checked against their rows in mir/helpers.def, subprograms, callbacks, and returns from them.
#pragma once

#include "verifier-sim/walk.h"

namespace shrike::sim {

bool transfer_call(Walk& w, uint32_t& next);

// `ended`: the program is left, this path is done.
bool transfer_exit(Walk& w, uint32_t& next, bool& ended);

}  // namespace shrike::sim
