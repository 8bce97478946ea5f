// Programs with one fault each, for every class of rejection that the documentation names, and close relatives that load.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "verifier-sim/program.h"

namespace shrike::sim::test {

std::vector<std::pair<std::string, ProgramInput>> fault_cases();

}  // namespace shrike::sim::test
