// Tristate arithmetic, exhaustively over all tnums of six and of eight bits, against the operation on every member.
#include "verifier-sim/tnum.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/verifier-sim/slices.h"

namespace shrike::sim {
namespace {

constexpr unsigned width = 6;

std::vector<Tnum> all_tnums() {
  std::vector<Tnum> out;
  for (uint64_t mask = 0; mask < 1u << width; mask++) {
    for (uint64_t value = 0; value < 1u << width; value++) {
      if (!(value & mask)) out.push_back({value, mask});
    }
  }
  return out;
}

// The smallest tnum that holds every number seen.
struct Best {
  uint64_t all_ones = ~uint64_t{0}, any_ones = 0;
  void see(uint64_t v) { all_ones &= v, any_ones |= v; }
  Tnum tnum() const { return {all_ones, all_ones ^ any_ones}; }
};

template <typename Visit>
void each_member(const Tnum& t, Visit visit) {
  // All subsets of the mask, from the greatest down to the empty one.
  for (uint64_t subset = t.mask;; subset = (subset - 1) & t.mask) {
    visit(t.value | subset);
    if (!subset) break;
  }
}

template <typename Abstract, typename Concrete>
void check_binary(const char* name, bool optimal, Abstract abstract, Concrete concrete) {
  auto tnums = all_tnums();
  for (const Tnum& a : tnums) {
    for (const Tnum& b : tnums) {
      Best best;
      each_member(a, [&](uint64_t x) { each_member(b, [&](uint64_t y) { best.see(concrete(x, y)); }); });
      Tnum got = abstract(a, b);
      ASSERT_EQ(got.value & got.mask, 0u) << name << to_text(a) << to_text(b);
      ASSERT_TRUE(got.holds(best.tnum())) << name << to_text(a) << to_text(b) << " gave " << to_text(got);
      ASSERT_TRUE(!optimal || got == best.tnum()) << name << to_text(a) << to_text(b);
    }
  }
}

// The same over all tnums of eight bits. What a number gives with each tnum is grown bit by bit, and what a tnum gives is that
// of its members united, so that a pair costs steps for the members of one operand only.
constexpr unsigned wide = 8;

template <typename Concrete>
std::vector<Best> row_of_number(const std::vector<Tnum>& tnums, const std::vector<size_t>& place, uint64_t x, Concrete concrete) {
  std::vector<Best> row(tnums.size());
  for (size_t i = 0; i < tnums.size(); i++) {
    const Tnum& t = tnums[i];
    if (t.mask == 0) {
      row[i].see(concrete(x, t.value));
      continue;
    }
    // Tnums are in ascending order of their masks: both halves are there already.
    const uint64_t bit = t.mask & -t.mask, rest = t.mask ^ bit;
    for (uint64_t half : {t.value, t.value | bit}) {
      const Best& known = row[place[rest << wide | half]];
      row[i].all_ones &= known.all_ones, row[i].any_ones |= known.any_ones;
    }
  }
  return row;
}

template <typename Abstract, typename Concrete>
void check_binary_wide(const char* name, bool optimal, Abstract abstract, Concrete concrete) {
  std::vector<Tnum> tnums;
  std::vector<size_t> place(size_t{1} << (2 * wide));
  for (uint64_t mask = 0; mask < 1u << wide; mask++) {
    for (uint64_t value = 0; value < 1u << wide; value++) {
      if ((value & mask) != 0) continue;
      place[mask << wide | value] = tnums.size();
      tnums.push_back({value, mask});
    }
  }
  std::vector<std::vector<Best>> rows;
  for (uint64_t x = 0; x < 1u << wide; x++) rows.push_back(row_of_number(tnums, place, x, concrete));
  for (size_t n = 0; n < tnums.size(); n += static_cast<size_t>(slice(1))) {
    const Tnum& a = tnums[n];
    std::vector<Best> exact(tnums.size());
    each_member(a, [&](uint64_t x) {
      for (size_t i = 0; i < exact.size(); i++)
        exact[i].all_ones &= rows[x][i].all_ones, exact[i].any_ones |= rows[x][i].any_ones;
    });
    for (size_t i = 0; i < tnums.size(); i++) {
      const Tnum got = abstract(a, tnums[i]), best = exact[i].tnum();
      if (got.holds(best) && (!optimal || got == best)) continue;
      FAIL() << name << to_text(a) << to_text(tnums[i]) << " gave " << to_text(got);
    }
  }
}

TEST(Tnum, ArithmeticOfEightBits) {
  check_binary_wide("add", true, add, [](uint64_t x, uint64_t y) { return x + y; });
  check_binary_wide("sub", true, sub, [](uint64_t x, uint64_t y) { return x - y; });
  check_binary_wide("and", true, bit_and, [](uint64_t x, uint64_t y) { return x & y; });
  check_binary_wide("or", true, bit_or, [](uint64_t x, uint64_t y) { return x | y; });
  check_binary_wide("xor", true, bit_xor, [](uint64_t x, uint64_t y) { return x ^ y; });
  check_binary_wide("mul by parts", false, mul_by_parts, [](uint64_t x, uint64_t y) { return x * y; });
  check_binary_wide("mul by union", false, mul_by_union, [](uint64_t x, uint64_t y) { return x * y; });
}

TEST(Tnum, AdditionAndSubtractionAreOptimal) {
  check_binary("add", true, add, [](uint64_t x, uint64_t y) { return x + y; });
  check_binary("sub", true, sub, [](uint64_t x, uint64_t y) { return x - y; });
}

TEST(Tnum, BitwiseOperationsAreOptimal) {
  check_binary("and", true, bit_and, [](uint64_t x, uint64_t y) { return x & y; });
  check_binary("or", true, bit_or, [](uint64_t x, uint64_t y) { return x | y; });
  check_binary("xor", true, bit_xor, [](uint64_t x, uint64_t y) { return x ^ y; });
}

TEST(Tnum, BothMultiplicationsAreSoundAndTheNewerIsTighterOverall) {
  check_binary("mul by parts", false, mul_by_parts, [](uint64_t x, uint64_t y) { return x * y; });
  check_binary("mul by union", false, mul_by_union, [](uint64_t x, uint64_t y) { return x * y; });
  auto tnums = all_tnums();
  size_t tighter = 0, looser = 0;
  for (const Tnum& a : tnums) {
    for (const Tnum& b : tnums) {
      Tnum parts = mul_by_parts(a, b), united = mul_by_union(a, b);
      if (parts == united) continue;
      (parts.holds(united) ? tighter : looser)++;
    }
  }
  EXPECT_GT(tighter, looser);
}

TEST(Tnum, ShiftsAreOptimal) {
  for (const Tnum& t : all_tnums()) {
    for (unsigned by = 0; by < 64; by += by < 8 ? 1 : 7) {
      // Also with all bits moved to the top, where shifts to the right meet the sign.
      for (unsigned lift : {0u, 26u, 58u}) {
        Tnum a = shift_left(t, lift);
        Best left, right, arithmetic, arithmetic32;
        each_member(a, [&](uint64_t x) {
          left.see(x << by);
          right.see(x >> by);
          arithmetic.see(static_cast<uint64_t>(static_cast<int64_t>(x) >> by));
          arithmetic32.see(static_cast<uint32_t>(static_cast<int32_t>(x) >> (by & 31)));
        });
        ASSERT_EQ(shift_left(a, by), left.tnum());
        ASSERT_EQ(shift_right(a, by), right.tnum());
        ASSERT_EQ(shift_right_signed(a, by, 64), arithmetic.tnum());
        ASSERT_EQ(shift_right_signed(a.low32(), by & 31, 32), arithmetic32.tnum());
      }
    }
  }
}

TEST(Tnum, ByteSwapMovesBytes) {
  for (const Tnum& t : all_tnums()) {
    for (unsigned lift : {0u, 5u, 13u, 30u, 58u}) {
      Tnum a = shift_left(t, lift);
      Best two, four, eight;
      each_member(a, [&](uint64_t x) {
        two.see(__builtin_bswap16(static_cast<uint16_t>(x)));
        four.see(__builtin_bswap32(static_cast<uint32_t>(x)));
        eight.see(__builtin_bswap64(x));
      });
      ASSERT_EQ(byte_swap(a, 2), two.tnum());
      ASSERT_EQ(byte_swap(a, 4), four.tnum());
      ASSERT_EQ(byte_swap(a, 8), eight.tnum());
    }
  }
}

TEST(Tnum, SetOperationsAgreeWithMembership) {
  auto tnums = all_tnums();
  for (const Tnum& a : tnums) {
    for (const Tnum& b : tnums) {
      Tnum united = unite(a, b);
      ASSERT_TRUE(united.holds(a) && united.holds(b));
      bool meet = false, inside = true;
      each_member(b, [&](uint64_t y) {
        bool in = a.holds(y);
        meet = meet || in;
        inside = inside && in;
      });
      ASSERT_EQ(a.overlaps(b), meet);
      ASSERT_EQ(a.holds(b), inside);
      if (!meet) continue;
      Tnum both = intersect(a, b);
      each_member(b, [&](uint64_t y) { ASSERT_EQ(both.holds(y), a.holds(y)); });
    }
  }
}

TEST(Tnum, RangeIsTheSmallestTnum) {
  for (uint64_t low = 0; low < 64; low++) {
    Best best;
    for (uint64_t high = low; high < 64; high++) {
      best.see(high);
      ASSERT_EQ(Tnum::range(low, high), best.tnum()) << low << " " << high;
    }
  }
  EXPECT_TRUE(Tnum::range(0, UINT64_MAX).is_unknown());
}

TEST(Tnum, PrintsAsTheKernelDoes) {
  EXPECT_EQ(to_text(Tnum{0x40, 0xbf}), "(0x40; 0xbf)");
}

}  // namespace
}  // namespace shrike::sim
