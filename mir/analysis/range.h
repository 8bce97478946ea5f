// A set of 64-bit numbers: an unsigned interval, a signed interval and known bits, all of which hold. Every operation is
// sound: the result contains what the operation gives for members of its operands. Known bits follow the idea of the
// kernel's tnum; the formulas stand with the functions.
#pragma once

#include <cstdint>
#include <utility>

#include "mir/module.h"

namespace shrike::mir {

// By whom a range is believed. The verifier knows nothing about the results of division, remainder and byte swaps, of
// shifts by amounts it cannot see, and little about sums and products that may wrap.
enum class Prover : uint8_t { semantics, verifier };

struct Range {
  uint64_t umin = 0, umax = UINT64_MAX;
  int64_t smin = INT64_MIN, smax = INT64_MAX;
  uint64_t known = 0;  // mask of the bits whose value is known
  uint64_t bits = 0;   // their value; zero outside of `known`

  static Range exactly(uint64_t value);
  static Range between(uint64_t low, uint64_t high);
  static Range between_signed(int64_t low, int64_t high);

  bool is_exact() const { return umin == umax; }
  bool is_full() const { return *this == Range{}; }
  bool is_empty() const { return umin > umax || smin > smax; }  // no number is in it
  bool contains(uint64_t value) const {
    return value >= umin && value <= umax && static_cast<int64_t>(value) >= smin && static_cast<int64_t>(value) <= smax &&
           (value & known) == bits;
  }
  bool operator==(const Range&) const = default;
};

Range join(const Range& a, const Range& b);  // contains both
Range meet(const Range& a, const Range& b);  // what is in both; may be empty
// join, with every bound that `next` moves gone: reaches a fixed point in a few steps.
Range widen(const Range& previous, const Range& next);

// For operations that evaluate() knows, `b` the range of the second operand or of the immediate; else everything.
Range apply(Opcode op, const Range& a, const Range& b, Prover prover);
Range range_of(MemWidth width);  // of a load

// What a and b become where the comparison `op` of them is known to hold, or not to. Empty if that cannot be.
std::pair<Range, Range> refine(Opcode op, bool holds, const Range& a, const Range& b);

}  // namespace shrike::mir
