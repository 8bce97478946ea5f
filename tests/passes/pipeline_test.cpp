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

TEST(Pipeline, AsksBeforeAnOptionalPassChangesAFunction) {
  std::vector<std::string> asked;
  PipelineOptions options;
  options.admits = [&](std::string_view pass, const std::string& function) {
    asked.push_back(std::string(pass) + " " + function);
    return false;
  };
  expect_lines(run(options), "%b: i64 = add %a, %a\nret %b\n!agg_update @");
  EXPECT_EQ(asked,
            std::vector<std::string>({"promote-slots t", "simplify t", "hoist-invariants t", "reuse-values t", "thread-jumps t",
                                      "reuse-slots t", "reuse-lookups t", "forward-updates t", "simplify t",
                                      "drop-proved-checks t", "merge-slots t", "share-slots t", "simplify t", "sink-values t"}));
  asked.clear();
  options.admits = [&](std::string_view, const std::string&) { return asked.empty(); };
  EXPECT_EQ(run(options), run({}));
}

// What passes in an order of the caller's own leave undone.
std::string left_by(const std::vector<std::string>& passes, std::string_view text = counting) {
  mir::Module module = parse_mir(text);
  Diagnostics diagnostics;
  bool is_done = run_pipeline(module, {.passes = passes}, diagnostics);
  EXPECT_EQ(is_done, diagnostics.all().empty());
  return is_done ? "" : diagnostics.all().front().message + diagnostics.all().front().hint;
}

TEST(Pipeline, RunsThePassesOfACustomPipelineInOrder) {
  std::vector<PassTime> times;
  run({.passes = {"simplify", "expand-aggregates", "remove-dead", "simplify"}, .times = &times});
  std::string order;
  for (const PassTime& time : times) order += std::string(time.pass) + " ";
  EXPECT_EQ(order, "simplify expand-aggregates remove-dead simplify ");
}

TEST(Pipeline, RefusesACustomPipelineThatLeavesSomethingUndone) {
  EXPECT_EQ(left_by({"expand-aggregates"}), "");
  EXPECT_NE(left_by({"simplify"}).find("agg_update left in function \"t\"`expand-aggregates` sees"), std::string::npos);
  const std::string unbounded = program(
      "slot $s 64 align 8\n^entry(%ctx: ptr.ctx):\n%n: i64 = load.u64 %ctx, #0\n%s: ptr.stack = slot_addr $s\nzero %s, #0, 64\n"
      "%p: ptr.stack = ptr_add %s, %n\n%v: i64 = load.u8 %p, #0\nret %v\n");
  EXPECT_NE(left_by({"remove-dead"}, unbounded).find("not proved"), std::string::npos);
  EXPECT_EQ(left_by({"clamp-bounds"}, unbounded), "");
  const std::string big = program(
      "slot $s 600 align 8\n^entry(%ctx: ptr.ctx):\n%s: ptr.stack = slot_addr $s\nzero %s, #0, 600\n%v: i64 = load.u8 %s, #0\n"
      "ret %v\n");
  EXPECT_NE(left_by({"remove-dead"}, big).find("exceed the stack`spill-to-scratch` sees"), std::string::npos);
  EXPECT_EQ(left_by({"spill-to-scratch"}, big), "");
}

TEST(Pipeline, CountsBoundsAddedAndRemoved) {
  SideTable<mir::FunctionId, BoundCounts> bounds;
  mir::Module module = parse_mir(program(
      "slot $s 64 align 8\n^entry(%ctx: ptr.ctx):\n%n: i64 = load.u8 %ctx, #0\n%m: i64 = clamp_u %n, 255\n"
      "%s: ptr.stack = slot_addr $s\nzero %s, #0, 64\n%p: ptr.stack = ptr_add %s, %m\n%v: i64 = load.u8 %p, #0\nret %v\n"));
  Diagnostics diagnostics;
  EXPECT_TRUE(run_pipeline(module, {.skip = {"simplify"}, .bounds = &bounds}, diagnostics));
  EXPECT_EQ(bounds[mir::FunctionId(0u)].added, 1u);
  EXPECT_EQ(bounds[mir::FunctionId(0u)].removed, 1u);
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
