// Statements and blocks.
#include "frontend/imports.h"
#include "frontend/script_parser.h"

namespace shrike {

namespace {

constexpr std::string_view statement_words[] = {"if",  "else",   "for",   "while",    "unroll",
                                                "let", "return", "break", "continue", "import"};

struct AssignToken {
  TokenKind kind;
  std::optional<ast::BinaryOp> op;
};
constexpr AssignToken assign_tokens[] = {
    {TokenKind::assign, {}},
    {TokenKind::add_assign, ast::BinaryOp::add},
    {TokenKind::sub_assign, ast::BinaryOp::sub},
    {TokenKind::mul_assign, ast::BinaryOp::mul},
    {TokenKind::div_assign, ast::BinaryOp::div},
    {TokenKind::mod_assign, ast::BinaryOp::mod},
    {TokenKind::and_assign, ast::BinaryOp::bit_and},
    {TokenKind::or_assign, ast::BinaryOp::bit_or},
    {TokenKind::xor_assign, ast::BinaryOp::bit_xor},
    {TokenKind::shl_assign, ast::BinaryOp::shl},
    {TokenKind::shr_assign, ast::BinaryOp::shr},
};

}  // namespace

ScriptParser::ParsedBlock ScriptParser::parse_block() {
  Nesting nesting(*this);
  ast::Block* block = arena_.make<ast::Block>();
  Token open = peek();
  if (is_too_deep() || !expect(TokenKind::left_brace)) return {block, false};
  bool outer_predicate = in_predicate_;
  in_predicate_ = false;
  bool is_open = false;
  while (!at(TokenKind::right_brace) && !at(TokenKind::end)) {
    is_open = false;
    if (accept(TokenKind::semicolon)) continue;
    last_statement_is_open_ = false;
    const ast::Stmt* statement = parse_statement();
    is_open = last_statement_is_open_;
    if (statement != nullptr) block->statements.push_back(statement);
    if (is_panicking_) synchronize();
  }
  in_predicate_ = outer_predicate;
  if (!at(TokenKind::right_brace)) fail_expected("`}`").label(open.span, "to close this");
  accept(TokenKind::right_brace);
  block->span = since(open.span);
  return {block, is_open};
}

// Removes the block's last statement and returns its value. The block must be open.
const ast::Expr* ScriptParser::take_value(ast::Block& block) {
  const ast::Stmt* last = block.statements.back();
  block.statements.pop_back();
  if (const auto* expr = last->as<ast::ExprStmt>()) return expr->expr;
  return make_expr(last->span, ast::IfExpr{last});
}

void ScriptParser::parse_block_import() {
  Token word = take();
  if (!at(TokenKind::string) || !is_standard_library(peek().text)) {
    fail(Diag::import_in_block, word.span);
    return;
  }
  Token path = take();
  accept(TokenKind::semicolon);
  program_->block_imports.push_back({path.text, since(word.span)});
}

const ast::Stmt* ScriptParser::parse_statement() {
  Span start = peek().span;
  switch (peek().kind) {
    case TokenKind::left_brace: {
      const ast::Block* block = parse_block().block;
      last_statement_is_open_ = false;
      return make_stmt(block->span, ast::BlockStmt{block});
    }
    case TokenKind::kw_if: return parse_if();
    case TokenKind::kw_for: return parse_for();
    case TokenKind::kw_while:
    case TokenKind::kw_unroll: return parse_while_or_unroll();
    case TokenKind::kw_else: fail(Diag::else_without_if, start); return nullptr;
    case TokenKind::kw_import: parse_block_import(); return nullptr;
    case TokenKind::kw_struct:
    case TokenKind::kw_union:
    case TokenKind::kw_enum:
    case TokenKind::kw_typedef: fail(Diag::out_of_order, start, {"C definitions", "the first probe"}); return nullptr;
    default: return parse_simple_statement();
  }
}

// Those that end in `;`.
const ast::Stmt* ScriptParser::parse_simple_statement() {
  Span start = peek().span;
  const ast::Stmt* statement = nullptr;
  switch (peek().kind) {
    case TokenKind::kw_let: statement = parse_let(); break;
    case TokenKind::kw_break: statement = make_stmt(take().span, ast::Break{}); break;
    case TokenKind::kw_continue: statement = make_stmt(take().span, ast::Continue{}); break;
    case TokenKind::kw_return: {
      take();
      bool has_value = !at(TokenKind::semicolon) && !at(TokenKind::right_brace);
      const ast::Expr* value = has_value ? parse_expr() : nullptr;
      statement = make_stmt(since(start), ast::Return{value});
      break;
    }
    default: return parse_expression_statement();
  }
  end_statement(nullptr);
  return statement;
}

const ast::Stmt* ScriptParser::parse_expression_statement() {
  Span start = peek().span;
  const ast::Expr* expr = parse_expr();
  for (const AssignToken& row : assign_tokens) {
    if (!at(row.kind)) continue;
    const auto* name = expr->as<ast::Ident>();
    bool is_discard = name != nullptr && name->name == "_" && !row.op;
    if (expr->as<ast::Variable>() == nullptr && expr->as<ast::MapRef>() == nullptr && !is_discard) {
      fail(Diag::not_assignable, expr->span);
      return nullptr;
    }
    take();
    const ast::Expr* value = parse_expr();
    const ast::Stmt* statement = make_stmt(since(start), ast::Assign{expr, row.op, value});
    end_statement(nullptr);
    return statement;
  }
  const ast::Stmt* statement = make_stmt(since(start), ast::ExprStmt{expr});
  last_statement_is_open_ = at(TokenKind::right_brace);
  end_statement(expr);
  return statement;
}

// `;`, which may be missing before `}`. `expr` is the statement if it is an expression: perhaps a misspelt keyword.
void ScriptParser::end_statement(const ast::Expr* expr) {
  if (at(TokenKind::right_brace) || accept(TokenKind::semicolon) || is_panicking_) return;
  std::string_view name;
  if (expr != nullptr) {
    if (const auto* ident = expr->as<ast::Ident>()) name = ident->name;
    if (const auto* call = expr->as<ast::Call>(); call != nullptr && at(TokenKind::left_brace)) name = call->name;
  }
  std::vector<std::string_view> words(std::begin(statement_words), std::end(statement_words));
  std::string_view nearest = name.empty() ? name : nearest_name(name, words);
  Diagnostic& diagnostic = fail_expected("`;`");
  if (!nearest.empty()) diagnostic.with_hint("did you mean `" + std::string(nearest) + "`?");
}

const ast::Stmt* ScriptParser::parse_let() {
  Span start = take().span;
  Token name = peek();
  if (name.kind == TokenKind::map) {
    fail(Diag::map_declared_in_block, name.span);
    return nullptr;
  }
  if (!expect(TokenKind::variable)) return nullptr;
  ast::Let let;
  let.variable = make_expr(name.span, ast::Variable{name.text});
  if (accept(TokenKind::colon)) let.type = parse_type();
  let.value = accept(TokenKind::assign) ? parse_expr() : nullptr;
  return make_stmt(since(start), std::move(let));
}

// Chains of `else if` are read in a loop, however long, and put together from their end.
const ast::Stmt* ScriptParser::parse_if() {
  Nesting nesting(*this);
  if (is_too_deep()) return nullptr;
  struct Arm {
    Span start;
    const ast::Expr* condition;
    const ast::Block* then;
  };
  std::vector<Arm> arms;
  bool is_open = true;
  bool has_else = false;
  do {
    Span start = take().span;
    const ast::Expr* condition = parse_condition();
    ParsedBlock then = parse_block();
    arms.push_back({start, condition, then.block});
    is_open &= then.is_open;
    has_else = accept(TokenKind::kw_else);
  } while (has_else && at(TokenKind::kw_if));
  const ast::Block* otherwise = nullptr;
  if (has_else) {
    ParsedBlock last = parse_block();
    otherwise = last.block;
    is_open &= last.is_open;
  }
  last_statement_is_open_ = has_else && is_open;
  for (; arms.size() > 1; arms.pop_back()) {
    ast::Block* block = arena_.make<ast::Block>();
    block->span = since(arms.back().start);
    block->statements.push_back(make_stmt(block->span, ast::If{arms.back().condition, arms.back().then, otherwise}));
    otherwise = block;
  }
  return make_stmt(since(arms[0].start), ast::If{arms[0].condition, arms[0].then, otherwise});
}

// A condition, after which a block must follow.
const ast::Expr* ScriptParser::parse_condition() {
  const ast::Expr* condition = parse_expr();
  if (!at(TokenKind::left_brace) && !is_panicking_) {
    bool is_assignment = at(TokenKind::assign);
    Diagnostic& diagnostic = fail_expected("`{`");
    if (is_assignment) diagnostic.with_hint("did you mean `==`?");
  }
  return condition;
}

const ast::Stmt* ScriptParser::parse_while_or_unroll() {
  Token word = take();
  const ast::Expr* head = parse_condition();
  const ast::Block* body = parse_block().block;
  last_statement_is_open_ = false;
  if (word.kind == TokenKind::kw_while) return make_stmt(since(word.span), ast::While{head, body});
  return make_stmt(since(word.span), ast::Unroll{head, body});
}

const ast::Stmt* ScriptParser::parse_for() {
  Span start = take().span;
  bool has_paren = accept(TokenKind::left_paren);
  Token name = peek();
  if (!expect(TokenKind::variable)) return nullptr;
  const ast::Expr* variable = make_expr(name.span, ast::Variable{name.text});
  if (!expect(TokenKind::colon)) return nullptr;
  const ast::Expr* from = parse_unary();
  const ast::Expr* to = accept(TokenKind::dot_dot) ? parse_unary() : nullptr;
  if (to == nullptr && !is_panicking_ && from->as<ast::MapRef>() == nullptr) {
    fail(Diag::not_iterable, from->span);
    return nullptr;
  }
  if (has_paren) expect(TokenKind::right_paren);
  const ast::Block* body = parse_block().block;
  last_statement_is_open_ = false;
  if (to != nullptr) return make_stmt(since(start), ast::ForRange{variable, from, to, body});
  return make_stmt(since(start), ast::ForMap{variable, from, body});
}

}  // namespace shrike
