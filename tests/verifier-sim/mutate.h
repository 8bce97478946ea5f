// A program with one small fault, of the kinds that compilers make: an operand changed, a check dropped, a mask widened,
// a register swapped. Same seed, same mutant.
#pragma once

#include <cstdint>

#include "verifier-sim/program.h"

namespace shrike::sim::test {

ProgramInput mutate(const ProgramInput& program, uint64_t seed);

}  // namespace shrike::sim::test
