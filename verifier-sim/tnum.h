// Tristate numbers: sets of 64-bit values given bit by bit as known zero, known one or unknown. The domain in which
// the kernel keeps alignment and masks; every operation here over-approximates the concrete operation on all members.
#pragma once

#include <cstdint>
#include <string>

namespace shrike::sim {

struct Tnum {
  uint64_t value = 0;  // the known ones
  uint64_t mask = 0;   // the unknown bits; value & mask is always 0

  static constexpr Tnum constant(uint64_t v) { return {v, 0}; }
  static constexpr Tnum unknown() { return {0, ~uint64_t{0}}; }
  static Tnum range(uint64_t min, uint64_t max);  // the smallest tnum that holds all of [min, max]

  bool is_constant() const { return mask == 0; }
  bool is_unknown() const { return mask == ~uint64_t{0}; }
  bool is_aligned(uint64_t size) const { return ((value | mask) & (size - 1)) == 0; }
  bool holds(uint64_t v) const { return (v & ~mask) == value; }
  bool holds(const Tnum& b) const { return (b.mask & ~mask) == 0 && (b.value & ~mask) == value; }
  bool overlaps(const Tnum& b) const { return ((value ^ b.value) & ~(mask | b.mask)) == 0; }
  uint64_t max() const { return value | mask; }
  bool operator==(const Tnum&) const = default;

  Tnum low32() const { return {value & 0xffffffffu, mask & 0xffffffffu}; }
  Tnum without_low32() const { return {value & ~uint64_t{0xffffffffu}, mask & ~uint64_t{0xffffffffu}}; }
  Tnum with_low32(const Tnum& low) const;
  Tnum cast(unsigned bytes) const;  // all but the lowest bytes cleared
};

Tnum add(const Tnum& a, const Tnum& b);
Tnum sub(const Tnum& a, const Tnum& b);
Tnum bit_and(const Tnum& a, const Tnum& b);
Tnum bit_or(const Tnum& a, const Tnum& b);
Tnum bit_xor(const Tnum& a, const Tnum& b);
Tnum shift_left(const Tnum& a, unsigned by);
Tnum shift_right(const Tnum& a, unsigned by);
Tnum shift_right_signed(const Tnum& a, unsigned by, unsigned width);  // width 32 works on the low half
Tnum byte_swap(const Tnum& a, unsigned bytes);                        // of the lowest 2, 4 or 8 bytes; the others are cleared
Tnum intersect(const Tnum& a, const Tnum& b);
Tnum unite(const Tnum& a, const Tnum& b);

// Multiplication as kernels before 6.18 do it, and the tighter one of 6.18 and later.
Tnum mul_by_parts(const Tnum& a, const Tnum& b);
Tnum mul_by_union(const Tnum& a, const Tnum& b);

std::string to_text(const Tnum& t);  // "(0x0; 0xff)", constants as numbers

}  // namespace shrike::sim
