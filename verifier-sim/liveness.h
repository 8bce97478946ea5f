// Which registers can still be read after a point, by a backward walk over the control-flow graph. Lets states be equal
// that differ only in registers nobody reads again. Stack bytes are all taken as live.
#pragma once

#include <cstdint>
#include <vector>

#include "verifier-sim/program.h"

namespace shrike::sim {

// Per instruction: bit n set when register n may be read at or after it before being written.
std::vector<uint16_t> live_registers(const ProgramInput& program);

}  // namespace shrike::sim
