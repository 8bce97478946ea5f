// Random MIR programs: arithmetic over values read from @input, branches, bounded loops, stack slots and calls, with many
// values alive at once; all of them end up in @results. Equal seeds give equal programs.
#pragma once

#include <cstdint>

#include "tests/backend/mir_programs.h"

namespace shrike::test {

struct RandomShape {
  uint32_t statements = 40;
  uint32_t live_values = 12;  // as many as are kept at hand
  bool iterators = false;     // loops of the kernel's iterators, too, which not every kernel has
};

struct RandomProgram {
  MirProgram base;
  mir::MapId input;
};
inline constexpr uint32_t input_bytes = 128;
RandomProgram random_program(uint64_t seed, const RandomShape& shape);

}  // namespace shrike::test
