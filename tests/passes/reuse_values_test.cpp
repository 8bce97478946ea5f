// reuse_values: what is computed once, and what must be computed again.
#include <gtest/gtest.h>

#include "tests/passes/pass_check.h"

namespace shrike::passes {
namespace {

TEST(ReuseValues, DominatingComputationsAreReused) {
  expect_lines(after("reuse-values", program(R"(
    ^entry(%ctx: ptr.ctx):
      %x: i64 = load.u64 %ctx, #0
      %pid: i64 = call get_current_pid_tgid()
      %k: i64 = constant 32
      %tgid: i64 = shr_u %pid, %k
      branch %tgid, ^then, ^else
    ^then:
      %y: i64 = load.u64 %ctx, #0
      %pid2: i64 = call get_current_pid_tgid()
      %k2: i64 = constant 32
      %tgid2: i64 = shr_u %pid2, %k2
      %sum: i64 = add %tgid2, %y
      ret %sum
    ^else:
      ret %k
  )")),
               "%x: i64 = load.u64 %ctx, #0\n%tgid: i64 = shr_u %pid, %k\n^then:\n%sum: i64 = add %tgid, %x");
}

TEST(ReuseValues, SiblingsDoNotReuseFromEachOther) {
  expect_lines(after("reuse-values", program(R"(
    ^entry(%ctx: ptr.ctx):
      %x: i64 = load.u64 %ctx, #0
      branch %x, ^then, ^else
    ^then:
      %a: i64 = mul %x, %x
      ret %a
    ^else:
      %b: i64 = mul %x, %x
      ret %b
  )")),
               "^then:\nret %a\n^else:\n%b: i64 = mul %x, %x\nret %b");
}

TEST(ReuseValues, ClocksAreReadEachTime) {
  expect_lines(after("reuse-values", program(R"(
    ^entry(%ctx: ptr.ctx):
      %a: i64 = call ktime_get_ns()
      %b: i64 = call ktime_get_ns()
      %c: i64 = sub %b, %a
      ret %c
  )")),
               "%c: i64 = sub %b, %a");
}

TEST(ReuseValues, LoadsAreReusedUntilTheirRegionIsWritten) {
  expect_lines(after("reuse-values", R"(interface {
    map @m user array value int64 bytes 4 16 entries 1
  })" + program(R"(
    slot $s 8 align 8
    ^entry(%ctx: ptr.ctx):
      %s: ptr.stack = slot_addr $s
      %m: ptr.map = map_value_addr @m, #0
      %x: i64 = load.u64 %m, #0
      store.u64 %s, %x, #0
      %y: i64 = load.u64 %m, #0
      store.u64 %m, %y, #0
      %z: i64 = load.u64 %m, #0
      %r: i64 = add %y, %z
      ret %r
  )")),
               "%m: ptr.map = map_value_addr @m, #0\nstore.u64 %m, %x, #0\n%z: i64 = load.u64 %m, #0\n%r: i64 = add %x, %z");
}

TEST(ReuseValues, ComparisonsStayNextToTheirBranch) {
  expect_lines(after("reuse-values", program(R"(
    ^entry(%ctx: ptr.ctx):
      %x: i64 = load.u64 %ctx, #0
      %k: i64 = constant 5
      %a: i64 = lt_u %x, %k
      branch %a, ^then, ^else
    ^then:
      %b: i64 = lt_u %x, %k
      branch %b, ^else, ^then
    ^else:
      ret %x
  )")),
               "^then:\n%b: i64 = lt_u %x, %k\nbranch %b, ^else, ^then");
}

}  // namespace
}  // namespace shrike::passes
