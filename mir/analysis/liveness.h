// Which values are needed later. A value the caller keeps; changing the function makes it stale.
#pragma once

#include <vector>

#include "mir/module.h"

namespace shrike::mir {

struct Liveness {
  std::vector<std::vector<bool>> live_in;   // by block, by value: used in the block or after it, defined before it
  std::vector<std::vector<bool>> live_out;  // by block, by value: used in a block after it; arguments of its own
                                            // targets are used by the block itself, parameters defined by theirs
};

Liveness find_liveness(const Function& function);

}  // namespace shrike::mir
