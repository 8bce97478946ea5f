// The parts of C declarations: specifiers, declarators, attributes, members. Members' types stay text; the checker resolves
// them.
#include <algorithm>

#include "frontend/script_parser.h"

namespace shrike {

namespace {

template <size_t N>
bool is_one_of(std::string_view word, const std::string_view (&words)[N]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

bool is_qualifier(std::string_view word) {
  constexpr std::string_view words[] = {"const",    "volatile",      "restrict",   "__restrict",     "__restrict__",
                                        "__const",  "__volatile__",  "__user",     "__kernel",       "__rcu",
                                        "__percpu", "__iomem",       "extern",     "static",         "inline",
                                        "__inline", "_Atomic",       "__inline__", "__extension__",  "_Noreturn",
                                        "register", "_Thread_local", "__thread",   "__always_inline"};
  return is_one_of(word, words);
}

bool is_c_type_word(std::string_view word) {
  constexpr std::string_view words[] = {"char",  "short",  "int",        "long",     "unsigned", "signed",
                                        "float", "double", "__signed__", "__int128", "__signed", "_Complex"};
  return is_one_of(word, words);
}

bool is_attribute(const Token& token) {
  constexpr std::string_view words[] = {"__attribute__", "__attribute", "_Alignas"};
  return token.kind == TokenKind::identifier && is_one_of(token.text, words);
}

}  // namespace

// From an opening token to after the one that closes it.
void ScriptParser::skip_balanced(TokenKind open, TokenKind close) {
  size_t depth = 0;
  while (!at(TokenKind::end) && !is_panicking_) {
    TokenKind kind = take().kind;
    if (kind == open) depth++;
    if (kind == close && --depth == 0) return;
  }
}

// Any number of __attribute__((...)) and _Alignas(...).
void ScriptParser::parse_attributes(ast::CAttributes& attributes) {
  while (is_attribute(peek())) {
    bool is_alignas = take().text == "_Alignas";
    if (!expect(TokenKind::left_paren)) return;
    if (is_alignas) {
      attributes.aligned = parse_constant({TokenKind::right_paren});
      expect(TokenKind::right_paren);
      continue;
    }
    if (!expect(TokenKind::left_paren)) return;
    while (!is_panicking_ && !at(TokenKind::right_paren) && !at(TokenKind::end)) parse_one_attribute(attributes);
    expect(TokenKind::right_paren);
    expect(TokenKind::right_paren);
  }
}

void ScriptParser::parse_one_attribute(ast::CAttributes& attributes) {
  if (accept(TokenKind::comma)) return;
  std::string_view name = take().text;
  if (name == "packed" || name == "__packed__") attributes.is_packed = true;
  if (!at(TokenKind::left_paren)) {
    // Without a number: as much as any type of the machine asks for.
    if (name == "aligned" || name == "__aligned__") attributes.aligned = ast::CConstant{16, {}, last_span_};
    return;
  }
  if (name != "aligned" && name != "__aligned__") return skip_balanced(TokenKind::left_paren, TokenKind::right_paren);
  take();
  ast::CConstant wanted = parse_constant({TokenKind::right_paren});
  expect(TokenKind::right_paren);
  // Several demands on one thing: the strictest counts.
  if (!attributes.aligned || attributes.aligned->value < wanted.value) attributes.aligned = std::move(wanted);
}

// At `struct` or `union`: a definition, or only its name.
void ScriptParser::parse_record_specifier(Specifiers& out, std::string& words) {
  ast::CRecord record;
  record.is_union = at(TokenKind::kw_union);
  record.pack = peek().pack;
  record.origin = peek().origin;
  words = record.is_union ? "union" : "struct";
  Span start = take().span;
  parse_attributes(record.attributes);
  if (peek().is_word()) record.name = take().text;
  if (!record.name.empty()) words.append(" ").append(record.name);
  record.span = since(start);
  if (!at(TokenKind::left_brace)) {
    if (record.name.empty()) fail_expected("`{`");
    return;
  }
  if (!parse_record_body(record)) return;
  out.has_body = true;
  if (record.name.empty()) {
    out.made_record = arena_.make<ast::CRecord>(std::move(record));
    out.type.inline_record = out.made_record;
    return;
  }
  c_types_.insert(record.name);
  program_->records.push_back(std::move(record));
}

bool ScriptParser::parse_record_body(ast::CRecord& record) {
  Nesting nesting(*this);
  if (is_too_deep() || !expect(TokenKind::left_brace)) return false;
  bool is_script = record.origin == Origin::script;
  while (!at(TokenKind::right_brace) && !at(TokenKind::end)) {
    if (accept(TokenKind::semicolon)) continue;
    ast::CMember member;
    if (parse_member(member)) record.members.push_back(std::move(member));
    if (!is_panicking_) continue;
    if (!is_script) {
      // A layout with holes would be a wrong one.
      skip_body_rest();
      return false;
    }
    synchronize();
  }
  expect(TokenKind::right_brace);
  parse_attributes(record.attributes);
  return !is_panicking_;
}

// To after the brace that closes what is being read; still panicking.
void ScriptParser::skip_body_rest() {
  is_panicking_ = false;
  for (size_t open = 1; open > 0 && !at(TokenKind::end) && peek().origin != Origin::script;) {
    TokenKind kind = take().kind;
    if (kind == TokenKind::left_brace) open++;
    if (kind == TokenKind::right_brace) open--;
  }
  is_panicking_ = true;
}

bool ScriptParser::parse_member(ast::CMember& member) {
  if (peek().text == "_Static_assert" || peek().text == "static_assert") {
    while (!at(TokenKind::semicolon) && !at(TokenKind::end) && !is_panicking_) take();
    return false;
  }
  Span start = peek().span;
  Specifiers specifiers;
  if (!parse_specifiers(specifiers)) return false;
  member = std::move(specifiers.type);
  if (!parse_declarators(member)) return false;
  member.span = since(start);
  return expect(TokenKind::semicolon);
}

// Everything before the declarators.
bool ScriptParser::parse_specifiers(Specifiers& out) {
  std::string words;
  auto append = [&words](std::string_view word) {
    if (!words.empty()) words += ' ';
    words += word;
  };
  bool is_complete = false;
  for (;;) {
    if (is_attribute(peek())) {
      parse_attributes(out.type.attributes);
    } else if (at(TokenKind::kw_typedef)) {
      take();
      out.is_typedef = true;
    } else if (peek().kind == TokenKind::identifier && is_qualifier(peek().text)) {
      std::string_view word = take().text;
      if (word == "__user") out.type.space = mir::AddressSpace::user;
      if (word == "__percpu") out.type.space = mir::AddressSpace::percpu;
    } else if (is_complete) {
      break;
    } else if (at(TokenKind::kw_struct) || at(TokenKind::kw_union)) {
      parse_record_specifier(out, words);
      is_complete = true;
    } else if (at(TokenKind::kw_enum)) {
      parse_enum_specifier(out, words);
      is_complete = true;
    } else if (peek().kind == TokenKind::identifier && is_c_type_word(peek().text)) {
      std::string_view word = take().text;
      append(word.starts_with("__signed") ? "signed" : word);
    } else if (peek().kind == TokenKind::identifier && words.empty() && !peek().text.starts_with("__typeof")) {
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
  out.type.type = arena_.copy(words);
  return true;
}

bool ScriptParser::parse_declarators(ast::CMember& member) {
  bool has_tag = member.inline_record != nullptr || member.type.find(' ') != std::string_view::npos;
  if (at(TokenKind::semicolon) && has_tag) return true;
  do member.declarators.push_back(parse_declarator());
  while (!is_panicking_ && accept(TokenKind::comma));
  return !is_panicking_;
}

// `*name[4]`, `name : 3`, `(*function)(parameters)`
ast::CDeclarator ScriptParser::parse_declarator() {
  ast::CDeclarator declarator;
  Span start = peek().span;
  auto skip_words = [&] {
    while (is_attribute(peek()) || (peek().kind == TokenKind::identifier && is_qualifier(peek().text))) {
      if (is_attribute(peek())) parse_attributes(declarator.attributes);
      else take();
    }
  };
  skip_words();
  while (accept(TokenKind::star)) {
    declarator.pointers++;
    skip_words();
  }
  if (at(TokenKind::left_paren)) parse_function_pointer(declarator);
  else if (!at(TokenKind::colon)) declarator.name = expect_name("a member name").text;
  parse_dimensions(declarator);
  if (accept(TokenKind::colon)) {
    ast::CConstant bits = parse_constant({TokenKind::semicolon, TokenKind::comma});
    if (!is_panicking_ && (bits.value < 0 || bits.value > 64)) fail(Diag::not_a_constant, last_span_, {"a bit-field width"});
    declarator.bit_size = std::move(bits);
  }
  parse_attributes(declarator.attributes);
  declarator.span = since(start);
  return declarator;
}

// `(*name)(parameters)`, `(*name[4])(parameters)`, `(*name)[4]`, `(name)`. What it points to does not matter: one pointer.
void ScriptParser::parse_function_pointer(ast::CDeclarator& declarator) {
  take();
  if (is_attribute(peek())) parse_attributes(declarator.attributes);
  bool is_pointer = accept(TokenKind::star);
  while (peek().kind == TokenKind::identifier && is_qualifier(peek().text)) take();
  while (accept(TokenKind::star)) declarator.pointers++;
  if (is_pointer && at(TokenKind::left_paren)) parse_function_pointer(declarator);  // one that gives another
  else declarator.name = expect_name("a member name").text;
  if (is_pointer && declarator.pointers == 0) declarator.pointers = 1;
  if (is_pointer) parse_dimensions(declarator);
  if (at(TokenKind::left_paren)) skip_balanced(TokenKind::left_paren, TokenKind::right_paren);
  expect(TokenKind::right_paren);
  if (!is_pointer) return;
  while (at(TokenKind::left_bracket)) skip_balanced(TokenKind::left_bracket, TokenKind::right_bracket);
  if (at(TokenKind::left_paren)) skip_balanced(TokenKind::left_paren, TokenKind::right_paren);
}

void ScriptParser::parse_dimensions(ast::CDeclarator& declarator) {
  while (accept(TokenKind::left_bracket)) {
    ast::CConstant count;
    if (!at(TokenKind::right_bracket)) count = parse_constant({TokenKind::right_bracket});
    if (!is_panicking_ && count.value < 0) fail(Diag::not_a_constant, last_span_, {"an array size"});
    declarator.dimensions.push_back(std::move(count));
    expect(TokenKind::right_bracket);
  }
}

}  // namespace shrike
