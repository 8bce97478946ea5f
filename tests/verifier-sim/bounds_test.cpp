// Ranges against concrete execution: every pair of intervals of six bits (some operations: five), all five views of the
// result. The exact bounds of the concrete results are grown row by row, so that each pair costs one step.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "backend-bpf/isa.h"
#include "verifier-sim/profile.h"
#include "verifier-sim/refine.h"
#include "verifier-sim/scalar_alu.h"

namespace shrike::sim {
namespace {

namespace alu = bpf::alu;

// Exact bounds of a set of numbers.
struct Exact {
  uint64_t umin = UINT64_MAX, umax = 0, ones = ~uint64_t{0}, any = 0;
  int64_t smin = INT64_MAX, smax = INT64_MIN;
  uint32_t umin32 = UINT32_MAX, umax32 = 0;
  int32_t smin32 = INT32_MAX, smax32 = INT32_MIN;

  void see(uint64_t v) {
    auto s = static_cast<int64_t>(v);
    auto u32 = static_cast<uint32_t>(v);
    auto s32 = static_cast<int32_t>(v);
    umin = std::min(umin, v), umax = std::max(umax, v), smin = std::min(smin, s), smax = std::max(smax, s);
    umin32 = std::min(umin32, u32), umax32 = std::max(umax32, u32), smin32 = std::min(smin32, s32),
    smax32 = std::max(smax32, s32);
    ones &= v, any |= v;
  }
  void see(const Exact& e) {
    umin = std::min(umin, e.umin), umax = std::max(umax, e.umax), smin = std::min(smin, e.smin), smax = std::max(smax, e.smax);
    umin32 = std::min(umin32, e.umin32), umax32 = std::max(umax32, e.umax32);
    smin32 = std::min(smin32, e.smin32), smax32 = std::max(smax32, e.smax32);
    ones &= e.ones, any |= e.any;
  }
  bool inside(const ScalarBounds& r) const {
    return r.umin <= umin && r.umax >= umax && r.smin <= smin && r.smax >= smax && r.umin32 <= umin32 && r.umax32 >= umax32 &&
           r.smin32 <= smin32 && r.smax32 >= smax32 && r.bits.holds(Tnum{ones, ones ^ any});
  }
};

ScalarBounds interval(int64_t low, int64_t high, const Deductions& d) {
  ScalarBounds r;
  r.smin = low, r.smax = high;
  r.sync(d);
  return r;
}

uint64_t run(uint8_t operation, bool is64, uint64_t x, uint64_t y) {
  uint64_t r = 0;
  switch (operation) {
    case alu::add: r = x + y; break;
    case alu::sub: r = x - y; break;
    case alu::mul: r = x * y; break;
    case alu::and_: r = x & y; break;
    case alu::or_: r = x | y; break;
    default: r = x ^ y; break;
  }
  return is64 ? r : static_cast<uint32_t>(r);
}

struct Count {
  size_t pairs = 0, signed_optimal = 0;
};

// All pairs of intervals within [-2^(width-1), 2^(width-1)); with a step, only pairs of intervals that begin at each step-th
// number, with every end.
Count check_pairs(uint8_t operation, bool is64, unsigned width, const Deductions& d, int64_t step = 1) {
  Count count;
  int64_t least = -(int64_t{1} << (width - 1)), end = -least;
  std::vector<Exact> column(static_cast<size_t>(end - least));
  for (int64_t a = least; a < end; a += step) {
    for (int64_t c = least; c < end; c += step) {
      std::fill(column.begin(), column.end(), Exact());
      for (int64_t b = a; b < end; b++) {
        Exact row;
        ScalarBounds dst = interval(a, b, d);
        for (int64_t e = c; e < end; e++) {
          row.see(run(operation, is64, static_cast<uint64_t>(b), static_cast<uint64_t>(e)));
          Exact& exact = column[static_cast<size_t>(e - least)];
          exact.see(row);
          ScalarBounds got = compute(operation, is64, dst, interval(c, e, d), d);
          if (!exact.inside(got) || got.contradictory()) {
            ADD_FAILURE() << "operation " << int{operation} << (is64 ? " 64 " : " 32 ") << "[" << a << "," << b << "] [" << c
                          << "," << e << "] gave " << to_text(got);
            return count;
          }
          count.pairs++;
          count.signed_optimal += got.smin == exact.smin && got.smax == exact.smax;
        }
      }
    }
  }
  return count;
}

TEST(Bounds, SumsAndDifferencesAreSoundAndOptimalAtSixBits) {
  Deductions d;
  for (uint8_t op : {alu::add, alu::sub}) {
    Count c = check_pairs(op, true, 6, d);
    EXPECT_EQ(c.pairs, 2080u * 2080u);
    EXPECT_EQ(c.signed_optimal, c.pairs) << "operation " << int{op};
  }
}

// All pairs would be 1.1 thousand million for each operation.
TEST(Bounds, EightBitsWithEveryEnd) {
  const Deductions d;
  for (bool is64 : {true, false}) {
    for (uint8_t op : {alu::add, alu::sub, alu::mul, alu::and_, alu::or_, alu::xor_}) check_pairs(op, is64, 8, d, 37);
  }
  const Count c = check_pairs(alu::add, true, 8, d, 17);
  EXPECT_EQ(c.signed_optimal, c.pairs);
}

TEST(Bounds, EveryOperationIsSoundInBothWidths) {
  Deductions d;
  for (bool is64 : {true, false}) {
    for (uint8_t op : {alu::add, alu::sub, alu::mul, alu::and_, alu::or_, alu::xor_}) check_pairs(op, is64, 5, d);
  }
}

TEST(Bounds, OlderKernelsAreSoundToo) {
  for (const Profile& p : all_profiles()) {
    for (bool is64 : {true, false}) {
      for (uint8_t op : {alu::add, alu::sub, alu::mul, alu::and_, alu::or_, alu::xor_}) check_pairs(op, is64, 4, p.deductions);
    }
  }
}

TEST(Bounds, ProductsOfNumbersAreOptimalAsSigned) {
  Count c = check_pairs(alu::mul, true, 5, Deductions());
  EXPECT_EQ(c.signed_optimal, c.pairs);
}

TEST(Bounds, ShiftsByConstantsAreSound) {
  for (const Profile& p : all_profiles()) {
    const Deductions& d = p.deductions;
    for (int64_t a = -32; a < 32; a++) {
      for (int64_t b = a; b < 32; b++) {
        for (unsigned by : {0u, 1u, 2u, 5u, 26u, 31u, 32u, 33u, 59u, 63u}) {
          for (bool is64 : {true, false}) {
            if (!is64 && by > 31) continue;
            Exact left, right, arithmetic;
            for (int64_t x = a; x <= b; x++) {
              auto u = static_cast<uint64_t>(x);
              left.see(is64 ? u << by : static_cast<uint32_t>(u) << by);
              right.see(is64 ? u >> by : static_cast<uint32_t>(u) >> by);
              arithmetic.see(is64 ? static_cast<uint64_t>(x >> by) : static_cast<uint32_t>(static_cast<int32_t>(x) >> by));
            }
            ScalarBounds dst = interval(a, b, d), shift = ScalarBounds::constant(by);
            ASSERT_TRUE(left.inside(compute(alu::lsh, is64, dst, shift, d))) << a << " " << b << " " << by << is64;
            ASSERT_TRUE(right.inside(compute(alu::rsh, is64, dst, shift, d))) << a << " " << b << " " << by << is64;
            ASSERT_TRUE(arithmetic.inside(compute(alu::arsh, is64, dst, shift, d))) << a << " " << b << " " << by << is64;
          }
        }
      }
    }
  }
}

TEST(Bounds, NegationAndExtensionsAreSound) {
  Deductions d;
  // Around zero and around the edge of 8 and 16 bits.
  for (int64_t base : {int64_t{0}, int64_t{128}, int64_t{32768}, int64_t{1} << 31, int64_t{1} << 32}) {
    for (int64_t a = base - 32; a < base + 32; a++) {
      Exact neg, neg32, low8, low16, low32, sign8, sign16, sign32, sign8in32, swap16, swap64;
      for (int64_t b = a; b < base + 32; b++) {
        auto u = static_cast<uint64_t>(b);
        neg.see(-u), neg32.see(static_cast<uint32_t>(-u));
        low8.see(static_cast<uint8_t>(u)), low16.see(static_cast<uint16_t>(u)), low32.see(static_cast<uint32_t>(u));
        sign8.see(static_cast<uint64_t>(int64_t{static_cast<int8_t>(u)})),
            sign16.see(static_cast<uint64_t>(int64_t{static_cast<int16_t>(u)}));
        sign32.see(static_cast<uint64_t>(int64_t{static_cast<int32_t>(u)}));
        sign8in32.see(static_cast<uint32_t>(int32_t{static_cast<int8_t>(u)}));
        swap16.see(__builtin_bswap16(static_cast<uint16_t>(u))), swap64.see(__builtin_bswap64(u));
        ScalarBounds r = interval(a, b, d);
        ASSERT_TRUE(neg.inside(compute(alu::neg, true, r, r, d))) << a << " " << b;
        ASSERT_TRUE(neg32.inside(compute(alu::neg, false, r, r, d))) << a << " " << b;
        auto narrowed = [&](auto change) {
          ScalarBounds n = r;
          change(n);
          return n;
        };
        ASSERT_TRUE(low8.inside(narrowed([&](ScalarBounds& n) { n.truncate(1, d); }))) << a << " " << b;
        ASSERT_TRUE(low16.inside(narrowed([&](ScalarBounds& n) { n.truncate(2, d); }))) << a << " " << b;
        ASSERT_TRUE(low32.inside(narrowed([&](ScalarBounds& n) { n.truncate(4, d); }))) << a << " " << b;
        ASSERT_TRUE(low32.inside(narrowed([&](ScalarBounds& n) { n.zero_extend(d); }))) << a << " " << b;
        ASSERT_TRUE(sign8.inside(narrowed([&](ScalarBounds& n) { n.sign_extend(1); }))) << a << " " << b;
        ASSERT_TRUE(sign16.inside(narrowed([&](ScalarBounds& n) { n.sign_extend(2); }))) << a << " " << b;
        ASSERT_TRUE(sign32.inside(narrowed([&](ScalarBounds& n) { n.sign_extend(4); }))) << a << " " << b;
        ASSERT_TRUE(sign8in32.inside(narrowed([&](ScalarBounds& n) { n.sign_extend32(1), n.zero_extend(d); }))) << a << " " << b;
        ASSERT_TRUE(swap16.inside(change_byte_order(r, true, 2, d))) << a << " " << b;
        ASSERT_TRUE(swap64.inside(change_byte_order(r, true, 8, d))) << a << " " << b;
        ASSERT_TRUE(low16.inside(change_byte_order(r, false, 2, d))) << a << " " << b;
      }
    }
  }
}

bool relation_holds(Relation r, bool is32, uint64_t x, uint64_t y) {
  if (is32) {
    // Comparing sign-extended halves keeps both orders.
    x = static_cast<uint64_t>(int64_t{static_cast<int32_t>(x)}), y = static_cast<uint64_t>(int64_t{static_cast<int32_t>(y)});
  }
  auto sx = static_cast<int64_t>(x), sy = static_cast<int64_t>(y);
  switch (r) {
    case Relation::equal: return x == y;
    case Relation::unequal: return x != y;
    case Relation::any_bit: return (x & y) != 0;
    case Relation::no_bits: return (x & y) == 0;
    case Relation::greater: return x > y;
    case Relation::greater_equal: return x >= y;
    case Relation::less: return x < y;
    case Relation::less_equal: return x <= y;
    case Relation::s_greater: return sx > sy;
    case Relation::s_greater_equal: return sx >= sy;
    case Relation::s_less: return sx < sy;
    default: return sx <= sy;
  }
}

// For every pair of intervals: a decision is right for all members, and refinement loses none for which the relation holds.
void check_relation(Relation r, bool is32, int64_t least, int64_t end, const Profile& p) {
  const Deductions& d = p.deductions;
  for (int64_t a = least; a < end; a++) {
    for (int64_t b = a; b < end; b++) {
      for (int64_t c = least; c < end; c++) {
        for (int64_t e = c; e < end; e++) {
          ScalarBounds x = interval(a, b, d), y = interval(c, e, d);
          Decided decided = decide(r, is32, x, y, false, p);
          refine(r, is32, x, y, p);
          for (int64_t i = a; i <= b; i++) {
            for (int64_t k = c; k <= e; k++) {
              auto u = static_cast<uint64_t>(i), v = static_cast<uint64_t>(k);
              bool holds = relation_holds(r, is32, u, v);
              ASSERT_TRUE(decided == Decided::open || (decided == Decided::yes) == holds)
                  << i << " " << k << " relation " << int(r);
              if (!holds) continue;
              Exact one, other;
              one.see(u), other.see(v);
              ASSERT_TRUE(one.inside(x) && other.inside(y)) << int(r) << (is32 ? " 32 " : " 64 ") << "[" << a << "," << b << "] ["
                                                            << c << "," << e << "] lost " << i << "," << k;
            }
          }
        }
      }
    }
  }
}

TEST(Branches, DecisionsAndRefinementsAreSound) {
  for (const Profile& p : all_profiles()) {
    for (int r = 0; r <= int(Relation::s_less_equal); r++) {
      for (bool is32 : {false, true}) check_relation(Relation(r), is32, -6, 7, p);
    }
  }
}

TEST(Branches, ComparisonsOfNumbersAreOptimal) {
  Profile p = profile_6_18();
  ScalarBounds x = interval(0, 100, p.deductions), y = interval(20, 40, p.deductions);
  refine(Relation::less, false, x, y, p);
  EXPECT_EQ(x.umax, 39u);
  EXPECT_EQ(y.umin, 20u);
  ScalarBounds z, limit = ScalarBounds::constant(63);
  refine(Relation::less_equal, false, z, limit, p);
  EXPECT_EQ(z.smin, 0);
  EXPECT_EQ(z.smax, 63);
  EXPECT_EQ(z.bits, (Tnum{0, 63}));
}

}  // namespace
}  // namespace shrike::sim
