// sink_values: what goes behind calls to where it is used, and what has to stay.
#include <gtest/gtest.h>

#include "tests/passes/pass_check.h"

namespace shrike::passes {
namespace {

// `before` stands before a record's room is asked for, `filled` fills it; %m is the address of a map's value.
std::string sunk(std::string_view before, std::string_view filled, std::string_view behind = "") {
  return after("sink-values", R"(interface {
    map @.ring ring ring bytes 0 0 entries 4096
    map @m user array value int64[4] bytes 4 40 entries 1
  })" +
                                  program(R"(
    ^entry(%ctx: ptr.ctx):
      %n: i64 = constant 32
      %m: ptr.map = map_value_addr @m, #0
  )" + std::string(before) + R"(
      %room: ptr.mem? = call ringbuf_reserve(@.ring, %n, %n)
      branch_null %room, ^lost, ^got
    ^lost:
      ret %n
    ^got(%record: ptr.mem):
  )" + std::string(filled) + R"(
      call ringbuf_submit(%record, %n)
  )" + std::string(behind) + R"(
      ret %n
  )"));
}

constexpr const char* got = "^got(%record: ptr.mem):\n";
constexpr const char* room = "%room: ptr.mem? = call ringbuf_reserve(@.ring, %n, %n)\n";

TEST(SinkValues, HelpersOfOneAnswerGoWithWhatIsMadeOfThem) {
  expect_lines(sunk("%both: i64 = call get_current_pid_tgid()\n%pid: i64 = shr_u %both, %n\n%tid: i64 = zext32 %both",
                    "store.u64 %record, %n, #0\nstore.u64 %record, %pid, #8\nstore.u64 %record, %tid, #16"),
               std::string(room) + R"(branch_null %room, ^lost, ^got
                  ^lost:
                  ret %n
                  ^got(%record: ptr.mem):
                  store.u64 %record, %n, #0
                  %both: i64 = call get_current_pid_tgid()
                  %pid: i64 = shr_u %both, %n
                  store.u64 %record, %pid, #8
                  %tid: i64 = zext32 %both
                  store.u64 %record, %tid, #16)");
}

TEST(SinkValues, WordsOfTheContextGoWhereItIsNeededAnyway) {
  const std::string load = "%x: i64 = load.u32 %ctx, #8\n", store = "store.u64 %record, %x, #0\n";
  const std::string address = "%a: i64 = ptr_to_int %ctx\nstore.u64 %record, %a, #8\n";
  expect_lines(sunk(load, store + address), got + load + store);
  expect_lines(sunk(load, store), load + room);
  expect_lines(sunk(load, store, "%a: i64 = ptr_to_int %ctx\nstore.u64 %m, %a, #0"), got + load + store);
}

// One register for the context instead of one for each.
TEST(SinkValues, ManyWordsOfTheContextGoTogether) {
  std::string loads, stores;
  for (const char* digit : {"1", "2", "3"}) {
    loads += std::string("%x") + digit + ": i64 = load.u64 %ctx, #8\n";
    stores += std::string("store.u64 %record, %x") + digit + ", #8\n";
  }
  expect_lines(sunk(loads, stores), loads + room);
  const std::string fourth = "%x4: i64 = load.u64 %ctx, #16\n", its_store = "store.u64 %record, %x4, #16\n";
  expect_lines(sunk(loads + fourth, stores + its_store), "store.u64 %record, %x3, #8\n" + fourth + its_store);
}

TEST(SinkValues, ClocksMapsAndSumsStay) {
  for (const char* value : {"%x: i64 = call ktime_get_ns()\n", "%x: i64 = load.u64 %m, #8\n"})
    expect_lines(sunk(value, "store.u64 %record, %x, #0"), std::string(value) + room);
  const std::string quotient = "%y: i64 = load.u64 %m, #8\n%x: i64 = div_u %y, %n\n";
  expect_lines(sunk(quotient, "store.u64 %record, %x, #0"), quotient + room);
  const std::string sum = "%y: i64 = call get_current_pid_tgid()\n%z: i64 = call get_current_uid_gid()\n%x: i64 = add %y, %z\n";
  expect_lines(sunk(sum, "store.u64 %record, %x, #0"), std::string("%x: i64 = add %y, %z\n") + room);
}

TEST(SinkValues, WhatSeveralBlocksUseStays) {
  const std::string uid = "%x: i64 = call get_current_uid_gid()\n";
  expect_lines(sunk(uid, "store.u64 %record, %x, #0\nbranch %n, ^more, ^end\n^more:\nstore.u64 %m, %x, #0\njump ^end\n^end:"),
               uid + room);
}

TEST(SinkValues, NothingGoesIntoLoops) {
  const std::string uid = "%x: i64 = call get_current_uid_gid()\n";
  expect_lines(sunk(uid, R"(jump ^head
                            ^head:
                              store.u64 %record, %x, #0
                              %t: i64 = call ktime_get_ns()
                              branch %t, ^head, ^end
                            ^end:)"),
               uid + room);
}

// What lives in a block without calls need not make way for one.
TEST(SinkValues, CallsDoNotGoWhereThereAreNone) {
  const std::string uid = "%x: i64 = call get_current_uid_gid()\n";
  expect_lines(sunk(uid, "", "jump ^end\n^end:\nstore.u64 %m, %x, #0"), uid + room);
}

}  // namespace
}  // namespace shrike::passes
