// Calls of global functions, which the kernel checks by themselves (verdict.cpp): the caller hands over what the function was
// checked for, and learns nothing of what it returns.
#pragma once

#include "verifier-sim/walk.h"

namespace shrike::sim {

// Null: none begins there, or this kernel walks it like any other.
const GlobalFunction* global_function_at(const Walk& w, uint32_t insn);
bool call_global_function(Walk& w, const GlobalFunction& function);

}  // namespace shrike::sim
