// Internal to --fmt: a script's text cut into what the layout moves around, comments included.
#pragma once

#include <string_view>
#include <vector>

#include "frontend/ast.h"

namespace shrike {

enum class PieceKind : uint8_t {
  word,         // names and keywords
  operand,      // numbers, strings, variables, maps
  punctuation,  //
  type,         // a type as written
  verbatim,     // attach points and C definitions
  comment,
  lines,  // preprocessor lines, from #if to its #endif as one
};

struct Piece {
  PieceKind kind;
  std::string_view text;
  uint32_t newlines = 0;      // between it and the piece before
  bool is_delimiter = false;  // a `/` of a predicate
  bool opens = false;         // the first of the two
  bool closes_cast = false;   // `)` after the type of a cast
};

std::vector<Piece> cut_script(const ast::Program& program, std::string_view text, uint32_t begin);

}  // namespace shrike
