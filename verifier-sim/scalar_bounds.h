// What is known of a number in a register: known bits, and ranges as unsigned and signed, 64-bit and low 32-bit.
// Establishes the kernel's order of deduction between the five views (`sync`): verdicts depend on it, because a view
// that learns something too late in the order stays wide. Profile switches name where kernels differ.
#pragma once

#include <cstdint>
#include <string>

#include "verifier-sim/tnum.h"

namespace shrike::sim {

// Which deductions a kernel makes; part of its profile.
struct Deductions {
  bool low_half_ranges = true;     // low halves have ranges of their own (5.7)
  bool between_halves = true;      // 32-bit knowledge tightens 64-bit ranges and the reverse (6.8)
  bool across_sign = true;         // s64 range over the sign boundary meets u64 range (6.17)
  bool across_sign32 = false;      // the same for 32 bits (7.0)
  bool third_round = true;         // deduce three times instead of two (6.17)
  bool signed_from_bitops = true;  // and/or/xor give signed bounds from the unsigned result (6.10)
  bool both_sums_wrap = true;      // add/sub keep a range that wraps as a whole (6.17)
  bool signed_products = true;     // mul tracks signed products (6.13)
  bool mul_by_union = true;        // tnum multiplication of 6.18
  bool unknown_operand = true;     // mul/or/xor with an unknown source keep what they can (6.10)
  bool negation = true;            // neg is tracked (6.17)
  bool byte_swaps = true;          // be, le and bswap keep known bits (in stable releases of 6.18)
  bool overlapping_bits = true;    // jeq/jne compare known bits (6.18)
};

struct ScalarBounds {
  Tnum bits = Tnum::unknown();
  uint64_t umin = 0, umax = UINT64_MAX;
  int64_t smin = INT64_MIN, smax = INT64_MAX;
  uint32_t umin32 = 0, umax32 = UINT32_MAX;
  int32_t smin32 = INT32_MIN, smax32 = INT32_MAX;

  static ScalarBounds unknown() { return {}; }
  static ScalarBounds constant(uint64_t value);

  bool is_constant() const { return bits.is_constant(); }
  bool low32_is_constant() const { return bits.low32().is_constant(); }
  bool operator==(const ScalarBounds&) const = default;

  void forget64();  // ranges only; the known bits stay
  void forget32();
  void forget_ranges() {
    forget64();
    forget32();
  }

  void learn_from_bits();    // ranges from known bits
  void learn_from_bits32();  // only the low half's ranges
  void sync(const Deductions& d);
  bool contradictory() const;             // some range is empty, or a constant disagrees with its ranges
  void zero_extend(const Deductions& d);  // the result of a 32-bit operation: high half becomes zero

  // Loads of 1, 2 or 4 bytes: zero- and sign-extended.
  void truncate(unsigned bytes, const Deductions& d);
  void sign_extend(unsigned bytes);
  void sign_extend32(unsigned bytes);  // within the low half

  bool holds(const ScalarBounds& inner) const;  // every range and the bits are wider
  unsigned width() const;                       // bits needed for the greatest value
};

std::string to_text(const ScalarBounds& s);  // the kernel's list: "umax=255,var_off=(0x0; 0xff)"; empty if unknown

}  // namespace shrike::sim
