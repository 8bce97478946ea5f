// The part of MIR's invariants that is about iterators: see 20 and 21 in validate.cpp.
#pragma once

#include <functional>
#include <string>

#include "mir/module.h"

namespace shrike::mir {

// Calls `violate` with the block, the instruction in it, the invariant's number and what breaks it. The function holds the
// others.
void check_iterators(const Function& function, const std::function<void(BlockId, uint32_t, int, const std::string&)>& violate);

}  // namespace shrike::mir
