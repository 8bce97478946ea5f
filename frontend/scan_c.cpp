// Tokens by C's rules, for the text of headers: character constants, numbers with C's suffixes only, strings with any
// escape. Nothing is reported: what this language has no use for (floating point, `#`, `...`) comes out as
// TokenKind::invalid with its text, and matters only where something uses it.
#include <charconv>

#include "frontend/lexer.h"

namespace shrike {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_word_part(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c);
}

}  // namespace

Token Lexer::scan_c() {
  char c = text_[position_];
  size_t start = position_;
  if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return scan_c_number();
  if (c == '\'') return scan_c_character();
  if (c == '"') return scan_c_string();
  if (is_word_part(c)) {
    Token word = scan_word();
    // L"..." and u'...': the prefix changes nothing that matters here.
    bool is_prefix =
        (peek() == '"' || peek() == '\'') && (word.text == "L" || word.text == "u" || word.text == "U" || word.text == "u8");
    if (is_prefix) return peek() == '"' ? scan_c_string() : scan_c_character();
    return word;
  }
  position_ += text_.substr(position_, 3) == "..." ? 3 : text_.substr(position_, 2) == "##" ? 2 : 1;
  return token(TokenKind::invalid, start);
}

Token Lexer::scan_c_number() {
  size_t start = position_;
  while (is_word_part(peek()) || peek() == '.' ||
         ((peek() == '+' || peek() == '-') && (text_[position_ - 1] == 'e' || text_[position_ - 1] == 'E') &&
          !text_.substr(start).starts_with("0x")))
    position_++;
  Token number = token(TokenKind::integer, start);
  std::string_view digits = number.text;
  int base = 10;
  if (digits.starts_with("0x") || digits.starts_with("0X")) base = 16;
  else if (digits.starts_with("0b") || digits.starts_with("0B")) base = 2;
  if (base != 10) digits.remove_prefix(2);
  else if (digits.size() > 1 && digits[0] == '0') base = 8;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number.value, base);
  std::string_view suffix = digits.substr(static_cast<size_t>(end - digits.data()));
  bool is_unsigned = suffix.find_first_of("uU") != std::string_view::npos;
  bool is_integer = error == std::errc() && suffix.find_first_not_of("uUlL") == std::string_view::npos;
  if (!is_integer) number.kind = TokenKind::invalid;
  number.is_unsigned = is_unsigned || number.value > INT64_MAX;
  return number;
}

Token Lexer::scan_c_character() {
  size_t start = position_++;
  int64_t value = 0;
  bool is_known = false;
  while (position_ < text_.size() && peek() != '\'' && peek() != '\n') {
    std::string escaped;
    char c = peek();
    if (c != '\\') {
      position_++;
    } else if (size_t length = scan_escape(escaped); length != 0) {
      position_ += length;
      c = escaped[0];
    } else {
      constexpr std::string_view letters = "abfv'?", meanings = "\a\b\f\v'?";
      size_t at = letters.find(peek(1));
      c = at == std::string_view::npos ? peek(1) : meanings[at];
      position_ += 2;
    }
    value = value << 8 | c;
    is_known = true;
  }
  if (peek() == '\'') position_++;
  Token character = token(is_known ? TokenKind::integer : TokenKind::invalid, start);
  character.value = static_cast<uint64_t>(value);
  return character;
}

Token Lexer::scan_c_string() {
  size_t start = position_++;
  std::string value;
  while (position_ < text_.size() && peek() != '"' && peek() != '\n') {
    size_t length = peek() == '\\' ? scan_escape(value) : 0;
    if (length == 0) {
      if (peek() == '\\') position_++;
      if (position_ < text_.size()) value += text_[position_++];
    } else {
      position_ += length;
    }
  }
  bool is_closed = peek() == '"';
  if (is_closed) position_++;
  Token string = token(is_closed ? TokenKind::string : TokenKind::invalid, start);
  if (is_closed) string.text = arena_.copy(value);
  return string;
}

}  // namespace shrike
