// thread_jumps: edges that know the outcome of a branch go past it; those that do not, and headers of loops, stay.
// mir/repair_ssa by what becomes of values that are used behind the copies.
#include <gtest/gtest.h>

#include "tests/passes/pass_check.h"

namespace shrike::passes {
namespace {

// @m is an array that programs write to, %m the address of its value.
std::string threaded(std::string_view body) {
  std::string text(body);
  const std::string entry = "^entry(%ctx: ptr.ctx):\n";
  text.insert(text.find(entry) + entry.size(), "%m: ptr.map = map_value_addr @m, #0\n");
  return after("thread-jumps", "interface {\n map @m user array value int64[4] bytes 4 40 entries 1\n}" + program(text));
}

TEST(ThreadJumps, KeptTruthValuesAreNotTestedAgain) {
  // `$a = x && y; $b = z; if ($a) ...`: what stands between is copied.
  std::string text = threaded(R"(
    ^entry(%ctx: ptr.ctx):
      %x: i64 = load.u64 %ctx, #0
      %one: i64 = constant 1
      %zero: i64 = constant 0
      branch %x, ^join(%one), ^join(%zero)
    ^join(%a: i64):
      %b: i64 = load.u64 %ctx, #16
      branch %a, ^then, ^else
    ^then:
      ret %b
    ^else:
      ret %one
  )");
  expect_lines(text, R"(branch %x, ^join(%one), ^join.1(%zero)
    ^join(%a: i64):
      %b: i64 = load.u64 %ctx, #16
      jump ^then
    ^then:
      ret %b
    ^join.1(%c: i64):
      jump ^else)");
}

// The constant of one block that is copied is made again in another that is copied, too.
TEST(ThreadJumps, WhatIsMadeAgainIsCopiedWithItsBlock) {
  std::string text = threaded(R"(
    ^entry(%ctx: ptr.ctx):
      %x: i64 = load.u64 %ctx, #0
      %y: i64 = load.u64 %ctx, #8
      %one: i64 = constant 1
      branch %x, ^first(%one), ^first(%y)
    ^first(%a: i64):
      %k: i64 = constant 42
      branch %a, ^left, ^right
    ^left:
      jump ^second(%one)
    ^right:
      jump ^second(%y)
    ^second(%b: i64):
      store.u64 %m, %k, #0
      branch %b, ^then, ^else
    ^then:
      ret %one
    ^else:
      ret %x
  )");
  expect_lines(text, R"(branch %x, ^first.1(%one), ^first(%y)
    ^left:
      jump ^second.1(%one)
    ^second(%b: i64):
      %k: i64 = constant 42
      store.u64 %m, %k, #0
      branch %b, ^then, ^else
    ^second.1(%c: i64):
      %l: i64 = constant 42
      store.u64 %m, %l, #0
      jump ^then)");
}

TEST(ThreadJumps, ValuesUsedBehindTheCopiesMeetInParameters) {
  std::string text = threaded(R"(
    ^entry(%ctx: ptr.ctx):
      %x: i64 = load.u64 %ctx, #0
      %y: i64 = load.u64 %ctx, #8
      %one: i64 = constant 1
      %two: i64 = constant 2
      branch %x, ^left, ^right
    ^left:
      jump ^join(%one, %y)
    ^right:
      jump ^join(%two, %x)
    ^join(%a: i64, %b: i64):
      %c: i64 = add %b, %x
      %is: i64 = eq %a, %one
      branch %is, ^then, ^end
    ^then:
      store.u64 %m, %b, #0
      jump ^end
    ^end:
      %sum: i64 = sub %b, %c
      ret %sum
  )");
  expect_lines(text, R"(jump ^join(%one, %y)
      jump ^join.1(%two, %x)
    ^join(%a: i64, %b: i64):
      %c: i64 = add %b, %x
      jump ^then
    ^then:
      store.u64 %m, %b, #0
      jump ^end(%b, %c)
    ^end(%bb: i64, %cc: i64):
      %sum: i64 = sub %bb, %cc
    ^join.1(%a2: i64, %b2: i64):
      %c2: i64 = add %b2, %x
      jump ^end(%b2, %c2)
    !branch %is, ^then, ^end)");
}

TEST(ThreadJumps, BranchesOnTheWayDecide) {
  // A second `if (pid == 7)`, and one that the first implies.
  constexpr std::string_view twice = R"(
    ^entry(%ctx: ptr.ctx):
      %x: i64 = load.u64 %ctx, #0
      %k: i64 = constant 7
      %a: i64 = eq %x, %k
      branch %a, ^one, ^join
    ^one:
      store.u64 %m, %x, #8
      jump ^join
    ^join:
      %b: i64 = eq %x, %k
      branch %b, ^two, ^end
    ^two:
      %nine: i64 = constant 9
      %c: i64 = lt_u %x, %nine
      branch %c, ^three, ^end
    ^three:
      store.u64 %m, %x, #16
      jump ^end
    ^end:
      ret %x
  )";
  expect_lines(threaded(twice), "branch %a, ^one, ^join.1\n!branch %b, ^two, ^end\n!branch %c, ^three, ^end");
}

TEST(ThreadJumps, EdgesThatKnowGoPastABranchThatOthersNeed) {
  expect_lines(threaded(R"(
    ^entry(%ctx: ptr.ctx):
      %x: i64 = load.u64 %ctx, #0
      %y: i64 = load.u64 %ctx, #8
      %zero: i64 = constant 0
      branch %x, ^join(%y), ^join(%zero)
    ^join(%a: i64):
      branch %a, ^then, ^else
    ^then:
      ret %y
    ^else:
      ret %x
  )"),
               "branch %x, ^join(%y), ^join.1(%zero)\n^join(%a: i64):\nbranch %a, ^then, ^else\n^join.1(%b: i64):\njump ^else");
}

TEST(ThreadJumps, AMissingEntryLeadsToWhereItsValueLeads) {
  // `if (@m[k])`: null check, then a test of what the look-up gave. The check stays, the zero is not tested.
  expect_lines(after("thread-jumps", R"(interface {
    map @m user hash keyed key int64 value int64 bytes 8 8 entries 10
  })" + program(R"(
    slot $k 8 align 8
    ^entry(%ctx: ptr.ctx):
      %k: ptr.stack = slot_addr $k
      zero %k, #0, 8
      %p: ptr.map? = call map_lookup_elem(@m, %k)
      branch_null %p, ^none, ^some
    ^some(%q: ptr.map):
      %v: i64 = load.u64 %q, #0
      jump ^join(%v)
    ^none:
      %zero: i64 = constant 0
      jump ^join(%zero)
    ^join(%x: i64):
      %n: i64 = constant 5
      %is: i64 = lt_u %n, %x
      branch %is, ^then, ^else
    ^then:
      ret %x
    ^else:
      ret %n
  )")),
               "branch_null %p, ^none, ^some\njump ^join(%v)\njump ^join.1(%zero)\nbranch %is, ^then, ^else\n^join.1(%x: i64):\n"
               "jump ^else");
}

TEST(ThreadJumps, HeadersOfLoopsStay) {
  constexpr std::string_view loop = R"(
    ^entry(%ctx: ptr.ctx):
      %n: i64 = constant 4
      jump ^head(%n)
    ^head(%i: i64):
      branch %i, ^body, ^end
    ^body:
      %one: i64 = constant 1
      %j: i64 = sub %i, %one
      jump ^head(%j)
    ^end:
      ret %i
  )";
  expect_lines(threaded(loop), "jump ^head(%n)\nbranch %i, ^body, ^end\njump ^head(%j)");
}

TEST(ThreadJumps, WhatIsLongOrMakesPointersIsNotCopied) {
  auto joined = [](std::string_view between, std::string_view behind) {
    return threaded(
        "slot $s 16 align 8\n^entry(%ctx: ptr.ctx):\n%x: i64 = load.u64 %ctx, #0\n%one: i64 = constant 1\n"
        "%zero: i64 = constant 0\nbranch %x, ^join(%one), ^join(%zero)\n^join(%a: i64):\n" +
        std::string(between) + "\nbranch %a, ^then, ^else\n^then:\n" + std::string(behind) + "\nret %x\n^else:\nret %zero\n");
  };
  expect_lines(joined("%s: ptr.stack = slot_addr $s\n%p: ptr.stack = ptr_add %s, %x", "store.u64 %p, %x, #0"),
               "branch %a, ^then, ^else");
  expect_lines(joined("%b: i64 = load.u64 %ctx, #8\nstore.u64 %m, %b, #0\nstore.u64 %m, %b, #8\nstore.u64 %m, %b, #16", ""),
               "branch %a, ^then, ^else");
  // An address of a slot is made where it is used.
  expect_lines(joined("%s: ptr.stack = slot_addr $s\nstore.u64 %s, %x, #0", "store.u64 %s, %x, #8"),
               "^then:\n%t: ptr.stack = slot_addr $s\nstore.u64 %t, %x, #8\n!branch %a, ^then, ^else");
}

}  // namespace
}  // namespace shrike::passes
