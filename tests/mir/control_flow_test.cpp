// Dominators and liveness on small graphs whose answer is known by eye.
#include <gtest/gtest.h>

#include <random>

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

// Blocks that have no end, one or two targets each, to whatever block: loops with several ways in among them.
Function random_graph(std::mt19937& random) {
  Function graph;
  const uint32_t count = 1 + random() % 14;
  for (uint32_t b = 0; b < count; b++) {
    Inst end{.op = Opcode::branch};
    for (uint32_t targets = random() % 3; targets > 0; targets--) end.targets.push_back({BlockId(random() % count), {}});
    graph.blocks[graph.blocks.add({})].insts.push_back(end);
  }
  return graph;
}

// What the entry reaches on ways that avoid a block.
std::vector<bool> reached_without(const Function& graph, BlockId avoided) {
  std::vector<bool> reached(graph.blocks.size(), false);
  std::vector<BlockId> next = {graph.entry()};
  while (!next.empty()) {
    const BlockId block = next.back();
    next.pop_back();
    if (block == avoided || reached[block.index]) continue;
    reached[block.index] = true;
    for (const BlockTarget& target : graph.blocks[block].insts.back().targets) next.push_back(target.block);
  }
  return reached;
}

// By the definition: a block dominates those that nothing reaches without it.
TEST(Dominators, AreWhatNoWayAvoids) {
  std::mt19937 random(1);
  for (int i = 0; i < 5000 && !testing::Test::HasFailure(); i++) {
    const Function graph = random_graph(random);
    const auto count = static_cast<uint32_t>(graph.blocks.size());
    const Dominators dominators = find_dominators(graph);
    const std::vector<bool> reached = reached_without(graph, {});
    for (uint32_t a = 0; a < count; a++) {
      ASSERT_EQ(dominators.is_reachable(BlockId(a)), reached[a]) << i;
      const std::vector<bool> others = reached_without(graph, BlockId(a));
      for (uint32_t b = 0; b < count; b++)
        ASSERT_EQ(dominators.dominates(BlockId(a), BlockId(b)), reached[a] && reached[b] && !others[b])
            << i << ": " << a << " " << b;
    }
    for (uint32_t b = 1; b < count; b++) {
      if (!reached[b]) continue;
      const BlockId immediate = dominators.immediate[b];
      for (uint32_t a = 0; a < count; a++) {
        if (a == b || !dominators.dominates(BlockId(a), BlockId(b))) continue;
        ASSERT_TRUE(dominators.dominates(BlockId(a), immediate)) << i;
      }
    }
  }
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
