// Expressions, by precedence climbing. From loose to tight: `? :`, `?:` / || / && / | / ^ / & / == != / < > <= >= /
// << >> / + - / * / % / prefix operators and casts / postfix.
#include <algorithm>

#include "frontend/script_parser.h"

namespace shrike {

namespace {

using ast::BinaryOp;
using ast::UnaryOp;

struct BinaryRow {
  TokenKind token;
  BinaryOp op;
  int precedence;
};
constexpr BinaryRow binary_rows[] = {
    {TokenKind::or_or, BinaryOp::logical_or, 1},  {TokenKind::and_and, BinaryOp::logical_and, 2},
    {TokenKind::pipe, BinaryOp::bit_or, 3},       {TokenKind::caret, BinaryOp::bit_xor, 4},
    {TokenKind::ampersand, BinaryOp::bit_and, 5}, {TokenKind::equal, BinaryOp::eq, 6},
    {TokenKind::not_equal, BinaryOp::ne, 6},      {TokenKind::less, BinaryOp::lt, 7},
    {TokenKind::greater, BinaryOp::gt, 7},        {TokenKind::less_equal, BinaryOp::le, 7},
    {TokenKind::greater_equal, BinaryOp::ge, 7},  {TokenKind::shl, BinaryOp::shl, 8},
    {TokenKind::shr, BinaryOp::shr, 8},           {TokenKind::plus, BinaryOp::add, 9},
    {TokenKind::minus, BinaryOp::sub, 9},         {TokenKind::star, BinaryOp::mul, 10},
    {TokenKind::slash, BinaryOp::div, 10},        {TokenKind::percent, BinaryOp::mod, 10},
};

struct UnaryRow {
  TokenKind token;
  UnaryOp op;
};
constexpr UnaryRow unary_rows[] = {
    {TokenKind::plus, UnaryOp::plus},     {TokenKind::minus, UnaryOp::minus},      {TokenKind::bang, UnaryOp::logical_not},
    {TokenKind::tilde, UnaryOp::bit_not}, {TokenKind::star, UnaryOp::dereference}, {TokenKind::ampersand, UnaryOp::address_of},
};

const BinaryRow* find_binary(TokenKind kind) {
  for (const BinaryRow& row : binary_rows)
    if (row.token == kind) return &row;
  return nullptr;
}

}  // namespace

// `children` and `more` are the operands; a tree that gets too deep is reported here, where it grows. The left operand of an
// operator that is one itself is no level of its own: nobody descends to it.
const ast::Expr* ScriptParser::make_expr(Span span, ast::ExprNode node, std::initializer_list<const ast::Expr*> children,
                                         const ast::ExprList* more) {
  uint32_t depth = 0;
  for (const ast::Expr* child : children)
    if (child != nullptr) depth = std::max(depth, depth_of(child));
  if (more != nullptr)
    for (const ast::Expr* child : *more) depth = std::max(depth, depth_of(child));
  const bool holds_block = std::holds_alternative<ast::BlockExpr>(node) || std::holds_alternative<ast::IfExpr>(node);
  if (holds_block) depth = std::max(depth, deepest_in_block_);
  const auto* binary = std::get_if<ast::Binary>(&node);
  const bool continues = binary != nullptr && binary->left->as<ast::Binary>() != nullptr;
  depth = continues ? std::max(depth_of(binary->left), depth_of(binary->right) + 1) : depth + 1;
  if (depth > max_chain && !is_panicking_) {
    fail(Diag::expression_too_deep, last_span_, {std::to_string(max_chain)});
    return error_expr();
  }
  deepest_in_block_ = std::max(deepest_in_block_, depth);
  auto id = ast::ExprId(options_.first_expr_id + depths_.size());
  depths_.push_back(static_cast<uint16_t>(depth));
  return arena_.make<ast::Expr>(ast::Expr{id, span, std::move(node)});
}

const ast::Expr* ScriptParser::error_expr() {
  return make_expr(peek().span, ast::ErrorExpr{});
}

const ast::Expr* ScriptParser::parse_expr() {
  Nesting nesting(*this);
  if (is_too_deep()) return error_expr();
  Span start = peek().span;
  const ast::Expr* condition = parse_binary(1);
  if (!accept(TokenKind::question)) return condition;
  if (accept(TokenKind::colon)) {
    const ast::Expr* otherwise = parse_expr();
    return make_expr(since(start), ast::Ternary{condition, nullptr, otherwise}, {condition, otherwise});
  }
  const ast::Expr* then = parse_expr();
  expect(TokenKind::colon);
  const ast::Expr* otherwise = parse_expr();
  return make_expr(since(start), ast::Ternary{condition, then, otherwise}, {condition, then, otherwise});
}

const ast::Expr* ScriptParser::parse_binary(int lowest) {
  Span start = peek().span;  // of a parenthesis, perhaps, that leaves no node
  const ast::Expr* left = parse_unary();
  for (;;) {
    const BinaryRow* row = find_binary(peek().kind);
    if (row == nullptr || row->precedence < lowest) return left;
    bool may_close = in_predicate_ && at(TokenKind::slash);
    if (may_close && (peek(1).kind == TokenKind::left_brace || peek(1).kind == TokenKind::end)) return left;
    Span op_span = take().span;
    const ast::Expr* right = parse_binary(row->precedence + 1);
    left = make_expr(since(start), ast::Binary{row->op, op_span, left, right}, {left, right});
  }
}

const ast::Expr* ScriptParser::parse_unary() {
  Span start = peek().span;
  if (at(TokenKind::increment) || at(TokenKind::decrement)) return parse_prefix_increment();
  for (const UnaryRow& row : unary_rows) {
    if (!accept(row.token)) continue;
    const ast::Expr* operand = parse_operand();
    return make_expr(since(start), ast::Unary{row.op, operand}, {operand});
  }
  if (accept(TokenKind::kw_comptime)) {
    const ast::Expr* operand = parse_operand();
    return make_expr(since(start), ast::Comptime{operand}, {operand});
  }
  if (at(TokenKind::left_paren) && at_cast()) return parse_cast();
  return parse_postfix();
}

// Of a prefix operator: one level deeper.
const ast::Expr* ScriptParser::parse_operand() {
  Nesting nesting(*this);
  return is_too_deep() ? error_expr() : parse_unary();
}

const ast::Expr* ScriptParser::parse_cast() {
  Span start = take().span;
  ast::TypeName type = parse_type();
  expect(TokenKind::right_paren);
  const ast::Expr* operand = parse_operand();
  return make_expr(since(start), ast::Cast{std::move(type), operand}, {operand});
}

const ast::Expr* ScriptParser::parse_prefix_increment() {
  Token op = take();
  const ast::Expr* operand = parse_postfix();
  check_incrementable(operand);
  ast::IncDec kind = op.kind == TokenKind::increment ? ast::IncDec::pre_increment : ast::IncDec::pre_decrement;
  return make_expr(since(op.span), ast::IncDecExpr{kind, operand}, {operand});
}

void ScriptParser::check_incrementable(const ast::Expr* operand) {
  if (is_panicking_ || operand->as<ast::Variable>() != nullptr || operand->as<ast::MapRef>() != nullptr) return;
  errors_.report(Diag::not_assignable, operand->span);
}

const ast::Expr* ScriptParser::parse_postfix() {
  Span start = peek().span;
  return parse_postfix_of(parse_primary(), start);
}

const ast::Expr* ScriptParser::parse_postfix_of(const ast::Expr* object, Span start) {
  for (;;) {
    if (at(TokenKind::dot) || at(TokenKind::arrow)) {
      object = parse_field(object, start);
    } else if (accept(TokenKind::left_bracket)) {
      bool outer_predicate = in_predicate_;
      in_predicate_ = false;
      const ast::Expr* index = parse_expr();
      in_predicate_ = outer_predicate;
      expect(TokenKind::right_bracket);
      object = make_expr(since(start), ast::Index{object, index}, {object, index});
    } else if (at(TokenKind::increment) || at(TokenKind::decrement)) {
      ast::IncDec kind = at(TokenKind::increment) ? ast::IncDec::post_increment : ast::IncDec::post_decrement;
      take();
      check_incrementable(object);
      object = make_expr(since(start), ast::IncDecExpr{kind, object}, {object});
    } else {
      return object;
    }
  }
}

// `.name`, `->name`, `.0`
const ast::Expr* ScriptParser::parse_field(const ast::Expr* object, Span start) {
  bool is_arrow = take().kind == TokenKind::arrow;
  Token name = peek();
  if (name.kind == TokenKind::integer && !is_arrow && name.value <= UINT32_MAX) {
    take();
    auto index = static_cast<uint32_t>(name.value);
    return make_expr(since(start), ast::TupleField{object, index, name.span}, {object});
  }
  if (!name.is_word()) {
    fail_expected("a field name");
    return error_expr();
  }
  take();
  return make_expr(since(start), ast::Field{object, name.text, name.span, is_arrow}, {object});
}

// The forms that hold expressions, apart from those that do not: this function's frame is in every level of nesting.
const ast::Expr* ScriptParser::parse_primary() {
  switch (peek().kind) {
    case TokenKind::map: return parse_map_ref();
    case TokenKind::identifier: return parse_name();
    case TokenKind::left_paren: return parse_parenthesized();
    case TokenKind::left_brace: return parse_value_block();
    case TokenKind::kw_if: return parse_value_if();
    default: return parse_leaf();
  }
}

const ast::Expr* ScriptParser::parse_leaf() {
  Token token = peek();
  switch (token.kind) {
    case TokenKind::integer: take(); return make_expr(token.span, ast::IntLit{token.value, token.is_unsigned});
    case TokenKind::string: take(); return make_expr(token.span, ast::StrLit{token.text});
    case TokenKind::kw_true: take(); return make_expr(token.span, ast::BoolLit{true});
    case TokenKind::kw_false: take(); return make_expr(token.span, ast::BoolLit{false});
    case TokenKind::positional: take(); return make_expr(token.span, ast::Positional{static_cast<uint32_t>(token.value)});
    case TokenKind::positional_count: take(); return make_expr(token.span, ast::PositionalCount{});
    case TokenKind::variable: take(); return make_expr(token.span, ast::Variable{token.text});
    default: break;
  }
  bool is_end = token.kind == TokenKind::end;
  if (token.kind == TokenKind::invalid || (is_end && (reported_end_ || lexer_.has_swallowed_end()))) errors_.is_muted = true;
  if (is_end) reported_end_ = true;
  fail(Diag::expected_expression, token.span, {describe(token)});
  return error_expr();
}

// Up to and including `close`; the opening token is already taken.
ast::ExprList ScriptParser::parse_list(TokenKind close, bool* has_trailing_comma) {
  bool outer_predicate = in_predicate_;
  in_predicate_ = false;
  ast::ExprList list;
  bool has_comma = false;
  while (!is_panicking_ && !at(close)) {
    list.push_back(parse_expr());
    has_comma = accept(TokenKind::comma);
    if (!has_comma) break;
  }
  in_predicate_ = outer_predicate;
  if (!at(close) && !is_panicking_) fail_expected("`,` or `" + std::string(spelling_of(close)) + "`");
  accept(close);
  if (has_trailing_comma != nullptr) *has_trailing_comma = has_comma;
  return list;
}

// `(e)`, `()`, `(a,)`, `(a, b)`, `(x = 1, y = 2)`
const ast::Expr* ScriptParser::parse_parenthesized() {
  Span start = take().span;
  if (peek().is_word() && peek(1).kind == TokenKind::assign) return parse_record(start);
  bool has_trailing_comma = false;
  ast::ExprList elements = parse_list(TokenKind::right_paren, &has_trailing_comma);
  if (is_panicking_) return error_expr();
  // Parentheses leave no node.
  if (elements.size() == 1 && !has_trailing_comma) return elements[0];
  ast::ExprList children = elements;
  return make_expr(since(start), ast::Tuple{std::move(elements)}, {}, &children);
}

const ast::Expr* ScriptParser::parse_record(Span start) {
  bool outer_predicate = in_predicate_;
  in_predicate_ = false;
  ast::Record record;
  ast::ExprList children;
  while (!is_panicking_ && !at(TokenKind::right_paren)) {
    Token name = expect_name("a field name");
    expect(TokenKind::assign);
    children.push_back(parse_expr());
    record.fields.emplace_back(name.text, children.back());
    if (!accept(TokenKind::comma)) break;
  }
  in_predicate_ = outer_predicate;
  expect(TokenKind::right_paren);
  return make_expr(since(start), std::move(record), {}, &children);
}

const ast::Expr* ScriptParser::parse_map_ref() {
  Token name = take();
  if (!at(TokenKind::left_bracket)) return make_expr(name.span, ast::MapRef{name.text, nullptr});
  Span open = take().span;
  if (at(TokenKind::right_bracket)) {
    fail(Diag::expected_expression, peek().span, {describe(peek())});
    return error_expr();
  }
  ast::ExprList keys = parse_list(TokenKind::right_bracket);
  if (is_panicking_ || keys.empty()) return error_expr();
  const ast::Expr* key = keys[0];
  if (keys.size() > 1) {
    Span span = cover(keys.front()->span, keys.back()->span);
    ast::ExprList children = keys;
    key = make_expr(span.is_known() ? span : open, ast::Tuple{std::move(keys)}, {}, &children);
  }
  return make_expr(since(name.span), ast::MapRef{name.text, key}, {key});
}

const ast::Expr* ScriptParser::parse_name() {
  Token name = take();
  if (at(TokenKind::left_paren)) return parse_call(name);
  return make_expr(name.span, ast::Ident{name.text});
}

const ast::Expr* ScriptParser::parse_call(const Token& name) {
  take();
  ast::Call call;
  call.name = name.text;
  call.name_span = name.span;
  bool takes_type = name.text == "sizeof" || name.text == "offsetof" || name.text == "typeinfo";
  if (name.text == "container_of") parse_container_of(call);
  else if (takes_type) parse_type_call_argument(call);
  else call.args = parse_list(TokenKind::right_paren);
  ast::ExprList children = call.args;
  return make_expr(since(name.span), std::move(call), {}, &children);
}

// sizeof(type or expression), offsetof(type or expression, field.field)
void ScriptParser::parse_type_call_argument(ast::Call& call) {
  if (at_type_argument()) call.type_arg = parse_type();
  else if (!at(TokenKind::right_paren)) call.args.push_back(parse_expr());
  if (call.name == "offsetof") parse_field_path(call);
  expect(TokenKind::right_paren);
}

// container_of(expression, type, field.field)
void ScriptParser::parse_container_of(ast::Call& call) {
  call.args.push_back(parse_expr());
  expect(TokenKind::comma);
  call.type_arg = parse_type();
  parse_field_path(call);
  expect(TokenKind::right_paren);
}

// `, field.field`
void ScriptParser::parse_field_path(ast::Call& call) {
  expect(TokenKind::comma);
  do call.field_path.push_back(expect_name("a field name").text);
  while (!is_panicking_ && (accept(TokenKind::dot) || accept(TokenKind::arrow)));
}

// `{ ...; value }`
const ast::Expr* ScriptParser::parse_value_block() {
  uint32_t outer_depth = std::exchange(deepest_in_block_, 0);
  const uint32_t reported = errors_.reported();
  ParsedBlock parsed = parse_block();
  const ast::Expr* result = nullptr;
  if (!parsed.is_open) {
    // A mistake inside has been told; what came of skipping past it is none.
    if (!is_panicking_ && errors_.reported() == reported) fail(Diag::block_without_value, last_span_);
    result = error_expr();
  } else {
    const ast::Expr* value = take_value(*parsed.block);
    result = make_expr(parsed.block->span, ast::BlockExpr{parsed.block, value}, {value});
  }
  deepest_in_block_ = std::max(deepest_in_block_, outer_depth);
  return result;
}

const ast::Expr* ScriptParser::parse_value_if() {
  uint32_t outer_depth = std::exchange(deepest_in_block_, 0);
  const uint32_t reported = errors_.reported();
  Span start = peek().span;
  const ast::Stmt* statement = parse_if();
  const ast::Expr* result = nullptr;
  if (statement == nullptr || !last_statement_is_open_) {
    if (!is_panicking_ && errors_.reported() == reported) fail(Diag::if_without_value, start);
    result = error_expr();
  } else {
    result = make_expr(statement->span, ast::IfExpr{statement});
  }
  deepest_in_block_ = std::max(deepest_in_block_, outer_depth);
  return result;
}

}  // namespace shrike
