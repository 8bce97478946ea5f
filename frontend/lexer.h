// Text to tokens, on demand: the parser asks for one token at a time because what `/` and `:` mean depends on where it
// stands (attach points are raw text). Preprocessor lines are handled here too (directives.cpp): conditionals choose what
// is read, `#define NAME tokens` is expanded as tokens are handed out. Reports through ParseErrors; an unusable token
// comes out as TokenKind::invalid. Deliberately does not know the grammar.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "frontend/token.h"
#include "mir/base/arena.h"
#include "mir/base/diagnostic.h"

namespace shrike {

// The parser's and lexer's way to Diagnostics: silent while the parser skips, and after `limit` errors.
class ParseErrors {
 public:
  static constexpr uint32_t limit = 20;

  explicit ParseErrors(Diagnostics& out) : out_(out) {}

  Diagnostic& report(Diag id, Span span, std::initializer_list<std::string> args = {});
  bool has_reported() const { return reported_ != 0; }
  bool is_full() const { return reported_ >= limit; }

  bool is_muted = false;

 private:
  Diagnostics& out_;
  Diagnostic unheard_{};
  uint32_t reported_ = 0;
};

class Lexer {
 public:
  // `text` starts at `begin` in the offset space of spans.
  Lexer(std::string_view text, uint32_t begin, Arena& arena, ParseErrors& errors);

  Token next();

  // Goes back to `offset`, a place outside of any macro expansion.
  void rewind(uint32_t offset);
  // Blanks, comments and directives up to the next token.
  void skip_trivia();
  uint32_t offset() const { return begin_ + static_cast<uint32_t>(position_); }
  // An unclosed string or comment took all that was left, closing braces too.
  bool has_swallowed_end() const { return swallowed_end_; }
  // The raw text not yet read; consume() moves past its first bytes.
  std::string_view rest() const { return text_.substr(position_); }
  void consume(size_t bytes) { position_ += bytes; }

 private:
  struct Macro {
    std::vector<Token> tokens;
    Span definition;
    bool is_usable = true;
  };
  struct Expansion {
    std::string_view name;
    const Macro* macro;
    size_t next = 0;
    Span use;
  };
  struct Conditional {
    Span opening;
    bool is_active;  // the current branch is read
    bool was_taken;  // some branch so far was
    bool saw_else = false;
  };

  Token scan();
  Token scan_word();
  Token scan_dollar();
  Token scan_map();
  Token scan_string();
  Token scan_number();
  Token scan_unexpected();
  size_t scan_escape(std::string& out);
  bool skip_comment();
  Token token(TokenKind kind, size_t start) const;
  Span span_from(size_t start) const;
  char peek(size_t ahead = 0) const { return position_ + ahead < text_.size() ? text_[position_ + ahead] : '\0'; }

  std::optional<Token> next_of_expansions();
  bool is_expanding(std::string_view name) const;
  bool expand(const Token& token);

  // directives.cpp
  bool at_directive() const;
  void read_directive();
  void read_define(size_t line_end);
  void read_conditional(std::string_view name, Span name_span, size_t line_end);
  bool evaluate_condition(size_t line_end);
  void read_include(Span name_span, size_t line_end);
  void skip_inactive();
  bool is_skipping() const;
  size_t find_line_end() const;
  std::string_view read_directive_word(size_t line_end);
  std::vector<Token> scan_line(size_t line_end);

  std::string_view text_;
  uint32_t begin_;
  Arena& arena_;
  ParseErrors& errors_;
  size_t position_ = 0;
  TokenKind previous_ = TokenKind::end;
  bool reads_directives_ = true;
  bool swallowed_end_ = false;
  std::unordered_map<std::string_view, Macro> macros_;
  std::vector<Expansion> expansions_;
  std::vector<Conditional> conditionals_;
  size_t expanded_tokens_ = 0;
};

}  // namespace shrike
