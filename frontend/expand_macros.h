// Replaces every use of a `macro` by a copy of its body, before anything is checked: later stages see no macros.
//
// Establishes: no Call or Ident of a probe, predicate or function names a macro of the script; copies have ids and offsets of
// their own, of which `sources` tells where in the macro and where it is used.
#pragma once

#include "frontend/ast.h"
#include "mir/base/diagnostic.h"

namespace shrike {

void expand_macros(ast::Program& program, SourceMap& sources, Arena& arena, Diagnostics& diagnostics);

// Variables of macros have names that scripts cannot write; a message tells those that were written.
void restore_macro_names(Diagnostic& diagnostic);

}  // namespace shrike
