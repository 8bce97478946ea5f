// What the pure integer operations compute. The interpreter and constant folding share this one definition.
#pragma once

#include <cstdint>
#include <optional>

#include "mir/module.h"

namespace shrike::mir {

// The result of `op` on 64-bit patterns; `b` is the second operand, or the immediate of clamp_u, and ignored by unary
// operations. Nothing for operations that are not functions of integers alone; `constant` is one: it gives `b`.
std::optional<uint64_t> evaluate(Opcode op, uint64_t a, uint64_t b);

// What a load of `width` gives for the bytes whose little-endian value is `bytes`.
uint64_t extend(MemWidth width, uint64_t bytes);

}  // namespace shrike::mir
