// Folding must agree with what the emitted instructions do: two's complement, shifts modulo 64.
#include "frontend/constants.h"

#include <charconv>

#include "frontend/language_types.h"

namespace shrike {

int64_t truncate(int64_t value, uint32_t bytes, bool is_signed) {
  switch (bytes) {
    case 1: return is_signed ? int64_t{static_cast<int8_t>(value)} : int64_t{static_cast<uint8_t>(value)};
    case 2: return is_signed ? int64_t{static_cast<int16_t>(value)} : int64_t{static_cast<uint16_t>(value)};
    case 4: return is_signed ? int64_t{static_cast<int32_t>(value)} : int64_t{static_cast<uint32_t>(value)};
    default: return value;
  }
}

Constant fold(ast::UnaryOp op, int64_t value) {
  switch (op) {
    case ast::UnaryOp::plus: return value;
    case ast::UnaryOp::minus: return static_cast<int64_t>(-static_cast<uint64_t>(value));
    case ast::UnaryOp::logical_not: return int64_t{value == 0};
    case ast::UnaryOp::bit_not: return ~value;
    case ast::UnaryOp::dereference:
    case ast::UnaryOp::address_of: return {};
  }
  return {};
}

Constant fold(ast::BinaryOp op, int64_t left, int64_t right, bool is_signed) {
  using Op = ast::BinaryOp;
  auto a = static_cast<uint64_t>(left);
  auto b = static_cast<uint64_t>(right);
  switch (op) {
    case Op::add: return static_cast<int64_t>(a + b);
    case Op::sub: return static_cast<int64_t>(a - b);
    case Op::mul: return static_cast<int64_t>(a * b);
    case Op::div:
      if (b == 0) return {};
      if (is_signed) return right == -1 ? static_cast<int64_t>(-a) : left / right;
      return static_cast<int64_t>(a / b);
    case Op::mod:
      if (b == 0) return {};
      if (is_signed) return right == -1 ? int64_t{0} : left % right;
      return static_cast<int64_t>(a % b);
    case Op::bit_and: return static_cast<int64_t>(a & b);
    case Op::bit_or: return static_cast<int64_t>(a | b);
    case Op::bit_xor: return static_cast<int64_t>(a ^ b);
    case Op::shl: return static_cast<int64_t>(a << (b & 63));
    case Op::shr: return static_cast<int64_t>(a >> (b & 63));
    case Op::eq: return int64_t{a == b};
    case Op::ne: return int64_t{a != b};
    case Op::lt: return int64_t{is_signed ? left < right : a < b};
    case Op::le: return int64_t{is_signed ? left <= right : a <= b};
    case Op::gt: return int64_t{is_signed ? left > right : a > b};
    case Op::ge: return int64_t{is_signed ? left >= right : a >= b};
    case Op::logical_and: return int64_t{a != 0 && b != 0};
    case Op::logical_or: return int64_t{a != 0 || b != 0};
  }
  return {};
}

bool fits(const Constant& constant, uint32_t bytes) {
  const auto* value = std::get_if<int64_t>(&constant);
  return value != nullptr && (truncate(*value, bytes, true) == *value || truncate(*value, bytes, false) == *value);
}

std::optional<bool> goes_while_compiling(const ast::Expr* condition, const Constant& value) {
  const auto* known = std::get_if<int64_t>(&value);
  if (condition->as<ast::Comptime>() == nullptr || known == nullptr) return std::nullopt;
  return *known != 0;
}

bool is_signed_operation(const ExprNote& left, const ExprNote& right) {
  auto takes_sign = [](const ExprNote& note) {
    const auto* value = std::get_if<int64_t>(&note.constant);
    return note.type->is(mir::TypeKind::boolean) || (value != nullptr && *value >= 0);
  };
  // Counts are unsigned; the other aggregates carry the sign of what they fold.
  if (takes_sign(right)) return has_sign(left.type);
  if (takes_sign(left)) return has_sign(right.type);
  return has_sign(left.type) || has_sign(right.type);
}

std::optional<int64_t> parse_integer(std::string_view text) {
  bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) text.remove_prefix(1);
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) base = 16;
  else if (text.starts_with("0b") || text.starts_with("0B")) base = 2;
  if (base != 10) text.remove_prefix(2);
  else if (text.size() > 1 && text.front() == '0') base = 8;
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return static_cast<int64_t>(is_negative ? -value : value);
}

}  // namespace shrike
