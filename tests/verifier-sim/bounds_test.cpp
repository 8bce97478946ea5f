// Ranges against concrete execution: every pair of intervals of six and of eight bits, all five views of the result. The exact
// bounds of the concrete results are grown row by row, so that each pair costs one step. Of eight bits there are 1.1 thousand
// million pairs for each operation: a test run takes a slice, SHRIKE_SIM_EXHAUSTIVE=1 takes all.
#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>
#include <vector>

#include "backend-bpf/isa.h"
#include "tests/verifier-sim/slices.h"
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

// All intervals within [-2^(width-1), 2^(width-1)), by begin and end, as the model knows them.
class Intervals {
 public:
  Intervals(unsigned width, const Deductions& d) : least(-(int64_t{1} << (width - 1))), count_(size_t{1} << width) {
    known_.resize(count_ * count_);
    for (int64_t a = least; a < -least; a++) {
      for (int64_t b = a; b < -least; b++) known_[place(a, b)] = interval(a, b, d);
    }
  }
  const ScalarBounds& operator()(int64_t a, int64_t b) const { return known_[place(a, b)]; }
  size_t column(int64_t end) const { return static_cast<size_t>(end - least); }
  size_t size() const { return count_; }

  const int64_t least;

 private:
  size_t place(int64_t a, int64_t b) const { return column(a) * count_ + column(b); }
  size_t count_;
  std::vector<ScalarBounds> known_;
};

struct Operation {
  uint8_t code;
  bool is64;
  Deductions deductions;
};

// One interval with all that begin at `c`; `column` holds what the shorter ones with the same begin gave for each end.
bool check_row(const Operation& o, const Intervals& known, int64_t a, int64_t b, int64_t c, std::vector<Exact>& column,
               Count& count) {
  Exact row;
  const ScalarBounds& dst = known(a, b);
  for (int64_t e = c; e < -known.least; e++) {
    row.see(run(o.code, o.is64, static_cast<uint64_t>(b), static_cast<uint64_t>(e)));
    Exact& exact = column[known.column(e)];
    exact.see(row);
    const ScalarBounds got = compute(o.code, o.is64, dst, known(c, e), o.deductions);
    if (!exact.inside(got) || got.contradictory()) {
      ADD_FAILURE() << "operation " << int{o.code} << (o.is64 ? " 64 " : " 32 ") << "[" << a << "," << b << "] [" << c << "," << e
                    << "] gave " << to_text(got);
      return false;
    }
    count.pairs++;
    count.signed_optimal += got.smin == exact.smin && got.smax == exact.smax;
  }
  return true;
}

// All pairs of intervals; with a step, pairs in which both begin at each step-th number, with every end.
Count check_pairs(const Operation& o, unsigned width, int step = 1) {
  Count count;
  const Intervals known(width, o.deductions);
  std::vector<Exact> column(known.size());
  for (int64_t a = known.least; a < -known.least; a += step) {
    for (int64_t c = known.least; c < -known.least; c += step) {
      std::fill(column.begin(), column.end(), Exact());
      for (int64_t b = a; b < -known.least; b++) {
        if (!check_row(o, known, a, b, c, column, count)) return count;
      }
    }
  }
  return count;
}

constexpr uint8_t operations[] = {alu::add, alu::sub, alu::mul, alu::and_, alu::or_, alu::xor_};

// One test for each operation and width, so that they can run side by side (GTEST_TOTAL_SHARDS).
class EightBits : public ::testing::TestWithParam<std::tuple<uint8_t, bool>> {};

TEST_P(EightBits, EveryPairIsSound) {
  const auto [code, is64] = GetParam();
  const Count c = check_pairs({code, is64, {}}, 8, slice(37));
  const bool is_optimal = is64 && (code == alu::add || code == alu::sub);
  EXPECT_TRUE(!is_optimal || c.signed_optimal == c.pairs);
  EXPECT_TRUE(!is_exhaustive() || c.pairs == 32896u * 32896u) << c.pairs;
}

INSTANTIATE_TEST_SUITE_P(Bounds, EightBits, ::testing::Combine(::testing::ValuesIn(operations), ::testing::Bool()));

TEST(Bounds, SumsAndDifferencesAreSoundAndOptimalAtSixBits) {
  for (uint8_t op : {alu::add, alu::sub}) {
    const Count c = check_pairs({op, true, {}}, 6, slice(1));
    EXPECT_TRUE(slice(1) != 1 || c.pairs == 2080u * 2080u);
    EXPECT_EQ(c.signed_optimal, c.pairs) << "operation " << int{op};
  }
}

TEST(Bounds, EveryOperationIsSoundInBothWidths) {
  for (bool is64 : {true, false}) {
    for (uint8_t op : operations) check_pairs({op, is64, {}}, 6, slice(1));
  }
}

TEST(Bounds, OlderKernelsAreSoundToo) {
  for (const Profile& p : all_profiles()) {
    for (bool is64 : {true, false}) {
      for (uint8_t op : operations) check_pairs({op, is64, p.deductions}, 4);
    }
  }
}

TEST(Bounds, ProductsOfNumbersAreOptimalAsSigned) {
  const Count c = check_pairs({alu::mul, true, {}}, 5);
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

struct Comparison {
  Relation relation;
  bool is32;
  const Profile& profile;
};

// What a relation says of every pair of numbers within [-2^(width-1), 2^(width-1)), and by when a number has its first partner.
class Relations {
 public:
  Relations(const Comparison& comparison, const Intervals& known) : least_(known.least), size_(known.size()) {
    for (int64_t x = least_; x < -least_; x++) {
      for (int64_t y = least_; y < -least_; y++)
        holds_.push_back(
            relation_holds(comparison.relation, comparison.is32, static_cast<uint64_t>(x), static_cast<uint64_t>(y)));
    }
    newcomers_.resize(size_ * size_);
    for (size_t a = 0; a < size_; a++) {
      for (size_t x = 0; x < size_; x++) {
        size_t b = a;
        while (b < size_ && !holds_[x * size_ + b]) b++;
        if (b < size_) newcomers_[a * size_ + b].push_back(least_ + static_cast<int64_t>(x));
      }
    }
  }

  bool holds(int64_t x, int64_t y) const { return holds_[column(x) * size_ + column(y)]; }
  // The first operands whose first partner among the numbers from a on is b.
  const std::vector<int64_t>& newcomers(int64_t a, int64_t b) const { return newcomers_[column(a) * size_ + column(b)]; }

 private:
  size_t column(int64_t number) const { return static_cast<size_t>(number - least_); }

  const int64_t least_;
  const size_t size_;
  std::vector<bool> holds_;
  std::vector<std::vector<int64_t>> newcomers_;
};

// Which pairs of two intervals a relation holds for: how many, and the exact bounds of either side's numbers among them.
struct Holding {
  Exact first, second;
  size_t pairs = 0;
};

// Is the decision right for all pairs, and does refinement lose none that the relation holds for?
bool is_sound(const Comparison& comparison, ScalarBounds x, ScalarBounds y, const Holding& holding, size_t all) {
  const Decided decided = decide(comparison.relation, comparison.is32, x, y, false, comparison.profile);
  if (decided == Decided::yes && holding.pairs != all) return false;
  if (decided == Decided::no && holding.pairs != 0) return false;
  refine(comparison.relation, comparison.is32, x, y, comparison.profile);
  return holding.pairs == 0 || (holding.first.inside(x) && holding.second.inside(y));
}

// The interval [c, e] with every one that begins at a. `partners`: how many numbers of [c, e] each number has.
bool check_comparison_row(const Comparison& comparison, const Intervals& known, const Relations& relations,
                          const std::vector<size_t>& partners, int64_t c, int64_t e, int64_t a) {
  Holding holding;
  for (int64_t b = a; b < -known.least; b++) {
    const size_t with_b = partners[known.column(b)];
    if (with_b != 0) holding.second.see(static_cast<uint64_t>(b));
    holding.pairs += with_b;
    for (int64_t x : relations.newcomers(a, b))
      if (c <= x && x <= e) holding.first.see(static_cast<uint64_t>(x));
    if (is_sound(comparison, known(c, e), known(a, b), holding, static_cast<size_t>((b - a + 1) * (e - c + 1)))) continue;
    ADD_FAILURE() << "relation " << int(comparison.relation) << (comparison.is32 ? " 32 " : " 64 ") << "[" << c << "," << e
                  << "] with [" << a << "," << b << "], kernel " << comparison.profile.name;
    return false;
  }
  return true;
}

// Every pair of intervals; with a step, those that begin at each step-th number, with every end.
void check_comparison(const Comparison& comparison, unsigned width, int step) {
  const Intervals known(width, comparison.profile.deductions);
  const Relations relations(comparison, known);
  std::vector<size_t> partners(known.size());
  for (int64_t c = known.least; c < -known.least; c += step) {
    std::fill(partners.begin(), partners.end(), 0);
    for (int64_t e = c; e < -known.least; e++) {
      for (int64_t y = known.least; y < -known.least; y++) partners[known.column(y)] += relations.holds(e, y);
      for (int64_t a = known.least; a < -known.least; a += step) {
        if (!check_comparison_row(comparison, known, relations, partners, c, e, a)) return;
      }
    }
  }
}

constexpr auto relations_end = int(Relation::s_less_equal) + 1;

void check_comparisons(unsigned width, int step, const Profile& profile) {
  for (int r = 0; r < relations_end; r++) {
    for (bool is32 : {false, true}) check_comparison({Relation(r), is32, profile}, width, step);
  }
}

TEST(Branches, DecisionsAndRefinementsOfAllKernelsAreSound) {
  for (const Profile& p : all_profiles()) check_comparisons(4, 1, p);
}

TEST(Branches, DecisionsAndRefinementsAreSoundAtSixBits) {
  check_comparisons(6, slice(1), profile_6_18());
}

class ComparisonOfEightBits : public ::testing::TestWithParam<std::tuple<int, bool>> {};

TEST_P(ComparisonOfEightBits, EveryPairIsSound) {
  const auto [relation, is32] = GetParam();
  const Profile profile = profile_6_18();
  check_comparison({Relation(relation), is32, profile}, 8, slice(61));
}

INSTANTIATE_TEST_SUITE_P(Branches, ComparisonOfEightBits,
                         ::testing::Combine(::testing::Range(0, relations_end), ::testing::Bool()));

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
