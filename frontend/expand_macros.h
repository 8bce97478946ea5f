// Replaces every use of a `macro` by a copy of its body, before anything is checked: later stages see no macros.
//
// Establishes: no Call or Ident of a probe, predicate or function names a macro of the script; copies have ids of their
// own, the span of the use, and a row in Program::expansions that says which macro stands behind that span.
#pragma once

#include "frontend/ast.h"
#include "mir/base/diagnostic.h"

namespace shrike {

void expand_macros(ast::Program& program, Arena& arena, Diagnostics& diagnostics);

// Adds labels for the macros that a message's span stands for.
void label_expansions(Diagnostic& diagnostic, const ast::Program& program);

}  // namespace shrike
