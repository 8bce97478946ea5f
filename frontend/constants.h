// Arithmetic on values known while compiling, with the meaning it has at run time.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "frontend/ast.h"
#include "frontend/checked.h"

namespace shrike {

// The low `bytes` of a value, extended by sign or zero.
int64_t truncate(int64_t value, uint32_t bytes, bool is_signed);
// Is it a number that `bytes` hold, with a sign or without?
bool fits(const Constant& constant, uint32_t bytes);
Constant fold(ast::UnaryOp op, int64_t value);
// Empty where the result is not defined while compiling (division by zero).
Constant fold(ast::BinaryOp op, int64_t left, int64_t right, bool is_signed);
// Which way a condition goes that is written `comptime ...`: the other branch is neither checked nor made into code.
std::optional<bool> goes_while_compiling(const ast::Expr* condition, const Constant& value);
// Is an operation on these two done with signs? If either side has one; but a constant that is not negative takes the
// sign of the other side, so that `nsecs / 1000` and `kaddr("x") > 0` are what they look like.
bool is_signed_operation(const ExprNote& left, const ExprNote& right);
// A whole positional parameter as an integer: decimal, 0x, 0 octal, 0b, with a sign.
std::optional<int64_t> parse_integer(std::string_view text);

}  // namespace shrike
