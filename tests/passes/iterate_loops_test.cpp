// iterate_loops: small bodies of bpf_loop become loops of the kernel's iterators, with what they share in values.
#include <gtest/gtest.h>

#include "mir/text.h"
#include "tests/passes/pass_check.h"

namespace shrike::passes {
namespace {

KernelLimits with_iterators() {
  KernelLimits limits;
  limits.has_number_iterators = [] { return true; };
  return limits;
}

std::string iterated(std::string_view text) {
  return after("iterate-loops", text, with_iterators());
}

// A program whose loop has this body; `more` are further functions.
std::string looping(std::string_view body, std::string_view count = "constant 100", std::string_view more = "") {
  std::string text = R"(
fn "main" program kprobe {
  slot $s 24 align 8
^entry(%ctx: ptr.ctx):
  %s: ptr.stack = slot_addr $s
  zero %s, #0, 24
  %x: i64 = load.u64 %ctx, #0
  %zero: i64 = constant 0
  %count: i64 = )";
  return text.append(count)
      .append(R"(
  %r: i64 = call loop(%count, &"body", %s, %zero)
  ret %r
}
fn "body" loop kprobe {
^entry(%i: i64, %f: ptr.stack):
)")
      .append(body)
      .append("}\n")
      .append(more);
}

constexpr std::string_view sum = R"(
  %old: i64 = load.u64 %f, #8
  %new: i64 = add %old, %i
  store.u64 %f, %new, #8
  %go: i64 = constant 0
  ret %go
)";

TEST(IterateLoops, ABodyIsPutIntoTheLoop) {
  const std::string text = iterated(looping(sum));
  expect_lines(text, R"(slot $iterator 8 align 8
      %it: ptr.stack = slot_addr $iterator
      %zero: i64 = constant 0
      %n: i64 = call iter_num_new(%it, %zero, %count)
      jump ^round
    ^looped(%r: i64):
      call iter_num_destroy(%end)
      ret %r
    ^round:
      %p: ptr.number? = call iter_num_next(%again)
      branch_null %p, ^over, ^number
    ^over:
      jump ^looped(%count)
    ^number(%q: ptr.number):
      %i: i64 = load.u32 %q, #0
      jump ^entry.1
    ^left:
      %one: i64 = constant 1
      %rounds: i64 = add %i, %one
      jump ^looped(%rounds)
    ^entry.1:
      %old: i64 = load.u64 %s, #8
      %new: i64 = add %old, %i
      store.u64 %s, %new, #8
      jump ^round
    !%r: i64 = call loop(%count, &"body", %s, %zero)
    !fn "body" loop kprobe {)");
}

// What is shared becomes values once the callback is gone.
TEST(IterateLoops, WhatRoundsShareIsPromoted) {
  PipelineOptions options{.limits = with_iterators(), .validate = true};
  mir::Module module = parse_mir(looping(sum));
  Diagnostics diagnostics;
  ASSERT_TRUE(run_pass("iterate-loops", module, options, diagnostics));
  expect_lines(mir::print(module, {}), "store.u64 %s, %new, #8");
  ASSERT_TRUE(run_pass("promote-slots", module, options, diagnostics));
  expect_lines(mir::print(module, {}), R"(^round(%sum: i64):
      %new: i64 = add %sum, %i
      !store.u64 %s, %new, #8)");
}

TEST(IterateLoops, RetSaysWhetherThereIsAnotherRound) {
  expect_lines(iterated(looping(R"(
  store.u64 %f, %i, #8
  %stop: i64 = load.u64 %f, #16
  branch %stop, ^stopped, ^on
^stopped:
  %one: i64 = constant 1
  ret %one
^on:
  ret %stop
)")),
               R"(^stopped:
      jump ^left
    ^on:
      branch %stop, ^left, ^round)");
}

// The verifier follows registers without such help, and halves would keep the word in memory.
TEST(IterateLoops, HalvesThatAreStoredAsTheyWereLoadedGo) {
  expect_lines(iterated(looping(R"(
  store.u64 %f, %i, #8
  %half: i64 = load.u32 %f, #12
  store.u32 %f, %half, #12
  %go: i64 = constant 0
  ret %go
)")),
               "store.u64 %s, %i, #8\n!%half: i64 = load.u32 %s, #12\n!store.u32 %s, %half, #12");
}

TEST(IterateLoops, LoopsInTheLoopAreIteratedToo) {
  const std::string inner =
      std::string("fn \"inner\" loop kprobe {\n^entry(%i: i64, %f: ptr.stack):\n") + std::string(sum) + "}\n";
  const std::string text = iterated(looping(R"(
  %zero: i64 = constant 0
  %ten: i64 = constant 10
  %n: i64 = call loop(%ten, &"inner", %f, %zero)
  ret %zero
)",
                                            "clamp_u %x, 8388608", inner));
  expect_lines(text,
               "slot $iterator 8 align 8\nslot $iterator.1 8 align 8\n!fn \"inner\" loop kprobe {\n!fn \"body\" loop kprobe {");
}

TEST(IterateLoops, OthersStayCallbacks) {
  std::string long_body, branching;
  for (int i = 0; i < 300; i++) long_body += "  %v" + std::to_string(i) + ": i64 = mul %i, %i\n";
  for (int i = 0; i < 5; i++) {
    const std::string n = std::to_string(i);
    branching += "  branch %i, ^a" + n + ", ^b" + n + "\n^a" + n + ":\n  jump ^b" + n + "\n^b" + n + ":\n";
  }
  const std::string unbounded = "load.u64 %ctx, #8";
  const std::string stays = "%r: i64 = call loop(%count, &\"body\", %s, %zero)";
  const std::string kept[] = {
      looping(sum, unbounded),
      looping(sum, "clamp_u %x, 8388609"),
      looping("  ret %i\n"),                          // shares nothing
      looping("  store.u64 %f, %i, #0\n  ret %i\n"),  // but that it left
      looping(long_body + std::string(sum)),
      looping(branching + std::string(sum)),
      looping("  %p: ptr.stack = ptr_add %f, %i\n  store.u64 %f, %i, #8\n  ret %i\n"),
      looping(R"(
  store.u64 %f, %i, #8
  %n: i64 = call_fn &"other"
  ret %n
)",
              "constant 3", "fn \"other\" subprogram kprobe {\n^entry:\n  %n: i64 = constant 1\n  ret %n\n}\n"),
  };
  for (const std::string& text : kept) expect_lines(iterated(text), stays);
  expect_lines(after("iterate-loops", looping(sum)), stays);  // a kernel without them
}

// The kernel is asked where something depends on it, not before.
TEST(IterateLoops, TheKernelIsAskedOnlyForALoop) {
  KernelLimits limits;
  int asked = 0;
  limits.has_number_iterators = [&] { return ++asked != 0; };
  after("iterate-loops", program("^entry(%ctx: ptr.ctx):\n  %0: i64 = constant 0\n  ret %0\n"), limits);
  after("iterate-loops", looping("  ret %i\n"), limits);
  EXPECT_EQ(asked, 0);
  after("iterate-loops", looping(sum), limits);
  EXPECT_EQ(asked, 1);
}

}  // namespace
}  // namespace shrike::passes
