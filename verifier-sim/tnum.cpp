// Tristate arithmetic. The operations are those the verifier is known to use (Vishwanathan et al., "Sound, Precise,
// and Fast Abstract Interpretation with Tristate Numbers", CGO 2022): precision must not exceed the kernel's, or
// branches would be found dead here that the kernel still walks.
#include "verifier-sim/tnum.h"

#include <bit>
#include <cinttypes>
#include <cstdio>

namespace shrike::sim {

Tnum Tnum::range(uint64_t min, uint64_t max) {
  // Bits above the highest differing one are common to all members; everything from it down is unknown.
  unsigned unknown_bits = 64 - std::countl_zero(min ^ max);
  if (unknown_bits > 63) return unknown();
  uint64_t low = (uint64_t{1} << unknown_bits) - 1;
  return {min & ~low, low};
}

Tnum Tnum::with_low32(const Tnum& low) const {
  Tnum high = without_low32(), l = low.low32();
  return {high.value | l.value, high.mask | l.mask};
}

Tnum Tnum::cast(unsigned bytes) const {
  if (bytes >= 8) return *this;
  uint64_t keep = (uint64_t{1} << (bytes * 8)) - 1;
  return {value & keep, mask & keep};
}

Tnum add(const Tnum& a, const Tnum& b) {
  // A bit is unknown where it is unknown in an operand or where the carry into it differs between least and greatest sum.
  uint64_t least = a.value + b.value;
  uint64_t greatest = least + a.mask + b.mask;
  uint64_t unknown = (greatest ^ least) | a.mask | b.mask;
  return {least & ~unknown, unknown};
}

Tnum sub(const Tnum& a, const Tnum& b) {
  uint64_t middle = a.value - b.value;
  uint64_t unknown = ((middle + a.mask) ^ (middle - b.mask)) | a.mask | b.mask;
  return {middle & ~unknown, unknown};
}

Tnum bit_and(const Tnum& a, const Tnum& b) {
  uint64_t ones = a.value & b.value;
  return {ones, a.max() & b.max() & ~ones};
}

Tnum bit_or(const Tnum& a, const Tnum& b) {
  uint64_t ones = a.value | b.value;
  return {ones, (a.mask | b.mask) & ~ones};
}

Tnum bit_xor(const Tnum& a, const Tnum& b) {
  uint64_t unknown = a.mask | b.mask;
  return {(a.value ^ b.value) & ~unknown, unknown};
}

Tnum shift_left(const Tnum& a, unsigned by) {
  return {a.value << by, a.mask << by};
}
Tnum shift_right(const Tnum& a, unsigned by) {
  return {a.value >> by, a.mask >> by};
}

Tnum shift_right_signed(const Tnum& a, unsigned by, unsigned width) {
  if (width == 32) {
    return {static_cast<uint32_t>(static_cast<int32_t>(a.value) >> by),
            static_cast<uint32_t>(static_cast<int32_t>(a.mask) >> by)};
  }
  return {static_cast<uint64_t>(static_cast<int64_t>(a.value) >> by), static_cast<uint64_t>(static_cast<int64_t>(a.mask) >> by)};
}

Tnum byte_swap(const Tnum& a, unsigned bytes) {
  unsigned by = 64 - bytes * 8;
  return {__builtin_bswap64(a.value) >> by, __builtin_bswap64(a.mask) >> by};
}

Tnum intersect(const Tnum& a, const Tnum& b) {
  uint64_t unknown = a.mask & b.mask;
  return {(a.value | b.value) & ~unknown, unknown};
}

Tnum unite(const Tnum& a, const Tnum& b) {
  uint64_t unknown = (a.value ^ b.value) | a.mask | b.mask;
  return {a.value & b.value & ~unknown, unknown};
}

Tnum mul_by_parts(const Tnum& a, const Tnum& b) {
  // The known parts multiply exactly; each unknown contribution is added as pure uncertainty.
  uint64_t exact = a.value * b.value;
  Tnum x = a, y = b, uncertain = Tnum::constant(0);
  for (; x.value || x.mask; x = shift_right(x, 1), y = shift_left(y, 1)) {
    if (x.value & 1) uncertain = add(uncertain, Tnum{0, y.mask});
    else if (x.mask & 1) uncertain = add(uncertain, Tnum{0, y.value | y.mask});
  }
  return add(Tnum::constant(exact), uncertain);
}

Tnum mul_by_union(const Tnum& a, const Tnum& b) {
  // Long multiplication; for an unknown bit both outcomes are united.
  Tnum x = a, y = b, sum = Tnum::constant(0);
  for (; x.value || x.mask; x = shift_right(x, 1), y = shift_left(y, 1)) {
    if (x.value & 1) sum = add(sum, y);
    else if (x.mask & 1) sum = unite(sum, add(sum, y));
  }
  return sum;
}

std::string to_text(const Tnum& t) {
  char text[64];
  if (t.is_constant()) {
    auto v = static_cast<int64_t>(t.value);
    bool decimal = v >= INT16_MIN && v <= INT16_MAX;
    snprintf(text, sizeof text, decimal ? "%" PRId64 : "0x%" PRIx64, v);
  } else {
    snprintf(text, sizeof text, "(0x%" PRIx64 "; 0x%" PRIx64 ")", t.value, t.mask);
  }
  return text;
}

}  // namespace shrike::sim
