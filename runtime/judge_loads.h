// SHRIKE_JUDGE_LOADS=FILE: every program that is loaded is judged by the verifier's model, too, and FILE gets a line for each of
// what both say. Tests have it for all that they run (tests/support/judged_loads.cpp); nothing of it is done else.
#pragma once

#include <string>

#include "runtime/load.h"

namespace shrike {

// The line, its fields separated by tabs:
//   agree|differ|unknown, instructions that the model walks, that the kernel walked (0: not told), kernel, program, message
// Lines after one of `differ` that begin with a space are the program's instructions.
std::function<void(const LoadAnswer&)> judge_loads_into(std::string file);

}  // namespace shrike
