// Reads configuration variables: defaults, then the script's config block, then the environment.
#pragma once

#include "frontend/ast.h"
#include "frontend/frontend.h"

namespace shrike {

Config read_config(const ast::Program& program, const CheckOptions& options, Diagnostics& diagnostics);

}  // namespace shrike
