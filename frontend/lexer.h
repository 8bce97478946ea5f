// Text to tokens, on demand: the parser asks for one token at a time because what `/` and `:` mean depends on where it
// stands (attach points are raw text). Preprocessor lines are handled here too: conditionals choose what is read
// (directives.cpp), headers are read in place of their #include (includes.cpp), and what #define says is expanded as tokens
// are handed out (defines.cpp). Text of headers is scanned by C's rules (scan_c.cpp). Reports through ParseErrors; an
// unusable token comes out as TokenKind::invalid. Deliberately does not know the grammar.
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "frontend/headers.h"
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
  // What no skipping may hide: headers that say so themselves, or are missing.
  Diagnostic& insist(Diag id, Span span, std::initializer_list<std::string> args) {
    bool was_muted = is_muted;
    is_muted = false;
    Diagnostic& said = report(id, span, args);
    is_muted = was_muted;
    return said;
  }
  uint32_t reported() const { return reported_; }
  bool is_full() const { return reported_ >= limit; }

  bool is_muted = false;

 private:
  Diagnostics& out_;
  Diagnostic unheard_{};
  uint32_t reported_ = 0;
};

class Lexer {
 public:
  // `text` starts at `begin` in the offset space of spans. Without `headers` no #include is read or missed.
  Lexer(std::string_view text, uint32_t begin, Arena& arena, ParseErrors& errors, Headers* headers = nullptr);

  Token next();

  // Goes back to `offset`, a place outside of any macro expansion.
  void rewind(uint32_t offset);
  // Blanks, comments and directives up to the next token.
  void skip_trivia();
  uint32_t offset() const { return begin_ + static_cast<uint32_t>(position_); }
  // An unclosed string or comment took all that was left, closing braces too.
  bool has_swallowed_end() const { return swallowed_end_; }
  // Reads these headers first, as if each were included by a line of its own (--include).
  void include_first(const std::vector<std::string>& paths);
  // Some header of the kernel was not there, or only the version of it that is made for programs.
  bool lacks_kernel_headers() const { return lacks_kernel_headers_; }
  // The raw text not yet read; consume() moves past its first bytes.
  std::string_view rest() const { return text_.substr(position_); }
  void consume(size_t bytes) { position_ += bytes; }

 private:
  // A #define. Its body is scanned when it is first used: headers have thousands that never are.
  struct Macro {
    std::string_view text;
    uint32_t begin = 0;  // of the text, in the offset space
    Origin origin = Origin::script;
    bool takes_arguments = false;
    bool is_variadic = false;  // the last parameter takes all that is left
    std::vector<std::string_view> params;
    bool is_scanned = false;
    std::vector<Token> tokens;
    Span definition;
    bool is_undefined = false;  // by #undef: hides a predefined one
  };
  struct Expansion {
    std::string_view name;  // empty: tokens given back
    std::vector<Token> tokens;
    Span use;                  // shown for every token
    bool keeps_spans = false;  // except for what is given back
    size_t next = 0;
  };
  using Arguments = std::vector<std::vector<Token>>;
  // The header being read.
  struct IncludedFile {
    std::string name;
    std::string identity;
    size_t place = 0;          // in the order of search
    std::string path;          // as written between angle brackets; empty if it was found in another way
    std::string_view guard;    // X, if nothing but comments is before its `#ifndef X`
    size_t guarded_until = 0;  // offset after the `#endif` of that; 0: not read yet
  };
  // A file whose reading waits for the end of one it includes.
  struct Input {
    std::string_view text;
    uint32_t begin = 0;
    size_t position = 0;
    Origin origin = Origin::script;
    size_t conditionals = 0;  // open when it was left
    IncludedFile file;
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

  // scan_c.cpp
  Token scan_c();
  Token scan_c_number();
  Token scan_c_character();
  Token scan_c_string();

  // defines.cpp
  std::optional<Token> next_of_expansions();
  Token next_unexpanded();
  void give_back(const Token& token);
  bool is_expanding(std::string_view name) const;
  Macro* find_define(std::string_view name);
  bool is_defined(std::string_view name);
  void scan_body(Macro& macro);
  bool expand(Token& token);
  bool expand_call(Token& name, Macro& macro);
  bool push_expansion(const Token& name, Macro& macro, std::vector<Token> tokens);
  std::optional<Arguments> read_arguments(const Token& name, const Macro& macro);
  std::vector<Token> substitute(const Macro& macro, const Arguments& arguments);
  std::vector<Token> expand_all(std::vector<Token> tokens);
  Token paste(const Token& left, const Token& right);
  Token stringify(const std::vector<Token>& tokens, Span at);
  std::vector<Token> scan_text(std::string_view text, uint32_t begin, Origin origin);

  // includes.cpp
  void read_include(Span name_span, size_t line_end, bool is_next);
  void open_header(HeaderFile file, Span include, std::string_view path = {});
  void leave_header();
  void note_guard(std::string_view macro, size_t directive);
  bool is_guarded(std::string_view path);
  void report_missing(std::string_view path, Span at);
  bool has_header(std::span<const Token> name);

  // directives.cpp
  bool at_directive() const;
  void read_directive();
  void read_define(size_t line_end);
  void warn_redefined(std::string_view name, Macro& before, Macro& now);
  void read_conditional(std::string_view name, Span name_span, size_t line_end);
  bool evaluate_condition(size_t line_end);
  std::vector<Token> answer_defined(const std::vector<Token>& raw);
  void read_pragma(size_t line_end);
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
  Headers* headers_;
  Origin origin_ = Origin::script;
  IncludedFile file_;
  std::vector<Input> inputs_;
  std::vector<std::string> once_;  // identities of headers that #pragma once keeps from a second reading
  // By path between angle brackets, headers that say nothing while the macro is defined: reading them again is spared.
  std::unordered_map<std::string, std::string_view> guards_;
  std::vector<uint8_t> packs_ = {0};
  bool lacks_kernel_headers_ = false;
  bool is_closed_ = false;     // only expansions are read: arguments and conditions expand by themselves
  bool has_defines_ = false;   // a directive was read: names may stand for something
  bool in_directive_ = false;  // a condition, where builtins of the language have no meaning
  bool in_body_ = false;       // of a #define, where `#` and `##` are operators
  std::unordered_map<std::string_view, Macro> macros_;
  std::vector<Expansion> expansions_;
  std::vector<Conditional> conditionals_;
  size_t expanded_tokens_ = 0;
};

}  // namespace shrike
