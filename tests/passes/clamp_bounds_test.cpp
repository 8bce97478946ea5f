// clamp_bounds and drop_proved_checks: which bounds are put, and which go again.
#include <gtest/gtest.h>

#include "tests/passes/pass_check.h"

namespace shrike::passes {
namespace {

std::string on_slot(uint32_t size, std::string_view body) {
  return program("slot $s " + std::to_string(size) + " align 8\n^entry(%ctx: ptr.ctx):\n%n: i64 = load.u64 %ctx, #0\n" +
                 "%s: ptr.stack = slot_addr $s\nzero %s, #0, " + std::to_string(size) + "\n" + std::string(body));
}

TEST(ClampBounds, MasksWhereTheObjectIsAPowerOfTwo) {
  expect_lines(after("clamp-bounds", on_slot(64, "%p: ptr.stack = ptr_add %s, %n\n%v: i64 = load.u8 %p, #0\nret %v\n")), R"(
    %mask: i64 = constant 63
    %i: i64 = and %n, %mask
    %p: ptr.stack = ptr_add %s, %i
  )");
}

TEST(ClampBounds, MasksKeepAlignedAccessesInside) {
  std::string body =
      "%3: i64 = constant 3\n%o: i64 = shl %n, %3\n%p: ptr.stack = ptr_add %s, %o\n%v: i64 = load.u64 %p, #0\nret %v\n";
  expect_lines(after("clamp-bounds", on_slot(64, body)), "%mask: i64 = constant 56\n%i: i64 = and %o, %mask");
}

TEST(ClampBounds, ClampsWhereNoMaskFits) {
  expect_lines(after("clamp-bounds", on_slot(40, "%p: ptr.stack = ptr_add %s, %n\n%v: i64 = load.u8 %p, #3\nret %v\n")), R"(
    %i: i64 = clamp_u %n, 36
    %p: ptr.stack = ptr_add %s, %i
  )");
}

TEST(ClampBounds, TheTightestAccessDecides) {
  std::string body = "%p: ptr.stack = ptr_add %s, %n\n%v: i64 = load.u8 %p, #0\n%w: i64 = load.u8 %p, #20\nret %w\n";
  expect_lines(after("clamp-bounds", on_slot(40, body)), "%i: i64 = clamp_u %n, 19\n!%i: i64 = clamp_u %n, 39");
}

TEST(ClampBounds, KnownStepsBehindTheVariableOneCount) {
  std::string body =
      "%p: ptr.stack = ptr_add %s, %n\n%8: i64 = constant 8\n%q: ptr.stack = ptr_add %p, %8\n%v: i64 = load.u8 %q, #0\nret %v\n";
  expect_lines(after("clamp-bounds", on_slot(40, body)), "%i: i64 = clamp_u %n, 31");
}

TEST(ClampBounds, UnalignedStackOffsetsAreRoundedDown) {
  std::string body = "%p: ptr.stack = ptr_add %s, %n\n%v: i64 = load.u32 %p, #0\nret %v\n";
  expect_lines(after("clamp-bounds", on_slot(64, body)), "%mask: i64 = constant 60\n%i: i64 = and %n, %mask");
}

// %o is within bounds, but known to be only where it was masked: rounds of iterators make the verifier forget.
std::string in_rounds(std::string_view body) {
  return program(R"(slot $s 64 align 8
    slot $i 8 align 8
  ^entry(%ctx: ptr.ctx):
    %n: i64 = load.u64 %ctx, #0
    %s: ptr.stack = slot_addr $s
    zero %s, #0, 64
    %mask: i64 = constant 63
    %o: i64 = and %n, %mask
    %i: ptr.stack = slot_addr $i
    %zero: i64 = constant 0
    %e: i64 = call iter_num_new(%i, %zero, %mask)
    jump ^round
  ^round:
    %q: ptr.number? = call iter_num_next(%i)
    branch_null %q, ^over, ^body
  ^over:
    call iter_num_destroy(%i)
    ret %n
  ^body(%number: ptr.number):
)" + std::string(body) +
                 "jump ^round\n");
}

TEST(ClampBounds, RoundsOfIteratorsBoundAnew) {
  const std::string use = "%p: ptr.stack = ptr_add %s, %o\n%v: i64 = load.u8 %p, #0\n";
  expect_lines(after("clamp-bounds", in_rounds(use)), R"(
    ^body(%number: ptr.number):
      %again: i64 = and %o, %own
      %p: ptr.stack = ptr_add %s, %again
  )");
}

TEST(ClampBounds, WhatIsBoundedAnewStays) {
  const std::string use =
      "%again: i64 = and %o, %mask\n%p: ptr.stack = ptr_add %s, %again\n%v: i64 = load.u8 %p, #0\nstore.u8 %s, %v, #0\n";
  for (const char* pass : {"simplify", "drop-proved-checks"})
    expect_lines(after(pass, in_rounds(use)), "^body(%number: ptr.number):\n%again: i64 = and %any, %mask\n");
}

std::string reading(std::string_view body) {
  return on_slot(40, "%a: i64 = load.u64 %ctx, #8\n" + std::string(body) + "ret %n\n");
}

TEST(ClampBounds, SizesGetTheRoomBehindThePointer) {
  std::string call = "%8: i64 = constant 8\n%p: ptr.stack = ptr_add %s, %8\n%r: i64 = call probe_read_kernel(%p, %n, %a)\n";
  expect_lines(after("clamp-bounds", reading(call)), "%m: i64 = clamp_u %n, 32\n%r: i64 = call probe_read_kernel(%p, %m, %a)");
}

TEST(ClampBounds, SizesThatMustNotBeZeroAreAtLeastOne) {
  expect_lines(after("clamp-bounds", reading("%r: i64 = call get_current_comm(%s, %n)\n")), R"(
    %less: i64 = sub %n, %one
    %clamped: i64 = clamp_u %less, 39
    %m: i64 = add %clamped, %one
    %r: i64 = call get_current_comm(%s, %m)
  )");
}

TEST(ClampBounds, ConstantSizesBoundTheOffset) {
  std::string call = "%8: i64 = constant 8\n%p: ptr.stack = ptr_add %s, %n\n%r: i64 = call probe_read_kernel(%p, %8, %a)\n";
  expect_lines(after("clamp-bounds", reading(call)), "%i: i64 = clamp_u %n, 32\n%p: ptr.stack = ptr_add %s, %i");
}

TEST(ClampBounds, WhatABranchProvesIsLeftAlone) {
  std::string text = after("clamp-bounds", R"(interface {
    map @m user array value int64[5] bytes 4 48 entries 1
  })" + program(R"(
    ^entry(%ctx: ptr.ctx):
      %n: i64 = load.u64 %ctx, #0
      %k: i64 = constant 5
      %less: i64 = lt_u %n, %k
      branch %less, ^in, ^out
    ^in:
      %m: ptr.map = map_value_addr @m, #0
      %3: i64 = constant 3
      %o: i64 = shl %n, %3
      %p: ptr.map = ptr_add %m, %o
      %v: i64 = load.u64 %p, #0
      ret %v
    ^out:
      ret %k
  )"));
  expect_lines(text, "%p: ptr.map = ptr_add %m, %o\n%v: i64 = load.u64 %p, #0");
}

TEST(DropProvedChecks, BoundsOfBoundedValuesGo) {
  std::string text = after("drop-proved-checks", on_slot(256, R"(
    %b: i64 = load.u8 %ctx, #8
    %k: i64 = constant 255
    %m: i64 = and %b, %k
    %c: i64 = clamp_u %m, 300
    %p: ptr.stack = ptr_add %s, %c
    %v: i64 = load.u8 %p, #0
    ret %v
  )"));
  expect_lines(text, "%b: i64 = load.u8 %ctx, #8\n%p: ptr.stack = ptr_add %s, %b");
}

TEST(DropProvedChecks, NeededBoundsStay) {
  std::string text = after("drop-proved-checks", on_slot(256, R"(
    %c: i64 = clamp_u %n, 255
    %p: ptr.stack = ptr_add %s, %c
    %v: i64 = load.u8 %p, #0
    ret %v
  )"));
  expect_lines(text, "%c: i64 = clamp_u %n, 255\n%p: ptr.stack = ptr_add %s, %c");
}

// As in a histogram of 32 bits: whether more are set is no question.
TEST(DropProvedChecks, WhatCanOnlyBeOneNumberIsIt) {
  std::string text = after("drop-proved-checks", on_slot(256, R"(
    %b: i64 = load.u32 %ctx, #8
    %most: i64 = constant 4294967295
    %d: i64 = sub %most, %b
    %k: i64 = constant 63
    %more: i64 = shr_u %d, %k
    %m: i64 = shr_u %n, %k
    %sum: i64 = add %more, %m
    %c: i64 = clamp_u %sum, 255
    %p: ptr.stack = ptr_add %s, %c
    %v: i64 = load.u8 %p, #0
    ret %v
  )"));
  expect_lines(text, "%more: i64 = constant 0\n%m: i64 = shr_u %n, %k\n%sum: i64 = add %more, %m");
}

}  // namespace
}  // namespace shrike::passes
