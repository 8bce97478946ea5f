// One token of a script, as the lexer hands it to the parser.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "mir/base/source.h"

namespace shrike {

enum class TokenKind : uint8_t {
  end,
  invalid,  // already reported, or the parser is skipping
  identifier,
  variable,          // $name
  map,               // @name
  positional,        // $1; the number is in `value`
  positional_count,  // $#
  integer,
  string,
#define PUNCT(id, spelling) id,
#define KEYWORD(id, spelling) id,
#include "frontend/token.def"
#undef PUNCT
#undef KEYWORD
};

struct Token {
  TokenKind kind = TokenKind::end;
  bool is_unsigned = false;  // integer
  Span span;                 // a token out of a #define has the span of the macro's use
  std::string_view text;     // as written; string: with escapes resolved
  uint64_t value = 0;        // integer, positional

  bool is_word() const { return kind == TokenKind::identifier || (kind >= TokenKind::kw_break && kind <= TokenKind::kw_while); }
};

// "`;`", "end of file", "string", ... for messages.
std::string describe(const Token& token);
std::string_view spelling_of(TokenKind kind);

}  // namespace shrike
