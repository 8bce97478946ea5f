// Calls of the kernel's own functions (kfuncs) that the model knows: the open-coded iterator over numbers.
#pragma once

#include <optional>
#include <string_view>

#include "verifier-sim/walk.h"

namespace shrike::sim {

// The name of the kernel's function that this instruction calls; empty: none, or not told.
std::string_view kernel_function_at(const ProgramInput& program, uint32_t insn);

// Is this the call that an iterator's loop comes back to?
bool steps_iterator(const ProgramInput& program, uint32_t insn);

// Does the iterator that the call at the current instruction steps have more to give, for all that is known?
bool has_more(const Walk& w);

// Nothing: the model does not know this function.
std::optional<Version> kernel_function_since(std::string_view name);

// Kernels look all functions up that a program names, also where it never comes.
bool check_kernel_functions(Walk& w);

bool call_kernel_function(Walk& w);

}  // namespace shrike::sim
