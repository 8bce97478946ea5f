// Transfer functions of scalar arithmetic, one per operation and width. Each loses exactly what the kernel loses: a range
// that can overflow becomes unbounded in that view, and the following sync wins back what the other views still know.
#include "verifier-sim/scalar_alu.h"

#include <algorithm>
#include <limits>

#include "backend-bpf/isa.h"

namespace shrike::sim {
namespace {

using std::max;
using std::min;

// One function body serves both widths: U and S are the unsigned and signed type of the view.
template <typename U, typename S>
struct View {
  U& umin;
  U& umax;
  S& smin;
  S& smax;
};

auto view64(ScalarBounds& r) {
  return View<uint64_t, int64_t>{r.umin, r.umax, r.smin, r.smax};
}
auto view32(ScalarBounds& r) {
  return View<uint32_t, int32_t>{r.umin32, r.umax32, r.smin32, r.smax32};
}

template <typename U, typename S>
void unbounded_signed(View<U, S> v) {
  v.smin = std::numeric_limits<S>::min(), v.smax = std::numeric_limits<S>::max();
}
template <typename U, typename S>
void unbounded_unsigned(View<U, S> v) {
  v.umin = 0, v.umax = std::numeric_limits<U>::max();
}

template <typename U, typename S>
void add_view(View<U, S> a, View<U, S> b, const Deductions& d) {
  S smin, smax;
  if (__builtin_add_overflow(a.smin, b.smin, &smin) || __builtin_add_overflow(a.smax, b.smax, &smax)) unbounded_signed(a);
  else a.smin = smin, a.smax = smax;
  bool low_wraps = __builtin_add_overflow(a.umin, b.umin, &a.umin), high_wraps = __builtin_add_overflow(a.umax, b.umax, &a.umax);
  if (d.both_sums_wrap ? (!low_wraps && high_wraps) : (low_wraps || high_wraps)) unbounded_unsigned(a);
}

template <typename U, typename S>
void sub_view(View<U, S> a, View<U, S> b, const Deductions& d) {
  S smin, smax;
  if (__builtin_sub_overflow(a.smin, b.smax, &smin) || __builtin_sub_overflow(a.smax, b.smin, &smax)) unbounded_signed(a);
  else a.smin = smin, a.smax = smax;
  bool low_wraps = __builtin_sub_overflow(a.umin, b.umax, &a.umin), high_wraps = __builtin_sub_overflow(a.umax, b.umin, &a.umax);
  if (d.both_sums_wrap ? (low_wraps && !high_wraps) : low_wraps) unbounded_unsigned(a);
}

template <typename U, typename S>
void mul_view(View<U, S> a, View<U, S> b, const Deductions& d) {
  if (!d.signed_products) {
    // Older kernels keep products of small non-negative numbers only.
    constexpr U limit = static_cast<U>((U{1} << (sizeof(U) * 4)) - 1);
    if (a.smin < 0 || b.smin < 0 || a.umax > limit || b.umax > limit) {
      unbounded_signed(a);
      unbounded_unsigned(a);
      return;
    }
    a.umin *= b.umin, a.umax *= b.umax;
    if (a.umax > static_cast<U>(std::numeric_limits<S>::max())) unbounded_signed(a);
    else a.smin = static_cast<S>(a.umin), a.smax = static_cast<S>(a.umax);
    return;
  }
  if (__builtin_mul_overflow(a.umax, b.umax, &a.umax) || __builtin_mul_overflow(a.umin, b.umin, &a.umin)) unbounded_unsigned(a);
  S p[4];
  bool wraps = __builtin_mul_overflow(a.smin, b.smin, &p[0]) | __builtin_mul_overflow(a.smin, b.smax, &p[1]) |
               __builtin_mul_overflow(a.smax, b.smin, &p[2]) | __builtin_mul_overflow(a.smax, b.smax, &p[3]);
  if (wraps) {
    unbounded_signed(a);
  } else {
    a.smin = *std::min_element(p, p + 4);
    a.smax = *std::max_element(p, p + 4);
  }
}

// The unsigned result of a bitwise operation is also the signed one when it does not cross the sign.
template <typename U, typename S>
void signed_from_unsigned(View<U, S> a, bool operands_may_be_negative, const Deductions& d) {
  bool usable = d.signed_from_bitops ? static_cast<S>(a.umin) <= static_cast<S>(a.umax) : !operands_may_be_negative;
  if (usable) a.smin = static_cast<S>(a.umin), a.smax = static_cast<S>(a.umax);
  else unbounded_signed(a);
}

// `bits` is the known-bits result, already cut to the width of the view.
template <typename U, typename S>
void bitwise_view(uint8_t operation, View<U, S> a, View<U, S> b, Tnum bits, const Deductions& d) {
  bool negative = a.smin < 0 || b.smin < 0;
  auto ones = static_cast<U>(bits.value), possible = static_cast<U>(bits.max());
  if (operation == bpf::alu::and_) {
    a.umin = ones, a.umax = min(a.umax, b.umax);
  } else if (operation == bpf::alu::or_) {
    a.umin = max(a.umin, b.umin), a.umax = possible;
  } else {
    a.umin = ones, a.umax = possible;
  }
  signed_from_unsigned(a, negative, d);
}

void bitwise(uint8_t operation, ScalarBounds& dst, ScalarBounds& src, const Deductions& d) {
  bool all_known = dst.is_constant() && src.is_constant();
  bool low_known = dst.low32_is_constant() && src.low32_is_constant();
  if (operation == bpf::alu::and_) dst.bits = bit_and(dst.bits, src.bits);
  else if (operation == bpf::alu::or_) dst.bits = bit_or(dst.bits, src.bits);
  else dst.bits = bit_xor(dst.bits, src.bits);
  if (low_known) {
    auto v = static_cast<uint32_t>(dst.bits.value);
    dst.umin32 = dst.umax32 = v;
    dst.smin32 = dst.smax32 = static_cast<int32_t>(v);
  } else {
    bitwise_view(operation, view32(dst), view32(src), dst.bits.low32(), d);
  }
  if (all_known) {
    dst = ScalarBounds::constant(dst.bits.value);
    return;
  }
  bitwise_view(operation, view64(dst), view64(src), dst.bits, d);
  dst.learn_from_bits();
}

void shift_left_view32(ScalarBounds& dst, unsigned by) {
  dst.smin32 = INT32_MIN, dst.smax32 = INT32_MAX;
  if (by > 31 || dst.umax32 > uint64_t{1} << (31 - by)) {
    dst.umin32 = 0, dst.umax32 = UINT32_MAX;
  } else {
    dst.umin32 <<= by, dst.umax32 <<= by;
  }
}

void shift_left_64(ScalarBounds& dst, unsigned by) {
  // A shift by 32 is half of a sign extension: positive low halves keep their order.
  dst.smax = by == 32 && dst.smax32 >= 0 ? int64_t{dst.smax32} << 32 : INT64_MAX;
  dst.smin = by == 32 && dst.smin32 >= 0 ? int64_t{dst.smin32} << 32 : INT64_MIN;
  if (dst.umax > uint64_t{1} << (63 - by)) dst.umin = 0, dst.umax = UINT64_MAX;
  else dst.umin <<= by, dst.umax <<= by;
  shift_left_view32(dst, by);
  dst.bits = shift_left(dst.bits, by);
  dst.learn_from_bits();
}

void shift_left_32(ScalarBounds& dst, unsigned by) {
  shift_left_view32(dst, by);
  dst.bits = shift_left(dst.bits.low32(), by).low32();
  dst.forget64();
  dst.learn_from_bits32();
}

void shift_right_any(ScalarBounds& dst, unsigned by, bool is64) {
  if (is64) {
    dst.smin = INT64_MIN, dst.smax = INT64_MAX;
    dst.bits = shift_right(dst.bits, by);
    dst.umin >>= by, dst.umax >>= by;
    dst.forget32();
    dst.learn_from_bits();
  } else {
    dst.smin32 = INT32_MIN, dst.smax32 = INT32_MAX;
    dst.bits = shift_right(dst.bits.low32(), by);
    dst.umin32 >>= by, dst.umax32 >>= by;
    dst.forget64();
    dst.learn_from_bits32();
  }
}

void shift_right_arithmetic(ScalarBounds& dst, unsigned by, bool is64) {
  if (is64) {
    dst.smin >>= by, dst.smax >>= by;
    dst.bits = shift_right_signed(dst.bits, by, 64);
    dst.umin = 0, dst.umax = UINT64_MAX;
    dst.forget32();
    dst.learn_from_bits();
  } else {
    dst.smin32 >>= by, dst.smax32 >>= by;
    dst.bits = shift_right_signed(dst.bits.low32(), by, 32);
    dst.umin32 = 0, dst.umax32 = UINT32_MAX;
    dst.forget64();
    dst.learn_from_bits32();
  }
}

bool computable(uint8_t operation, bool is64, const ScalarBounds& src, const Deductions& d) {
  namespace alu = bpf::alu;
  bool known = is64 ? src.is_constant() && src.umin == src.umax && src.smin == src.smax
                    : src.low32_is_constant() && src.umin32 == src.umax32 && src.smin32 == src.smax32;
  switch (operation) {
    case alu::add:
    case alu::sub:
    case alu::and_: return true;
    case alu::mul:
    case alu::or_: return known || d.unknown_operand;
    case alu::xor_: return d.low_half_ranges && (known || d.unknown_operand);  // 5.8
    case alu::neg: return d.negation;
    case alu::lsh:
    case alu::rsh:
    case alu::arsh: return known && src.umax < (is64 ? 64u : 32u);
    default: return false;
  }
}

}  // namespace

void add_ranges64(ScalarBounds& dst, const ScalarBounds& src, const Deductions& d) {
  ScalarBounds s = src;
  add_view(view64(dst), view64(s), d);
}

void sub_ranges64(ScalarBounds& dst, const ScalarBounds& src, const Deductions& d) {
  ScalarBounds s = src;
  sub_view(view64(dst), view64(s), d);
}

ScalarBounds change_byte_order(const ScalarBounds& s, bool swaps, unsigned bytes, const Deductions& d) {
  if (!d.byte_swaps) return ScalarBounds::unknown();
  if (!swaps && s.umax >> (bytes * 8 - 1) <= 1) return s;
  ScalarBounds r;
  r.bits = swaps ? byte_swap(s.bits, bytes) : s.bits.cast(bytes);
  r.sync(d);
  return r;
}

void add_constant(ScalarBounds& dst, int64_t constant, const Deductions& d) {
  ScalarBounds by = ScalarBounds::constant(static_cast<uint64_t>(constant));
  add_view(view32(dst), view32(by), d);
  add_view(view64(dst), view64(by), d);
  dst.bits = add(dst.bits, by.bits);
}

namespace {

// Kernels before 5.7 cut the operands to 32 bits, compute in 64 and cut the result.
ScalarBounds compute_in_64(uint8_t operation, const ScalarBounds& dst, const ScalarBounds& src, const Deductions& d) {
  ScalarBounds a = dst, b = src;
  a.truncate(4, d);
  b.truncate(4, d);
  bool computes = operation != bpf::alu::arsh && (operation != bpf::alu::lsh || b.umax < 32);
  ScalarBounds r = computes ? compute(operation, true, a, b, d) : ScalarBounds::unknown();
  r.truncate(4, d);
  return r;
}

}  // namespace

ScalarBounds compute(uint8_t operation, bool is64, const ScalarBounds& dst, const ScalarBounds& src, const Deductions& d) {
  namespace alu = bpf::alu;
  if (!is64 && !d.low_half_ranges) return compute_in_64(operation, dst, src, d);
  ScalarBounds r = dst, s = src;
  // Kernels give up here before they would clear the high half of a 32-bit result.
  if (!computable(operation, is64, src, d)) return ScalarBounds::unknown();
  auto by = static_cast<unsigned>(src.umin);
  switch (operation) {
    case alu::neg:
      s = dst;
      r = ScalarBounds::constant(0);
      [[fallthrough]];
    case alu::sub:
      sub_view(view32(r), view32(s), d);
      sub_view(view64(r), view64(s), d);
      r.bits = sub(r.bits, s.bits);
      break;
    case alu::add:
      add_view(view32(r), view32(s), d);
      add_view(view64(r), view64(s), d);
      r.bits = add(r.bits, s.bits);
      break;
    case alu::mul:
      r.bits = d.mul_by_union ? mul_by_union(r.bits, s.bits) : mul_by_parts(r.bits, s.bits);
      mul_view(view32(r), view32(s), d);
      mul_view(view64(r), view64(s), d);
      break;
    case alu::and_:
    case alu::or_:
    case alu::xor_: bitwise(operation, r, s, d); break;
    case alu::lsh: is64 ? shift_left_64(r, by) : shift_left_32(r, by); break;
    case alu::rsh: shift_right_any(r, by, is64); break;
    case alu::arsh: shift_right_arithmetic(r, by, is64); break;
    default: break;
  }
  if (is64) r.sync(d);
  else r.zero_extend(d);
  return r;
}

}  // namespace shrike::sim
