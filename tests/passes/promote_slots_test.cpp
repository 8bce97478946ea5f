// promote_slots: words that only loads and stores touch become values; all others stay in memory.
#include <gtest/gtest.h>

#include "tests/passes/pass_check.h"

namespace shrike::passes {
namespace {

std::string promoted(std::string_view body) {
  return after("promote-slots", with_map(body));
}

// A function's flag and result, as inlining leaves them.
TEST(PromoteSlots, WordsMeetInParameters) {
  std::string text = promoted(R"(
    slot $frame 16 align 8
  ^entry(%ctx: ptr.ctx):
    %x: i64 = load.u64 %ctx, #0
    %zero: i64 = constant 0
    %one: i64 = constant 1
    %f: ptr.stack = slot_addr $frame
    store.u64 %f, %zero, #0
    branch %x, ^leaves, ^stays
  ^leaves:
    store.u64 %f, %one, #0
    jump ^end
  ^stays:
    %k: i64 = constant 8
    %g: ptr.stack = ptr_add %f, %k
    store.u64 %g, %x, #0
    jump ^end
  ^end:
    %flag: i64 = load.u64 %f, #0
    branch %flag, ^left, ^on
  ^left:
    ret %zero
  ^on:
    %r: i64 = load.u64 %f, #8
    ret %r
  )");
  expect_lines(text, R"(jump ^end(%one, %before)
    jump ^end(%zero, %x)
    ^end(%flag: i64, %r: i64):
    branch %flag, ^left, ^on
    ret %r
    !store.u64 %f, %one, #0
    !%flag: i64 = load.u64 %f, #0)");
}

TEST(PromoteSlots, NarrowWordsAreExtendedWhereTheyAreRead) {
  std::string text = promoted(R"(
    slot $pair 16 align 8
  ^entry(%ctx: ptr.ctx):
    %x: i64 = load.u64 %ctx, #0
    %p: ptr.stack = slot_addr $pair
    zero %p, #0, 16
    store.u16 %p, %x, #2
    %a: i64 = load.s16 %p, #2
    %b: i64 = load.u32 %p, #4
    %c: i64 = add %a, %b
    ret %c
  )");
  expect_lines(text, R"(%a: i64 = sext16 %x
    %b: i64 = zext32 %zero
    %c: i64 = add %a, %b)");
}

// A round's read comes before its write; what is read there is what the round before left.
TEST(PromoteSlots, RoundsOfALoopHandWordsOn) {
  std::string text = promoted(R"(
    slot $sum 8 align 8
  ^entry(%ctx: ptr.ctx):
    %x: i64 = load.u64 %ctx, #0
    %one: i64 = constant 1
    %p: ptr.stack = slot_addr $sum
    store.u64 %p, %x, #0
    jump ^head(%x)
  ^head(%left: i64):
    branch %left, ^body, ^end
  ^body:
    %old: i64 = load.u64 %p, #0
    %new: i64 = add %old, %left
    store.u64 %p, %new, #0
    %less: i64 = sub %left, %one
    jump ^head(%less)
  ^end:
    %r: i64 = load.u64 %p, #0
    ret %r
  )");
  expect_lines(text, R"(jump ^head(%x, %x)
    ^head(%left: i64, %sum: i64):
    %new: i64 = add %sum, %left
    jump ^head(%less, %new)
    ret %sum)");
}

// Bytes that a helper reads or writes, from the address it gets on, that overlap, or whose address is not known.
TEST(PromoteSlots, WhatOthersTouchStaysInMemory) {
  std::string text = promoted(R"(
    slot $key 16 align 8
    slot $parts 8 align 8
    slot $table 16 align 8
  ^entry(%ctx: ptr.ctx):
    %x: i64 = load.u64 %ctx, #0
    %k: ptr.stack = slot_addr $key
    store.u64 %k, %x, #0
    store.u64 %k, %x, #8
    %eight: i64 = constant 8
    %second: ptr.stack = ptr_add %k, %eight
    %e: i64 = call map_delete_elem(@m, %second)
    %before: i64 = load.u64 %k, #0
    %behind: i64 = load.u64 %k, #8
    %p: ptr.stack = slot_addr $parts
    store.u64 %p, %x, #0
    %low: i64 = load.u32 %p, #0
    %t: ptr.stack = slot_addr $table
    zero %t, #0, 16
    %offset: i64 = and %x, %eight
    %entry: ptr.stack = ptr_add %t, %offset
    store.u64 %entry, %x, #0
    %first: i64 = load.u64 %t, #0
    %s: i64 = add %before, %behind
    %s2: i64 = add %s, %low
    %s3: i64 = add %s2, %first
    ret %s3
  )");
  expect_lines(text, R"(store.u64 %k, %x, #8
    %behind: i64 = load.u64 %k, #8
    store.u64 %p, %x, #0
    %low: i64 = load.u32 %p, #0
    %first: i64 = load.u64 %t, #0
    %s: i64 = add %x, %behind
    !%before: i64 = load.u64 %k, #0)");
}

}  // namespace
}  // namespace shrike::passes
