// merge_slots: what is copied only to be read is read where it was.
#include <gtest/gtest.h>

#include "tests/passes/pass_check.h"

namespace shrike::passes {
namespace {

// $from is filled, copied by `copy` to $to, and something happens before $to is the key of a look-up.
std::string merged(std::string_view copy, std::string_view between = "", std::string_view before = "", uint32_t from_bytes = 16) {
  return after("merge-slots",
               "interface {\n map @m user hash keyed key string[8] value int64 bytes 8 8 entries 4\n}\n" + program(R"(
      slot $from )" + std::to_string(from_bytes) +
                                                                                                                   R"( align 8
      slot $to 8 align 8
      slot $other 8 align 8
    ^entry(%ctx: ptr.ctx):
      %x: i64 = load.u64 %ctx, #0
      %eight: i64 = constant 8
      %f: ptr.stack = slot_addr $from
      zero %f, #0, 8
      store.u64 %f, %x, #0
      %t: ptr.stack = slot_addr $to
      )" + std::string(before) + "\n" + std::string(copy) + "\n" + std::string(between) + R"(
      %k: ptr.stack = slot_addr $to
      %found: ptr.map? = call map_lookup_elem(@m, %k)
      branch_null %found, ^end, ^end.1
    ^end:
      ret %x
    ^end.1(%p: ptr.map):
      ret %eight)"));
}

constexpr std::string_view copy = "copy %t, %f, 8";
constexpr std::string_view is_merged =
    "store.u64 %f, %x, #0\n%t: ptr.stack = slot_addr $from\n%k: ptr.stack = slot_addr $from\n%found: ptr.map? = call "
    "map_lookup_elem(@m, %k)\n!copy %t, %f, 8";
constexpr std::string_view is_kept =
    "%t: ptr.stack = slot_addr $to\n%k: ptr.stack = slot_addr $to\n%found: ptr.map? = call map_lookup_elem(@m, %k)";

TEST(MergeSlots, ACopyIsReadWhereItCameFrom) {
  expect_lines(merged(copy), is_merged);
  expect_lines(merged(copy, "%o: ptr.stack = slot_addr $other\nstore.u64 %o, %x, #0"), is_merged);
  // By a helper, which is told a number.
  expect_lines(merged("%n: i64 = ptr_to_int %f\n%s: i64 = call probe_read_kernel(%t, %eight, %n)"),
               std::string(is_merged) + "\n!%s: i64 = call probe_read_kernel(%t, %eight, %n)");
}

TEST(MergeSlots, TheSourceMayLieInsideItsSlot) {
  expect_lines(merged("%g: ptr.stack = ptr_add %f, %eight\nzero %g, #0, 8\ncopy %t, %g, 8"),
               "%eight: i64 = constant 8\n%f: ptr.stack = slot_addr $from\n%g: ptr.stack = ptr_add %f, %eight\nzero %g, #0, "
               "8\n%b: ptr.stack = slot_addr $from\n%n: i64 = constant 8\n%k: ptr.stack = ptr_add %b, %n\n%found: "
               "ptr.map? = call "
               "map_lookup_elem(@m, %k)\n!copy %t, %g, 8");
  // Not where it is not as aligned, nor where less follows than the slot has.
  expect_lines(merged("%two: i64 = constant 4\n%g: ptr.stack = ptr_add %f, %two\ncopy %t, %g, 8"), is_kept);
  expect_lines(merged("%g: ptr.stack = ptr_add %f, %eight\nzero %g, #0, 4\ncopy %t, %g, 4", "", "", 12), is_kept);
}

TEST(MergeSlots, NotWhereTheSourceIsWrittenBeforeTheCopyIsRead) {
  for (const char* between : {
           "store.u64 %f, %eight, #0",
           // On one of two ways.
           "branch %x, ^writes, ^on\n^writes:\nzero %f, #0, 8\njump ^on\n^on:",
           "%c: i64 = call get_current_comm(%f, %eight)",
       })
    expect_lines(merged(copy, between), is_kept);
}

// On each round after the first, the copy is another's.
TEST(MergeSlots, RoundsThatCopyAgainAreFollowed) {
  const std::string_view head = "jump ^head(%x)\n^head(%left: i64):\nbranch %left, ^body, ^out\n^body:\n";
  const std::string_view next = "\n%one: i64 = constant 1\n%less: i64 = sub %left, %one\njump ^head(%less)\n^out:\n";
  expect_lines(merged(copy, std::string(head) + "store.u64 %f, %left, #0" + std::string(next)), is_kept);
  expect_lines(
      merged(
          "", "",
          std::string(head) +
              "store.u64 %f, %left, #0\ncopy %t, %f, 8\n%e: ptr.stack = slot_addr $to\n%d: i64 = call map_delete_elem(@m, %e)" +
              std::string(next) + "copy %t, %f, 8"),
      "copy %t, %f, 8\n%d: i64 = call map_delete_elem(@m, %e)");  // two copies
  expect_lines(merged("", "", std::string(head) + "store.u64 %f, %left, #0\ncopy %t, %f, 8" + std::string(next)),
               "copy %t, %f, 8\n%k: ptr.stack = slot_addr $to");  // read where it may never have been copied
}

TEST(MergeSlots, NotWhatIsWrittenItself) {
  expect_lines(merged(copy, "store.u8 %t, %x, #0"), is_kept);
  expect_lines(merged(copy, "", "zero %t, #0, 8"), is_kept);
  // Where a place in it is not known, it may be written there.
  expect_lines(merged(copy, "%g: ptr.stack = ptr_add %f, %x\n%l: i64 = load.u8 %g, #0"), is_kept);
}

// The verifier of a helper that takes a key wants all its bytes written; one that reads from a number does not look.
TEST(MergeSlots, WhatAHelperReadsIsKnownToBeFilled) {
  expect_lines(
      merged("%g: ptr.stack = ptr_add %f, %eight\n%n: i64 = ptr_to_int %g\n%s: i64 = call probe_read_kernel(%t, %eight, %n)"),
      is_kept);
}

}  // namespace
}  // namespace shrike::passes
