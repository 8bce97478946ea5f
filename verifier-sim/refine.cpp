// Kernels decide a comparison from ranges and known bits of its width, and narrow the ranges edge by edge.
#include "verifier-sim/refine.h"

#include <algorithm>
#include <bit>

#include "backend-bpf/isa.h"

namespace shrike::sim {
namespace {

using std::max;
using std::min;

struct Sides {
  Tnum bits;
  uint64_t umin, umax;
  int64_t smin, smax;
};

// Kernels before 5.7 compare low halves by the ranges of whole numbers: what is known of both is known of the half.
ScalarBounds low_half_of(const ScalarBounds& s, const Deductions& d) {
  ScalarBounds low = s;
  low.truncate(4, d);
  low.umin32 = static_cast<uint32_t>(low.umin), low.umax32 = static_cast<uint32_t>(low.umax);
  bool positive = low.umax <= INT32_MAX;
  low.smin32 = positive ? static_cast<int32_t>(low.umin) : INT32_MIN;
  low.smax32 = positive ? static_cast<int32_t>(low.umax) : INT32_MAX;
  return low;
}

Sides sides_of(const ScalarBounds& s, bool is32) {
  if (is32) return {s.bits.low32(), s.umin32, s.umax32, s.smin32, s.smax32};
  return {s.bits, s.umin, s.umax, s.smin, s.smax};
}

bool can_be_equal(const ScalarBounds& ra, const ScalarBounds& rb, bool is32, const Profile& profile) {
  if (!profile.equality_by_ranges) return true;
  Sides a = sides_of(ra, is32), b = sides_of(rb, is32);
  if (profile.deductions.overlapping_bits && !a.bits.overlaps(b.bits)) return false;
  if (a.umin > b.umax || a.umax < b.umin || a.smin > b.smax || a.smax < b.smin) return false;
  if (is32 || !profile.deductions.between_halves) return true;
  return ra.umin32 <= rb.umax32 && ra.umax32 >= rb.umin32 && ra.smin32 <= rb.smax32 && ra.smax32 >= rb.smin32;
}

template <typename T>
Decided ordered(T amin, T amax, T bmin, T bmax) {  // a > b
  if (amin > bmax) return Decided::yes;
  return amax <= bmin ? Decided::no : Decided::open;
}

template <typename T>
Decided ordered_or_equal(T amin, T amax, T bmin, T bmax) {  // a >= b
  if (amin >= bmax) return Decided::yes;
  return amax < bmin ? Decided::no : Decided::open;
}

Decided opposite(Decided d) {
  if (d == Decided::open) return d;
  return d == Decided::yes ? Decided::no : Decided::yes;
}

Decided decide_any_bit(Sides a, Sides b) {
  if (!b.bits.is_constant()) std::swap(a, b);
  if (!b.bits.is_constant()) return Decided::open;
  if (a.bits.value & b.bits.value) return Decided::yes;
  return a.bits.max() & b.bits.value ? Decided::open : Decided::no;
}

Decided decide_with_itself(Relation r, const ScalarBounds& a, bool is32) {
  switch (r) {
    case Relation::equal:
    case Relation::greater_equal:
    case Relation::less_equal:
    case Relation::s_greater_equal:
    case Relation::s_less_equal: return Decided::yes;
    case Relation::any_bit:
    case Relation::no_bits: {
      Sides s = sides_of(a, is32);
      if (!s.bits.is_constant()) return Decided::open;
      return (s.bits.value != 0) == (r == Relation::any_bit) ? Decided::yes : Decided::no;
    }
    default: return Decided::no;
  }
}

// Ranges of one width and signedness, held by reference.
template <typename T>
struct Range {
  T& min;
  T& max;
};

template <typename T>
void narrow_less_equal(Range<T> a, Range<T> b) {
  a.max = min(a.max, b.max);
  b.min = max(a.min, b.min);
}

template <typename T>
void narrow_less(Range<T> a, Range<T> b) {
  a.max = min(a.max, static_cast<T>(b.max - 1));
  b.min = max(static_cast<T>(a.min + 1), b.min);
}

template <typename T>
void narrow_equal(Range<T> a, Range<T> b) {
  a.min = b.min = max(a.min, b.min);
  a.max = b.max = min(a.max, b.max);
}

template <typename T>
void trim_edge(Range<T> a, T value) {
  if (a.min == value) a.min++;
  if (a.max == value) a.max--;
}

Range<uint64_t> u64(ScalarBounds& s) {
  return {s.umin, s.umax};
}
Range<int64_t> s64(ScalarBounds& s) {
  return {s.smin, s.smax};
}
Range<uint32_t> u32(ScalarBounds& s) {
  return {s.umin32, s.umax32};
}
Range<int32_t> s32(ScalarBounds& s) {
  return {s.smin32, s.smax32};
}

bool constant_in(const ScalarBounds& s, bool is32) {
  return is32 ? s.low32_is_constant() : s.is_constant();
}

void set_bits(ScalarBounds& s, bool is32, const Tnum& bits) {
  if (is32) s.bits = s.bits.with_low32(bits);
  else s.bits = bits;
}

void narrow_bits(Relation r, bool is32, ScalarBounds& first, ScalarBounds& second) {
  ScalarBounds *a = &first, *b = &second;
  if (!constant_in(*b, is32)) std::swap(a, b);
  if (!constant_in(*b, is32)) return;
  uint64_t value = is32 ? b->bits.low32().value : b->bits.value;
  Tnum bits = is32 ? a->bits.low32() : a->bits;
  if (r == Relation::no_bits) {
    // Kernels start the ranges afresh here.
    a->forget_ranges();
    set_bits(*a, is32, bit_and(bits, Tnum::constant(~value)));
  } else if (std::has_single_bit(value)) {
    set_bits(*a, is32, bit_or(bits, Tnum::constant(value)));
  }
}

void narrow_unequal(bool is32, ScalarBounds& first, ScalarBounds& second) {
  ScalarBounds *a = &first, *b = &second;
  if (!constant_in(*b, is32)) std::swap(a, b);
  if (!constant_in(*b, is32)) return;
  uint64_t value = b->bits.value;
  if (is32) {
    trim_edge(u32(*a), static_cast<uint32_t>(value));
    trim_edge(s32(*a), static_cast<int32_t>(value));
  } else {
    trim_edge(u64(*a), value);
    trim_edge(s64(*a), static_cast<int64_t>(value));
  }
}

void narrow_equal_both(bool is32, ScalarBounds& a, ScalarBounds& b) {
  if (is32) {
    narrow_equal(u32(a), u32(b));
    narrow_equal(s32(a), s32(b));
    Tnum low = intersect(a.bits.low32(), b.bits.low32());
    a.bits = a.bits.with_low32(low);
    b.bits = b.bits.with_low32(low);
  } else {
    narrow_equal(u64(a), u64(b));
    narrow_equal(s64(a), s64(b));
    a.bits = b.bits = intersect(a.bits, b.bits);
  }
}

void narrow(Relation r, bool is32, ScalarBounds& a, ScalarBounds& b, const Profile& profile) {
  switch (r) {
    case Relation::equal: narrow_equal_both(is32, a, b); break;
    case Relation::unequal:
      if (profile.unequal_trims_edges) narrow_unequal(is32, a, b);
      break;
    case Relation::any_bit:
    case Relation::no_bits: narrow_bits(r, is32, a, b); break;
    case Relation::less_equal: is32 ? narrow_less_equal(u32(a), u32(b)) : narrow_less_equal(u64(a), u64(b)); break;
    case Relation::less: is32 ? narrow_less(u32(a), u32(b)) : narrow_less(u64(a), u64(b)); break;
    case Relation::s_less_equal: is32 ? narrow_less_equal(s32(a), s32(b)) : narrow_less_equal(s64(a), s64(b)); break;
    case Relation::s_less: is32 ? narrow_less(s32(a), s32(b)) : narrow_less(s64(a), s64(b)); break;
    case Relation::greater_equal: narrow(Relation::less_equal, is32, b, a, profile); break;
    case Relation::greater: narrow(Relation::less, is32, b, a, profile); break;
    case Relation::s_greater_equal: narrow(Relation::s_less_equal, is32, b, a, profile); break;
    case Relation::s_greater: narrow(Relation::s_less, is32, b, a, profile); break;
  }
}

// Kernels before 6.8 carry what one half learned into the other by these two steps instead of by sync.
void combine_halves(ScalarBounds& s, bool is32) {
  if (is32) {
    if (s.bits.without_low32() == Tnum::constant(0)) {
      s.umin = s.umin32, s.umax = s.umax32;
      s.smin = s.smin32 >= 0 && s.smax32 >= 0 ? s.smin32 : 0;
      s.smax = s.smin32 >= 0 && s.smax32 >= 0 ? s.smax32 : UINT32_MAX;
    } else {
      s.forget64();
    }
    return;
  }
  s.forget32();
  if (s.smin >= INT32_MIN && s.smin <= INT32_MAX && s.smax >= INT32_MIN && s.smax <= INT32_MAX) {
    s.smin32 = static_cast<int32_t>(s.smin), s.smax32 = static_cast<int32_t>(s.smax);
  }
  if (s.umax <= UINT32_MAX) s.umin32 = static_cast<uint32_t>(s.umin), s.umax32 = static_cast<uint32_t>(s.umax);
}

}  // namespace

Relation relation_of(uint8_t operation) {
  namespace jmp = bpf::jmp;
  switch (operation) {
    case jmp::jeq: return Relation::equal;
    case jmp::jne: return Relation::unequal;
    case jmp::jset: return Relation::any_bit;
    case jmp::jgt: return Relation::greater;
    case jmp::jge: return Relation::greater_equal;
    case jmp::jlt: return Relation::less;
    case jmp::jle: return Relation::less_equal;
    case jmp::jsgt: return Relation::s_greater;
    case jmp::jsge: return Relation::s_greater_equal;
    case jmp::jslt: return Relation::s_less;
    default: return Relation::s_less_equal;
  }
}

Relation negated(Relation r) {
  switch (r) {
    case Relation::equal: return Relation::unequal;
    case Relation::unequal: return Relation::equal;
    case Relation::any_bit: return Relation::no_bits;
    case Relation::no_bits: return Relation::any_bit;
    case Relation::greater: return Relation::less_equal;
    case Relation::greater_equal: return Relation::less;
    case Relation::less: return Relation::greater_equal;
    case Relation::less_equal: return Relation::greater;
    case Relation::s_greater: return Relation::s_less_equal;
    case Relation::s_greater_equal: return Relation::s_less;
    case Relation::s_less: return Relation::s_greater_equal;
    default: return Relation::s_greater;
  }
}

Decided decide(Relation r, bool is32, const ScalarBounds& ra, const ScalarBounds& rb, bool same_register,
               const Profile& profile) {
  if (same_register && profile.register_with_itself) return decide_with_itself(r, ra, is32);
  if (is32 && !profile.deductions.low_half_ranges) {
    Profile ranges = profile;
    ranges.deductions.low_half_ranges = true;
    return decide(r, true, low_half_of(ra, profile.deductions), low_half_of(rb, profile.deductions), false, ranges);
  }
  Sides a = sides_of(ra, is32), b = sides_of(rb, is32);
  switch (r) {
    case Relation::equal:
    case Relation::unequal: {
      Decided equal = Decided::open;
      if (a.bits.is_constant() && b.bits.is_constant()) equal = a.bits.value == b.bits.value ? Decided::yes : Decided::no;
      else if (!can_be_equal(ra, rb, is32, profile)) equal = Decided::no;
      return r == Relation::equal ? equal : opposite(equal);
    }
    case Relation::any_bit: return decide_any_bit(a, b);
    case Relation::no_bits: return opposite(decide_any_bit(a, b));
    case Relation::greater: return ordered(a.umin, a.umax, b.umin, b.umax);
    case Relation::greater_equal: return ordered_or_equal(a.umin, a.umax, b.umin, b.umax);
    case Relation::less: return ordered(b.umin, b.umax, a.umin, a.umax);
    case Relation::less_equal: return ordered_or_equal(b.umin, b.umax, a.umin, a.umax);
    case Relation::s_greater: return ordered(a.smin, a.smax, b.smin, b.smax);
    case Relation::s_greater_equal: return ordered_or_equal(a.smin, a.smax, b.smin, b.smax);
    case Relation::s_less: return ordered(b.smin, b.smax, a.smin, a.smax);
    case Relation::s_less_equal: return ordered_or_equal(b.smin, b.smax, a.smin, a.smax);
  }
  return Decided::open;
}

void refine(Relation r, bool is32, ScalarBounds& a, ScalarBounds& b, const Profile& profile) {
  if (!profile.refines_both_registers && !constant_in(a, is32) && !constant_in(b, is32)) return;
  if (is32 && !profile.deductions.low_half_ranges) {
    // Where both are their low halves, and not negative as such, it is a comparison of the whole numbers.
    if (a.umax > INT32_MAX || b.umax > INT32_MAX) return;
    is32 = false;
  }
  narrow(r, is32, a, b, profile);
  for (ScalarBounds* s : {&a, &b}) {
    if (!profile.deductions.between_halves) combine_halves(*s, is32);
    s->sync(profile.deductions);
    if (s->contradictory()) s->forget_ranges();
  }
}

}  // namespace shrike::sim
