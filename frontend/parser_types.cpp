// Types as written, and where the language's grammar needs to know that a name is a type: casts, sizeof, offsetof.
#include "frontend/constants.h"
#include "frontend/script_parser.h"

namespace shrike {

namespace {

// Names that are types wherever they stand. Others are by their form (`..._t`), by the C section, or by what surrounds them.
constexpr std::string_view type_names[] = {
    "bool",   "void",  "int8",   "int16",  "int32",  "int64",  "uint8",    "uint16", "uint32",    "uint64", "string",
    "buffer", "inet",  "char",   "short",  "int",    "long",   "unsigned", "signed", "u8",        "u16",    "u32",
    "u64",    "s8",    "s16",    "s32",    "s64",    "__u8",   "__u16",    "__u32",  "__u64",     "__s8",   "__s16",
    "__s32",  "__s64", "__be16", "__be32", "__be64", "__le16", "__le32",   "__le64", "timestamp",
};

bool is_c_word(std::string_view name) {
  for (std::string_view word : {"char", "short", "int", "long", "unsigned", "signed"})
    if (word == name) return true;
  return false;
}

bool starts_operand(TokenKind kind) {
  switch (kind) {
    case TokenKind::identifier:
    case TokenKind::variable:
    case TokenKind::map:
    case TokenKind::positional:
    case TokenKind::positional_count:
    case TokenKind::integer:
    case TokenKind::string:
    case TokenKind::kw_true:
    case TokenKind::kw_false:
    case TokenKind::left_paren:
    case TokenKind::tilde:
    case TokenKind::bang: return true;
    default: return false;
  }
}

// Operators that are both prefix and infix.
bool is_ambiguous(TokenKind kind) {
  return kind == TokenKind::minus || kind == TokenKind::plus || kind == TokenKind::star || kind == TokenKind::ampersand ||
         kind == TokenKind::increment || kind == TokenKind::decrement;
}

}  // namespace

bool ScriptParser::is_type_name(std::string_view name) const {
  for (std::string_view known : type_names)
    if (known == name) return true;
  return (name.size() > 2 && name.ends_with("_t")) || c_types_.contains(name);
}

bool ScriptParser::starts_type(size_t ahead) {
  TokenKind kind = peek(ahead).kind;
  return kind == TokenKind::kw_struct || kind == TokenKind::kw_union || kind == TokenKind::kw_enum ||
         kind == TokenKind::kw_typeof;
}

size_t ScriptParser::skip_stars(size_t ahead) {
  constexpr size_t most = 16;
  size_t end = ahead + most;
  while (ahead < end && peek(ahead).kind == TokenKind::star) ahead++;
  return ahead;
}

// At `(`. A known type makes a cast with whatever can start an operand; an unknown name only with what cannot go on an
// expression: `(foo_t)-1` is a cast, `(FOO)-1` a subtraction, `(foo)1` a cast to a typedef of BTF.
bool ScriptParser::at_cast() {
  if (starts_type(1)) return true;
  if (peek(1).kind != TokenKind::identifier) return false;
  bool is_known = is_type_name(peek(1).text);
  TokenKind after = peek(2).kind;
  if (after == TokenKind::right_paren) {
    TokenKind operand = peek(3).kind;
    return starts_operand(operand) || (is_known && (is_ambiguous(operand) || operand == TokenKind::left_brace));
  }
  if (after == TokenKind::star) {
    TokenKind closing = peek(skip_stars(2)).kind;
    return closing == TokenKind::right_paren || (is_known && closing == TokenKind::left_bracket);
  }
  return is_known && (after == TokenKind::left_bracket || (after == TokenKind::identifier && is_c_word(peek(1).text)));
}

// After the `(` of sizeof and offsetof.
bool ScriptParser::at_type_argument() {
  if (starts_type(0)) return true;
  if (peek().kind != TokenKind::identifier) return false;
  size_t after_stars = skip_stars(1);
  TokenKind after = peek(after_stars).kind;
  bool ends = after == TokenKind::right_paren || after == TokenKind::comma;
  if (ends && after_stars > 1) return true;
  if (!is_type_name(peek().text)) return false;
  return ends || after == TokenKind::left_bracket || after == TokenKind::identifier;
}

ast::TypeName ScriptParser::parse_type() {
  ast::TypeName type;
  Span start = peek().span;
  parse_type_head(type);
  while (!is_panicking_) {
    ast::TypeSuffix suffix;
    if (accept(TokenKind::star)) {
      suffix.is_pointer = true;
    } else if (accept(TokenKind::left_bracket)) {
      if (!at(TokenKind::right_bracket)) suffix.count = parse_size();
      expect(TokenKind::right_bracket);
    } else {
      break;
    }
    type.suffixes.push_back(suffix);
  }
  type.span = since(start);
  return type;
}

// A size must be known before anything is checked: `$1` is its number at once.
const ast::Expr* ScriptParser::parse_size() {
  const ast::Expr* size = parse_expr();
  const auto* positional = size->as<ast::Positional>();
  if (positional == nullptr || positional->number == 0 || positional->number > options_.positionals.size()) return size;
  std::optional<int64_t> value = parse_integer(options_.positionals[positional->number - 1]);
  return value && *value >= 0 ? make_expr(size->span, ast::IntLit{static_cast<uint64_t>(*value), false}) : size;
}

void ScriptParser::parse_type_head(ast::TypeName& type) {
  if (accept(TokenKind::kw_struct)) type.tag = ast::TypeName::Tag::struct_;
  else if (accept(TokenKind::kw_union)) type.tag = ast::TypeName::Tag::union_;
  else if (accept(TokenKind::kw_enum)) type.tag = ast::TypeName::Tag::enum_;
  if (type.tag == ast::TypeName::Tag::none && accept(TokenKind::kw_typeof)) {
    type.tag = ast::TypeName::Tag::typeof_;
    expect(TokenKind::left_paren);
    type.of = parse_expr();
    expect(TokenKind::right_paren);
    return;
  }
  if (type.tag == ast::TypeName::Tag::none && peek().kind == TokenKind::identifier && is_c_word(peek().text)) {
    type.name = parse_c_words();
    return;
  }
  if (peek().kind == TokenKind::identifier) type.name = take().text;
  else fail_expected("a type");
}

// `unsigned long` and the like, as the language's own name for the same type.
std::string_view ScriptParser::parse_c_words() {
  bool is_unsigned = false;
  std::string_view name = "int32";
  for (; peek().kind == TokenKind::identifier && is_c_word(peek().text); take()) {
    std::string_view word = peek().text;
    if (word == "unsigned") is_unsigned = true;
    else if (word == "char") name = "int8";
    else if (word == "short") name = "int16";
    else if (word == "long") name = "int64";
  }
  return is_unsigned ? arena_.copy("u" + std::string(name)) : name;
}

}  // namespace shrike
