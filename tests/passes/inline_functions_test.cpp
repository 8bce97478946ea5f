// inline_functions: what is called once or small is copied into its callers, and functions that nobody calls go away.
#include <gtest/gtest.h>

#include "tests/passes/pass_check.h"

namespace shrike::passes {
namespace {

std::string inlined(std::string_view text) {
  return after("inline-functions", text);
}

// A function of as many multiplications.
std::string chain(int length) {
  std::string out = "fn \"long\" subprogram kprobe {\n^entry(%n: i64):\n  %v0: i64 = mul %n, %n\n";
  for (int i = 1; i < length; i++) out += "  %v" + std::to_string(i) + ": i64 = mul %v" + std::to_string(i - 1) + ", %n\n";
  return out + "  ret %v" + std::to_string(length - 1) + "\n}\n";
}

TEST(InlineFunctions, ABodyTakesThePlaceOfItsCall) {
  std::string text = inlined(R"(
fn "main" program kprobe {
^entry(%ctx: ptr.ctx):
  %x: i64 = load.u64 %ctx, #0
  %r: i64 = call_fn &"least", %x
  %s: i64 = add %r, %x
  ret %s
}
fn "least" subprogram kprobe {
^entry(%n: i64):
  %five: i64 = constant 5
  %is: i64 = lt_u %n, %five
  branch %is, ^small, ^end(%n)
^small:
  ret %five
^end(%m: i64):
  ret %m
}
)");
  expect_lines(text, R"(%x: i64 = load.u64 %ctx, #0
      jump ^entry.1
    ^least_done(%r: i64):
      %s: i64 = add %r, %x
      ret %s
    ^entry.1:
      %five: i64 = constant 5
      %is: i64 = lt_u %x, %five
      branch %is, ^small, ^end(%x)
    ^small:
      jump ^least_done(%five)
    ^end(%m: i64):
      jump ^least_done(%m)
    !call_fn &"least", %x
    !fn "least" subprogram kprobe {)");
}

// Slots become the caller's, each call with its own; callees of callees are there first.
TEST(InlineFunctions, SmallBodiesAreCopiedToEveryCaller) {
  std::string text = inlined(R"(
fn "main" program kprobe {
^entry(%ctx: ptr.ctx):
  %x: i64 = load.u64 %ctx, #0
  %r: i64 = call_fn &"outer", %x
  %s: i64 = call_fn &"outer", %r
  ret %s
}
fn "outer" subprogram kprobe {
  slot $word 8 align 8
^entry(%n: i64):
  %p: ptr.stack = slot_addr $word
  %r: i64 = call_fn &"inner", %n, %p
  %v: i64 = load.u64 %p, #0
  ret %v
}
fn "inner" subprogram kprobe {
^entry(%n: i64, %frame: ptr.stack):
  store.u64 %frame, %n, #0
  ret %n
}
)");
  expect_lines(text, R"(slot $word 8 align 8
    slot $word.1 8 align 8
    %p: ptr.stack = slot_addr $word
    %v: i64 = load.u64 %p, #0
    store.u64 %p, %n, #0
    %q: ptr.stack = slot_addr $word.1
    %w: i64 = load.u64 %q, #0
    !fn "outer" subprogram kprobe {
    !fn "inner" subprogram kprobe {)");
}

TEST(InlineFunctions, LongBodiesAreCopiedOnlyWhereTheyAreCalledOnce) {
  const std::string longer = chain(30);
  const std::string once = R"(
fn "main" program kprobe {
^entry(%ctx: ptr.ctx):
  %x: i64 = load.u64 %ctx, #0
  %r: i64 = call_fn &"long", %x
  ret %r
}
)";
  const std::string twice = R"(
fn "main" program kprobe {
^entry(%ctx: ptr.ctx):
  %x: i64 = load.u64 %ctx, #0
  %r: i64 = call_fn &"long", %x
  %s: i64 = call_fn &"long", %r
  ret %s
}
)";
  expect_lines(inlined(once + longer), "!fn \"long\" subprogram kprobe {");
  expect_lines(inlined(twice + longer), "%s: i64 = call_fn &\"long\", %r\nfn \"long\" subprogram kprobe {");
}

// The loop's callback gets the address of the copy's slot.
TEST(InlineFunctions, CallbacksStayFunctions) {
  std::string text = inlined(R"(
fn "main" program kprobe {
^entry(%ctx: ptr.ctx):
  %x: i64 = load.u64 %ctx, #0
  %r: i64 = call_fn &"rounds", %x
  ret %r
}
fn "rounds" subprogram kprobe {
  slot $shared 8 align 8
^entry(%n: i64):
  %p: ptr.stack = slot_addr $shared
  %zero: i64 = constant 0
  %l: i64 = call loop(%n, &"round", %p, %zero)
  ret %l
}
fn "round" loop kprobe {
^entry(%i: i64, %shared: ptr.stack):
  %zero: i64 = constant 0
  ret %zero
}
)");
  expect_lines(text, R"(slot $shared 8 align 8
    %p: ptr.stack = slot_addr $shared
    %l: i64 = call loop(%x, &"round", %p, %zero)
    fn "round" loop kprobe {
    !fn "rounds" subprogram kprobe {)");
}

// Slots that cannot all be there at once stay in frames that follow each other.
TEST(InlineFunctions, FramesThatWouldGrowTooLargeStayApart) {
  const std::string text = R"(
fn "main" program kprobe {
  slot $own 200 align 8
^entry(%ctx: ptr.ctx):
  %o: ptr.stack = slot_addr $own
  %a: i64 = call_fn &"first", %o
  ret %a
}
fn "first" subprogram kprobe {
  slot $buffer 64 align 8
^entry(%o: ptr.stack):
  %p: ptr.stack = slot_addr $buffer
  zero %p, #0, 64
  copy %o, %p, 64
  %zero: i64 = constant 0
  ret %zero
}
)";
  expect_lines(inlined(text), "%a: i64 = call_fn &\"first\", %o");
}

// What is left is called by its new number; a probe's program keeps its probe.
TEST(InlineFunctions, FunctionsBehindADroppedOneAreFoundByTheirNewNumber) {
  std::string text = inlined(R"(
fn "tiny" subprogram kprobe {
^entry(%n: i64):
  ret %n
}
fn "rounds" loop kprobe {
^entry(%i: i64, %shared: ptr.stack):
  %r: i64 = call_fn &"tiny", %i
  ret %r
}
fn "main" program kprobe {
  slot $shared 8 align 8
^entry(%ctx: ptr.ctx):
  %p: ptr.stack = slot_addr $shared
  %n: i64 = constant 4
  %zero: i64 = constant 0
  %l: i64 = call loop(%n, &"rounds", %p, %zero)
  %r: i64 = call_fn &"tiny", %l
  ret %r
}
)");
  expect_lines(text, R"(fn "rounds" loop kprobe {
    %l: i64 = call loop(%n, &"rounds", %p, %zero)
    !fn "tiny" subprogram kprobe {)");
}

}  // namespace
}  // namespace shrike::passes
