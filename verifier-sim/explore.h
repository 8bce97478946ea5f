// The walk over all paths, depth first, with pruning of states that an earlier one covers. Counts instructions as the
// kernel does and keeps states at the points and by the rules it uses.
#pragma once

#include <memory>
#include <vector>

#include "verifier-sim/walk.h"

namespace shrike::sim {

// A remembered state. `branches` counts the paths from it that have not ended; with none left it is proved safe.
struct Explored {
  State state;
  Explored* parent = nullptr;
  uint32_t insn = 0;
  uint32_t branches = 1;
  uint32_t hits = 0, misses = 0;
};

// From w.state at w.insn. True: every path has ended well; else w.verdict says why not.
bool explore(Walk& w);

}  // namespace shrike::sim
