// Makes valid MIR at random: structured control flow, arithmetic, slots, maps, aggregates. For tests that compare what a
// program does before and after a pass. The same seed makes the same program.
#pragma once

#include <cstdint>

#include "mir/module.h"

namespace shrike::passes {

struct RandomOptions {
  int statements = 12;
  bool aggregates = false;  // agg_update, which only the first pass takes
  uint32_t slots = 4;
  uint32_t slot_bytes = 32;  // a power of two
  uint32_t functions = 0;    // sub-programs, which may leave the whole program
  bool callbacks = false;    // loops that the kernel calls back for
};

// A program over the context's first 64 bytes, before its functions. Its only effects are its result, the contents of @counts
// (array of 8 words), @seen and @kept (hashes of words) and, with aggregates, @agg_0 and so on.
mir::Module random_program(uint32_t seed, RandomOptions options = {});

}  // namespace shrike::passes
