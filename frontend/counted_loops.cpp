// Judged by the tree alone, before types are known: a loop that is not recognised is only slower, never wrong.
#include "frontend/counted_loops.h"

#include <algorithm>

#include "frontend/ast_walk.h"

namespace shrike {

using ast::BinaryOp;
using ast::Block;
using ast::Expr;
using ast::IncDec;
using ast::Stmt;

namespace {

// Expressions walked in all rounds together. Each is a few instructions, both sides of a branch count, and the verifier's limit
// for a program is a million instructions.
constexpr uint64_t max_walked_expressions = 20'000;
constexpr uint64_t too_many = UINT64_MAX / 4;
// Beyond it sums of bounds and steps could overflow.
constexpr int64_t max_literal = int64_t{1} << 40;

std::optional<int64_t> literal(const Expr* expr) {
  if (const auto* number = expr->as<ast::IntLit>()) {
    if (number->value > static_cast<uint64_t>(max_literal)) return std::nullopt;
    return static_cast<int64_t>(number->value);
  }
  const auto* unary = expr->as<ast::Unary>();
  if (unary == nullptr || unary->op != ast::UnaryOp::minus) return std::nullopt;
  std::optional<int64_t> operand = literal(unary->operand);
  return operand ? std::optional(-*operand) : std::nullopt;
}

bool is_variable(const Expr* expr, std::string_view name) {
  const auto* variable = expr->as<ast::Variable>();
  return variable != nullptr && variable->name == name;
}

struct Seen {
  bool writes = false;     // the variable
  bool continues = false;  // some loop; whose it is does not matter here
};

Seen look(const Stmt& statement, std::string_view name) {
  Seen seen;
  ast::Visitor visitor;
  visitor.on_expr = [&](const Expr& expr) {
    const auto* step = expr.as<ast::IncDecExpr>();
    seen.writes |= step != nullptr && is_variable(step->operand, name);
    const auto* unary = expr.as<ast::Unary>();  // through its address
    seen.writes |= unary != nullptr && unary->op == ast::UnaryOp::address_of && is_variable(unary->operand, name);
  };
  visitor.before_statement = [&](const Stmt& each) {
    if (const auto* assign = each.as<ast::Assign>()) seen.writes |= is_variable(assign->target, name);
    if (const auto* let = each.as<ast::Let>()) seen.writes |= is_variable(let->variable, name);
    seen.continues |= each.as<ast::Continue>() != nullptr;
  };
  Block alone;
  alone.statements = {&statement};
  ast::walk(&alone, visitor);
  return seen;
}

// $i = literal, let $i = literal
std::optional<int64_t> initial_value(const Stmt& statement, std::string_view name) {
  if (const auto* assign = statement.as<ast::Assign>())
    return is_variable(assign->target, name) && !assign->op ? literal(assign->value) : std::nullopt;
  const auto* let = statement.as<ast::Let>();
  if (let == nullptr || !is_variable(let->variable, name) || let->type || let->value == nullptr) return std::nullopt;
  return literal(let->value);
}

// $i++, --$i, $i += literal
std::optional<int64_t> step_of(const Stmt& statement, std::string_view name) {
  if (const auto* alone = statement.as<ast::ExprStmt>()) {
    const auto* step = alone->expr->as<ast::IncDecExpr>();
    if (step == nullptr || !is_variable(step->operand, name)) return std::nullopt;
    return step->op == IncDec::pre_increment || step->op == IncDec::post_increment ? 1 : -1;
  }
  const auto* assign = statement.as<ast::Assign>();
  if (assign == nullptr || !assign->op || !is_variable(assign->target, name)) return std::nullopt;
  std::optional<int64_t> by = literal(assign->value);
  if (!by) return std::nullopt;
  if (*assign->op == BinaryOp::add) return by;
  return *assign->op == BinaryOp::sub ? std::optional(-*by) : std::nullopt;
}

std::optional<int64_t> value_before(const Block& block, size_t index, std::string_view name) {
  for (size_t i = index; i > 0; i--) {
    const Stmt& statement = *block.statements[i - 1];
    if (std::optional<int64_t> value = initial_value(statement, name)) return value;
    if (look(statement, name).writes) return std::nullopt;
  }
  return std::nullopt;
}

// The one step of every round: no other statement changes the variable, and no `continue` goes around it.
std::optional<int64_t> step_of_each_round(const Block& body, std::string_view name) {
  std::optional<int64_t> step;
  bool may_skip = false;
  for (const Stmt* statement : body.statements) {
    std::optional<int64_t> found = step_of(*statement, name);
    if (found && (step || may_skip)) return std::nullopt;
    if (found) {
      step = found;
      continue;
    }
    Seen seen = look(*statement, name);
    if (seen.writes) return std::nullopt;
    may_skip |= seen.continues;
  }
  return step;
}

std::optional<uint64_t> rounds(BinaryOp op, int64_t from, int64_t bound, int64_t step) {
  if (op == BinaryOp::le || op == BinaryOp::ge) bound += op == BinaryOp::le ? 1 : -1;
  const bool goes_up = op == BinaryOp::lt || op == BinaryOp::le || (op == BinaryOp::ne && step > 0);
  if (step == 0 || (step > 0) != goes_up) return std::nullopt;
  const int64_t distance = goes_up ? bound - from : from - bound;
  const int64_t by = goes_up ? step : -step;
  if (op == BinaryOp::ne && (distance < 0 || distance % by != 0)) return std::nullopt;  // would step over the bound
  return distance <= 0 ? 0 : static_cast<uint64_t>((distance + by - 1) / by);
}

uint64_t expressions(const Expr* expr) {
  uint64_t count = 0;
  ast::Visitor visitor;
  visitor.on_expr = [&](const Expr&) { count++; };
  ast::walk(expr, visitor);
  return count;
}

uint64_t times(uint64_t a, uint64_t b) {
  return a != 0 && b > too_many / a ? too_many : a * b;
}

uint64_t walked(const Block* block);

uint64_t walked(const ast::If& first) {
  uint64_t sum = 0;
  for (const ast::If* at = &first;;) {
    sum = std::min(sum + expressions(at->condition) + walked(at->then), too_many);
    const Stmt* next = ast::else_if(*at);
    if (next == nullptr) return sum + walked(at->otherwise);
    at = next->as<ast::If>();
  }
}

uint64_t walked(const Block& block, size_t index) {
  const Stmt& statement = *block.statements[index];
  if (const auto* loop = statement.as<ast::While>()) {
    uint64_t once = expressions(loop->condition) + walked(loop->body);
    return times(once, count_rounds(block, index).value_or(1));  // others are callbacks, walked once
  }
  if (const auto* unroll = statement.as<ast::Unroll>())
    return times(walked(unroll->body), static_cast<uint64_t>(literal(unroll->count).value_or(100)));
  if (const auto* choice = statement.as<ast::If>()) return walked(*choice);
  if (const auto* loop = statement.as<ast::ForMap>()) return walked(loop->body);
  if (const auto* loop = statement.as<ast::ForRange>()) return walked(loop->body);
  if (const auto* inner = statement.as<ast::BlockStmt>()) return walked(inner->block);
  if (const auto* assign = statement.as<ast::Assign>()) return expressions(assign->target) + expressions(assign->value);
  if (const auto* let = statement.as<ast::Let>()) return 1 + expressions(let->value);
  if (const auto* alone = statement.as<ast::ExprStmt>()) return expressions(alone->expr);
  return 1;
}

uint64_t walked(const Block* block) {
  uint64_t sum = 0;
  if (block == nullptr) return sum;
  for (size_t i = 0; i < block->statements.size(); i++) sum = std::min(sum + walked(*block, i), too_many);
  return sum;
}

}  // namespace

std::optional<uint64_t> count_rounds(const Block& block, size_t index) {
  const auto& loop = std::get<ast::While>(block.statements[index]->node);
  const auto* compare = loop.condition->as<ast::Binary>();
  if (compare == nullptr || compare->op < BinaryOp::ne || compare->op > BinaryOp::ge) return std::nullopt;
  const auto* variable = compare->left->as<ast::Variable>();
  std::optional<int64_t> bound = literal(compare->right);
  if (variable == nullptr || !bound) return std::nullopt;
  std::optional<int64_t> from = value_before(block, index, variable->name);
  std::optional<int64_t> step = step_of_each_round(*loop.body, variable->name);
  if (!from || !step) return std::nullopt;
  return rounds(compare->op, *from, *bound, *step);
}

bool is_walkable(const Block& block, size_t index) {
  return count_rounds(block, index) && walked(block, index) <= max_walked_expressions;
}

}  // namespace shrike
