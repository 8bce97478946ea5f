// Deduction between the five views of a number. The order of the steps is the kernel's, step by step; a different order
// would be as sound but would reach other bounds, and so other verdicts.
#include "verifier-sim/scalar_bounds.h"

#include <algorithm>
#include <bit>
#include <cinttypes>
#include <cstdio>
#include <iterator>

namespace shrike::sim {
namespace {

using std::max;
using std::min;

constexpr uint64_t high_half = ~uint64_t{0xffffffffu};

void narrow32u(ScalarBounds& r, uint32_t lo, uint32_t hi) {
  r.umin32 = max(r.umin32, lo);
  r.umax32 = min(r.umax32, hi);
}
void narrow32s(ScalarBounds& r, int32_t lo, int32_t hi) {
  r.smin32 = max(r.smin32, lo);
  r.smax32 = min(r.smax32, hi);
}
void narrow64u(ScalarBounds& r, uint64_t lo, uint64_t hi) {
  r.umin = max(r.umin, lo);
  r.umax = min(r.umax, hi);
}
void narrow64s(ScalarBounds& r, int64_t lo, int64_t hi) {
  r.smin = max(r.smin, lo);
  r.smax = min(r.smax, hi);
}

// A 64-bit range [lo, hi] whose ends share the high half, or straddle exactly one step of it, is a range of low halves.
void low_halves_of(ScalarBounds& r, uint64_t lo, uint64_t hi, bool order_known) {
  if (lo >> 32 == hi >> 32) {
    auto u_lo = static_cast<uint32_t>(lo), u_hi = static_cast<uint32_t>(hi);
    if (order_known || u_lo <= u_hi) narrow32u(r, u_lo, u_hi);
    if (static_cast<int32_t>(lo) <= static_cast<int32_t>(hi)) narrow32s(r, static_cast<int32_t>(lo), static_cast<int32_t>(hi));
  }
}

void low_halves_around_zero(ScalarBounds& r, uint64_t lo, uint64_t hi) {
  if (static_cast<uint32_t>(lo >> 32) + 1 != static_cast<uint32_t>(hi >> 32)) return;
  auto s_lo = static_cast<int32_t>(lo), s_hi = static_cast<int32_t>(hi);
  if (s_lo < 0 && s_hi >= 0) narrow32s(r, s_lo, s_hi);
}

void deduce32(ScalarBounds& r, const Deductions& d) {
  auto smin = static_cast<uint64_t>(r.smin), smax = static_cast<uint64_t>(r.smax);
  low_halves_of(r, r.umin, r.umax, true);
  low_halves_of(r, smin, smax, false);
  low_halves_around_zero(r, r.umin, r.umax);
  smin = static_cast<uint64_t>(r.smin), smax = static_cast<uint64_t>(r.smax);
  low_halves_around_zero(r, smin, smax);
  if (static_cast<int32_t>(r.umin32) <= static_cast<int32_t>(r.umax32)) {
    narrow32s(r, static_cast<int32_t>(r.umin32), static_cast<int32_t>(r.umax32));
  }
  if (static_cast<uint32_t>(r.smin32) <= static_cast<uint32_t>(r.smax32)) {
    narrow32u(r, static_cast<uint32_t>(r.smin32), static_cast<uint32_t>(r.smax32));
  } else if (d.across_sign32) {
    if (r.umax32 < static_cast<uint32_t>(r.smin32)) {
      r.smin32 = static_cast<int32_t>(r.umin32);
      r.umax32 = min(r.umax32, static_cast<uint32_t>(r.smax32));
    } else if (static_cast<uint32_t>(r.smax32) < r.umin32) {
      r.smax32 = static_cast<int32_t>(r.umax32);
      r.umin32 = max(r.umin32, static_cast<uint32_t>(r.smin32));
    }
  }
}

void deduce64(ScalarBounds& r, const Deductions& d) {
  if (static_cast<int64_t>(r.umin) <= static_cast<int64_t>(r.umax)) {
    narrow64s(r, static_cast<int64_t>(r.umin), static_cast<int64_t>(r.umax));
  }
  if (static_cast<uint64_t>(r.smin) <= static_cast<uint64_t>(r.smax)) {
    narrow64u(r, static_cast<uint64_t>(r.smin), static_cast<uint64_t>(r.smax));
  } else if (d.across_sign) {
    // The signed range is two pieces of the unsigned one; an unsigned range that meets only one piece picks it.
    if (r.umax < static_cast<uint64_t>(r.smin)) {
      r.smin = static_cast<int64_t>(r.umin);
      r.umax = min(r.umax, static_cast<uint64_t>(r.smax));
    } else if (static_cast<uint64_t>(r.smax) < r.umin) {
      r.smax = static_cast<int64_t>(r.umax);
      r.umin = max(r.umin, static_cast<uint64_t>(r.smin));
    }
  }
}

void deduce64_from32(ScalarBounds& r) {
  narrow64u(r, (r.umin & high_half) | r.umin32, (r.umax & high_half) | r.umax32);
  auto smin = static_cast<uint64_t>(r.smin), smax = static_cast<uint64_t>(r.smax);
  narrow64s(r, static_cast<int64_t>((smin & high_half) | r.umin32), static_cast<int64_t>((smax & high_half) | r.umax32));
  if (r.smin32 >= 0 && r.smin >= INT32_MIN && r.smax <= INT32_MAX) {
    // A sign-extended number whose low half is not negative is not negative.
    r.smin = r.smin32;
    r.smax = r.smax32;
    r.umin = static_cast<uint64_t>(r.smin32);
    r.umax = static_cast<uint64_t>(r.smax32);
    r.bits = intersect(r.bits, Tnum::range(r.umin, r.umax));
  }
}

void bits_from_ranges(ScalarBounds& r) {
  Tnum all = intersect(r.bits, Tnum::range(r.umin, r.umax));
  Tnum low = intersect(all.low32(), Tnum::range(r.umin32, r.umax32));
  r.bits = bit_or(all.without_low32(), low);
}

// Kernels before 6.8: signed and unsigned of one width meet, widths do not.
template <typename U, typename S>
void deduce_one_width(U& umin, U& umax, S& smin, S& smax) {
  if (smin >= 0 || smax < 0) {
    umin = max(static_cast<U>(smin), umin);
    smin = static_cast<S>(umin);
    umax = min(static_cast<U>(smax), umax);
    smax = static_cast<S>(umax);
    return;
  }
  if (static_cast<S>(umax) >= 0) {
    smin = static_cast<S>(umin);
    umax = min(static_cast<U>(smax), umax);
    smax = static_cast<S>(umax);
  } else if (static_cast<S>(umin) < 0) {
    umin = max(static_cast<U>(smin), umin);
    smin = static_cast<S>(umin);
    smax = static_cast<S>(umax);
  }
}

}  // namespace

ScalarBounds ScalarBounds::constant(uint64_t value) {
  ScalarBounds r;
  r.bits = Tnum::constant(value);
  r.umin = r.umax = value;
  r.smin = r.smax = static_cast<int64_t>(value);
  r.umin32 = r.umax32 = static_cast<uint32_t>(value);
  r.smin32 = r.smax32 = static_cast<int32_t>(value);
  return r;
}

void ScalarBounds::forget64() {
  umin = 0, umax = UINT64_MAX;
  smin = INT64_MIN, smax = INT64_MAX;
}

void ScalarBounds::forget32() {
  umin32 = 0, umax32 = UINT32_MAX;
  smin32 = INT32_MIN, smax32 = INT32_MAX;
}

void ScalarBounds::learn_from_bits32() {
  Tnum low = bits.low32();
  auto value = static_cast<uint32_t>(low.value), mask = static_cast<uint32_t>(low.mask);
  smin32 = max(smin32, static_cast<int32_t>(value | (mask & 0x80000000u)));
  smax32 = min(smax32, static_cast<int32_t>(value | (mask & 0x7fffffffu)));
  umin32 = max(umin32, value);
  umax32 = min(umax32, value | mask);
}

void ScalarBounds::learn_from_bits() {
  learn_from_bits32();
  constexpr uint64_t sign = uint64_t{1} << 63;
  smin = max(smin, static_cast<int64_t>(bits.value | (bits.mask & sign)));
  smax = min(smax, static_cast<int64_t>(bits.value | (bits.mask & ~sign)));
  umin = max(umin, bits.value);
  umax = min(umax, bits.max());
}

void ScalarBounds::sync(const Deductions& d) {
  learn_from_bits();
  if (d.between_halves) {
    for (int round = d.third_round ? 3 : 2; round > 0; round--) {
      const ScalarBounds before = *this;
      deduce32(*this, d);
      deduce64(*this, d);
      deduce64_from32(*this);
      if (*this == before) break;  // nor would another round teach anything
    }
  } else {
    if (d.low_half_ranges) deduce_one_width(umin32, umax32, smin32, smax32);
    else forget32();
    deduce_one_width(umin, umax, smin, smax);
  }
  bits_from_ranges(*this);
  learn_from_bits();
}

bool ScalarBounds::contradictory() const {
  if (umin > umax || smin > smax || umin32 > umax32 || smin32 > smax32) return true;
  if (bits.is_constant()) {
    uint64_t v = bits.value;
    if (umin != v || umax != v || static_cast<uint64_t>(smin) != v || static_cast<uint64_t>(smax) != v) return true;
  }
  if (low32_is_constant()) {
    auto v = static_cast<uint32_t>(bits.value);
    if (umin32 != v || umax32 != v || static_cast<uint32_t>(smin32) != v || static_cast<uint32_t>(smax32) != v) return true;
  }
  return false;
}

void ScalarBounds::zero_extend(const Deductions& d) {
  if (!d.low_half_ranges) return truncate(4, d);
  bits = bits.low32();
  umin = umin32, umax = umax32;
  if (smin32 >= 0 && smax32 >= 0) {
    smin = smin32, smax = smax32;
  } else {
    smin = 0, smax = UINT32_MAX;
  }
  sync(d);
}

void ScalarBounds::truncate(unsigned bytes, const Deductions& d) {
  bits = bits.cast(bytes);
  uint64_t keep = (uint64_t{1} << (bytes * 8)) - 1;
  if ((umin & ~keep) == (umax & ~keep)) {
    umin &= keep, umax &= keep;
  } else {
    umin = 0, umax = keep;
  }
  smin = static_cast<int64_t>(umin), smax = static_cast<int64_t>(umax);
  if (bytes < 4) forget32();
  sync(d);
}

namespace {

int64_t extended(uint64_t v, unsigned bytes) {
  unsigned shift = 64 - bytes * 8;
  return static_cast<int64_t>(v << shift) >> shift;
}

}  // namespace

void ScalarBounds::sign_extend(unsigned bytes) {
  if (bits.is_constant()) {
    *this = constant(static_cast<uint64_t>(extended(bits.value, bytes)));
    return;
  }
  unsigned width = bytes * 8;
  if ((static_cast<uint64_t>(smin) >> width) == (static_cast<uint64_t>(smax) >> width)) {
    int64_t a = extended(static_cast<uint64_t>(smax), bytes), b = extended(static_cast<uint64_t>(smin), bytes);
    int64_t lo = min(a, b), hi = max(a, b);
    if ((lo >= 0) == (hi >= 0)) {
      smin = lo, smax = hi, umin = static_cast<uint64_t>(lo), umax = static_cast<uint64_t>(hi);
      smin32 = static_cast<int32_t>(lo), smax32 = static_cast<int32_t>(hi);
      umin32 = static_cast<uint32_t>(lo), umax32 = static_cast<uint32_t>(hi);
      bits = Tnum::range(umin, umax);
      return;
    }
  }
  *this = unknown();
  smin = -(int64_t{1} << (width - 1)), smax = (int64_t{1} << (width - 1)) - 1;
  smin32 = static_cast<int32_t>(smin), smax32 = static_cast<int32_t>(smax);
}

void ScalarBounds::sign_extend32(unsigned bytes) {
  if (low32_is_constant()) {
    auto v = static_cast<uint32_t>(extended(bits.value, bytes));
    bits = Tnum::constant(v);
    umin32 = umax32 = v;
    smin32 = smax32 = static_cast<int32_t>(v);
    return;
  }
  unsigned width = bytes * 8;
  if ((static_cast<uint32_t>(smin32) >> width) == (static_cast<uint32_t>(smax32) >> width)) {
    auto a = static_cast<int32_t>(extended(static_cast<uint32_t>(smax32), bytes));
    auto b = static_cast<int32_t>(extended(static_cast<uint32_t>(smin32), bytes));
    int32_t lo = min(a, b), hi = max(a, b);
    if ((lo >= 0) == (hi >= 0)) {
      smin32 = lo, smax32 = hi;
      umin32 = static_cast<uint32_t>(lo), umax32 = static_cast<uint32_t>(hi);
      bits = Tnum::range(umin32, umax32).low32();
      return;
    }
  }
  forget32();
  smin32 = -(1 << (width - 1)), smax32 = (1 << (width - 1)) - 1;
  bits = Tnum::unknown().low32();
}

bool ScalarBounds::holds(const ScalarBounds& i) const {
  return umin <= i.umin && umax >= i.umax && smin <= i.smin && smax >= i.smax && umin32 <= i.umin32 && umax32 >= i.umax32 &&
         smin32 <= i.smin32 && smax32 >= i.smax32 && bits.holds(i.bits);
}

unsigned ScalarBounds::width() const {
  return 64 - std::countl_zero(umax);
}

namespace {

std::string number_text(int64_t v, bool is_signed) {
  char text[32];
  bool decimal = is_signed ? v >= INT16_MIN && v <= INT16_MAX : static_cast<uint64_t>(v) <= UINT16_MAX;
  snprintf(text, sizeof text, decimal ? "%" PRId64 : "0x%" PRIx64, v);
  return text;
}

}  // namespace

// Equal bounds share one value ("smin=smin32=0"), unless one is negative and the other only looks so.
std::string to_text(const ScalarBounds& s) {
  struct Field {
    const char* name;
    int64_t value;
    bool done;
  };
  Field fields[] = {
      {"smin", s.smin, s.smin == INT64_MIN},
      {"smax", s.smax, s.smax == INT64_MAX},
      {"umin", static_cast<int64_t>(s.umin), s.umin == 0},
      {"umax", static_cast<int64_t>(s.umax), s.umax == UINT64_MAX},
      {"smin32", s.smin32, s.smin32 == INT32_MIN},
      {"smax32", s.smax32, s.smax32 == INT32_MAX},
      {"umin32", s.umin32, s.umin32 == 0},
      {"umax32", s.umax32, s.umax32 == UINT32_MAX},
  };
  std::string out;
  auto negative = [](const Field& f) { return f.name[0] == 's' && f.value < 0; };
  for (size_t i = 0; i < std::size(fields); i++) {
    if (fields[i].done) continue;
    out += (out.empty() ? "" : ",") + std::string(fields[i].name) + "=";
    for (size_t j = i + 2; j < std::size(fields); j += 2) {
      if (fields[j].done || fields[j].value != fields[i].value || negative(fields[j]) != negative(fields[i])) continue;
      fields[j].done = true;
      out += std::string(fields[j].name) + "=";
    }
    out += number_text(fields[i].value, fields[i].name[0] == 's');
  }
  if (!s.bits.is_unknown()) out += (out.empty() ? "var_off=" : ",var_off=") + to_text(s.bits);
  return out;
}

}  // namespace shrike::sim
