// Frames: calls of static subprograms, callbacks run by helpers, returns, and the stack they take together.
#pragma once

#include "verifier-sim/walk.h"

namespace shrike::sim {

bool enter_subprogram(Walk& w, uint32_t& next);
bool leave_subprogram(Walk& w, uint32_t& next, bool& ended);

// The helper called at w.insn may run `function`: a state that begins in it is pushed, to come back to the call itself.
bool push_callback(Walk& w, Callback kind, uint32_t function, const Register& context, uint32_t map);

// After the walk: bytes and frames over the deepest chain of calls.
bool check_stack_chain(Walk& w);

}  // namespace shrike::sim
