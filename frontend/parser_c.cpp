// Declarations of the C section and of headers: what defines a struct, union, enum or typedef is kept, anything else is
// passed over: functions with their bodies, variables, assertions, assembly. What the script or the user's own headers get
// wrong is reported; of other headers a declaration that is not understood is left out in silence, since scripts mean few of
// the thousands that a header brings.
#include <algorithm>

#include "frontend/script_parser.h"

namespace shrike {

void ScriptParser::parse_header_item() {
  bool is_foreign = peek().origin != Origin::user_header;
  errors_.is_muted |= is_foreign;
  parse_declaration();
  if (is_panicking_) skip_header_item();
  errors_.is_muted = errors_.is_full();
}

// To after the `;` or the body that ends the declaration, but not out of the header.
void ScriptParser::skip_header_item() {
  is_panicking_ = false;
  size_t open = 0;
  while (!at(TokenKind::end) && peek().origin != Origin::script) {
    TokenKind kind = take().kind;
    if (kind == TokenKind::left_brace) open++;
    if (kind == TokenKind::semicolon && open == 0) return;
    if (kind != TokenKind::right_brace) continue;
    if (open <= 1) return;
    open--;
  }
}

// Declarations that begin with a word of their own, and what can only be passed over.
bool ScriptParser::skip_other_declaration() {
  if (accept(TokenKind::semicolon)) return true;
  if (peek().kind != TokenKind::identifier) return false;
  std::string_view word = peek().text;
  bool is_other = word == "_Static_assert" || word == "static_assert" || word == "asm" || word == "__asm__" || word == "__asm";
  if (is_other) skip_header_item();
  return is_other;
}

void ScriptParser::parse_declaration() {
  if (skip_other_declaration()) return;
  Nesting nesting(*this);
  if (is_too_deep()) return;
  Span start = peek().span;
  bool is_script = peek().origin == Origin::script;
  Specifiers specifiers;
  if (!parse_specifiers(specifiers)) return;
  if (is_script && !specifiers.is_typedef) {
    // The language has definitions only, and does without the `;` after their brace.
    bool is_forward = !specifiers.has_body && at(TokenKind::semicolon);
    if (!specifiers.has_body && !is_forward) expect(TokenKind::left_brace);
    if (specifiers.made_record != nullptr) fail(Diag::expected_token, specifiers.made_record->span, {"a name", "none"});
    accept(TokenKind::semicolon);
    return;
  }
  if ((!specifiers.is_typedef || specifiers.has_body) && accept(TokenKind::semicolon)) return;
  do {
    ast::CDeclarator declarator = parse_declarator();
    if (is_panicking_) return;
    if (specifiers.is_typedef) add_typedef(specifiers, std::move(declarator), start);
    if (at(TokenKind::left_paren)) skip_balanced(TokenKind::left_paren, TokenKind::right_paren);
    if (at(TokenKind::left_brace)) return skip_braces();  // a function
    if (at(TokenKind::semicolon) || at(TokenKind::comma)) continue;
    if (!is_script) return skip_header_item();  // an initial value, attributes, an assembler name
  } while (accept(TokenKind::comma));
  expect(TokenKind::semicolon);
}

void ScriptParser::add_typedef(const Specifiers& specifiers, ast::CDeclarator declarator, Span start) {
  ast::CTypedef definition;
  definition.name = declarator.name;
  definition.origin = peek().origin;
  definition.target = specifiers.type;
  // What has no name of its own is known by its first typedef.
  bool is_plain = declarator.pointers == 0 && declarator.dimensions.empty();
  if (is_plain && specifiers.made_record != nullptr && specifiers.made_record->name.empty())
    specifiers.made_record->name = declarator.name;
  if (is_plain && specifiers.made_enum != nullptr && specifiers.made_enum->name.empty()) {
    specifiers.made_enum->name = declarator.name;
    definition.target.type = arena_.copy("enum " + std::string(declarator.name));
  }
  definition.target.declarators.push_back(std::move(declarator));
  definition.span = since(start);
  definition.target.span = definition.span;
  c_types_.insert(definition.name);
  program_->typedefs.push_back(std::move(definition));
}

void ScriptParser::parse_enum_specifier(Specifiers& out, std::string& words) {
  ast::CEnum definition;
  ast::CAttributes attributes;
  Span start = take().span;
  parse_attributes(attributes);
  if (peek().is_word()) definition.name = take().text;
  definition.span = since(start);
  words = "enum " + std::string(definition.name);
  if (!accept(TokenKind::left_brace)) {
    if (definition.name.empty()) fail_expected("`{`");
    return;
  }
  parse_enumerators(definition);
  expect(TokenKind::right_brace);
  parse_attributes(attributes);
  if (is_panicking_) return;
  out.has_body = true;
  definition.is_packed = attributes.is_packed;
  bool is_nameless = definition.name.empty();
  if (!is_nameless) c_types_.insert(definition.name);
  program_->enums.push_back(std::move(definition));
  if (!is_nameless) return;
  words = "enum (anonymous " + std::to_string(start.begin) + ")";
  out.made_enum = &program_->enums.back();
}

void ScriptParser::parse_enumerators(ast::CEnum& definition) {
  int64_t next = 0;
  while (!is_panicking_ && !at(TokenKind::right_brace)) {
    Token name = expect_name("a name");
    ast::CAttributes ignored;
    parse_attributes(ignored);
    if (accept(TokenKind::assign)) {
      ast::CConstant constant = parse_constant({TokenKind::comma, TokenKind::right_brace});
      if (!constant.waiting.empty()) fail(Diag::not_a_constant, constant.span, {"this"});
      next = constant.value;
    }
    if (is_panicking_) return;
    definition.values.emplace_back(name.text, next);
    auto [known, is_new] = c_constants_.try_emplace(name.text, EnumConstant{next, name.span, name.origin});
    if (!is_new && std::max(name.origin, known->second.origin) <= Origin::user_header)
      errors_.report(Diag::redefined, name.span, {std::string(name.text)}).label(known->second.span, "first defined here");
    known->second.value = next;
    next = static_cast<int64_t>(static_cast<uint64_t>(next) + 1);
    if (!accept(TokenKind::comma)) return;
  }
}

// The tokens up to one of `ends`, which stays.
ast::CConstant ScriptParser::parse_constant(std::initializer_list<TokenKind> ends) {
  ast::CConstant constant;
  std::vector<Token> tokens;
  bool asks_size = false;
  size_t parens = 0;
  while (!at(TokenKind::end) && !at(TokenKind::invalid) && !at(TokenKind::semicolon)) {
    if (parens == 0 && std::find(ends.begin(), ends.end(), peek().kind) != ends.end()) break;
    if (at(TokenKind::left_paren)) parens++;
    if (at(TokenKind::right_paren) && parens > 0) parens--;
    tokens.push_back(take());
    asks_size |= tokens.back().text == "sizeof";
  }
  if (is_panicking_) return constant;
  if (!tokens.empty()) constant.span = cover(tokens.front().span, tokens.back().span);
  size_t culprit = 0;
  auto constant_of = [this](std::string_view name) -> std::optional<int64_t> {
    auto found = c_constants_.find(name);
    return found == c_constants_.end() ? std::nullopt : std::optional(found->second.value);
  };
  std::optional<int64_t> value = evaluate_constant(tokens, constant_of, culprit);
  constant.value = value.value_or(0);
  if (value) return constant;
  if (!asks_size) {
    fail(Diag::not_a_constant, culprit < tokens.size() ? tokens[culprit].span : peek().span, {"this"});
    return constant;
  }
  // Enumerators are known here only.
  for (Token& token : tokens) {
    auto known = token.kind == TokenKind::identifier ? constant_of(token.text) : std::nullopt;
    if (!known) continue;
    token.kind = TokenKind::integer;
    token.value = static_cast<uint64_t>(*known);
  }
  constant.waiting = std::move(tokens);
  return constant;
}

}  // namespace shrike
