// Scanning tokens. What they mean is the parser's business, preprocessor lines are those of directives.cpp, names that
// #define gave a meaning those of defines.cpp.
#include "frontend/lexer.h"

#include <array>
#include <limits>

#include "mir/base/check.h"

namespace shrike {

namespace {

struct Spelling {
  TokenKind kind;
  std::string_view text;
};

constexpr Spelling puncts[] = {
#define PUNCT(id, spelling) {TokenKind::id, spelling},
#define KEYWORD(id, spelling)
#include "frontend/token.def"
#undef PUNCT
#undef KEYWORD
};

constexpr Spelling keywords[] = {
#define PUNCT(id, spelling)
#define KEYWORD(id, spelling) {TokenKind::id, spelling},
#include "frontend/token.def"
#undef PUNCT
#undef KEYWORD
};

struct NumberSuffix {
  std::string_view text;
  uint64_t scale;
  bool is_unsigned;
};
constexpr uint64_t second = 1'000'000'000;
constexpr NumberSuffix number_suffixes[] = {
    {"", 1, false},
    {"u", 1, true},
    {"ul", 1, true},
    {"ull", 1, true},
    {"l", 1, false},
    {"ll", 1, false},
    {"U", 1, true},
    {"UL", 1, true},
    {"ULL", 1, true},
    {"L", 1, false},
    {"LL", 1, false},
    {"ns", 1, false},
    {"us", 1000, false},
    {"ms", 1000000, false},
    {"s", second, false},
    {"m", 60 * second, false},
    {"h", 3600 * second, false},
    {"d", 86400 * second, false},
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_word_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_word_part(char c) {
  return is_word_start(c) || is_digit(c);
}
int digit_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 99;
}

struct Digits {
  uint64_t value = 0;
  size_t length = 0;  // with separators
  size_t count = 0;
  bool overflows = false;
};

Digits read_digits(std::string_view text, int base) {
  Digits digits;
  for (; digits.length < text.size(); digits.length++) {
    char c = text[digits.length];
    if (c == '_') continue;
    int value = digit_value(c);
    if (value >= base) break;
    digits.count++;
    if (__builtin_mul_overflow(digits.value, static_cast<uint64_t>(base), &digits.value)) digits.overflows = true;
    if (__builtin_add_overflow(digits.value, static_cast<uint64_t>(value), &digits.value)) digits.overflows = true;
  }
  return digits;
}

// `body` is a maximal run of letters, digits and underscores. Returns what is wrong with it, or nothing.
std::string_view read_number(std::string_view body, uint64_t& value, bool& is_unsigned) {
  int base = 10;
  size_t prefix = 0;
  if (body.size() > 1 && body[0] == '0') {
    if (body[1] == 'x' || body[1] == 'X') {
      base = 16;
      prefix = 2;
    } else if (body[1] == 'b' || body[1] == 'B') {
      return "binary literals are only read in positional parameters";
    } else if (is_digit(body[1]) || body[1] == '_') {
      base = 8;
      prefix = 1;
    }
  }
  Digits digits = read_digits(body.substr(prefix), base);
  std::string_view suffix = body.substr(prefix + digits.length);
  if (base == 16 && digits.count == 0) return "no digits after `0x`";
  if (base == 8 && !suffix.empty() && is_digit(suffix[0])) return "octal digits are 0 to 7";
  uint64_t scale = 1;
  if (base == 10 && suffix.size() > 1 && suffix[0] == 'e' && is_digit(suffix[1])) {
    Digits exponent = read_digits(suffix.substr(1), 10);
    suffix = suffix.substr(1 + exponent.length);
    if (digits.count != 1 || digits.value == 0) return "the coefficient before `e` is one digit from 1 to 9";
    for (uint64_t i = 0; i < exponent.value && !digits.overflows; i++)
      if (__builtin_mul_overflow(scale, uint64_t{10}, &scale)) digits.overflows = true;
    if (exponent.overflows) digits.overflows = true;
  }
  const NumberSuffix* found = nullptr;
  for (const NumberSuffix& row : number_suffixes)
    if (row.text == suffix) found = &row;
  if (found == nullptr) return "unknown suffix";
  if (__builtin_mul_overflow(digits.value, scale, &value)) digits.overflows = true;
  if (__builtin_mul_overflow(value, found->scale, &value)) digits.overflows = true;
  if (digits.overflows) return "it does not fit in 64 bits";
  is_unsigned = found->is_unsigned || value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  return {};
}

}  // namespace

std::string_view spelling_of(TokenKind kind) {
  for (const Spelling& row : puncts)
    if (row.kind == kind) return row.text;
  for (const Spelling& row : keywords)
    if (row.kind == kind) return row.text;
  switch (kind) {
    case TokenKind::end: return "end of file";
    case TokenKind::identifier: return "a name";
    case TokenKind::variable: return "a variable";
    case TokenKind::map: return "a map";
    case TokenKind::integer: return "an integer";
    case TokenKind::string: return "a string";
    default: return "a token";
  }
}

std::string describe(const Token& token) {
  if (token.kind == TokenKind::end) return "end of file";
  if (token.kind == TokenKind::string) return "a string";
  constexpr size_t longest = 40;
  std::string text = "`";
  text.append(token.text.substr(0, longest));
  if (token.text.size() > longest) text += "...";
  return text + "`";
}

Diagnostic& ParseErrors::report(Diag id, Span span, std::initializer_list<std::string> args) {
  bool is_error = row_of(id).severity == Severity::error;
  if (is_muted || is_full()) return unheard_ = Diagnostic{id, span, {}, {}, {}};
  if (is_error && ++reported_ == limit) {
    out_.report(id, span, args);
    out_.report(Diag::too_many_errors, {}, {std::to_string(limit)});
    return unheard_ = Diagnostic{id, span, {}, {}, {}};
  }
  return out_.report(id, span, args);
}

Lexer::Lexer(std::string_view text, uint32_t begin, Arena& arena, ParseErrors& errors, Headers* headers)
    : text_(text), begin_(begin), arena_(arena), errors_(errors), headers_(headers) {}

void Lexer::rewind(uint32_t offset) {
  while (!inputs_.empty() && (offset < begin_ || offset > begin_ + text_.size())) leave_header();
  position_ = offset - begin_;
  expansions_.clear();
}

Span Lexer::span_from(size_t start) const {
  return {begin_ + static_cast<uint32_t>(start), begin_ + static_cast<uint32_t>(position_)};
}

Token Lexer::token(TokenKind kind, size_t start) const {
  Token made;
  made.kind = kind;
  made.span = span_from(start);
  made.text = text_.substr(start, position_ - start);
  return made;
}

Token Lexer::next() {
  Token result;
  for (;;) {
    std::optional<Token> expanded = next_of_expansions();
    result = expanded ? *expanded : scan();
    bool is_field = previous_ == TokenKind::dot || previous_ == TokenKind::arrow;
    if (result.kind != TokenKind::identifier || is_field || !has_defines_ || !expand(result)) break;
  }
  previous_ = result.kind;
  result.origin = origin_;
  if (result.kind == TokenKind::kw_struct || result.kind == TokenKind::kw_union) result.pack = packs_.back();
  return result;
}

bool Lexer::skip_comment() {
  if (peek(1) == '/') {
    while (position_ < text_.size() && text_[position_] != '\n') position_++;
    return true;
  }
  if (peek(1) != '*') return false;
  size_t start = position_;
  size_t close = text_.find("*/", position_ + 2);
  position_ = close == std::string_view::npos ? text_.size() : close + 2;
  if (close == std::string_view::npos && origin_ <= Origin::user_header) {
    uint32_t at = begin_ + static_cast<uint32_t>(start);
    errors_.report(Diag::unterminated_comment, {at, at + 2});
    swallowed_end_ = true;
  }
  return true;
}

void Lexer::skip_trivia() {
  while (position_ < text_.size()) {
    char c = text_[position_];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f') {
      position_++;
    } else if (c == '\\' && (peek(1) == '\n' || (peek(1) == '\r' && peek(2) == '\n'))) {
      position_ += 2;
    } else if (c == '/' && skip_comment()) {
      continue;
    } else if (c == '#' && reads_directives_ && at_directive()) {
      read_directive();
    } else {
      return;
    }
  }
  size_t outer = inputs_.empty() ? 0 : inputs_.back().conditionals;
  if (conditionals_.size() > outer && reads_directives_) {
    errors_.report(Diag::unterminated_conditional, conditionals_.back().opening);
    conditionals_.resize(outer);
  }
}

Token Lexer::scan() {
  skip_trivia();
  for (; position_ >= text_.size() && !inputs_.empty(); skip_trivia()) leave_header();
  if (position_ >= text_.size()) {
    Token end = token(TokenKind::end, position_);
    // Shown at the last thing there is.
    size_t last = text_.find_last_not_of(" \t\n\r\v\f");
    if (last != std::string_view::npos)
      end.span = {begin_ + static_cast<uint32_t>(last), begin_ + static_cast<uint32_t>(last) + 1};
    return end;
  }
  char c = text_[position_];
  bool is_c = origin_ != Origin::script;
  bool is_other_in_c =
      is_word_start(c) || is_digit(c) || c == '"' || c == '\'' || rest().starts_with("...") || (c == '.' && is_digit(peek(1)));
  if ((is_c && is_other_in_c) || (in_body_ && c == '#')) return scan_c();
  if (is_word_start(c)) return scan_word();
  if (is_digit(c)) return scan_number();
  if (c == '$' && !is_c) return scan_dollar();
  if (c == '@' && !is_c) return scan_map();
  if (c == '"') return scan_string();
  size_t start = position_;
  for (const Spelling& row : puncts) {
    if (row.text[0] != c || text_.compare(position_, row.text.size(), row.text) != 0) continue;
    position_ += row.text.size();
    return token(row.kind, start);
  }
  return is_c ? scan_c() : scan_unexpected();
}

Token Lexer::scan_word() {
  size_t start = position_;
  while (is_word_part(peek())) position_++;
  Token word = token(TokenKind::identifier, start);
  for (const Spelling& row : keywords)
    if (row.text == word.text) word.kind = row.kind;
  return word;
}

Token Lexer::scan_dollar() {
  size_t start = position_++;
  if (peek() == '#') {
    position_++;
    return token(TokenKind::positional_count, start);
  }
  if (is_word_start(peek())) {
    while (is_word_part(peek())) position_++;
    return token(TokenKind::variable, start);
  }
  if (!is_digit(peek())) {
    Token lone = token(TokenKind::invalid, start);
    errors_.report(Diag::unexpected_character, lone.span, {"`$`"}).with_hint("variables are `$name`, parameters `$1`");
    return lone;
  }
  Digits digits = read_digits(text_.substr(position_), 10);
  while (is_word_part(peek())) position_++;
  Token parameter = token(TokenKind::positional, start);
  parameter.value = digits.value;
  if (parameter.text.size() != digits.length + 1 || digits.value == 0 || digits.value > 1'000'000 || digits.overflows) {
    errors_.report(Diag::bad_number, parameter.span, {std::string(parameter.text), "parameters are `$1`, `$2` and so on"});
    parameter.kind = TokenKind::invalid;
  }
  return parameter;
}

Token Lexer::scan_map() {
  size_t start = position_++;
  if (is_word_start(peek()))
    while (is_word_part(peek())) position_++;
  return token(TokenKind::map, start);
}

// At a backslash. Returns the bytes of the escape, 0 if there is no such escape.
size_t Lexer::scan_escape(std::string& out) {
  constexpr std::array<std::pair<char, char>, 5> simple = {{{'n', '\n'}, {'t', '\t'}, {'r', '\r'}, {'"', '"'}, {'\\', '\\'}}};
  char c = peek(1);
  for (auto [letter, meaning] : simple) {
    if (c != letter) continue;
    out += meaning;
    return 2;
  }
  int base = c == 'x' ? 16 : 8;
  size_t begin = c == 'x' ? 2 : 1;
  size_t end = begin;
  int value = 0;
  for (size_t most = base == 16 ? 2 : 3; end < begin + most && digit_value(peek(end)) < base; end++)
    value = value * base + digit_value(peek(end));
  if (end == begin || value > 255) return 0;
  out += static_cast<char>(value);
  return end;
}

Token Lexer::scan_string() {
  size_t start = position_++;
  std::string value;
  bool is_closed = false;
  bool is_bad = false;
  while (position_ < text_.size() && text_[position_] != '\n') {
    char c = text_[position_];
    if (c == '"') {
      position_++;
      is_closed = true;
      break;
    }
    if (c != '\\') {
      value += c;
      position_++;
      continue;
    }
    size_t length = scan_escape(value);
    if (length == 0) {
      size_t at = position_;
      position_ += peek(1) == '\n' || peek(1) == '\0' ? 1 : 2;
      errors_.report(Diag::bad_escape, span_from(at), {std::string(text_.substr(at, position_ - at))});
      is_bad = true;
    } else {
      position_ += length;
    }
  }
  Token string = token(TokenKind::string, start);
  if (!is_closed) errors_.report(Diag::unterminated_string, string.span);
  if (!is_closed && rest().find_first_not_of(" \t\r\n") == std::string_view::npos) swallowed_end_ = true;
  // A bad escape does not confuse the parser; a string that swallowed its line does.
  if (!is_closed) string.kind = TokenKind::invalid;
  else if (is_bad || value.size() + 2 != string.text.size()) string.text = arena_.copy(value);
  else string.text = string.text.substr(1, value.size());
  return string;
}

Token Lexer::scan_number() {
  size_t start = position_;
  while (is_word_part(peek())) position_++;
  Token number = token(TokenKind::integer, start);
  std::string_view wrong = read_number(number.text, number.value, number.is_unsigned);
  // `1.5`; but `$t.1.2` is two tuple accesses.
  if (wrong.empty() && peek() == '.' && is_digit(peek(1)) && previous_ != TokenKind::dot) {
    position_++;
    while (is_word_part(peek())) position_++;
    number = token(TokenKind::integer, start);
    wrong = "there are no floating-point numbers";
  }
  if (!wrong.empty()) errors_.report(Diag::bad_number, number.span, {std::string(number.text), std::string(wrong)});
  return number;
}

Token Lexer::scan_unexpected() {
  size_t start = position_;
  auto first = static_cast<unsigned char>(text_[position_++]);
  // One message for a run of junk: the bytes of one UTF-8 character, or of many.
  if (first >= 0x80 || first < 0x20)
    while (position_ < text_.size() && (static_cast<unsigned char>(peek()) >= 0x80 || static_cast<unsigned char>(peek()) < 0x09))
      position_++;
  Token junk = token(TokenKind::invalid, start);
  std::string shown;
  if (first >= 0x20 && (first < 0x80 || junk.text.size() <= 4)) {
    shown = "`" + std::string(junk.text) + "`";
  } else {
    constexpr char hex[] = "0123456789abcdef";
    shown = std::string("byte 0x") + hex[first >> 4] + hex[first & 15];
  }
  Diagnostic& diagnostic = errors_.report(Diag::unexpected_character, junk.span, {shown});
  if (first == '\'') diagnostic.with_hint("strings are written with double quotes");
  return junk;
}

}  // namespace shrike
