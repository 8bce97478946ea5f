// The preprocessor lines of the C section and of the headers it includes: conditionals with their expressions, #define and
// #undef, #error, #pragma once and pack. What is defined is expanded by defines.cpp; headers are read by includes.cpp.
#include <algorithm>
#include <utility>

#include "frontend/constant_expr.h"
#include "frontend/lexer.h"

namespace shrike {

namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}
bool is_word_part(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= '0' && c <= '9');
}

}  // namespace

// A `#` that only blanks precede on its line.
bool Lexer::at_directive() const {
  size_t before = position_;
  while (before > 0 && is_blank(text_[before - 1])) before--;
  return before == 0 || text_[before - 1] == '\n';
}

// Offset of the newline that ends the logical line: lines ending in a backslash go on, and so do comments.
size_t Lexer::find_line_end() const {
  for (size_t at = position_; at < text_.size(); at++) {
    char c = text_[at];
    if (c == '\n') return at;
    if (c == '\\') {
      at += text_.substr(at + 1, 2) == "\r\n" ? 2 : 1;
    } else if (c == '"' || c == '\'') {
      while (at + 1 < text_.size() && text_[at + 1] != c && text_[at + 1] != '\n') at += text_[at + 1] == '\\' ? 2 : 1;
      if (at + 1 < text_.size() && text_[at + 1] == c) at++;
    } else if (c == '/' && text_.substr(at + 1, 1) == "*") {
      size_t close = text_.find("*/", at + 2);
      if (close == std::string_view::npos) break;
      at = close + 1;
    } else if (c == '/' && text_.substr(at + 1, 1) == "/") {
      while (at + 1 < text_.size() && text_[at + 1] != '\n') at += text_[at + 1] == '\\' ? 2 : 1;
    }
  }
  return text_.size();
}

std::string_view Lexer::read_directive_word(size_t line_end) {
  while (position_ < line_end && is_blank(text_[position_])) position_++;
  size_t start = position_;
  while (position_ < line_end && is_word_part(text_[position_])) position_++;
  return text_.substr(start, position_ - start);
}

bool Lexer::is_skipping() const {
  return !conditionals_.empty() && !conditionals_.back().is_active;
}

void Lexer::read_directive() {
  size_t start = position_;
  size_t line_end = find_line_end();
  if (start == 0 && peek(1) == '!') {
    position_ = line_end;
    return;
  }
  position_++;
  std::string_view name = read_directive_word(line_end);
  Span name_span = span_from(start);
  has_defines_ = true;
  if (name == "define") {
    read_define(line_end);
  } else if (name == "undef") {
    macros_[read_directive_word(line_end)].is_undefined = true;
  } else if (name == "include" || name == "include_next" || name == "import") {
    read_include(name_span, line_end, name == "include_next");
    return;
  } else if (name == "error") {
    std::string_view text = text_.substr(position_, line_end - position_);
    errors_.insist(Diag::error_directive, name_span, {std::string(text)});
  } else if (name == "pragma") {
    read_pragma(line_end);
  } else if (name == "if" || name == "ifdef" || name == "ifndef" || name == "elif" || name == "else" || name == "endif") {
    read_conditional(name, name_span, line_end);
  } else if (name != "line" && name != "warning" && name != "ident" && !name.empty()) {
    errors_.report(Diag::unknown_directive, name_span, {std::string(name)});
  }
  position_ = line_end;
  if (is_skipping()) skip_inactive();
}

// #pragma once, and pack(n), pack(push, n), pack(pop), pack(). Others say nothing about types.
void Lexer::read_pragma(size_t line_end) {
  std::vector<Token> words = scan_line(line_end);
  if (words.empty()) return;
  if (words[0].text == "once" && !inputs_.empty()) once_.push_back(file_.identity);
  if (words[0].text != "pack") return;
  bool pushes = false, pops = false;
  uint64_t value = 0;
  for (const Token& word : words) {
    pushes |= word.text == "push";
    pops |= word.text == "pop";
    if (word.kind == TokenKind::integer) value = word.value;
  }
  if (pops && packs_.size() > 1) packs_.pop_back();
  if (pushes) packs_.push_back(packs_.back());
  if (!pops && (!pushes || value != 0)) packs_.back() = static_cast<uint8_t>(std::min<uint64_t>(value, 16));
}

std::vector<Token> Lexer::scan_line(size_t line_end) {
  Lexer line(text_.substr(0, line_end), begin_, arena_, errors_);
  line.position_ = position_;
  line.reads_directives_ = false;
  line.in_body_ = true;
  line.origin_ = origin_;
  std::vector<Token> tokens;
  for (Token token = line.next(); token.kind != TokenKind::end; token = line.next()) tokens.push_back(token);
  position_ = line_end;
  return tokens;
}

void Lexer::read_define(size_t line_end) {
  std::string_view name = read_directive_word(line_end);
  Span span = span_from(position_ - name.size());
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) {
    size_t at = position_ - name.size();
    position_ = line_end;
    errors_.report(Diag::bad_directive, span_from(at > 0 && at == line_end ? at - 1 : at), {"define", "a name is missing"});
    return;
  }
  Macro macro;
  macro.definition = span;
  macro.origin = origin_;
  if (peek() == '(' && position_ < line_end) {
    macro.takes_arguments = true;
    for (const Token& token : scan_line(position_ + text_.substr(position_, line_end - position_).find(')') + 1)) {
      bool is_rest = token.text == "..." || token.text == "..";
      if (token.is_word()) macro.params.push_back(token.text);
      if (!is_rest || macro.is_variadic) continue;
      macro.is_variadic = true;
      // `name...` is GNU's way to name what is left.
      bool has_name = !macro.params.empty() && macro.params.back().data() + macro.params.back().size() == token.text.data();
      if (!has_name) macro.params.push_back("__VA_ARGS__");
    }
  }
  macro.text = text_.substr(position_, line_end - position_);
  macro.begin = begin_ + static_cast<uint32_t>(position_);
  auto [known, is_new] = macros_.try_emplace(name);
  if (!is_new) warn_redefined(name, known->second, macro);
  known->second = std::move(macro);
}

// What a C compiler warns of, too: the same name for something else without #undef. Blanks make no difference.
void Lexer::warn_redefined(std::string_view name, Macro& before, Macro& now) {
  bool is_told = now.origin <= Origin::user_header && before.definition.is_known() && !before.is_undefined;
  if (!is_told || before.definition == now.definition) return;
  scan_body(before);
  scan_body(now);
  auto is_same = [](const Token& a, const Token& b) { return a.kind == b.kind && a.text == b.text; };
  if (before.takes_arguments == now.takes_arguments && before.is_variadic == now.is_variadic && before.params == now.params &&
      std::ranges::equal(before.tokens, now.tokens, is_same))
    return;
  errors_.report(Diag::define_redefined, now.definition, {std::string(name)}).label(before.definition, "first defined here");
}

void Lexer::read_conditional(std::string_view name, Span name_span, size_t line_end) {
  if (name == "if" || name == "ifdef" || name == "ifndef") {
    Conditional conditional{name_span, false, false};
    // Inside a skipped branch nothing is evaluated and nothing is taken.
    if (is_skipping()) {
      conditional.was_taken = true;
    } else if (name == "if") {
      conditional.is_active = conditional.was_taken = evaluate_condition(line_end);
    } else {
      std::string_view macro = read_directive_word(line_end);
      if (macro.empty()) errors_.report(Diag::bad_directive, name_span, {std::string(name), "a name is missing"});
      else if (name == "ifndef") note_guard(macro, name_span.begin - begin_);
      conditional.is_active = conditional.was_taken = is_defined(macro) == (name == "ifdef");
    }
    conditionals_.push_back(conditional);
    return;
  }
  if (conditionals_.size() == (inputs_.empty() ? 0 : inputs_.back().conditionals)) {
    errors_.report(Diag::bad_directive, name_span, {std::string(name), "there is no `#if` before it"});
    return;
  }
  Conditional& open = conditionals_.back();
  bool is_guard = !inputs_.empty() && conditionals_.size() == inputs_.back().conditionals + 1 && file_.guarded_until == 0;
  if (is_guard && name == "endif") file_.guarded_until = line_end;
  else if (is_guard) file_.guard = {};
  if (name == "endif") {
    conditionals_.pop_back();
  } else if (open.saw_else) {
    errors_.report(Diag::bad_directive, name_span, {std::string(name), "it follows `#else`"});
  } else if (name == "else") {
    open.saw_else = true;
    open.is_active = !open.was_taken;
  } else {
    open.is_active = !open.was_taken && evaluate_condition(line_end);
    open.was_taken |= open.is_active;
  }
}

// `defined X` and `__has_include(<x>)` are answered before macros are expanded, as in C. What else asks what a compiler has
// gets a no.
std::vector<Token> Lexer::answer_defined(const std::vector<Token>& raw) {
  std::vector<Token> tokens;
  for (size_t i = 0; i < raw.size(); i++) {
    bool asks = raw[i].kind == TokenKind::identifier && raw[i].text.starts_with("__has_");
    bool is_in_parens = i + 1 < raw.size() && raw[i + 1].kind == TokenKind::left_paren;
    if (asks && is_in_parens) {
      size_t end = i + 2;
      while (end < raw.size() && raw[end].kind != TokenKind::right_paren) end++;
      Token answer = raw[i];
      answer.kind = TokenKind::integer;
      std::span<const Token> operand(raw.data() + i + 2, end - i - 2);
      answer.value = raw[i].text.starts_with("__has_include") && has_header(operand) ? 1 : 0;
      tokens.push_back(answer);
      i = end;
      continue;
    }
    if (raw[i].text != "defined" || raw[i].kind != TokenKind::identifier) {
      tokens.push_back(raw[i]);
      continue;
    }
    size_t name = is_in_parens ? i + 2 : i + 1;
    if (name >= raw.size()) break;
    Token answer = raw[name];
    answer.kind = TokenKind::integer;
    answer.value = is_defined(answer.text) ? 1 : 0;
    tokens.push_back(answer);
    i = is_in_parens && name + 1 < raw.size() && raw[name + 1].kind == TokenKind::right_paren ? name + 1 : name;
  }
  return tokens;
}

bool Lexer::evaluate_condition(size_t line_end) {
  size_t start = position_;
  bool was_in_directive = std::exchange(in_directive_, true);
  std::vector<Token> tokens = expand_all(answer_defined(scan_line(line_end)));
  // What expands to `defined(X)` has no meaning in C, but compilers answer it and headers ask it.
  tokens = answer_defined(tokens);
  in_directive_ = was_in_directive;
  size_t culprit = 0;
  auto zero = [this](std::string_view name) { return std::optional<int64_t>(name == "BPFTRACE_HAVE_BTF" && is_defined(name)); };
  std::optional<int64_t> value = evaluate_constant(tokens, zero, culprit);
  if (!value && origin_ <= Origin::user_header) {
    bool has_culprit = culprit < tokens.size();
    Span at = has_culprit ? tokens[culprit].span : span_from(start > 0 ? start - 1 : 0);
    errors_.report(Diag::bad_directive, at, {"if", "its condition is not a constant expression"});
  }
  return value.value_or(0) != 0;
}

// Line by line up to the directive that makes reading go on.
void Lexer::skip_inactive() {
  while (position_ < text_.size() && is_skipping()) {
    position_++;  // the newline
    while (position_ < text_.size() && is_blank(text_[position_])) position_++;
    size_t start = position_;
    size_t line_end = find_line_end();
    if (peek() == '#') {
      position_++;
      std::string_view name = read_directive_word(line_end);
      if (name == "if" || name == "ifdef" || name == "ifndef" || name == "elif" || name == "else" || name == "endif")
        read_conditional(name, span_from(start), line_end);
    }
    position_ = line_end;
  }
}

}  // namespace shrike
