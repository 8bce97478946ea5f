// Ranges contain what they must: every operation on random ranges against evaluate() on members of them.
#include "mir/analysis/range.h"

#include <gtest/gtest.h>

#include <random>

#include "mir/evaluate.h"

namespace shrike::mir {
namespace {

class Sampler {
 public:
  explicit Sampler(uint32_t seed) : random_(seed) {}

  // Numbers near the edges of every width are where mistakes live.
  uint64_t number() {
    uint64_t edge = uint64_t{1} << (random_() % 64);
    switch (random_() % 6) {
      case 0: return random_() % 9;
      case 1: return 0 - random_() % 9;
      case 2: return edge + random_() % 3 - 1;
      case 3: return 0 - edge + random_() % 3 - 1;
      case 4: return random_() >> (random_() % 64);
      default: return random_();
    }
  }

  struct Sample {
    Range range;
    std::vector<uint64_t> members;
  };
  Sample sample() {
    Sample sample;
    size_t count = random_() % 4 + 1;
    for (size_t i = 0; i < count; i++) sample.members.push_back(number());
    sample.range = Range::exactly(sample.members[0]);
    for (uint64_t member : sample.members) sample.range = join(sample.range, Range::exactly(member));
    if (random_() % 4 == 0) sample.range = widen(sample.range, join(sample.range, Range::exactly(number())));
    return sample;
  }
  uint64_t next() { return random_(); }

 private:
  std::mt19937_64 random_;
};

std::string shown(const Range& r) {
  return "[" + std::to_string(r.umin) + "," + std::to_string(r.umax) + "] [" + std::to_string(r.smin) + "," +
         std::to_string(r.smax) + "] known " + std::to_string(r.known) + " bits " + std::to_string(r.bits);
}

bool is_comparison(Opcode op) {
  return op >= Opcode::eq && op <= Opcode::le_s;
}

TEST(Range, EveryOperationIsSound) {
  Sampler sampler(1);
  for (size_t op_index = 0; op_index < op_count(); op_index++) {
    auto op = static_cast<Opcode>(op_index);
    if (!evaluate(op, 0, 0)) continue;
    for (int round = 0; round < 3000; round++) {
      auto [a, as] = sampler.sample();
      auto [b, bs] = sampler.sample();
      if (op == Opcode::clamp_u) b = Range::exactly(bs[0]), bs = {bs[0]};
      for (Prover prover : {Prover::semantics, Prover::verifier}) {
        Range result = apply(op, a, b, prover);
        for (uint64_t x : as)
          for (uint64_t y : bs)
            ASSERT_TRUE(result.contains(*evaluate(op, x, y))) << row_of(op).name << " " << x << " " << y << "\na " << shown(a)
                                                              << "\nb " << shown(b) << "\nresult " << shown(result);
      }
      for (uint64_t x : as) {
        for (uint64_t y : bs) {
          if (!is_comparison(op)) continue;
          auto [ra, rb] = refine(op, *evaluate(op, x, y) != 0, a, b);
          ASSERT_TRUE(ra.contains(x) && rb.contains(y)) << row_of(op).name << " " << x << " " << y << "\n"
                                                        << shown(a) << "\n"
                                                        << shown(b);
        }
      }
    }
  }
}

TEST(Range, MeetKeepsCommonMembersAndJoinBoth) {
  Sampler sampler(2);
  for (int round = 0; round < 20000; round++) {
    auto [a, as] = sampler.sample();
    auto [b, bs] = sampler.sample();
    Range both = meet(a, b);
    for (uint64_t x : as) {
      ASSERT_TRUE(a.contains(x) && join(a, b).contains(x) && widen(a, b).contains(x));
      ASSERT_TRUE(!b.contains(x) || (both.contains(x) && !both.is_empty()));
    }
  }
}

TEST(Range, IsAsSharpAsTheVerifier) {
  Range byte = range_of(MemWidth::u8);
  EXPECT_EQ(byte.umax, 255u);
  EXPECT_EQ(apply(Opcode::and_, Range{}, Range::exactly(63), Prover::verifier).umax, 63u);
  EXPECT_EQ(apply(Opcode::add, byte, Range::exactly(1), Prover::verifier), Range::between(1, 256));
  EXPECT_EQ(apply(Opcode::mul, byte, Range::exactly(8), Prover::verifier).umax, 2040u);
  EXPECT_EQ(apply(Opcode::mul, byte, Range::exactly(8), Prover::verifier).known & 7, 7u);
  EXPECT_EQ(apply(Opcode::clamp_u, Range{}, Range::exactly(100), Prover::verifier), Range::between(0, 100));
  EXPECT_EQ(apply(Opcode::sext8, Range{}, {}, Prover::verifier), Range::between_signed(-128, 127));
  const Range top = apply(Opcode::shl, Range{}, Range::exactly(63), Prover::verifier);
  EXPECT_EQ(apply(Opcode::sext8, top, {}, Prover::semantics), Range::exactly(0));
  EXPECT_EQ(apply(Opcode::sext8, top, {}, Prover::verifier), Range::between_signed(-128, 127));
  EXPECT_EQ(apply(Opcode::shr_u, Range{}, Range::exactly(60), Prover::verifier).umax, 15u);
  EXPECT_EQ(refine(Opcode::lt_s, false, byte, Range::exactly(10)).first, Range::between(10, 255));
  EXPECT_EQ(refine(Opcode::ne, true, byte, Range::exactly(0)).first.umin, 1u);
  EXPECT_TRUE(refine(Opcode::lt_u, true, Range::exactly(5), Range::exactly(5)).first.is_empty());
  EXPECT_TRUE(apply(Opcode::lt_u, byte, Range::exactly(256), Prover::verifier).is_exact());
  // What older verifiers do not follow is not believed in their name.
  EXPECT_EQ(apply(Opcode::mod_u, Range{}, Range::exactly(10), Prover::semantics).umax, 9u);
  EXPECT_TRUE(apply(Opcode::mod_u, Range{}, Range::exactly(10), Prover::verifier).is_full());
}

}  // namespace
}  // namespace shrike::mir
