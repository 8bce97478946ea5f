// Integer constants of the C section: `#if` conditions, enum values, array dimensions, bit-field widths.
// C's operators and precedence over 64-bit signed integers; casts to C's own integer types; sizeof of a type.
#pragma once

#include <functional>
#include <optional>
#include <span>

#include "frontend/token.h"

namespace shrike {

// What a name stands for: nothing makes the whole expression unreadable.
using ConstantOf = std::function<std::optional<int64_t>(std::string_view name)>;

// Bytes of the type that the tokens between the parentheses of sizeof name; nothing if that is not known.
using SizeOf = std::function<std::optional<int64_t>(std::span<const Token> type)>;

// The value of all of `tokens`; nothing if they are not one constant expression. `culprit` is then the token to blame.
std::optional<int64_t> evaluate_constant(std::span<const Token> tokens, const ConstantOf& constant_of, size_t& culprit,
                                         const SizeOf& size_of = nullptr);

}  // namespace shrike
