// The C section: definitions of structs, unions, enums and typedefs. Members' types stay text; the checker resolves them.
// Deliberately without C's expressions beyond integer constants, and without functions and variables.
#include <algorithm>

#include "frontend/script_parser.h"

namespace shrike {

namespace {

bool is_qualifier(std::string_view word) {
  for (std::string_view name : {"const", "volatile", "restrict", "__restrict", "__user", "__kernel", "__rcu", "__percpu",
                                "extern", "static", "_Atomic", "__extension__"})
    if (word == name) return true;
  return false;
}

bool is_c_integer_word(std::string_view word) {
  for (std::string_view name : {"char", "short", "int", "long", "unsigned", "signed"})
    if (word == name) return true;
  return false;
}

bool is_attribute(const Token& token) {
  return token.kind == TokenKind::identifier && (token.text == "__attribute__" || token.text == "__attribute");
}

}  // namespace

// From an opening token to after the one that closes it.
void ScriptParser::skip_balanced(TokenKind open, TokenKind close) {
  size_t depth = 0;
  while (!at(TokenKind::end) && !at(TokenKind::invalid)) {
    TokenKind kind = take().kind;
    if (kind == open) depth++;
    if (kind == close && --depth == 0) return;
  }
}

bool ScriptParser::parse_attributes() {
  bool is_packed = false;
  while (is_attribute(peek())) {
    take();
    if (!at(TokenKind::left_paren)) {
      expect(TokenKind::left_paren);
      return is_packed;
    }
    size_t depth = 0;
    while (!at(TokenKind::end) && !at(TokenKind::invalid)) {
      Token token = take();
      if (token.kind == TokenKind::left_paren) depth++;
      if (token.kind == TokenKind::right_paren && --depth == 0) break;
      if (token.text == "packed" || token.text == "__packed__") is_packed = true;
      if (token.text == "aligned" || token.text == "__aligned__")
        errors_.report(Diag::attribute_ignored, token.span, {"aligned"});
    }
  }
  return is_packed;
}

void ScriptParser::parse_c_record(ast::Program& program) {
  bool is_union = peek().kind == TokenKind::kw_union;
  if (peek(1).is_word() && peek(2).kind == TokenKind::semicolon) {  // forward declaration
    take();
    take();
    take();
    return;
  }
  ast::CRecord record = parse_record_definition(is_union);
  if (!is_panicking_ && record.name.empty()) fail(Diag::expected_token, record.span, {"a name", "none"});
  if (is_panicking_) return;
  accept(TokenKind::semicolon);
  c_types_.insert(record.name);
  program.records.push_back(std::move(record));
}

// At `struct` or `union`.
ast::CRecord ScriptParser::parse_record_definition(bool is_union) {
  Nesting nesting(*this);
  ast::CRecord record;
  record.is_union = is_union;
  if (is_too_deep()) return record;
  Span start = take().span;
  record.is_packed = parse_attributes();
  if (peek().is_word()) record.name = take().text;
  record.span = since(start);
  if (!expect(TokenKind::left_brace)) return record;
  while (!at(TokenKind::right_brace) && !at(TokenKind::end)) {
    if (accept(TokenKind::semicolon)) continue;
    ast::CMember member;
    if (parse_member(member)) record.members.push_back(std::move(member));
    if (is_panicking_) synchronize();
  }
  expect(TokenKind::right_brace);
  if (parse_attributes()) record.is_packed = true;
  return record;
}

bool ScriptParser::parse_member(ast::CMember& member) {
  Span start = peek().span;
  if (!parse_member_type(member) || !parse_declarators(member)) return false;
  member.span = since(start);
  return expect(TokenKind::semicolon);
}

// The part before the declarators.
bool ScriptParser::parse_member_type(ast::CMember& member) {
  std::string words;
  auto append = [&words](std::string_view word) {
    if (!words.empty()) words += ' ';
    words += word;
  };
  bool is_complete = false;
  for (;;) {
    if (is_attribute(peek())) {
      parse_attributes();
    } else if (peek().kind == TokenKind::identifier && is_qualifier(peek().text)) {
      take();
    } else if (is_complete) {
      break;
    } else if (at(TokenKind::kw_struct) || at(TokenKind::kw_union)) {
      bool is_union = at(TokenKind::kw_union);
      size_t after_name = peek(1).is_word() ? 2 : 1;
      if (peek(after_name).kind == TokenKind::left_brace || is_attribute(peek(1))) {
        member.inline_record = arena_.make<ast::CRecord>(parse_record_definition(is_union));
        append(is_union ? "union" : "struct");
        if (!member.inline_record->name.empty()) append(member.inline_record->name);
      } else {
        append(take().text);
        append(expect_name("a name").text);
      }
      is_complete = true;
    } else if (accept(TokenKind::kw_enum)) {
      append("enum");
      append(expect_name("a name").text);
      is_complete = true;
    } else if (peek().kind == TokenKind::identifier && is_c_integer_word(peek().text)) {
      append(take().text);
    } else if (peek().kind == TokenKind::identifier && words.empty()) {
      append(take().text);
      is_complete = true;
    } else {
      break;
    }
    if (is_panicking_) return false;
  }
  if (words.empty()) {
    fail_expected("a type");
    return false;
  }
  member.type = arena_.copy(words);
  return true;
}

bool ScriptParser::parse_declarators(ast::CMember& member) {
  if (at(TokenKind::semicolon) && member.inline_record != nullptr) return true;
  do member.declarators.push_back(parse_declarator());
  while (!is_panicking_ && accept(TokenKind::comma));
  return !is_panicking_;
}

// `*name[4]`, `name : 3`, `(*function)(parameters)`
ast::CDeclarator ScriptParser::parse_declarator() {
  ast::CDeclarator declarator;
  Span start = peek().span;
  auto skip_words = [this] {
    while (peek().kind == TokenKind::identifier && is_qualifier(peek().text)) take();
  };
  while (accept(TokenKind::star)) {
    declarator.pointers++;
    skip_words();
  }
  bool is_function = accept(TokenKind::left_paren);
  if (is_function) {
    // What it points to does not matter: it is one pointer.
    declarator.pointers++;
    if (!expect(TokenKind::star)) return declarator;
    skip_words();
  }
  if (!at(TokenKind::colon)) declarator.name = expect_name("a member name").text;
  while (accept(TokenKind::left_bracket)) {
    bool is_flexible = at(TokenKind::right_bracket);
    std::optional<int64_t> count = is_flexible ? 0 : parse_constant({TokenKind::right_bracket});
    if (count && *count < 0) fail(Diag::not_a_constant, last_span_, {"an array size"});
    declarator.dimensions.push_back(static_cast<uint64_t>(count.value_or(0)));
    expect(TokenKind::right_bracket);
  }
  if (is_function) {
    expect(TokenKind::right_paren);
    if (at(TokenKind::left_paren)) skip_balanced(TokenKind::left_paren, TokenKind::right_paren);
  }
  if (accept(TokenKind::colon)) {
    std::optional<int64_t> bits = parse_constant({TokenKind::semicolon, TokenKind::comma});
    if (bits && (*bits < 0 || *bits > 64)) fail(Diag::not_a_constant, last_span_, {"a bit-field width"});
    declarator.bit_size = static_cast<uint32_t>(bits.value_or(0));
  }
  parse_attributes();
  declarator.span = since(start);
  return declarator;
}

// The tokens up to one of `ends`, which stays.
std::optional<int64_t> ScriptParser::parse_constant(std::initializer_list<TokenKind> ends) {
  std::vector<Token> tokens;
  size_t parens = 0;
  while (!at(TokenKind::end) && !at(TokenKind::invalid) && !at(TokenKind::semicolon)) {
    if (parens == 0 && std::find(ends.begin(), ends.end(), peek().kind) != ends.end()) break;
    if (at(TokenKind::left_paren)) parens++;
    if (at(TokenKind::right_paren) && parens > 0) parens--;
    tokens.push_back(take());
  }
  if (is_panicking_) return std::nullopt;
  size_t culprit = 0;
  auto constant_of = [this](std::string_view name) -> std::optional<int64_t> {
    auto found = c_constants_.find(name);
    return found == c_constants_.end() ? std::nullopt : std::optional(found->second);
  };
  std::optional<int64_t> value = evaluate_constant(tokens, constant_of, culprit);
  if (!value) fail(Diag::not_a_constant, culprit < tokens.size() ? tokens[culprit].span : peek().span, {"this"});
  return value;
}

void ScriptParser::parse_c_enum(ast::Program& program) {
  ast::CEnum definition;
  Span start = take().span;
  parse_attributes();
  if (peek().is_word()) definition.name = take().text;
  definition.span = since(start);
  if (!expect(TokenKind::left_brace)) return;
  parse_enumerators(definition);
  expect(TokenKind::right_brace);
  parse_attributes();
  accept(TokenKind::semicolon);
  if (is_panicking_) return;
  if (!definition.name.empty()) c_types_.insert(definition.name);
  program.enums.push_back(std::move(definition));
}

void ScriptParser::parse_enumerators(ast::CEnum& definition) {
  int64_t next = 0;
  while (!is_panicking_ && !at(TokenKind::right_brace)) {
    Token name = expect_name("a name");
    if (accept(TokenKind::assign)) next = parse_constant({TokenKind::comma, TokenKind::right_brace}).value_or(0);
    if (is_panicking_) return;
    definition.values.emplace_back(name.text, next);
    c_constants_[name.text] = next;
    next = static_cast<int64_t>(static_cast<uint64_t>(next) + 1);
    if (!accept(TokenKind::comma)) return;
  }
}

void ScriptParser::parse_typedef(ast::Program& program) {
  Span start = take().span;
  if (at(TokenKind::kw_enum) && (peek(1).kind == TokenKind::left_brace || peek(2).kind == TokenKind::left_brace)) {
    parse_typedef_enum(program, start);
    return;
  }
  ast::CMember target;
  if (!parse_member_type(target)) return;
  do {
    ast::CTypedef definition;
    ast::CDeclarator declarator = parse_declarator();
    definition.name = declarator.name;
    definition.target = target;
    definition.target.declarators.push_back(std::move(declarator));
    definition.span = since(start);
    definition.target.span = definition.span;
    if (is_panicking_) break;
    c_types_.insert(definition.name);
    program.typedefs.push_back(std::move(definition));
  } while (accept(TokenKind::comma));
  expect(TokenKind::semicolon);
  if (is_panicking_) synchronize();
}

// `typedef enum { A, B } name;`: the enum takes the typedef's name if it has none.
void ScriptParser::parse_typedef_enum(ast::Program& program, Span start) {
  parse_c_enum(program);
  if (is_panicking_) return;
  Token name = expect_name("a name");
  expect(TokenKind::semicolon);
  if (is_panicking_) return synchronize();
  ast::CEnum& definition = program.enums.back();
  if (definition.name.empty()) definition.name = name.text;
  ast::CTypedef type;
  type.name = name.text;
  type.span = since(start);
  type.target.type = arena_.copy("enum " + std::string(definition.name));
  type.target.span = type.span;
  type.target.declarators.push_back({name.text, 0, {}, 0, name.span});
  c_types_.insert(type.name);
  program.typedefs.push_back(std::move(type));
}

}  // namespace shrike
