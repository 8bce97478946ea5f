// --fmt: a script laid out anew. The author's line breaks stay; indentation, blanks and runs of empty lines are set.
// A block written over several lines gets one statement a line. Comments, attach points, C definitions, types and
// preprocessor lines are kept as written.
//
// Tokens and their order never change, so the result means the same; formatting it again changes nothing.
#pragma once

#include <string>

#include "frontend/ast.h"

namespace shrike {

// `program` is what parse() made, without mistakes, of the `text` that begins at offset `begin`.
std::string format_script(const ast::Program& program, std::string_view text, uint32_t begin);

}  // namespace shrike
