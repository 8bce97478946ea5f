// The pipeline itself: order, options, and what it does when a pass breaks its promise.
#include <gtest/gtest.h>

#include <algorithm>

#include "mir/text.h"
#include "tests/passes/pass_check.h"

namespace shrike::passes {
namespace {

const char* counting = R"(
interface {
  map @ user percpu_array value count_t bytes 4 16 entries 1
}
fn "t" program kprobe {
^entry(%ctx: ptr.ctx):
  agg_update @
  %a: i64 = constant 2
  %b: i64 = add %a, %a
  ret %b
}
)";

std::string run(PipelineOptions options) {
  mir::Module module = parse_mir(counting);
  Diagnostics diagnostics;
  options.validate = true;
  EXPECT_TRUE(run_pipeline(module, options, diagnostics));
  return mir::print(module, {});
}

TEST(Pipeline, NamesHaveDashesAndComeOnce) {
  std::vector<std::string_view> names = pass_names();
  EXPECT_EQ(names.front(), "expand-aggregates");
  EXPECT_EQ(std::count(names.begin(), names.end(), "simplify"), 1);
  for (std::string_view name : names) EXPECT_EQ(name.find('_'), std::string_view::npos) << name;
}

TEST(Pipeline, RunsAllPasses) {
  expect_lines(run({}), "%r: i64 = constant 4\nret %r\n!agg_update @");
}

TEST(Pipeline, StopsAfterAPass) {
  expect_lines(run({.stop_after = "expand-aggregates"}), "%b: i64 = add %a, %a\nret %b\n!agg_update @");
}

TEST(Pipeline, SkipsOptionalPassesOnly) {
  expect_lines(run({.skip = {"simplify", "expand-aggregates"}}), "%b: i64 = add %a, %a\nret %b\n!agg_update @");
}

TEST(Pipeline, PrintsAndTimesWhatWasAsked) {
  std::vector<std::string> printed;
  std::vector<PassTime> times;
  PipelineOptions options{.print_after = {"simplify"}, .times = &times};
  options.on_print = [&](std::string_view pass, const std::string& text) {
    EXPECT_EQ(pass, "simplify");
    printed.push_back(text);
  };
  std::string last = run(options);
  ASSERT_GE(printed.size(), 2u) << "simplify runs more than once";
  EXPECT_GT(times.size(), printed.size());
  EXPECT_EQ(times.front().pass, "expand-aggregates");
  printed.clear();
  options.print_after = {"all"};
  options.on_print = [&](std::string_view, const std::string& text) { printed.push_back(text); };
  run(options);
  EXPECT_EQ(printed.back(), last);
}

TEST(Pipeline, RunsOnePassByName) {
  mir::Module module = parse_mir(counting);
  Diagnostics diagnostics;
  EXPECT_FALSE(run_pass("no-such-pass", module, {}, diagnostics));
  EXPECT_TRUE(run_pass("simplify", module, {}, diagnostics));
  expect_lines(mir::print(module, {}), "agg_update @\n%r: i64 = constant 4\nret %r");
}

TEST(PipelineDeathTest, TellsPassReasonAndTextWhenAModuleIsBroken) {
  mir::Module module = parse_mir(counting);
  mir::Function& function = module.functions[mir::FunctionId(0u)];
  function.blocks[function.entry()].insts.back().operands[0] = mir::ValueId(77u);
  Diagnostics diagnostics;
  PipelineOptions options{.validate = true};
  EXPECT_DEATH(run_pass("check-budget", module, options, diagnostics), "pass check-budget: invariant 3.*before check-budget");
}

}  // namespace
}  // namespace shrike::passes
