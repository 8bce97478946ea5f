// share_slots, spill_to_scratch and check_budget: where stack slots end up.
#include <gtest/gtest.h>

#include "mir/text.h"
#include "passes/frames.h"
#include "tests/passes/pass_check.h"

namespace shrike::passes {
namespace {

// Two slots of `size` bytes, each filled, sent and forgotten before the next.
std::string two_messages(uint32_t size) {
  std::string n = std::to_string(size);
  return "interface {\n  map @.ring ring ring bytes 0 0 entries 4096\n}\n" +
         program("slot $a " + n + " align 8\nslot $b " + n + " align 8\n^entry(%ctx: ptr.ctx):\n%n: i64 = constant " + n +
                 "\n%0: i64 = constant 0\n%a: ptr.stack = slot_addr $a\nzero %a, #0, " + n +
                 "\n%x: i64 = call ringbuf_output(@.ring, %a, %n, %0)\n%b: ptr.stack = slot_addr $b\nzero %b, #0, " + n +
                 "\n%y: i64 = call ringbuf_output(@.ring, %b, %n, %0)\nret %0\n");
}

TEST(ShareSlots, OneAfterTheOtherShare) {
  expect_lines(after("share-slots", two_messages(64)), R"(
    slot $a 64 align 8
    %a: ptr.stack = slot_addr $a
    %b: ptr.stack = slot_addr $a
    !slot $b 64 align 8
  )");
}

TEST(ShareSlots, OperandsOfOneCallDoNot) {
  expect_lines(after("share-slots", with_map(R"(
    slot $k 8 align 8
    slot $v 8 align 8
    ^entry(%ctx: ptr.ctx):
      %k: ptr.stack = slot_addr $k
      %v: ptr.stack = slot_addr $v
      zero %v, #0, 8
      zero %k, #0, 8
      %0: i64 = constant 0
      %r: i64 = call map_update_elem(@m, %k, %v, %0)
      ret %0
  )")),
               "slot $k 8 align 8\nslot $v 8 align 8");
}

TEST(ShareSlots, WhatIsReadInTheNextRoundOfALoopStaysApart) {
  expect_lines(after("share-slots", program(R"(
    slot $carried 8 align 8
    slot $local 8 align 8
    ^entry(%ctx: ptr.ctx):
      %c: ptr.stack = slot_addr $carried
      zero %c, #0, 8
      jump ^loop
    ^loop:
      %x: i64 = load.u64 %c, #0
      store.u64 %c, %x, #0
      %l: ptr.stack = slot_addr $local
      store.u64 %l, %x, #0
      %y: i64 = load.u64 %l, #0
      branch %y, ^loop, ^end
    ^end:
      ret %y
  )")),
               "slot $carried 8 align 8\nslot $local 8 align 8");
}

TEST(ShareSlots, PartlyWrittenSlotsStayApart) {
  // The first store fills half of $a, so what it held before still counts at the last load.
  expect_lines(after("share-slots", program(R"(
    slot $a 16 align 8
    slot $b 16 align 8
    ^entry(%ctx: ptr.ctx):
      %a: ptr.stack = slot_addr $a
      zero %a, #0, 16
      %b: ptr.stack = slot_addr $b
      zero %b, #0, 16
      %x: i64 = load.u64 %b, #0
      store.u64 %a, %x, #0
      %y: i64 = load.u64 %a, #8
      ret %y
  )")),
               "slot $a 16 align 8\nslot $b 16 align 8");
}

// Loops one after the other take the bytes of one; what stays on the stack for them is not tied to what may leave.
TEST(ShareSlots, WhatGoesToCallbacksSharesWithItsLike) {
  const std::string text = after("share-slots", program(R"(
    slot $a 16 align 8
    slot $b 24 align 8
    slot $c 200 align 8
    ^entry(%ctx: ptr.ctx):
      %n: i64 = constant 5
      %0: i64 = constant 0
      %a: ptr.stack = slot_addr $a
      zero %a, #0, 16
      %r: i64 = call loop(%n, &"round", %a, %0)
      %b: ptr.stack = slot_addr $b
      zero %b, #0, 24
      %s: i64 = call loop(%n, &"round", %b, %0)
      %c: ptr.stack = slot_addr $c
      zero %c, #0, 200
      %t: i64 = load.u64 %c, #8
      ret %t
  )") + R"(
fn "round" loop kprobe {
^entry(%i: i64, %c: ptr.stack):
  store.u64 %c, %i, #0
  %0: i64 = constant 0
  ret %0
}
)");
  expect_lines(text, "slot $b 24 align 8\nslot $c 200 align 8\n!slot $a 16 align 8");
}

TEST(SpillToScratch, NothingMovesWhileTheStackSuffices) {
  expect_lines(after("spill-to-scratch", two_messages(200)), "slot $a 200 align 8\nslot $b 200 align 8");
}

// Many values that a call must not lose will be on the stack, too.
TEST(SpillToScratch, RegistersThatAreKeptOverACallCount) {
  auto with_values = [](int count) {
    std::string text = "slot $big 440 align 8\n^entry(%ctx: ptr.ctx):\n%b: ptr.stack = slot_addr $big\nzero %b, #0, 440\n";
    for (int i = 0; i < count; i++) text += "%v" + std::to_string(i) + ": i64 = load.u64 %ctx, #" + std::to_string(8 * i) + "\n";
    text += "%c: i64 = call get_smp_processor_id()\n";
    std::string sum = "%c";
    for (int i = 0; i < count; i++) {
      text += "%s" + std::to_string(i) + ": i64 = add " + sum + ", %v" + std::to_string(i) + "\n";
      sum = "%s" + std::to_string(i);
    }
    return program(text + "store.u64 %b, " + sum + ", #0\n%r: i64 = load.u64 %b, #8\nret %r\n");
  };
  expect_lines(after("spill-to-scratch", with_values(10)), "slot $big 440 align 8");
  expect_lines(after("spill-to-scratch", with_values(20)),
               "map @.scratch.0 scratch percpu_array bytes 4 440 entries 1\n!slot $big 440 align 8");
}

// A process may be preempted in a program at a uprobe, and the next one on its CPU enters the same program.
TEST(SpillToScratch, ProgramsThatMayBePreemptedTakeAFreeValueAndGiveItBack) {
  std::string body = program(R"(
    slot $big 600 align 8
    ^entry(%ctx: ptr.ctx):
      %b: ptr.stack = slot_addr $big
      zero %b, #0, 600
      %0: i64 = constant 0
      ret %0
  )");
  std::string uprobe = "interface {\n  map @.globals globals array bytes 4 1088 entries 1\n  probe uprobe \"u\" runs \"t\"\n}\n";
  expect_lines(after("spill-to-scratch", uprobe + body), R"(
    map @.scratch.0 scratch percpu_array bytes 4 608 entries 4
    store.u32 %key, %zero, #0
    %value: ptr.map? = call map_lookup_elem(@.scratch.0, %key)
    branch_null %value, ^no_scratch, ^found_scratch
    ^body(%scratch: ptr.map):
    %offset: i64 = constant 8
    %b: ptr.map = ptr_add %scratch, %offset
    atomic_add.u64 %scratch, %minus, #0
    ret %0
    ^no_scratch:
    %lost: ptr.map = map_value_addr @.globals, #64
    atomic_add.u64 %lost, %once, #0
    ^found_scratch(%found: ptr.map):
    %others: i64 = atomic_fetch_add.u64 %found, %one, #0
    branch %others, ^scratch_taken, ^scratch
  )");
  std::string kprobe = "interface {\n  probe kprobe \"k\" runs \"t\"\n}\n";
  expect_lines(after("spill-to-scratch", kprobe + body), "map @.scratch.0 scratch percpu_array bytes 4 600 entries 1");
}

// What is too big for a per-CPU value is in an array with values for each of three CPUs.
TEST(SpillToScratch, BeyondPerCpuValuesRunsFindTheirsByCpu) {
  std::string body = program(R"(
    slot $big 40000 align 8
    ^entry(%ctx: ptr.ctx):
      %b: ptr.stack = slot_addr $big
      %0: i64 = constant 0
      store.u64 %b, %0, #39992
      ret %0
  )");
  KernelLimits limits;
  limits.possible_cpus = [] { return 3u; };
  expect_lines(after("spill-to-scratch", "interface {\n  probe kprobe \"k\" runs \"t\"\n}\n" + body, limits), R"(
    map @.scratch.0 scratch array bytes 4 40000 entries 3
    %cpu: i64 = call get_smp_processor_id()
    store.u32 %key, %cpu, #0
    %value: ptr.map? = call map_lookup_elem(@.scratch.0, %key)
    branch_null %value, ^no_scratch, ^body
  )");
  expect_lines(after("spill-to-scratch", "interface {\n  probe uprobe \"u\" runs \"t\"\n}\n" + body, limits), R"(
    map @.scratch.0 scratch array bytes 4 40008 entries 12
    %cpu: i64 = call get_smp_processor_id()
    %first: i64 = mul %cpu, %runs
    %next: i64 = add %first, %one
    store.u32 %key, %next, #0
  )");
}

// The first to go makes room for no more than the key that its map is looked up with.
TEST(SpillToScratch, SmallSlotsMoveWhereOneAloneWouldNotHelp) {
  KernelLimits limits;
  limits.stack_bytes = 64 + register_spill_room;
  std::string slots, stores;
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g", "h", "i"}) {
    slots += "slot $" + std::string(name) + " 8 align 8\n";
    stores += "%" + std::string(name) + ": ptr.stack = slot_addr $" + name + "\nstore.u64 %" + name + ", %x, #0\n";
  }
  const std::string body = "^entry(%ctx: ptr.ctx):\n%x: i64 = load.u64 %ctx, #0\n" + stores + "ret %x\n";
  const std::string text = after("spill-to-scratch", program(slots + body), limits);
  expect_lines(text, "map @.scratch.0 scratch percpu_array bytes 4 16 entries 1");
  expect_lines(after("check-budget", text, limits), "slot $scratch_key 4 align 4");
}

TEST(SpillToScratch, TheLargestSlotMovesToAMapLookedUpAtEntry) {
  std::string text = after("spill-to-scratch", with_map(R"(
    slot $small 8 align 8
    slot $big 600 align 8
    ^entry(%ctx: ptr.ctx):
      %s: ptr.stack = slot_addr $small
      %b: ptr.stack = slot_addr $big
      zero %s, #0, 8
      zero %b, #0, 600
      %0: i64 = constant 0
      branch %0, ^x(%b), ^x(%b)
    ^x(%p: ptr.stack):
      %r: i64 = call map_update_elem(@m, %s, %p, %0)
      ret %0
  )"));
  expect_lines(text, R"(
    map @.scratch.0 scratch percpu_array bytes 4 600 entries 1
    slot $small 8 align 8
    slot $scratch_key 4 align 4
    ^entry(%ctx: ptr.ctx):
    store.u32 %key, %zero, #0
    %found: ptr.map? = call map_lookup_elem(@.scratch.0, %key)
    branch_null %found, ^no_scratch, ^body
    ^x(%p: ptr.map):
    %r: i64 = call map_update_elem(@m, %s, %p, %0)
    ^body(%scratch: ptr.map):
    %offset: i64 = constant 0
    %b: ptr.map = ptr_add %scratch, %offset
    zero %b, #0, 600
    ^no_scratch:
    %none: i64 = constant 0
    ret %none
    !slot $big 600 align 8
  )");
}

// What a sub-program is given in a slot may move as well: to it, both are memory of its caller. after() validates.
TEST(SpillToScratch, SlotsGivenToSubprogramsMove) {
  std::string text = after("spill-to-scratch", program(R"(
    slot $big 600 align 8
    ^entry(%ctx: ptr.ctx):
      %b: ptr.stack = slot_addr $big
      zero %b, #0, 600
      %r: i64 = call_fn &"first", %b
      ret %r
  )") + R"(
fn "first" subprogram kprobe {
^entry(%p: ptr.stack):
  %x: i64 = load.u64 %p, #592
  ret %x
}
)");
  expect_lines(text, R"(
    map @.scratch.0 scratch percpu_array bytes 4 600 entries 1
    %b: ptr.map = ptr_add %scratch, %offset
    %r: i64 = call_fn &"first", %b
    ^entry(%p: ptr.stack):
    !slot $big 600 align 8
  )");
}

TEST(SpillToScratch, SlotsOfOnePointerMoveTogether) {
  std::string text = after("spill-to-scratch", program(R"(
    slot $a 500 align 8
    slot $b 8 align 8
    slot $c 8 align 8
    ^entry(%ctx: ptr.ctx):
      %x: i64 = load.u64 %ctx, #0
      %a: ptr.stack = slot_addr $a
      zero %a, #0, 500
      %b: ptr.stack = slot_addr $b
      store.u64 %b, %x, #0
      %c: ptr.stack = slot_addr $c
      store.u64 %c, %x, #0
      branch %x, ^x(%a), ^x(%b)
    ^x(%p: ptr.stack):
      %r: i64 = load.u64 %p, #0
      %s: i64 = load.u64 %c, #0
      ret %r
  )"));
  expect_lines(
      text,
      "map @.scratch.0 scratch percpu_array bytes 4 512 entries 1\nslot $c 8 align 8\n^x(%p: ptr.map):\n!slot $b 8 align 8");
}

std::string for_each_with_context(uint32_t context_size, uint32_t callback_slot) {
  std::string n = std::to_string(context_size), m = std::to_string(callback_slot);
  return "interface {\n  map @m user hash keyed key int64 value int64 bytes 8 8 entries 10\n}\n" +
         program("slot $context " + n + " align 8\n^entry(%ctx: ptr.ctx):\n%c: ptr.stack = slot_addr $context\nzero %c, #0, " +
                 n + "\n%0: i64 = constant 0\n%r: i64 = call for_each_map_elem(@m, &\"each\", %c, %0)\nret %0\n") +
         "fn \"each\" for_each kprobe {\nslot $own " + m +
         " align 8\n^entry(%m: ptr.map_handle, %k: ptr.key, %v: ptr.map, %c: ptr.stack):\n%o: ptr.stack = slot_addr $own\nzero "
         "%o, #0, " +
         m + "\n%x: i64 = load.u64 %o, #0\nstore.u64 %c, %x, #0\n%0: i64 = constant 0\nret %0\n}\n";
}

TEST(SpillToScratch, CallbacksCountAndContextsStay) {
  // 256 + 64 and 200 + 64 bytes do not fit together; only the callback's own slot may leave.
  std::string text = after("spill-to-scratch", for_each_with_context(256, 200));
  expect_lines(text,
               "map @.scratch.1 scratch percpu_array bytes 4 200 entries 1\nslot $context 256 align 8\n!slot $own 200 align 8");
}

std::string budget_error(std::string_view text, const KernelLimits& limits = {}) {
  mir::Module module = parse_mir(text);
  for (mir::Function& function : module.functions)
    for (mir::Block& block : function.blocks)
      for (mir::Inst& inst : block.insts) inst.span = {inst.slot.is_valid() ? inst.slot.index + 10 : 1, 100};
  Diagnostics diagnostics;
  // Slots of these tests stand for such that must be in memory.
  PipelineOptions options{.limits = limits, .skip = {"promote-slots"}, .validate = true};
  if (run_pipeline(module, options, diagnostics)) return "fits";
  return std::to_string(diagnostics.all().front().span.begin) + ": " + diagnostics.all().front().message;
}

TEST(CheckBudget, RefusesContextsThatCannotMove) {
  EXPECT_EQ(budget_error(for_each_with_context(256, 200)), "fits");
  // Diag::stack_budget
  EXPECT_EQ(budget_error(for_each_with_context(488, 16)),
            "10: the stack would need 544 bytes of 512; the largest object on it has 488");
}

// `depth` functions, of which each but the last calls the next.
std::string calls_inside_calls(uint32_t depth) {
  std::string text = program("^entry(%ctx: ptr.ctx):\n%r: i64 = call_fn &\"f1\"\nret %r\n");
  for (uint32_t i = 1; i < depth; i++)
    text += "fn \"f" + std::to_string(i) + "\" subprogram kprobe {\n^entry:\n%r: i64 = " +
            (i + 1 == depth ? "call get_smp_processor_id()" : "call_fn &\"f" + std::to_string(i + 1) + "\"") + "\nret %r\n}\n";
  return text;
}

TEST(CheckBudget, RefusesMoreFramesThanTheCallStackHolds) {
  PipelineOptions options{.skip = {"inline-functions"}};
  for (uint32_t depth : {8u, 9u}) {
    mir::Module module = parse_mir(calls_inside_calls(depth));
    Diagnostics diagnostics;
    EXPECT_EQ(run_pipeline(module, options, diagnostics), depth <= 8) << depth;
    // Diag::call_depth_budget
    const std::string message = diagnostics.all().empty() ? "" : diagnostics.all()[0].message;
    EXPECT_EQ(message,
              depth <= 8 ? "" : "loops and functions go 8 deep here; the kernel gives 8 frames to `t` and what it calls");
  }
}

TEST(CheckBudget, RefusesScratchBeyondItsLimit) {
  EXPECT_EQ(budget_error(two_messages(1000)), "fits");
  // Diag::scratch_budget
  EXPECT_EQ(budget_error(two_messages(1000), {.max_scratch_bytes = 500}),
            "10: objects too big for the stack need 1000 bytes of scratch memory; a program may have 500");
}

}  // namespace
}  // namespace shrike::passes
