// The stack, byte by byte: spills and fills of registers, partial writes, variable offsets, memory given to helpers.
#pragma once

#include "verifier-sim/check_access.h"

namespace shrike::sim {

bool read_stack(Walk& w, const Register& pointer, unsigned pointer_number, int offset, unsigned size, Register* into);
bool write_stack(Walk& w, const Register& pointer, unsigned pointer_number, int offset, unsigned size, const Stored& what);
bool check_stack_for_helper(Walk& w, const HelperMemory& m);

}  // namespace shrike::sim
