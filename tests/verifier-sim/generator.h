// Random programs that nearly load: a rough picture of what each register holds steers towards valid operands, and a
// small share of choices ignores it. Same seed, same program.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/verifier-sim/assemble.h"

namespace shrike::sim::test {

// The maps that generated programs refer to, by index.
std::vector<MapShape> generator_maps();

ProgramInput generate(uint64_t seed, ProgramType type);

}  // namespace shrike::sim::test
