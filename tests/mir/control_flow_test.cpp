// Dominators and liveness on small graphs whose answer is known by eye.
#include <gtest/gtest.h>

#include "mir/analysis/dominators.h"
#include "mir/analysis/liveness.h"
#include "mir/text.h"

namespace shrike::mir {
namespace {

constexpr std::string_view loop = R"(fn "f" program kprobe {
^entry(%0: ptr.ctx):
  %1: i64 = constant 0
  %2: i64 = constant 10
  jump ^head(%1)
^head(%3: i64):
  %4: i64 = lt_u %3, %2
  branch %4, ^body, ^exit
^body:
  branch %3, ^left, ^right
^left:
  jump ^join
^right:
  jump ^join
^join:
  %5: i64 = constant 1
  %6: i64 = add %3, %5
  jump ^head(%6)
^exit:
  ret %3
^dead:
  jump ^exit
}
)";

class ControlFlow : public testing::Test {
 protected:
  void SetUp() override {
    Diagnostics diagnostics;
    module = parse(loop, 1, diagnostics);
    ASSERT_FALSE(diagnostics.has_errors());
  }
  const Function& function() const { return module.functions[FunctionId(0u)]; }
  BlockId block(std::string_view name) const {
    for (uint32_t i = 0; i < function().blocks.size(); i++)
      if (function().blocks[BlockId(i)].name == name) return BlockId(i);
    return {};
  }
  Module module;
};

TEST_F(ControlFlow, ImmediateDominators) {
  Dominators dominators = find_dominators(function());
  const auto immediate = [&](const char* name) { return dominators.immediate[block(name).index]; };
  EXPECT_FALSE(immediate("entry").is_valid());
  EXPECT_EQ(immediate("head"), block("entry"));
  EXPECT_EQ(immediate("body"), block("head"));
  EXPECT_EQ(immediate("join"), block("body"));
  EXPECT_EQ(immediate("exit"), block("head"));
  EXPECT_FALSE(dominators.is_reachable(block("dead")));
  EXPECT_TRUE(dominators.dominates(block("head"), block("join")));
  EXPECT_TRUE(dominators.dominates(block("join"), block("join")));
  EXPECT_FALSE(dominators.dominates(block("left"), block("join")));
  EXPECT_FALSE(dominators.dominates(block("join"), block("exit")));
  EXPECT_FALSE(dominators.dominates(block("entry"), block("dead")));
  EXPECT_EQ(dominators.order[0], function().entry());
  EXPECT_EQ(dominators.order.size(), 7u);
  EXPECT_EQ(dominators.predecessors[block("exit").index].size(), 1u);
  EXPECT_EQ(dominators.predecessors[block("head").index].size(), 2u);
}

TEST_F(ControlFlow, LivenessGoesAroundTheLoop) {
  Liveness liveness = find_liveness(function());
  EXPECT_TRUE(liveness.live_in[block("left").index][2]);  // the limit, needed by the next round
  EXPECT_TRUE(liveness.live_in[block("left").index][3]);
  EXPECT_FALSE(liveness.live_in[block("exit").index][2]);
  EXPECT_TRUE(liveness.live_in[block("exit").index][3]);
  EXPECT_FALSE(liveness.live_in[block("head").index][3]);  // its own parameter
  EXPECT_FALSE(liveness.live_out[block("join").index][6]);
  EXPECT_TRUE(liveness.live_out[block("entry").index][2]);
  EXPECT_FALSE(liveness.live_out[block("entry").index][1]);
}

}  // namespace
}  // namespace shrike::mir
