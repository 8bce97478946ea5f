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

// Where a token stands. What a user's own header says is as good as the script; of other headers everything that is not
// understood is passed over; types of the kernel's own headers give way to BTF, which knows this very kernel.
enum class Origin : uint8_t { script, user_header, system_header, kernel_header };

struct Token {
  TokenKind kind = TokenKind::end;
  bool is_unsigned = false;  // integer
  bool is_final = false;     // a #define's own name inside what it stands for: not replaced again
  Origin origin = Origin::script;
  uint8_t pack = 0;       // `struct`, `union`: the alignment that #pragma pack allows at most; 0: any
  Span span;              // a token out of a #define has the span of the macro's use
  std::string_view text;  // as written; string: with escapes resolved
  uint64_t value = 0;     // integer, positional

  bool is_word() const { return kind == TokenKind::identifier || (kind >= TokenKind::kw_break && kind <= TokenKind::kw_while); }
};

// "`;`", "end of file", "string", ... for messages.
std::string describe(const Token& token);
std::string_view spelling_of(TokenKind kind);

}  // namespace shrike
