// Named arguments of a script, as its getopt() calls ask for them: they must agree, and `-- --help` lists them.
#pragma once

#include <map>
#include <string>

#include "frontend/checked.h"

namespace shrike {

// Notes a use of getopt(). False, and reported, if an earlier one has another type or default.
bool note_option(CheckedProgram& program, Diagnostics& diagnostics, std::string_view name, ScriptOption option);

}  // namespace shrike
