// Which `while` loops stay in their function: those whose rounds can be counted by looking at the script, and are few enough
// that the verifier, which walks a loop in a function round by round, comes to their end. All others become callbacks, which it
// walks once (frontend/lower_loops.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "frontend/ast.h"

namespace shrike {

// How often the body of the `while` at block.statements[index] runs at most, if a variable that is set to a literal before the
// loop is compared with a literal by its condition and stepped by a literal once a round.
std::optional<uint64_t> count_rounds(const ast::Block& block, size_t index);

// Whether the verifier can be trusted to walk the whole loop: counted, and not too much in all.
bool is_walkable(const ast::Block& block, size_t index);

}  // namespace shrike
