// hoist_invariants: what leaves a loop, and what has to stay.
#include <gtest/gtest.h>

#include "tests/passes/pass_check.h"

namespace shrike::passes {
namespace {

// A loop of four rounds over %i; %x is a number from before it, %m the address of a map's value.
std::string hoisted(std::string_view body, std::string_view behind = "ret %x") {
  return after("hoist-invariants", R"(interface {
    map @m user array value int64[4] bytes 4 40 entries 1
    map @h user hash keyed key int64 value int64 bytes 8 8 entries 10
  })" +
                                       program(R"(
    slot $k 8 align 8
    ^entry(%ctx: ptr.ctx):
      %m: ptr.map = map_value_addr @m, #0
      %x: i64 = load.u64 %ctx, #0
      %n: i64 = constant 4
      jump ^head(%n)
    ^head(%i: i64):
      branch %i, ^body, ^end
    ^body:
  )" + std::string(body) + R"(
      jump ^latch
    ^latch:
      %one: i64 = constant 1
      %j: i64 = sub %i, %one
      jump ^head(%j)
    ^end:
  )" + std::string(behind)));
}

TEST(HoistInvariants, NumbersAndHelpersLeaveTheLoopWithTheirConstants) {
  expect_lines(hoisted("%pid: i64 = call get_current_pid_tgid()\n%c: i64 = constant 32\n%p: i64 = shr_u %pid, %c\n"
                       "%s: i64 = add %p, %x\n%r: i64 = mul %s, %i\nstore.u64 %m, %r, #0\nstore.u64 %m, %c, #8"),
               R"(%n: i64 = constant 4
                  %pid: i64 = call get_current_pid_tgid()
                  %d: i64 = constant 32
                  %p: i64 = shr_u %pid, %d
                  %s: i64 = add %p, %x
                  jump ^head(%n)
                  ^body:
                  %c: i64 = constant 32
                  %r: i64 = mul %s, %i
                  store.u64 %m, %c, #8)");
}

TEST(HoistInvariants, WordsOfTheContextLeaveTheLoop) {
  expect_lines(hoisted("%y: i64 = load.u64 %ctx, #8\nstore.u64 %m, %y, #0"), "%y: i64 = load.u64 %ctx, #8\njump ^head(%n)");
}

TEST(HoistInvariants, ReadsOfMapsAndClocksStay) {
  expect_lines(hoisted("%y: i64 = load.u64 %m, #8\n%z: i64 = load.u64 %m, #16\nstore.u64 %m, %z, #0"),
               "^body:\n%y: i64 = load.u64 %m, #8\n%z: i64 = load.u64 %m, #16");
  expect_lines(hoisted("%y: i64 = call ktime_get_ns()\nstore.u64 %m, %y, #0"), "^body:\n%y: i64 = call ktime_get_ns()");
}

TEST(HoistInvariants, WhatNotEveryRoundComputesStays) {
  expect_lines(hoisted("branch %x, ^rare, ^latch\n^rare:\n%y: i64 = call get_current_pid_tgid()\nstore.u64 %m, %y, #0"),
               "^rare:\n%y: i64 = call get_current_pid_tgid()");
}

TEST(HoistInvariants, HelpersStayWhereRoundsFork) {
  expect_lines(hoisted("%y: i64 = call get_current_pid_tgid()\n%z: i64 = add %x, %x\nstore.u64 %m, %y, #0\n"
                       "branch %y, ^rare, ^latch\n^rare:\nstore.u64 %m, %z, #0"),
               "%z: i64 = add %x, %x\njump ^head(%n)\n^body:\n%y: i64 = call get_current_pid_tgid()");
}

TEST(HoistInvariants, AddressesStayBehindTheirChecks) {
  expect_lines(hoisted("%p: ptr.map = ptr_add %m, %x\n%y: i64 = load.u64 %p, #0\nstore.u64 %m, %y, #0"),
               "^body:\n%p: ptr.map = ptr_add %m, %x");
}

TEST(HoistInvariants, InnerLoopsFirst) {
  expect_lines(
      hoisted(R"(%z: i64 = constant 3
                          jump ^inner(%z)
                        ^inner(%k: i64):
                          %s: i64 = mul %x, %x
                          %t: i64 = mul %i, %i
                          %u: i64 = add %s, %t
                          store.u64 %m, %u, #0
                          %e: i64 = constant 1
                          %l: i64 = sub %k, %e
                          branch %l, ^inner(%l), ^latch
                        ^unused:)"),
      "%s: i64 = mul %x, %x\njump ^head(%n)\n%t: i64 = mul %i, %i\n%u: i64 = add %s, %t\njump ^inner(%z)\n^inner(%k: i64):\n"
      "store.u64 %m, %u, #0");
}

TEST(HoistInvariants, OnlyAsManyAsThereAreRegistersForAcrossCalls) {
  // %i, %m and %x live through the loop already: one helper's answer finds a register, two find the stack.
  std::string text = hoisted(R"(
      %k: ptr.stack = slot_addr $k
      %p: i64 = call get_current_pid_tgid()
      %u: i64 = call get_current_uid_gid()
      %g: i64 = call get_current_cgroup_id()
      %t: i64 = call get_current_task()
      %a: i64 = add %x, %x
      store.u64 %k, %p, #0
      %d: i64 = call map_delete_elem(@h, %k)
      store.u64 %m, %u, #0
      store.u64 %m, %g, #8
      store.u64 %m, %t, #16
      store.u64 %m, %a, #24
      store.u64 %m, %x, #24)");
  expect_lines(text, R"(%p: i64 = call get_current_pid_tgid()
                        %u: i64 = call get_current_uid_gid()
                        %g: i64 = call get_current_cgroup_id()
                        jump ^head(%n)
                        ^body:
                        %t: i64 = call get_current_task()
                        %a: i64 = add %x, %x)");
}

}  // namespace
}  // namespace shrike::passes
