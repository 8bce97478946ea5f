// What #define says, expanded as tokens are handed out, by C's rules: arguments are expanded before they replace their
// parameter, `#` makes a string, `##` joins, the result is read again, and a name does not stand for itself inside of what
// it stands for.
#include <algorithm>

#include "frontend/builtins.h"
#include "frontend/functions.h"
#include "frontend/lexer.h"

namespace shrike {

namespace {

// Hostile chains of macros must not grow without end; long scripts use many.
constexpr size_t most_expanded_tokens = 200'000;
constexpr size_t most_expanded_per_byte = 16;  // of the script, in addition
constexpr size_t most_header_tokens = 20'000'000;

// What no macro is called: below it are the expansions that a list of tokens must not go on into.
constexpr std::string_view barrier_name = "(";

bool is_invalid(const Token& token, std::string_view text) {
  return token.kind == TokenKind::invalid && token.text == text;
}

// Headers have macros named like functions of the language (`min`, `max`): the script means the language's.
bool is_language_name(std::string_view name) {
  return find_builtin(name) != nullptr || find_function(name) != nullptr || find_aggregation(name) != nullptr;
}

}  // namespace

Lexer::Macro* Lexer::find_define(std::string_view name) {
  if (auto found = macros_.find(name); found != macros_.end()) return found->second.is_undefined ? nullptr : &found->second;
  std::optional<std::string_view> body = predefined(name);
  if (!body) return nullptr;
  Macro macro;
  macro.text = *body;
  macro.origin = Origin::system_header;
  return &macros_.emplace(name, std::move(macro)).first->second;
}

bool Lexer::is_defined(std::string_view name) {
  if (name == "BPFTRACE_HAVE_BTF" && !macros_.contains(name)) return headers_ == nullptr || headers_->loader.has_btf();
  return name.starts_with("__has_") || find_define(name) != nullptr;
}

std::vector<Token> Lexer::scan_text(std::string_view text, uint32_t begin, Origin origin) {
  bool was_muted = errors_.is_muted;
  errors_.is_muted = true;
  Lexer inner(text, begin, arena_, errors_);
  inner.reads_directives_ = false;
  inner.in_body_ = true;
  inner.origin_ = origin;
  std::vector<Token> tokens;
  for (Token token = inner.next(); token.kind != TokenKind::end; token = inner.next()) tokens.push_back(token);
  errors_.is_muted = was_muted;
  return tokens;
}

void Lexer::scan_body(Macro& macro) {
  if (macro.is_scanned) return;
  macro.tokens = scan_text(macro.text, macro.begin, macro.origin);
  macro.is_scanned = true;
}

// --- handing out

std::optional<Token> Lexer::next_of_expansions() {
  while (!expansions_.empty()) {
    Expansion& top = expansions_.back();
    if (is_closed_ && top.name == barrier_name) return std::nullopt;
    if (top.next < top.tokens.size()) {
      Token result = top.tokens[top.next++];
      if (!top.keeps_spans) result.span = top.use;
      return result;
    }
    expansions_.pop_back();
  }
  return std::nullopt;
}

Token Lexer::next_unexpanded() {
  if (std::optional<Token> expanded = next_of_expansions()) return *expanded;
  return is_closed_ ? Token() : scan();
}

void Lexer::give_back(const Token& token) {
  if (token.kind == TokenKind::end && is_closed_) return;
  Expansion back;
  back.tokens = {token};
  back.keeps_spans = true;
  expansions_.push_back(std::move(back));
}

bool Lexer::is_expanding(std::string_view name) const {
  for (const Expansion& expansion : expansions_)
    if (expansion.name == name) return true;
  return false;
}

// --- expanding

// True if other tokens now stand in place of `token`.
bool Lexer::expand(Token& token) {
  if (token.is_final) return false;
  Macro* macro = find_define(token.text);
  if (macro == nullptr) return false;
  if (is_expanding(token.text)) {
    token.is_final = true;
    return false;
  }
  bool is_foreign = origin_ == Origin::script && macro->origin != Origin::script;
  if (is_foreign && !in_directive_ && is_language_name(token.text)) return false;
  scan_body(*macro);
  if (macro->takes_arguments) return expand_call(token, *macro);
  bool joins = std::any_of(macro->tokens.begin(), macro->tokens.end(), [](const Token& t) { return is_invalid(t, "##"); });
  return push_expansion(token, *macro, joins ? substitute(*macro, {}) : macro->tokens);
}

bool Lexer::expand_call(Token& name, Macro& macro) {
  Token open = next_unexpanded();
  if (open.kind != TokenKind::left_paren) {
    give_back(open);
    name.is_final = true;
    return false;
  }
  std::optional<Arguments> arguments = read_arguments(name, macro);
  if (!arguments) return push_expansion(name, macro, {});
  return push_expansion(name, macro, substitute(macro, *arguments));
}

bool Lexer::push_expansion(const Token& name, Macro& macro, std::vector<Token> tokens) {
  bool is_script = origin_ == Origin::script && macro.origin == Origin::script;
  auto is_bad = [](const Token& token) { return token.kind == TokenKind::invalid; };
  if (origin_ == Origin::script && std::any_of(tokens.begin(), tokens.end(), is_bad)) {
    Diagnostic& said = errors_.report(Diag::unusable_define, name.span, {std::string(name.text)});
    if (macro.definition.is_known()) said.label(macro.definition, "defined here");
    return false;
  }
  expanded_tokens_ += tokens.size() + 1;
  size_t most = is_script ? most_expanded_tokens + most_expanded_per_byte * text_.size() : most_header_tokens;
  if (expanded_tokens_ > most) {
    errors_.report(Diag::define_expands_too_far, name.span, {std::string(name.text), std::to_string(most)});
    expansions_.clear();
    inputs_.clear();
    position_ = text_.size();
    return true;
  }
  Expansion expansion;
  expansion.name = macros_.find(name.text)->first;
  expansion.tokens = std::move(tokens);
  expansion.use = name.span;
  expansions_.push_back(std::move(expansion));
  return true;
}

// After the opening parenthesis, to after the closing one.
std::optional<Lexer::Arguments> Lexer::read_arguments(const Token& name, const Macro& macro) {
  Arguments arguments(1);
  size_t wanted = macro.params.size();
  size_t depth = 0;
  for (;;) {
    Token token = next_unexpanded();
    if (token.kind == TokenKind::end) {
      if (!is_closed_) give_back(token);
      break;
    }
    if (token.kind == TokenKind::left_paren) depth++;
    if (token.kind == TokenKind::right_paren && depth-- == 0) {
      bool is_empty = arguments.size() == 1 && arguments[0].empty() && wanted == 0;
      if (is_empty) arguments.clear();
      if (macro.is_variadic && arguments.size() + 1 == wanted) arguments.emplace_back();
      if (arguments.size() == wanted) return arguments;
      break;
    }
    bool splits = token.kind == TokenKind::comma && depth == 0 && !(macro.is_variadic && arguments.size() >= wanted);
    if (splits) arguments.emplace_back();
    else arguments.back().push_back(token);
  }
  if (origin_ <= Origin::user_header)
    errors_
        .report(Diag::define_arguments, name.span,
                {std::string(name.text), std::to_string(wanted), std::to_string(arguments.size())})
        .label(macro.definition, "defined here");
  return std::nullopt;
}

std::vector<Token> Lexer::substitute(const Macro& macro, const Arguments& arguments) {
  std::vector<Token> out;
  auto argument_of = [&](const Token& token) -> const std::vector<Token>* {
    if (!token.is_word()) return nullptr;
    for (size_t i = 0; i < macro.params.size() && i < arguments.size(); i++)
      if (macro.params[i] == token.text) return &arguments[i];
    return nullptr;
  };
  bool joins_next = false;  // the token before is `##`
  for (size_t i = 0; i < macro.tokens.size(); i++) {
    const Token& token = macro.tokens[i];
    bool is_before_join = i + 1 < macro.tokens.size() && is_invalid(macro.tokens[i + 1], "##");
    if (is_invalid(token, "##")) {
      joins_next = true;
      continue;
    }
    std::vector<Token> replacement;
    const std::vector<Token>* argument = argument_of(token);
    if (macro.takes_arguments && is_invalid(token, "#") && i + 1 < macro.tokens.size() && argument_of(macro.tokens[i + 1])) {
      replacement = {stringify(*argument_of(macro.tokens[++i]), token.span)};
    } else if (argument == nullptr) {
      replacement = {token};
    } else {
      replacement = joins_next || is_before_join ? *argument : expand_all(*argument);
    }
    if (joins_next && !out.empty() && argument != nullptr && out.back().kind == TokenKind::comma && macro.is_variadic &&
        token.text == macro.params.back()) {
      // GNU's `, ## __VA_ARGS__`: the comma goes where nothing follows it.
      if (replacement.empty()) out.pop_back();
    } else if (joins_next && !out.empty() && !replacement.empty()) {
      Token joined = paste(out.back(), replacement.front());
      out.pop_back();
      replacement.front() = joined;
    }
    out.insert(out.end(), replacement.begin(), replacement.end());
    joins_next = false;
  }
  return out;
}

// `tokens` with everything in them expanded.
std::vector<Token> Lexer::expand_all(std::vector<Token> tokens) {
  bool has_word = std::any_of(tokens.begin(), tokens.end(), [](const Token& t) { return t.kind == TokenKind::identifier; });
  if (!has_word) return tokens;
  bool was_closed = is_closed_;
  Expansion barrier;
  barrier.name = barrier_name;
  expansions_.push_back(std::move(barrier));
  Expansion list;
  list.tokens = std::move(tokens);
  list.keeps_spans = true;
  expansions_.push_back(std::move(list));
  is_closed_ = true;
  std::vector<Token> out;
  while (std::optional<Token> token = next_of_expansions())
    if (token->kind != TokenKind::identifier || !expand(*token)) out.push_back(*token);
  if (!expansions_.empty()) expansions_.pop_back();  // the barrier
  is_closed_ = was_closed;
  return out;
}

Token Lexer::paste(const Token& left, const Token& right) {
  std::string_view text = arena_.copy(std::string(left.text) + std::string(right.text));
  std::vector<Token> tokens = scan_text(text, 0, origin_ == Origin::script ? left.origin : origin_);
  Token joined = tokens.size() == 1 ? tokens[0] : left;
  if (tokens.size() != 1) joined.kind = TokenKind::invalid;
  joined.span = left.span;
  return joined;
}

Token Lexer::stringify(const std::vector<Token>& tokens, Span at) {
  std::string text;
  for (const Token& token : tokens) {
    if (!text.empty()) text += ' ';
    text += token.text;
  }
  Token string;
  string.kind = TokenKind::string;
  string.text = arena_.copy(text);
  string.span = at;
  return string;
}

}  // namespace shrike
