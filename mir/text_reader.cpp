// Tokens of the text forms. Takes any bytes: whatever is not a token is reported at its place.
#include <algorithm>
#include <charconv>
#include <cstdio>

#include "mir/text_interface.h"

namespace shrike::mir {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_plain(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.';
}
bool is_plain(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return is_plain(c); });
}
int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

constexpr size_t shown_text = 40;  // bytes of a bad token that a message repeats

std::string shown(const TextReader::Token& token) {
  if (token.kind == TextReader::TokenKind::end) return "the end of the text";
  return "`" + std::string(token.text.substr(0, shown_text)) + "`";
}

// How far a type's text reaches: to a space, comma or bracket that it did not open. The space before a record's name
// belongs to it.
size_t type_extent(std::string_view text) {
  int depth = 0;
  size_t word = 0;
  size_t i = 0;
  for (; i < text.size(); i++) {
    char c = text[i];
    if (c == '"') {
      for (i++; i < text.size() && text[i] != '"'; i++)
        if (text[i] == '\\') i++;
    } else if (c == '(' || c == '[') {
      depth++;
      word = i + 1;
    } else if (c == ')' || c == ']') {
      if (--depth < 0) break;
    } else if (c == ',') {
      if (depth == 0) break;
      word = i + 1;
    } else if (c == ' ') {
      std::string_view head = text.substr(word, i - word);
      if (head != "struct" && head != "union" && !head.starts_with("enum") && !head.starts_with("senum")) break;
      word = i + 1;
    } else if (c == '\n' || c == '\t' || c == '\r' || c == '{' || c == '}' || c == ';') {
      break;
    }
  }
  return std::min(i, text.size());
}

}  // namespace

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string text_of_name(std::string_view name) {
  return is_plain(name) ? std::string(name) : quoted(name);
}

std::string text_of_word(std::string_view name) {
  return is_plain(name) && !is_digit(name[0]) ? std::string(name) : quoted(name);
}

std::string text_of(const MapDecl& map) {
  std::string_view name = map.name;
  bool is_own = name.size() > 1 && name[0] == '.' && is_plain(name);
  bool is_users = name == "@" || (name.size() > 1 && name[0] == '@' && name[1] != '.' && is_plain(name.substr(1)));
  if (is_users) return std::string(name);
  return "@" + (is_own ? std::string(name) : quoted(name));
}

TextReader::TextReader(std::string_view text, uint32_t begin, Diagnostics& diagnostics)
    : text_(text), begin_(begin), diagnostics_(&diagnostics) {
  advance();
}

Span TextReader::at(size_t from, size_t to) const {
  return {begin_ + static_cast<uint32_t>(from), begin_ + static_cast<uint32_t>(to)};
}

Span TextReader::span() const {
  size_t end = std::max(token_start_ + 1, next_);
  return at(token_start_, end);
}

Span TextReader::span_since(Span first) const {
  Span last = at(0, last_end_);
  return {first.begin, std::max(last.end, first.begin + 1)};
}

void TextReader::report(Diag id, Span at, std::initializer_list<std::string> args) {
  has_errors_ = true;
  diagnostics_->report(id, at, args);
}

void TextReader::fail_at(Diag id, Span at, std::initializer_list<std::string> args) {
  if (!failed_) diagnostics_->report(id, at, args);
  failed_ = has_errors_ = true;
  token_ = Token{};
  token_start_ = next_ = text_.size();
}

void TextReader::fail_expecting(const std::string& what) {
  fail_at(Diag::expected_token, span(), {what, shown(token_)});
}

void TextReader::skip_space() {
  while (next_ < text_.size()) {
    char c = text_[next_];
    if (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
      next_++;
      continue;
    }
    if (c != '#') return;
    char after = next_ + 1 < text_.size() ? text_[next_ + 1] : '\n';
    if (is_digit(after) || after == '-') return;
    while (next_ < text_.size() && text_[next_] != '\n') next_++;
  }
}

void TextReader::lex_number(size_t start, TokenKind kind) {
  bool is_negative = next_ < text_.size() && text_[next_] == '-';
  if (is_negative) next_++;
  bool is_hex = text_.substr(next_, 2) == "0x";
  if (is_hex) next_ += 2;
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text_.data() + next_, text_.data() + text_.size(), value, is_hex ? 16 : 10);
  next_ = static_cast<size_t>(end - text_.data());
  bool fits = error == std::errc() && (!is_negative || value <= uint64_t{1} << 63);
  if (!fits || (next_ < text_.size() && is_plain(text_[next_]))) {
    std::string_view written = text_.substr(start, std::min(shown_text, next_ + 1 - start));
    return fail_at(Diag::text_out_of_range, at(start, next_), {"number `" + std::string(written) + "`"});
  }
  token_ = {kind, 0, text_.substr(start, next_ - start), {}, is_negative ? 0 - value : value};
}

// After the opening quote.
bool TextReader::lex_string(std::string& out) {
  while (next_ < text_.size() && text_[next_] != '"' && text_[next_] != '\n') {
    char c = text_[next_++];
    if (c != '\\') {
      out += c;
      continue;
    }
    char escape = next_ < text_.size() ? text_[next_++] : '\0';
    int high = next_ + 1 < text_.size() ? hex_digit(text_[next_]) : -1;
    int low = high >= 0 ? hex_digit(text_[next_ + 1]) : -1;
    if (escape == 'n') out += '\n';
    else if (escape == 't') out += '\t';
    else if (escape == '\\' || escape == '"') out += escape;
    else if (escape == 'x' && low >= 0) {
      out += static_cast<char>(high * 16 + low);
      next_ += 2;
    } else {
      fail_at(Diag::bad_escape, at(next_ - 2, next_), {"\\" + std::string(1, escape)});
      return false;
    }
  }
  if (next_ < text_.size() && text_[next_] == '"') {
    next_++;
    return true;
  }
  fail_at(Diag::unterminated_string, at(token_start_, next_), {});
  return false;
}

void TextReader::advance() {
  last_end_ = next_;
  if (failed_) return;
  skip_space();
  token_start_ = next_;
  token_ = Token{};
  if (next_ == text_.size()) return;
  char c = text_[next_];
  char after = next_ + 1 < text_.size() ? text_[next_ + 1] : '\0';
  size_t start = next_;
  if (c == '#') {
    next_++;
    lex_number(start, TokenKind::offset);
  } else if (is_digit(c) || (c == '-' && is_digit(after))) {
    lex_number(start, TokenKind::number);
  } else if (is_plain(c)) {
    while (next_ < text_.size() && is_plain(text_[next_])) next_++;
    if (next_ < text_.size() && text_[next_] == '?') next_++;
    token_ = {TokenKind::word, 0, text_.substr(start, next_ - start), {}, 0};
  } else if (c == '"') {
    std::string contents;
    next_++;
    if (lex_string(contents)) token_ = {TokenKind::string, 0, text_.substr(start, next_ - start), std::move(contents), 0};
  } else if (c == '%' || c == '$' || c == '@' || c == '^' || c == '&') {
    std::string name;
    next_++;
    if (after == '"') {
      next_++;
      if (!lex_string(name)) return;
    } else {
      while (next_ < text_.size() && is_plain(text_[next_])) name += text_[next_++];
    }
    token_ = {TokenKind::sigil, c, text_.substr(start, next_ - start), std::move(name), 0};
  } else {
    next_++;
    token_ = {TokenKind::punct, 0, text_.substr(start, 1), {}, 0};
  }
}

bool TextReader::is(std::string_view text) const {
  return (token_.kind == TokenKind::word || token_.kind == TokenKind::punct) && token_.text == text;
}

bool TextReader::accept(std::string_view text) {
  if (!is(text)) return false;
  advance();
  return true;
}

bool TextReader::expect(std::string_view text) {
  if (accept(text)) return true;
  fail_expecting("`" + std::string(text) + "`");
  return false;
}

std::string TextReader::word(const char* what) {
  std::string word;
  if (token_.kind == TokenKind::word) word = std::string(token_.text), advance();
  else fail_expecting(what);
  return word;
}

int64_t TextReader::number(const char* what) {
  uint64_t number = token_.number;
  if (token_.kind == TokenKind::number) advance();
  else fail_expecting(what);
  return static_cast<int64_t>(number);
}

uint32_t TextReader::number32(const char* what) {
  if (token_.kind == TokenKind::number && token_.number > UINT32_MAX)
    fail_at(Diag::text_out_of_range, span(), {std::string(what) + " `" + std::string(token_.text) + "`"});
  return static_cast<uint32_t>(number(what));
}

int32_t TextReader::offset(const char* what) {
  auto value = static_cast<int64_t>(token_.number);
  if (token_.kind != TokenKind::offset) {
    fail_expecting(what);
  } else if (value < INT32_MIN || value > INT32_MAX) {
    fail_at(Diag::text_out_of_range, span(), {std::string(what) + " `" + std::string(token_.text) + "`"});
  } else {
    advance();
    return static_cast<int32_t>(value);
  }
  return 0;
}

std::string TextReader::string(const char* what) {
  std::string contents;
  if (token_.kind == TokenKind::string) contents = std::move(token_.name), advance();
  else fail_expecting(what);
  return contents;
}

bool TextReader::is_sigil(char sigil) const {
  return token_.kind == TokenKind::sigil && token_.sigil == sigil;
}

std::string TextReader::sigil(char sigil, const char* what) {
  std::string name;
  if (is_sigil(sigil)) name = std::move(token_.name), advance();
  else fail_expecting(what);
  return name;
}

std::string TextReader::name(const char* what) {
  return token_.kind == TokenKind::string ? string(what) : word(what);
}

const Type* TextReader::type(TypePool& pool) {
  if (failed_) return nullptr;
  std::string_view written = text_.substr(token_start_, type_extent(text_.substr(token_start_)));
  const Type* type = pool.parse(written);
  if (type == nullptr) {
    std::string start(written.substr(0, shown_text));
    fail_at(Diag::text_bad_type, at(token_start_, token_start_ + std::max<size_t>(1, written.size())), {start});
    return nullptr;
  }
  next_ = token_start_ + written.size();
  advance();
  return type;
}

std::string TextReader::map_name() {
  bool is_whole = token_.text.size() > 1 && (token_.text[1] == '"' || token_.text[1] == '.');
  return (is_whole ? "" : "@") + sigil('@', "a map");
}

MapId TextReader::map(const Interface& interface) {
  Span where = span();
  std::string name = map_name();
  if (failed_) return {};
  MapId map = interface.find_map(name);
  if (!map.is_valid()) report(Diag::text_unknown_name, where, {"map", name});
  return map;
}

}  // namespace shrike::mir
