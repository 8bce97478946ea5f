// remove_dead: what goes, and what must stay.
#include <gtest/gtest.h>

#include "tests/passes/pass_check.h"

namespace shrike::passes {
namespace {

TEST(RemoveDead, UnusedValuesSlotsAndBlocksGo) {
  std::string text = after("remove-dead", program(R"(
    slot $unused 8 align 8
    slot $written 8 align 8
    slot $read 8 align 8
    ^entry(%ctx: ptr.ctx):
      %x: i64 = load.u64 %ctx, #0
      %y: i64 = add %x, %x
      %pid: i64 = call get_current_pid_tgid()
      %w: ptr.stack = slot_addr $written
      store.u64 %w, %y, #0
      %r: ptr.stack = slot_addr $read
      store.u64 %r, %x, #0
      %z: i64 = load.u64 %r, #0
      ret %z
    ^island:
      jump ^island
  )"));
  expect_lines(text, R"(
    slot $read 8 align 8
    ^entry(%ctx: ptr.ctx):
    %x: i64 = load.u64 %ctx, #0
    %r: ptr.stack = slot_addr $read
    store.u64 %r, %x, #0
    ret %z
    !slot $unused 8 align 8
    !slot $written 8 align 8
    !^island:
    !%pid: i64 = call get_current_pid_tgid()
  )");
}

TEST(RemoveDead, ParametersGoWithTheirArguments) {
  std::string text = after("remove-dead", program(R"(
    ^entry(%ctx: ptr.ctx):
      %x: i64 = load.u64 %ctx, #0
      %y: i64 = load.u64 %ctx, #8
      jump ^loop(%x, %y)
    ^loop(%a: i64, %b: i64):
      %c: i64 = add %a, %x
      branch %b, ^loop(%c, %b), ^end
    ^end:
      ret %b
  )"));
  expect_lines(text, "jump ^loop(%y)\n^loop(%b: i64):\nbranch %b, ^loop(%b), ^end");
}

TEST(RemoveDead, EffectsStay) {
  std::string text = after("remove-dead", R"(interface {
    map @m user hash keyed key int64 value int64 bytes 8 8 entries 10
  })" + program(R"(
    slot $k 8 align 8
    ^entry(%ctx: ptr.ctx):
      %k: ptr.stack = slot_addr $k
      zero %k, #0, 8
      %r: i64 = call map_delete_elem(@m, %k)
      %p: ptr.map? = call map_lookup_elem(@m, %k)
      branch_null %p, ^none, ^some
    ^some(%q: ptr.map):
      jump ^none
    ^none:
      %z: i64 = constant 0
      ret %z
  )"));
  expect_lines(text, "zero %k, #0, 8\n%r: i64 = call map_delete_elem(@m, %k)\n^some(%q: ptr.map):");
}

// What other edges give for a pointer that branch_null provides has to stay with it.
TEST(RemoveDead, ArgumentsBesideAProvidedPointerStay) {
  std::string text = after("remove-dead", R"(interface { map @m user array keyed key uint32 value uint64 bytes 4 8 entries 1 }
fn "f" program kprobe {
    slot $k 8 align 8
    ^entry(%ctx: ptr.ctx):
      %k: ptr.stack = slot_addr $k
      zero %k, #0, 8
      %v: ptr.map? = call map_lookup_elem(@m, %k)
      branch_null %v, ^missing, ^join
    ^missing:
      %other: ptr.map = map_value_addr @m, #0
      jump ^join(%other)
    ^join(%p: ptr.map):
      %r: i64 = constant 0
      ret %r
})");
  expect_lines(text, R"(
    %other: ptr.map = map_value_addr @m, #0
    jump ^join(%other)
  )");
}

}  // namespace
}  // namespace shrike::passes
