// Precedence climbing over a token list that computes as it reads.
#include "frontend/constant_expr.h"

#include "frontend/constants.h"

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
  Evaluator(std::span<const Token> tokens, const ConstantOf& constant_of, const SizeOf& size_of)
      : tokens_(tokens), constant_of_(constant_of), size_of_(size_of) {}

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
    if (token.text == "sizeof") return size_of();
    if (token.kind == TokenKind::identifier) {
      value = constant_of_(token.text);
      if (value) position_++;
      return value;
    }
    if (accept(TokenKind::left_paren)) {
      if (std::optional<CastType> type = cast_type()) {
        value = nested(&Evaluator::unary);
        return value ? std::optional(truncate(*value, type->bytes, type->is_signed)) : value;
      }
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

  // `sizeof(type)`
  std::optional<int64_t> size_of() {
    size_t begin = position_ + 2;
    if (!size_of_ || begin >= tokens_.size() || tokens_[position_ + 1].kind != TokenKind::left_paren) return std::nullopt;
    size_t end = begin;
    while (end < tokens_.size() && tokens_[end].kind != TokenKind::right_paren) end++;
    if (end == tokens_.size()) return std::nullopt;
    std::optional<int64_t> size = size_of_(tokens_.subspan(begin, end - begin));
    if (size) position_ = end + 1;
    return size;
  }

  struct CastType {
    uint32_t bytes = 4;
    bool is_signed = true;
  };
  // After `(`: words of C's integers up to the `)`, which are taken.
  std::optional<CastType> cast_type() {
    CastType type;
    size_t at = position_;
    for (; at < tokens_.size() && tokens_[at].kind == TokenKind::identifier; at++) {
      std::string_view word = tokens_[at].text;
      if (word == "unsigned") type.is_signed = false;
      else if (word == "char") type.bytes = 1;
      else if (word == "short") type.bytes = 2;
      else if (word == "long") type.bytes = 8;
      else if (word != "int" && word != "signed") return std::nullopt;
    }
    if (at == position_ || at >= tokens_.size() || tokens_[at].kind != TokenKind::right_paren) return std::nullopt;
    position_ = at + 1;
    return type;
  }

  bool accept(TokenKind kind) {
    if (position_ >= tokens_.size() || tokens_[position_].kind != kind) return false;
    position_++;
    return true;
  }

  std::span<const Token> tokens_;
  const ConstantOf& constant_of_;
  const SizeOf& size_of_;
  size_t position_ = 0;
  int depth_ = 0;
};

}  // namespace

std::optional<int64_t> evaluate_constant(std::span<const Token> tokens, const ConstantOf& constant_of, size_t& culprit,
                                         const SizeOf& size_of) {
  Evaluator evaluator(tokens, constant_of, size_of);
  std::optional<int64_t> value = evaluator.ternary();
  culprit = evaluator.position();
  if (culprit < tokens.size()) return std::nullopt;
  if (!value && !tokens.empty()) culprit = tokens.size() - 1;
  return value;
}

}  // namespace shrike
