// Value ranges are believed when accesses go unchecked, so they are held against random programs: whatever the
// interpreter computes must be in the range that was found, at its definition and in every block where it is visible.
#include "mir/analysis/value_ranges.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "mir/build.h"
#include "mir/interpret.h"
#include "mir/text.h"
#include "mir/validate.h"

namespace shrike::mir {
namespace {

constexpr uint32_t slot_bytes = 64;

// Structured programs: comparisons steer branches and loops, values meet in parameters, pointers move within a slot.
class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  Module run() {
    Module module;
    FunctionId id = module.functions.add(Function{.name = "random"});
    BlockId entry = module.functions[id].blocks.add(Block{"entry", {}, {}});
    Builder b(module, id, entry);
    b_ = &b;
    ValueId context = b.add_param(entry, {Region::ctx, false});
    slot_ = b.add_slot("s", slot_bytes, 8);
    ValueId base = b.slot_addr(slot_);
    b.zero(base, 0, slot_bytes);
    pointers_.push_back(base);
    constexpr MemWidth widths[] = {MemWidth::u8, MemWidth::s8, MemWidth::u16, MemWidth::s32, MemWidth::u64};
    for (int32_t i = 0; i < 5; i++) pool_.push_back(b.load(widths[i], context, i * 8));
    statements(10, 3);
    b.ret(pick());
    return module;
  }

 private:
  uint32_t below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  ValueId pick() { return below(4) == 0 ? constant() : pool_[below(static_cast<uint32_t>(pool_.size()))]; }

  ValueId constant() {
    constexpr int64_t edges[] = {0, 1, -1, 2, 8, 63, 64, 127, 255, 4095, INT64_MIN, INT64_MAX, 0xffffffff, -4096};
    return b_->constant(edges[below(std::size(edges))]);
  }

  Opcode one_of(Opcode first, Opcode last) {
    uint32_t low = static_cast<uint32_t>(first);
    return static_cast<Opcode>(low + below(static_cast<uint32_t>(last) - low + 1));
  }

  ValueId comparison() {
    ValueId condition = b_->binary(one_of(Opcode::eq, Opcode::le_s), pick(), pick());
    bool is_negated = below(4) == 0;
    return is_negated ? b_->binary(below(2) ? Opcode::eq : Opcode::ne, condition, b_->constant(0)) : condition;
  }

  void arithmetic() {
    switch (below(6)) {
      case 0: pool_.push_back(b_->clamp_u(pick(), below(300))); break;
      case 1: pool_.push_back(b_->unary(one_of(Opcode::zext8, Opcode::bswap64), pick())); break;
      case 2: pool_.push_back(comparison()); break;
      default: pool_.push_back(b_->binary(one_of(Opcode::add, Opcode::shr_s), pick(), pick())); break;
    }
  }

  void pointer() {
    ValueId offset = b_->binary(Opcode::and_, pick(), b_->constant(slot_bytes - 1));
    pointers_.push_back(b_->ptr_add(b_->slot_addr(slot_), offset));
    pool_.push_back(b_->load(MemWidth::u8, pointers_.back(), 0));
  }

  void conditional(int depth) {
    BlockId then = b_->add_block("then"), otherwise = b_->add_block("otherwise"), join = b_->add_block("join");
    ValueId condition = below(3) != 0 ? comparison() : pick();
    std::vector<ValueId> outer = pool_, outer_pointers = pointers_;
    bool is_short = below(3) == 0;  // the first arm is the edge to the join itself
    if (is_short) b_->branch(condition, join, otherwise, {pool_[below(static_cast<uint32_t>(pool_.size()))], pointers_.back()});
    else b_->branch(condition, then, otherwise);
    for (BlockId arm : {then, otherwise}) {
      b_->move_to(arm);
      statements(static_cast<int>(below(4)), depth - 1);
      b_->jump(join, {pick(), pointers_[below(static_cast<uint32_t>(pointers_.size()))]});
      pool_ = outer;
      pointers_ = outer_pointers;
    }
    pool_.push_back(b_->add_param(join, {}));
    pointers_.push_back(b_->add_param(join, {Region::stack, false}));
    b_->move_to(join);
  }

  // Ends by its own count, and often earlier by a comparison of what it carries.
  void loop(int depth) {
    BlockId head = b_->add_block("head"), check = b_->add_block("check"), body = b_->add_block("body"),
            end = b_->add_block("end");
    b_->jump(head, {b_->constant(1 + below(12)), pick()});
    ValueId left = b_->add_param(head, {}), carried = b_->add_param(head, {});
    b_->move_to(head);
    b_->branch(left, check, end);
    pool_.push_back(carried);
    std::vector<ValueId> outer = pool_, outer_pointers = pointers_;
    b_->move_to(check);
    b_->branch(b_->binary(one_of(Opcode::eq, Opcode::le_s), carried, pick()), body, end);
    b_->move_to(body);
    statements(static_cast<int>(1 + below(3)), depth - 1);
    ValueId next = below(2) ? b_->binary(below(2) ? Opcode::add : Opcode::sub, carried, constant()) : pick();
    b_->jump(head, {b_->binary(Opcode::sub, left, b_->constant(1)), next});
    pool_ = outer;
    pointers_ = outer_pointers;
    b_->move_to(end);
  }

  void statements(int count, int depth) {
    for (; count > 0; count--) {
      switch (below(depth > 0 ? 9 : 6)) {
        case 0: pointer(); break;
        case 6:
        case 7: conditional(depth); break;
        case 8: loop(depth); break;
        default: arithmetic(); break;
      }
    }
  }

  std::mt19937_64 random_;
  Builder* b_ = nullptr;
  SlotId slot_;
  std::vector<ValueId> pool_, pointers_;
};

class Checker {
 public:
  Checker(const Module& module, const ValueRanges& ranges)
      : function_(module.functions[FunctionId(0u)]),
        ranges_(ranges),
        block_(function_.values.size()),
        now_(function_.values.size()),
        is_defined_(function_.values.size()) {
    for (uint32_t i = 0; i < function_.blocks.size(); i++) {
      for (ValueId param : function_.blocks[BlockId(i)].params) block_[param.index] = BlockId(i);
      for (const Inst& inst : function_.blocks[BlockId(i)].insts) {
        if (inst.result.is_valid()) block_[inst.result.index] = BlockId(i);
      }
    }
  }

  void defined(ValueId value, uint64_t number) {
    BlockId block = block_[value.index];
    now_[value.index] = number;
    if (!is_defined_[value.index]) order_.push_back(value);
    is_defined_[value.index] = true;
    if (++events_ % 13 == 0) {
      for (ValueId other : order_)
        if (other != value && ranges_.dominators().dominates(block_[other.index], block))
          check(block, other, ranges_.at(block, other));
    }
    check(block, value, ranges_.of(value));
  }
  std::string failure;

 private:
  void check(BlockId block, ValueId value, const Fact& fact) {
    ValueType type = function_.values[value].type;
    uint64_t number = now_[value.index];
    if (type.region == Region::stack && fact.object.kind == ObjectKind::slot) {
      if (!is_base_known_) base_address_ = number, is_base_known_ = true;  // the first slot_addr comes first
      number -= base_address_;
    } else if (!type.is_integer()) {
      return;
    }
    if (fact.range.contains(number) || !failure.empty()) return;
    failure = "%" + std::to_string(value.index) + " = " + std::to_string(number) + " in ^" + function_.blocks[block].name;
  }

  const Function& function_;
  const ValueRanges& ranges_;
  std::vector<BlockId> block_;  // of the definition, by value
  std::vector<uint64_t> now_;   // by value
  std::vector<bool> is_defined_;
  std::vector<ValueId> order_;  // each once
  uint32_t events_ = 0;
  uint64_t base_address_ = 0;
  bool is_base_known_ = false;
};

TEST(ValueRanges, AreSoundOnRandomPrograms) {
  std::mt19937_64 random(7);
  for (uint32_t seed = 0; seed < 150; seed++) {
    Module module = Generator(seed).run();
    std::vector<Violation> violations = validate(module);
    ASSERT_TRUE(violations.empty()) << violations[0].message;
    for (Prover prover : {Prover::semantics, Prover::verifier}) {
      ValueRanges ranges(module, FunctionId(0u), prover);
      for (int round = 0; round < 4; round++) {
        std::vector<uint8_t> context(40);
        for (size_t i = 0; i < context.size(); i += 8) {
          uint64_t number = random() >> (random() % 64);
          std::memcpy(context.data() + i, &number, 8);
        }
        Checker checker(module, ranges);
        Machine machine(module);
        machine.state.most_steps = 300;
        machine.on_value = [&](FunctionId, ValueId value, uint64_t number) { checker.defined(value, number); };
        machine.run(FunctionId(0u), context);
        ASSERT_EQ(checker.failure, "") << "seed " << seed << "\n" << print(module, {});
      }
    }
  }
}

class Facts : public testing::Test {
 protected:
  // What is known in the block about the value. %1 is any number; %2, %3 and %4 are 10, 0 and 1.
  Range at(std::string_view code, std::string_view block, uint32_t value) {
    Diagnostics diagnostics;
    module_ = parse(
        std::string(
            "fn \"f\" program kprobe { slot $i 8 align 8 ^entry(%0: ptr.ctx): %1: i64 = load.u64 %0, #0 %2: i64 = constant 10 ") +
            "%3: i64 = constant 0 %4: i64 = constant 1 " + std::string(code) + "}",
        1, diagnostics);
    EXPECT_FALSE(diagnostics.has_errors()) << diagnostics.all()[0].message;
    ValueRanges ranges(module_, FunctionId(0u), Prover::verifier);
    const Function& function = module_.functions[FunctionId(0u)];
    for (uint32_t i = 0; i < function.blocks.size(); i++)
      if (function.blocks[BlockId(i)].name == block) return ranges.at(BlockId(i), ValueId(value)).range;
    ADD_FAILURE() << "no block " << block;
    return {};
  }
  Module module_;
};

TEST_F(Facts, BranchesRefineTheBlocksTheyDominate) {
  constexpr std::string_view code =
      "%5: i64 = lt_u %1, %2 branch %5, ^low, ^high ^low: branch %1, ^some, ^none ^some: jump ^end ^none: jump ^end ^high: jump "
      "^end ^end: ret %1";
  EXPECT_EQ(at(code, "low", 1), Range::between(0, 9));
  EXPECT_EQ(at(code, "some", 1), Range::between(1, 9));
  EXPECT_EQ(at(code, "none", 1), Range::exactly(0));
  EXPECT_EQ(at(code, "high", 1), Range::between(10, UINT64_MAX));
  EXPECT_TRUE(at(code, "end", 1).is_full());
  EXPECT_EQ(at(code, "low", 5), Range::exactly(1));
}

TEST_F(Facts, LoopsAreBoundedByTheirCondition) {
  constexpr std::string_view code =
      "jump ^head(%3) ^head(%5: i64): %6: i64 = lt_u %5, %2 branch %6, ^body, ^end ^body: %7: i64 = add %5, %4 jump ^head(%7) "
      "^end: ret %5";
  EXPECT_EQ(at(code, "body", 5), Range::between(0, 9));
  EXPECT_EQ(at(code, "head", 5), Range::between(0, 10));
  EXPECT_EQ(at(code, "end", 5), Range::exactly(10));
}

TEST_F(Facts, ArgumentsAreRefinedOnTheirOwnEdge) {
  constexpr std::string_view code = "%5: i64 = lt_u %1, %2 branch %5, ^join(%1), ^join(%3) ^join(%6: i64): ret %6";
  EXPECT_EQ(at(code, "join", 6), Range::between(0, 9));
}

// %5 is masked before the loop, %10 in it, %9 changes from round to round.
TEST_F(Facts, RoundsOfIteratorsAreForgotten) {
  constexpr std::string_view code =
      "%5: i64 = and %1, %2 %6: ptr.stack = slot_addr $i %7: i64 = call iter_num_new(%6, %3, %2) jump ^round(%3) "
      "^round(%9: i64): %8: ptr.number? = call iter_num_next(%6) branch_null %8, ^over, ^body "
      "^body(%12: ptr.number): %10: i64 = and %1, %2 %11: i64 = lt_u %5, %2 branch %11, ^low, ^high ^low: jump ^round(%10) "
      "^high: jump ^round(%10) ^over: call iter_num_destroy(%6) ret %5";
  EXPECT_EQ(at(code, "round", 5).umax, 10u);
  EXPECT_TRUE(at(code, "body", 5).is_full());
  EXPECT_TRUE(at(code, "over", 5).is_full());
  EXPECT_TRUE(at(code, "body", 9).is_full());
  EXPECT_EQ(at(code, "low", 5), Range::between(0, 9));
  EXPECT_EQ(at(code, "high", 10).umax, 10u);
  EXPECT_EQ(at(code, "body", 2), Range::exactly(10));
}

TEST_F(Facts, EndlessGrowthEnds) {
  constexpr std::string_view code =
      "jump ^head(%3, %3) ^head(%5: i64, %6: i64): %7: i64 = add %5, %4 %8: i64 = sub %6, %7 branch %1, ^head(%8, %7), ^end "
      "^end: ret %5";
  EXPECT_TRUE(at(code, "end", 5).is_full());
}

}  // namespace
}  // namespace shrike::mir
