// Precedence climbing over a token list that computes as it reads.
#include "frontend/constant_expr.h"

namespace shrike {

namespace {

struct Operator {
  TokenKind kind;
  int precedence;
};
constexpr Operator operators[] = {
    {TokenKind::or_or, 1},     {TokenKind::and_and, 2},    {TokenKind::pipe, 3},          {TokenKind::caret, 4},
    {TokenKind::ampersand, 5}, {TokenKind::equal, 6},      {TokenKind::not_equal, 6},     {TokenKind::less, 7},
    {TokenKind::greater, 7},   {TokenKind::less_equal, 7}, {TokenKind::greater_equal, 7}, {TokenKind::shl, 8},
    {TokenKind::shr, 8},       {TokenKind::plus, 9},       {TokenKind::minus, 9},         {TokenKind::star, 10},
    {TokenKind::slash, 10},    {TokenKind::percent, 10},
};

int precedence_of(TokenKind kind) {
  for (const Operator& row : operators)
    if (row.kind == kind) return row.precedence;
  return 0;
}

// Wraps like the machine does; nothing for a division by zero.
std::optional<int64_t> apply(TokenKind op, int64_t left, int64_t right) {
  auto l = static_cast<uint64_t>(left);
  auto r = static_cast<uint64_t>(right);
  switch (op) {
    case TokenKind::or_or: return left != 0 || right != 0;
    case TokenKind::and_and: return left != 0 && right != 0;
    case TokenKind::pipe: return left | right;
    case TokenKind::caret: return left ^ right;
    case TokenKind::ampersand: return left & right;
    case TokenKind::equal: return left == right;
    case TokenKind::not_equal: return left != right;
    case TokenKind::less: return left < right;
    case TokenKind::greater: return left > right;
    case TokenKind::less_equal: return left <= right;
    case TokenKind::greater_equal: return left >= right;
    case TokenKind::shl: return static_cast<int64_t>(l << (r & 63));
    case TokenKind::shr: return left >> (r & 63);
    case TokenKind::plus: return static_cast<int64_t>(l + r);
    case TokenKind::minus: return static_cast<int64_t>(l - r);
    case TokenKind::star: return static_cast<int64_t>(l * r);
    default: break;
  }
  if (right == 0) return std::nullopt;
  if (right == -1) return op == TokenKind::slash ? static_cast<int64_t>(0 - l) : 0;
  return op == TokenKind::slash ? left / right : left % right;
}

class Evaluator {
 public:
  Evaluator(std::span<const Token> tokens, const ConstantOf& constant_of) : tokens_(tokens), constant_of_(constant_of) {}

  std::optional<int64_t> ternary() {
    std::optional<int64_t> condition = binary(1);
    if (!condition || !accept(TokenKind::question)) return condition;
    std::optional<int64_t> then = nested(&Evaluator::ternary);
    if (!then || !accept(TokenKind::colon)) return std::nullopt;
    std::optional<int64_t> otherwise = nested(&Evaluator::ternary);
    if (!otherwise) return std::nullopt;
    return *condition != 0 ? then : otherwise;
  }

  size_t position() const { return position_; }

 private:
  static constexpr int deepest = 100;

  std::optional<int64_t> nested(std::optional<int64_t> (Evaluator::*part)()) {
    if (depth_ >= deepest) return std::nullopt;
    depth_++;
    std::optional<int64_t> value = (this->*part)();
    depth_--;
    return value;
  }

  std::optional<int64_t> binary(int lowest) {
    std::optional<int64_t> left = nested(&Evaluator::unary);
    while (left && position_ < tokens_.size()) {
      TokenKind op = tokens_[position_].kind;
      int precedence = precedence_of(op);
      if (precedence < lowest) break;
      position_++;
      std::optional<int64_t> right = binary(precedence + 1);
      left = right ? apply(op, *left, *right) : std::nullopt;
    }
    return left;
  }

  std::optional<int64_t> unary() {
    if (position_ >= tokens_.size()) return std::nullopt;
    const Token& token = tokens_[position_];
    std::optional<int64_t> value;
    if (token.kind == TokenKind::integer || token.kind == TokenKind::kw_true || token.kind == TokenKind::kw_false) {
      position_++;
      return token.kind == TokenKind::integer ? static_cast<int64_t>(token.value) : token.kind == TokenKind::kw_true;
    }
    if (token.kind == TokenKind::identifier) {
      value = constant_of_(token.text);
      if (value) position_++;
      return value;
    }
    if (accept(TokenKind::left_paren)) {
      value = nested(&Evaluator::ternary);
      if (!value || !accept(TokenKind::right_paren)) return std::nullopt;
      return value;
    }
    for (TokenKind op : {TokenKind::minus, TokenKind::plus, TokenKind::tilde, TokenKind::bang}) {
      if (!accept(op)) continue;
      value = nested(&Evaluator::unary);
      if (!value) return std::nullopt;
      if (op == TokenKind::minus) return static_cast<int64_t>(0 - static_cast<uint64_t>(*value));
      if (op == TokenKind::tilde) return ~*value;
      return op == TokenKind::bang ? *value == 0 : *value;
    }
    return std::nullopt;
  }

  bool accept(TokenKind kind) {
    if (position_ >= tokens_.size() || tokens_[position_].kind != kind) return false;
    position_++;
    return true;
  }

  std::span<const Token> tokens_;
  const ConstantOf& constant_of_;
  size_t position_ = 0;
  int depth_ = 0;
};

}  // namespace

std::optional<int64_t> evaluate_constant(std::span<const Token> tokens, const ConstantOf& constant_of, size_t& culprit) {
  Evaluator evaluator(tokens, constant_of);
  std::optional<int64_t> value = evaluator.ternary();
  culprit = evaluator.position();
  if (culprit < tokens.size()) return std::nullopt;
  if (!value && !tokens.empty()) culprit = tokens.size() - 1;
  return value;
}

}  // namespace shrike
