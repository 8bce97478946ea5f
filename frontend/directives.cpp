// The preprocessor lines of the C section, the part of C that old scripts use: conditionals with their expressions,
// object-like #define and #undef, #include (accepted, not read: types come from BTF). `BPFTRACE_HAVE_BTF` is defined, so
// that scripts written for both worlds take their BTF branch. Deliberately without function-like macros, `##` and `#`.
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
// Numbers that scripts take from socket headers and BTF does not have.
struct HeaderConstant {
  std::string_view name;
  uint64_t value;
};
constexpr HeaderConstant socket_constants[] = {{"AF_UNSPEC", 0}, {"AF_UNIX", 1}, {"AF_INET", 2}, {"AF_INET6", 10}};

bool is_predefined(std::string_view name) {
  return name == "BPFTRACE_HAVE_BTF";
}

}  // namespace

// A `#` that only blanks precede on its line.
bool Lexer::at_directive() const {
  size_t before = position_;
  while (before > 0 && is_blank(text_[before - 1])) before--;
  return before == 0 || text_[before - 1] == '\n';
}

// Offset of the newline that ends the logical line; lines ending in a backslash go on.
size_t Lexer::find_line_end() const {
  size_t end = text_.find('\n', position_);
  while (end != std::string_view::npos) {
    size_t last = end;
    if (last > position_ && text_[last - 1] == '\r') last--;
    if (last <= position_ || text_[last - 1] != '\\') return end;
    end = text_.find('\n', end + 1);
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
  if (name == "define") {
    read_define(line_end);
  } else if (name == "undef") {
    macros_.erase(read_directive_word(line_end));
  } else if (name == "include") {
    read_include(name_span, line_end);
  } else if (name == "error") {
    errors_.report(Diag::error_directive, name_span, {std::string(text_.substr(position_, line_end - position_))});
  } else if (name == "if" || name == "ifdef" || name == "ifndef" || name == "elif" || name == "else" || name == "endif") {
    read_conditional(name, name_span, line_end);
  } else if (name != "pragma" && name != "line" && !name.empty()) {
    errors_.report(Diag::unknown_directive, name_span, {std::string(name)});
  }
  position_ = line_end;
  if (is_skipping()) skip_inactive();
}

void Lexer::read_include(Span name_span, size_t line_end) {
  position_ = line_end;
  while (position_ > 0 && is_blank(text_[position_ - 1])) position_--;
  Span line = cover(name_span, span_from(position_ - 1));
  errors_.report(Diag::include_ignored, line);
  bool is_socket = text_.substr(line.begin - begin_, line.end - line.begin).find("/sock") != std::string_view::npos;
  if (!is_socket) return;
  for (const HeaderConstant& constant : socket_constants) {
    Token number;
    number.kind = TokenKind::integer;
    number.text = constant.name;
    number.value = constant.value;
    macros_.try_emplace(constant.name, Macro{{number}, line, true});
  }
}

std::vector<Token> Lexer::scan_line(size_t line_end) {
  Lexer line(text_.substr(0, line_end), begin_, arena_, errors_);
  line.position_ = position_;
  line.reads_directives_ = false;
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
  if (peek() == '(' && position_ < line_end) {
    errors_.report(Diag::define_with_parameters, span, {std::string(name)}).with_hint("write it as `macro name($a) { ... }`");
    position_ = line_end;
    return;
  }
  Macro macro;
  macro.definition = span;
  // Headers' macros may be full of C that is never used here, so a bad body counts only when the name is used.
  bool was_muted = errors_.is_muted;
  errors_.is_muted = true;
  macro.tokens = scan_line(line_end);
  errors_.is_muted = was_muted;
  for (const Token& token : macro.tokens)
    if (token.kind == TokenKind::invalid) macro.is_usable = false;
  macros_.insert_or_assign(name, std::move(macro));
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
      bool is_defined = is_predefined(macro) || macros_.contains(macro);
      conditional.is_active = conditional.was_taken = is_defined == (name == "ifdef");
    }
    conditionals_.push_back(conditional);
    return;
  }
  if (conditionals_.empty()) {
    errors_.report(Diag::bad_directive, name_span, {std::string(name), "there is no `#if` before it"});
    return;
  }
  Conditional& open = conditionals_.back();
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

bool Lexer::evaluate_condition(size_t line_end) {
  size_t start = position_;
  // `defined X` is answered before macros are expanded, as in C.
  std::vector<Token> raw = scan_line(line_end);
  std::vector<Token> tokens;
  for (size_t i = 0; i < raw.size(); i++) {
    if (raw[i].text != "defined" || raw[i].kind != TokenKind::identifier) {
      bool is_macro = raw[i].kind == TokenKind::identifier && macros_.contains(raw[i].text);
      if (!is_macro) tokens.push_back(raw[i]);
      else
        for (const Token& part : macros_.find(raw[i].text)->second.tokens) tokens.push_back(part);
      continue;
    }
    size_t name = i + 1 < raw.size() && raw[i + 1].kind == TokenKind::left_paren ? i + 2 : i + 1;
    if (name >= raw.size()) break;
    Token answer = raw[name];
    answer.kind = TokenKind::integer;
    answer.value = is_predefined(answer.text) || macros_.contains(answer.text);
    tokens.push_back(answer);
    i = name == i + 2 && name + 1 < raw.size() && raw[name + 1].kind == TokenKind::right_paren ? name + 1 : name;
  }
  size_t culprit = 0;
  auto zero = [](std::string_view name) { return std::optional<int64_t>(is_predefined(name) ? 1 : 0); };
  std::optional<int64_t> value = evaluate_constant(tokens, zero, culprit);
  if (!value) {
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
