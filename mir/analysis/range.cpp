// Arithmetic of ranges. Each function computes the part it can and leaves the rest to settle(), which lets the three
// views of a set sharpen each other.
#include "mir/analysis/range.h"

#include <algorithm>
#include <bit>

#include "mir/evaluate.h"

namespace shrike::mir {

namespace {

constexpr Range nothing{.umin = 1, .umax = 0, .smin = 1, .smax = 0, .known = 0, .bits = 0};

// Deduces each view from the others; twice, since a known sign bit can come from the first round.
Range settle(Range r) {
  for (int round = 0; round < 2; round++) {
    if (r.is_empty()) return nothing;
    r.umin = std::max(r.umin, r.bits);
    r.umax = std::min(r.umax, r.bits | ~r.known);
    if (r.umax <= uint64_t{INT64_MAX} || r.umin > uint64_t{INT64_MAX}) {
      r.smin = std::max(r.smin, static_cast<int64_t>(r.umin));
      r.smax = std::min(r.smax, static_cast<int64_t>(r.umax));
    }
    if (r.smin >= 0 || r.smax < 0) {
      r.umin = std::max(r.umin, static_cast<uint64_t>(r.smin));
      r.umax = std::min(r.umax, static_cast<uint64_t>(r.smax));
    }
    if (r.is_empty()) return nothing;
    // The bits above the highest one in which the ends of the interval differ are the same in all members.
    int differing = 64 - std::countl_zero(r.umin ^ r.umax);
    uint64_t prefix = differing == 64 ? 0 : UINT64_MAX << differing;
    if (((r.umin ^ r.bits) & prefix & r.known) != 0) return nothing;
    r.known |= prefix;
    r.bits |= r.umin & prefix;
  }
  return r.is_empty() ? nothing : r;
}

Range with_bits(uint64_t known, uint64_t bits) {
  Range r;
  r.known = known;
  r.bits = bits & known;
  return settle(r);
}

uint64_t possible(const Range& r) {
  return r.bits | ~r.known;
}

// A bit of a sum is known where both operands and the carry into it are. Carries only grow with the operands, so a carry
// is known where the least and the greatest sum agree on it.
void add_bits(const Range& a, const Range& b, Range& out) {
  uint64_t least = a.bits + b.bits;
  uint64_t greatest = possible(a) + possible(b);
  uint64_t carry_least = least ^ a.bits ^ b.bits;
  uint64_t carry_greatest = greatest ^ possible(a) ^ possible(b);
  out.known = a.known & b.known & ~(carry_least ^ carry_greatest);
  out.bits = least & out.known;
}

// The same for borrows, which grow with b and shrink with a.
void sub_bits(const Range& a, const Range& b, Range& out) {
  uint64_t least = a.bits - possible(b);
  uint64_t greatest = possible(a) - b.bits;
  uint64_t borrow_most = least ^ a.bits ^ possible(b);
  uint64_t borrow_fewest = greatest ^ possible(a) ^ b.bits;
  out.known = a.known & b.known & ~(borrow_most ^ borrow_fewest);
  out.bits = least & out.known;
}

Range add(const Range& a, const Range& b, Prover prover) {
  Range r;
  add_bits(a, b, r);
  uint64_t low = 0, high = 0;
  bool low_wraps = __builtin_add_overflow(a.umin, b.umin, &low);
  bool high_wraps = __builtin_add_overflow(a.umax, b.umax, &high);
  if (!high_wraps || (low_wraps && prover == Prover::semantics)) r.umin = low, r.umax = high;
  int64_t slow = 0, shigh = 0;
  bool swraps = __builtin_add_overflow(a.smin, b.smin, &slow);
  swraps |= __builtin_add_overflow(a.smax, b.smax, &shigh);
  if (!swraps) r.smin = slow, r.smax = shigh;
  return settle(r);
}

Range sub(const Range& a, const Range& b) {
  Range r;
  sub_bits(a, b, r);
  if (a.umin >= b.umax) r.umin = a.umin - b.umax, r.umax = a.umax - b.umin;
  int64_t slow = 0, shigh = 0;
  bool swraps = __builtin_sub_overflow(a.smin, b.smax, &slow);
  swraps |= __builtin_sub_overflow(a.smax, b.smin, &shigh);
  if (!swraps) r.smin = slow, r.smax = shigh;
  return settle(r);
}

int trailing_zeros(const Range& r) {
  return std::countr_zero(possible(r));
}

Range mul(const Range& a, const Range& b, Prover prover) {
  Range r;
  int zeros = std::min(64, trailing_zeros(a) + trailing_zeros(b));
  r.known = zeros == 64 ? UINT64_MAX : (uint64_t{1} << zeros) - 1;
  uint64_t low = a.umin * b.umin;
  uint64_t high = 0;
  bool is_small = a.umax <= UINT32_MAX && b.umax <= UINT32_MAX;
  bool wraps = __builtin_mul_overflow(a.umax, b.umax, &high);
  if (prover == Prover::verifier ? is_small : !wraps) r.umin = low, r.umax = high;
  if (prover == Prover::verifier) return settle(r);
  int64_t corner = 0, slow = INT64_MAX, shigh = INT64_MIN;
  bool swraps = false;
  for (int64_t x : {a.smin, a.smax}) {
    for (int64_t y : {b.smin, b.smax}) {
      swraps |= __builtin_mul_overflow(x, y, &corner);
      slow = std::min(slow, corner);
      shigh = std::max(shigh, corner);
    }
  }
  if (!swraps) r.smin = slow, r.smax = shigh;
  return settle(r);
}

Range div_u(const Range& a, const Range& b) {
  if (b.umin > 0) return Range::between(a.umin / b.umax, a.umax / b.umin);
  return Range::between(0, a.umax);
}

Range mod_u(const Range& a, const Range& b) {
  if (b.umin == 0) return Range::between(0, a.umax);
  if (a.umax < b.umin) return a;
  return Range::between(0, std::min(a.umax, b.umax - 1));
}

Range div_s(const Range& a, const Range& b) {
  if (a.smin >= 0 && b.smin > 0) return Range::between_signed(a.smin / b.smax, a.smax / b.smin);
  if (a.smin == INT64_MIN) return {};
  int64_t largest = std::max(std::abs(a.smin), std::abs(a.smax));
  return Range::between_signed(-largest, largest);
}

Range mod_s(const Range& a, const Range& b) {
  int64_t low = a.smin < 0 ? a.smin : 0;
  int64_t high = a.smax > 0 ? a.smax : 0;
  if (b.smin > 0) low = std::max(low, 1 - b.smax), high = std::min(high, b.smax - 1);
  return Range::between_signed(low, high);
}

Range and_(const Range& a, const Range& b) {
  uint64_t bits = a.bits & b.bits;
  Range r = with_bits(bits | ~possible(a) | ~possible(b), bits);
  r.umax = std::min({r.umax, a.umax, b.umax});
  return settle(r);
}

Range or_(const Range& a, const Range& b) {
  uint64_t bits = a.bits | b.bits;
  Range r = with_bits(bits | ~(possible(a) | possible(b)), bits);
  r.umin = std::max({r.umin, a.umin, b.umin});
  return settle(r);
}

Range xor_(const Range& a, const Range& b) {
  return with_bits(a.known & b.known, a.bits ^ b.bits);
}

Range shift(Opcode op, const Range& a, const Range& b, Prover prover) {
  if (!b.is_exact()) {
    bool is_bounded = op == Opcode::shr_u && b.umax < 64 && prover == Prover::semantics;
    return is_bounded ? Range::between(a.umin >> b.umax, a.umax >> b.umin) : Range{};
  }
  auto count = static_cast<int>(b.umin & 63);
  uint64_t low_bits = (uint64_t{1} << count) - 1;
  Range r;
  if (op == Opcode::shl) {
    r.known = (a.known << count) | low_bits;
    r.bits = a.bits << count;
    if (a.umax <= UINT64_MAX >> count) r.umin = a.umin << count, r.umax = a.umax << count;
  } else if (op == Opcode::shr_u) {
    r.known = (a.known >> count) | ~(UINT64_MAX >> count);
    r.bits = a.bits >> count;
    r.umin = a.umin >> count;
    r.umax = a.umax >> count;
  } else {
    r.known = static_cast<uint64_t>(static_cast<int64_t>(a.known) >> count);
    r.bits = static_cast<uint64_t>(static_cast<int64_t>(a.bits) >> count) & r.known;
    r.smin = a.smin >> count;
    r.smax = a.smax >> count;
  }
  return settle(r);
}

Range zero_extend(const Range& a, uint64_t mask, Prover prover) {
  bool is_kept = a.umax <= mask && (prover == Prover::semantics || mask == UINT32_MAX);
  return is_kept ? a : and_(a, Range::exactly(mask));
}

Range sign_extend(const Range& a, int width, Prover prover) {
  int64_t high = (int64_t{1} << (width - 1)) - 1;
  Range limits = Range::between_signed(-high - 1, high);
  // Where one instruction extends the sign (ISA v4) the kernel forgets which bits were known.
  if (prover == Prover::verifier) return limits;
  if (a.smin >= limits.smin && a.smax <= limits.smax) return a;
  Range count = Range::exactly(static_cast<uint64_t>(64 - width));
  Range moved = with_bits(a.known, a.bits);
  moved = shift(Opcode::shr_s, shift(Opcode::shl, moved, count, prover), count, prover);
  return meet(moved, limits);
}

Range swap_bytes(const Range& a, int bytes) {
  Range low = bytes == 8 ? a : and_(a, Range::exactly((uint64_t{1} << (8 * bytes)) - 1));
  int unused = 64 - 8 * bytes;
  uint64_t upper = unused == 0 ? 0 : ~(UINT64_MAX >> unused);
  return with_bits((__builtin_bswap64(low.known) >> unused) | upper, __builtin_bswap64(low.bits) >> unused);
}

Range clamp(const Range& a, uint64_t max) {
  if (a.umax <= max) return a;
  return join(meet(a, Range::between(0, max)), Range::exactly(max));
}

Range compare(Opcode op, const Range& a, const Range& b) {
  const auto is_impossible = [&](bool holds) {
    auto [x, y] = refine(op, holds, a, b);
    return x.is_empty() || y.is_empty();
  };
  if (is_impossible(true)) return Range::exactly(0);
  if (is_impossible(false)) return Range::exactly(1);
  return Range::between(0, 1);
}

// Operations whose results the verifier takes for unknown, at least in the oldest kernels supported.
bool is_opaque_to_verifier(Opcode op) {
  return op == Opcode::div_u || op == Opcode::div_s || op == Opcode::mod_u || op == Opcode::mod_s || op == Opcode::neg ||
         op == Opcode::bswap16 || op == Opcode::bswap32 || op == Opcode::bswap64;
}

}  // namespace

Range Range::exactly(uint64_t value) {
  auto sign = static_cast<int64_t>(value);
  return {value, value, sign, sign, UINT64_MAX, value};
}

Range Range::between(uint64_t low, uint64_t high) {
  Range r;
  r.umin = low;
  r.umax = high;
  return settle(r);
}

Range Range::between_signed(int64_t low, int64_t high) {
  Range r;
  r.smin = low;
  r.smax = high;
  return settle(r);
}

Range join(const Range& a, const Range& b) {
  if (a.is_empty()) return b;
  if (b.is_empty()) return a;
  Range r{std::min(a.umin, b.umin), std::max(a.umax, b.umax), std::min(a.smin, b.smin), std::max(a.smax, b.smax), 0, 0};
  r.known = a.known & b.known & ~(a.bits ^ b.bits);
  r.bits = a.bits & r.known;
  return r;
}

Range meet(const Range& a, const Range& b) {
  if (a.is_empty() || b.is_empty() || ((a.bits ^ b.bits) & a.known & b.known) != 0) return nothing;
  return settle({std::max(a.umin, b.umin), std::min(a.umax, b.umax), std::max(a.smin, b.smin), std::min(a.smax, b.smax),
                 a.known | b.known, a.bits | b.bits});
}

Range widen(const Range& previous, const Range& next) {
  Range r = join(previous, next);
  if (r.umin < previous.umin) r.umin = 0;
  if (r.umax > previous.umax) r.umax = UINT64_MAX;
  if (r.smin < previous.smin) r.smin = INT64_MIN;
  if (r.smax > previous.smax) r.smax = INT64_MAX;
  return settle(r);
}

Range apply(Opcode op, const Range& a, const Range& b, Prover prover) {
  if (a.is_empty() || b.is_empty()) return {};
  if (prover == Prover::verifier && is_opaque_to_verifier(op)) return {};
  if (a.is_exact() && b.is_exact()) {
    std::optional<uint64_t> value = evaluate(op, a.umin, b.umin);
    return value ? Range::exactly(*value) : Range{};
  }
  switch (op) {
    case Opcode::constant: return b;
    case Opcode::add: return add(a, b, prover);
    case Opcode::sub: return sub(a, b);
    case Opcode::mul: return mul(a, b, prover);
    case Opcode::div_u: return div_u(a, b);
    case Opcode::div_s: return div_s(a, b);
    case Opcode::mod_u: return mod_u(a, b);
    case Opcode::mod_s: return mod_s(a, b);
    case Opcode::and_: return and_(a, b);
    case Opcode::or_: return or_(a, b);
    case Opcode::xor_: return xor_(a, b);
    case Opcode::shl:
    case Opcode::shr_u:
    case Opcode::shr_s: return shift(op, a, b, prover);
    case Opcode::neg: return sub(Range::exactly(0), a);
    case Opcode::eq:
    case Opcode::ne:
    case Opcode::lt_u:
    case Opcode::le_u:
    case Opcode::lt_s:
    case Opcode::le_s: return compare(op, a, b);
    case Opcode::zext8: return zero_extend(a, UINT8_MAX, prover);
    case Opcode::zext16: return zero_extend(a, UINT16_MAX, prover);
    case Opcode::zext32: return zero_extend(a, UINT32_MAX, prover);
    case Opcode::sext8: return sign_extend(a, 8, prover);
    case Opcode::sext16: return sign_extend(a, 16, prover);
    case Opcode::sext32: return sign_extend(a, 32, prover);
    case Opcode::bswap16: return swap_bytes(a, 2);
    case Opcode::bswap32: return swap_bytes(a, 4);
    case Opcode::bswap64: return swap_bytes(a, 8);
    case Opcode::clamp_u: return clamp(a, b.umin);
    case Opcode::load:
    case Opcode::kernel_load:
    case Opcode::store:
    case Opcode::zero:
    case Opcode::copy:
    case Opcode::atomic_add:
    case Opcode::atomic_fetch_add:
    case Opcode::atomic_cmpxchg:
    case Opcode::ptr_add:
    case Opcode::ptr_to_int:
    case Opcode::slot_addr:
    case Opcode::map_value_addr:
    case Opcode::call:
    case Opcode::call_fn:
    case Opcode::agg_update:
    case Opcode::jump:
    case Opcode::branch:
    case Opcode::branch_null:
    case Opcode::ret: return {};
  }
  UNREACHABLE("opcode");
}

Range range_of(MemWidth width) {
  if (width == MemWidth::u64) return {};
  uint32_t bits = bytes_of(width) * 8;
  if (!is_signed(width)) return Range::between(0, (uint64_t{1} << bits) - 1);
  int64_t high = (int64_t{1} << (bits - 1)) - 1;
  return Range::between_signed(-high - 1, high);
}

std::pair<Range, Range> refine(Opcode op, bool holds, const Range& a, const Range& b) {
  const auto swapped = [](std::pair<Range, Range> pair) { return std::pair(pair.second, pair.first); };
  const auto without = [](Range r, const Range& other) {
    if (!other.is_exact()) return r;
    if (r.is_exact()) return r.umin == other.umin ? nothing : r;
    if (r.umin == other.umin) r.umin++;
    if (r.umax == other.umin) r.umax--;
    if (r.smin == other.smin) r.smin++;
    if (r.smax == other.smin) r.smax--;
    return settle(r);
  };
  if (op == Opcode::ne || op == Opcode::eq) {
    if (holds == (op == Opcode::ne)) return {without(a, b), without(b, a)};
    Range both = meet(a, b);
    return {both, both};
  }
  // The rest come down to a < b and a <= b.
  if (!holds) {
    if (op == Opcode::lt_u) return swapped(refine(Opcode::le_u, true, b, a));
    if (op == Opcode::le_u) return swapped(refine(Opcode::lt_u, true, b, a));
    if (op == Opcode::lt_s) return swapped(refine(Opcode::le_s, true, b, a));
    if (op == Opcode::le_s) return swapped(refine(Opcode::lt_s, true, b, a));
  }
  switch (op) {
    case Opcode::lt_u:
      if (b.umax == 0 || a.umin == UINT64_MAX) return {nothing, nothing};
      return {meet(a, Range::between(0, b.umax - 1)), meet(b, Range::between(a.umin + 1, UINT64_MAX))};
    case Opcode::le_u: return {meet(a, Range::between(0, b.umax)), meet(b, Range::between(a.umin, UINT64_MAX))};
    case Opcode::lt_s:
      if (b.smax == INT64_MIN || a.smin == INT64_MAX) return {nothing, nothing};
      return {meet(a, Range::between_signed(INT64_MIN, b.smax - 1)), meet(b, Range::between_signed(a.smin + 1, INT64_MAX))};
    case Opcode::le_s:
      return {meet(a, Range::between_signed(INT64_MIN, b.smax)), meet(b, Range::between_signed(a.smin, INT64_MAX))};
    default: return {a, b};
  }
}

}  // namespace shrike::mir
