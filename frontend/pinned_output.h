// Internal to the frontend: printf in an iterator that is pinned. Nobody reads a ring there: the kernel formats, and whoever
// reads the pin gets the text. Needs a program whose probes are all pinned (CheckedProgram::is_pinned).
#pragma once

#include "frontend/lower.h"

namespace shrike {

// The text of a printf, whose format Checker::pinned_format has let pass, into the file that is being read.
void print_to_reader(Lower& l, const ast::Call& call);

}  // namespace shrike
