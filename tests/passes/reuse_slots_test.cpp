// reuse_slots: slots that are filled with the same become one; others stay.
#include <gtest/gtest.h>

#include "tests/passes/pass_check.h"

namespace shrike::passes {
namespace {

std::string reused(std::string_view body) {
  return after("reuse-slots", with_map(body));
}

TEST(ReuseSlots, AKeyIsStoredOnce) {
  std::string text = reused(R"(
    slot $key 8 align 8
    slot $again 8 align 8
    slot $third 8 align 8
  ^entry(%ctx: ptr.ctx):
    %x: i64 = load.u64 %ctx, #0
    %k: ptr.stack = slot_addr $key
    store.u64 %k, %x, #0
    %e: i64 = call map_delete_elem(@m, %k)
    branch %e, ^then, ^end
  ^then:
    %a: ptr.stack = slot_addr $again
    store.u64 %a, %x, #0
    %f: i64 = call map_delete_elem(@m, %a)
    jump ^end
  ^end:
    %t: ptr.stack = slot_addr $third
    store.u64 %t, %x, #0
    %g: i64 = call map_delete_elem(@m, %t)
    ret %g
  )");
  expect_lines(text, R"(store.u64 %k, %x, #0
    %a: ptr.stack = slot_addr $key
    %f: i64 = call map_delete_elem(@m, %a)
    %t: ptr.stack = slot_addr $key
    !store.u64 %a, %x, #0
    !store.u64 %t, %x, #0)");
}

// The task's name is the same throughout a run; what the first call answered stands for the second's answer.
TEST(ReuseSlots, TheTasksNameIsReadOnce) {
  std::string text = reused(R"(
    slot $name 16 align 8
    slot $again 16 align 8
  ^entry(%ctx: ptr.ctx):
    %bytes: i64 = constant 16
    %n: ptr.stack = slot_addr $name
    zero %n, #0, 16
    %r: i64 = call get_current_comm(%n, %bytes)
    %v: i64 = load.u64 %n, #0
    %a: ptr.stack = slot_addr $again
    zero %a, #0, 16
    %s: i64 = call get_current_comm(%a, %bytes)
    %w: i64 = load.u64 %a, #8
    %sum: i64 = add %v, %s
    %all: i64 = add %sum, %w
    ret %all
  )");
  expect_lines(text, R"(%r: i64 = call get_current_comm(%n, %bytes)
    %a: ptr.stack = slot_addr $name
    %w: i64 = load.u64 %a, #8
    %sum: i64 = add %v, %r
    !zero %a, #0, 16)");
}

// Another value, another size, filled on one way only, read before it is filled, or written by what is not known.
TEST(ReuseSlots, WhatMayDifferStays) {
  std::string text = reused(R"(
    slot $key 8 align 8
    slot $other 8 align 8
    slot $wide 16 align 8
    slot $branch 8 align 8
    slot $behind 8 align 8
    slot $read 8 align 8
  ^entry(%ctx: ptr.ctx):
    %x: i64 = load.u64 %ctx, #0
    %y: i64 = load.u64 %ctx, #8
    %eight: i64 = constant 8
    %k: ptr.stack = slot_addr $key
    store.u64 %k, %x, #0
    %o: ptr.stack = slot_addr $other
    store.u64 %o, %y, #0
    %w: ptr.stack = slot_addr $wide
    store.u64 %w, %x, #0
    %e: i64 = call map_delete_elem(@m, %k)
    %f: i64 = call map_delete_elem(@m, %o)
    %g: i64 = call map_delete_elem(@m, %w)
    branch %e, ^then, ^end
  ^then:
    %five: i64 = constant 5
    %b: ptr.stack = slot_addr $branch
    store.u64 %b, %five, #0
    %h: i64 = call map_delete_elem(@m, %b)
    jump ^end
  ^end:
    %five2: i64 = constant 5
    %t: ptr.stack = slot_addr $behind
    store.u64 %t, %five2, #0
    %i: i64 = call map_delete_elem(@m, %t)
    %r: ptr.stack = slot_addr $read
    store.u64 %r, %x, #0
    %p: i64 = call probe_read_kernel(%r, %eight, %y)
    %j: i64 = call map_delete_elem(@m, %r)
    ret %j
  )");
  expect_lines(text, R"(store.u64 %k, %x, #0
    %o: ptr.stack = slot_addr $other
    store.u64 %o, %y, #0
    %w: ptr.stack = slot_addr $wide
    store.u64 %w, %x, #0
    %b: ptr.stack = slot_addr $branch
    %t: ptr.stack = slot_addr $behind
    store.u64 %t, %five2, #0
    %r: ptr.stack = slot_addr $read
    store.u64 %r, %x, #0)");
}

}  // namespace
}  // namespace shrike::passes
