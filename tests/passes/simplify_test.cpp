// simplify: rules over values, branches and blocks. Rules that need many inputs are in random_test.cpp.
#include <gtest/gtest.h>

#include "tests/passes/pass_check.h"

namespace shrike::passes {
namespace {

// What the pass makes of the value %r, computed from %x, which is unknown.
std::string simplified(std::string_view lines) {
  return after("simplify", program("^entry(%ctx: ptr.ctx):\n%x: i64 = load.u64 %ctx, #0\n" + std::string(lines) + "\nret %r\n"));
}

TEST(Simplify, FoldsConstants) {
  expect_lines(simplified("%a: i64 = constant 6\n%b: i64 = constant 7\n%r: i64 = mul %a, %b"), "%r: i64 = constant 42");
  expect_lines(simplified("%a: i64 = constant 6\n%b: i64 = constant 0\n%r: i64 = div_u %a, %b"), "%r: i64 = constant 0");
  expect_lines(simplified("%a: i64 = constant 6\n%b: i64 = constant 0\n%r: i64 = mod_s %a, %b"), "%r: i64 = constant 6");
}

TEST(Simplify, PowersOfTwoBecomeShiftsAndMasks) {
  expect_lines(simplified("%k: i64 = constant 8\n%r: i64 = mul %x, %k"), "%c: i64 = constant 3\n%r: i64 = shl %x, %c\n ret %r");
  expect_lines(simplified("%k: i64 = constant 8\n%r: i64 = div_u %x, %k"), "%r: i64 = shr_u %x, %c");
  expect_lines(simplified("%k: i64 = constant 8\n%r: i64 = mod_u %x, %k"), "%c: i64 = constant 7\n%r: i64 = and %x, %c");
  expect_lines(simplified("%k: i64 = constant 8\n%r: i64 = div_s %x, %k"), "%r: i64 = div_s %x, %c");
}

TEST(Simplify, ConstantsGoRightAndJoin) {
  expect_lines(simplified("%k: i64 = constant 3\n%a: i64 = add %k, %x\n%b: i64 = constant 4\n%r: i64 = sub %a, %b"),
               "%c: i64 = constant -1\n%r: i64 = add %x, %c");
}

TEST(Simplify, ComparisonsOfComparisonsInvert) {
  expect_lines(simplified("%k: i64 = constant 9\n%z: i64 = constant 0\n%a: i64 = lt_u %x, %k\n%r: i64 = eq %a, %z"),
               "%r: i64 = le_u %k, %x");
}

TEST(Simplify, ExtensionsThatChangeNothingGo) {
  expect_lines(simplified("%a: i64 = load.u8 %ctx, #8\n%r: i64 = zext32 %a"), "%a: i64 = load.u8 %ctx, #8\nret %a");
  expect_lines(simplified("%r: i64 = zext32 %x"), "%r: i64 = zext32 %x\nret %r");
  // The verifier of kernels before 6.6 knows nothing of a swapped number: the mask is its only bound.
  expect_lines(simplified("%a: i64 = bswap16 %x\n%k: i64 = constant 65535\n%r: i64 = and %a, %k"), "%r: i64 = and %a, %k");
}

TEST(Simplify, ConstantStepsOfAddressesBecomeOffsets) {
  expect_lines(after("simplify", program(R"(
    slot $s 64 align 8
    ^entry(%ctx: ptr.ctx):
      %s: ptr.stack = slot_addr $s
      %a: i64 = constant 8
      %p: ptr.stack = ptr_add %s, %a
      %q: ptr.stack = ptr_add %p, %a
      store.u32 %q, %a, #4
      ret %a
  )")),
               "store.u32 %s, %a, #20");
}

// A step may lead out of the slot where the offset leads back. What stays outside is on a way that no run takes: its bound was
// proved.
TEST(Simplify, OffsetsStayInTheirSlot) {
  expect_lines(after("simplify", program(R"(
    slot $s 64 align 8
    ^entry(%ctx: ptr.ctx):
      %s: ptr.stack = slot_addr $s
      %x: i64 = load.u64 %ctx, #0
      %back: i64 = constant -24
      %p: ptr.stack = ptr_add %s, %back
      store.u64 %p, %x, #32
      branch %x, ^never, ^end
    ^never:
      store.u64 %p, %x, #0
      zero %p, #8, 8
      jump ^end
    ^end:
      ret %x
  )")),
               "store.u64 %s, %x, #8\nstore.u64 %s, %x, #0\nzero %s, #0, 8");
}

TEST(Simplify, KnownBranchesAndEmptyBlocksDisappear) {
  std::string text = after("simplify", program(R"(
    ^entry(%ctx: ptr.ctx):
      %x: i64 = load.u64 %ctx, #0
      %one: i64 = constant 1
      branch %one, ^yes, ^no
    ^yes:
      jump ^join(%x)
    ^no:
      jump ^join(%one)
    ^join(%p: i64):
      ret %p
  )"));
  expect_lines(text, "%x: i64 = load.u64 %ctx, #0\nret %x\n!^join(%p: i64):\n!jump ^yes");
}

TEST(Simplify, ConstantArgumentsOfAndOrThreadThroughTheJoin) {
  // `/a && b/` as the language lowers it: both results meet in a parameter that is then branched on.
  std::string text = after("simplify", program(R"(
    ^entry(%ctx: ptr.ctx):
      %x: i64 = load.u64 %ctx, #0
      %y: i64 = load.u64 %ctx, #8
      %zero: i64 = constant 0
      branch %x, ^second, ^join(%zero)
    ^second:
      %b: i64 = ne %y, %zero
      jump ^join(%b)
    ^join(%p: i64):
      branch %p, ^then, ^else
    ^then:
      ret %y
    ^else:
      ret %zero
  )"));
  expect_lines(text, "branch %x, ^second, ^else\n^second:\nbranch %y, ^then, ^else\n!^join(%p: i64):");
}

TEST(Simplify, KeepsParametersThatAreUsedBehindTheirBlock) {
  std::string text = after("simplify", program(R"(
    ^entry(%ctx: ptr.ctx):
      %x: i64 = load.u64 %ctx, #0
      %zero: i64 = constant 0
      branch %x, ^join(%x), ^join(%zero)
    ^join(%p: i64):
      jump ^next
    ^next:
      %y: i64 = load.u64 %ctx, #8
      branch %y, ^next, ^end
    ^end:
      ret %p
  )"));
  expect_lines(text, "^join(%p: i64):\nret %p");
}

TEST(Simplify, NonNullPointersThreadToTheirUser) {
  std::string text = after("simplify", R"(interface {
    map @m user hash keyed key int64 value int64 bytes 8 8 entries 10
  })" + program(R"(
    slot $k 8 align 8
    ^entry(%ctx: ptr.ctx):
      %k: ptr.stack = slot_addr $k
      zero %k, #0, 8
      %p: ptr.map? = call map_lookup_elem(@m, %k)
      branch_null %p, ^again, ^found
    ^found(%q: ptr.map):
      jump ^use(%q)
    ^again:
      %r: ptr.map? = call map_lookup_elem(@m, %k)
      branch_null %r, ^none, ^use
    ^use(%v: ptr.map):
      %x: i64 = load.u64 %v, #0
      ret %x
    ^none:
      %z: i64 = constant 0
      ret %z
  )"));
  expect_lines(text, "branch_null %p, ^again, ^use\nbranch_null %r, ^none, ^use\n!^found(%q: ptr.map):");
}

TEST(Simplify, LeavesEndlessLoopsAlone) {
  expect_lines(after("simplify", program("^entry(%ctx: ptr.ctx):\njump ^loop\n^loop:\njump ^loop\n")), "jump ^loop");
}

}  // namespace
}  // namespace shrike::passes
