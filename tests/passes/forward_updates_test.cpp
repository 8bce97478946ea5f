// forward_updates: what an update or an addition leaves in a map is not looked up again.
#include <gtest/gtest.h>

#include "tests/passes/pass_check.h"

namespace shrike::passes {
namespace {

// `between`, then `@m[x]` is read and returned; %s may be the status of an update before.
std::string forwarded(std::string_view before, std::string_view between = "", std::string_view map = hash_of_words,
                      std::string_view wanted = "%b: i64 = load.u64 %q, #0\njump ^end(%b)") {
  return after("forward-updates", "interface {\n" + two_maps(map) + "}\n" +
                                      program(std::string(two_keys) + R"(
      %v: ptr.stack = slot_addr $value
      store.u64 %v, %y, #0
      %one: i64 = constant 1
      )" + std::string(before) + "\n" + std::string(between) +
                                              R"(
      %f: ptr.map? = call map_lookup_elem(@m, %k)
      branch_null %f, ^missing, ^present
    ^missing:
      jump ^end(%zero)
    ^present(%q: ptr.map):
      )" + std::string(wanted) +
                                              R"(
    ^end(%r: i64):
      ret %r)"));
}

constexpr std::string_view update = "%s: i64 = call map_update_elem(@m, %k, %v, %zero)";
constexpr std::string_view bump = R"(
      %p: ptr.map? = call map_lookup_elem(@m, %k)
      branch_null %p, ^insert, ^add
    ^insert:
      %s: i64 = call map_update_elem(@m, %k, %v, %one)
      branch %s, ^again, ^on
    ^again:
      %g: ptr.map? = call map_lookup_elem(@m, %k)
      branch_null %g, ^full, ^quicker
    ^full:
      %c: ptr.map = map_value_addr @.globals, #1120
      atomic_add.u64 %c, %one, #0
      jump ^on
    ^add(%a: ptr.map):
      atomic_add.u64 %a, %y, #0
      jump ^on
    ^quicker(%h: ptr.map):
      atomic_add.u64 %h, %y, #0
      jump ^on
    ^on:)";

constexpr std::string_view is_forwarded = R"(branch %s, ^ask, ^present(%y)
  ^present(%b: i64):
  jump ^end(%b)
  ^load(%q: ptr.map):
  %l: i64 = load.u64 %q, #0
  jump ^present(%l)
  ^ask:
  %f: ptr.map? = call map_lookup_elem(@m, %k)
  branch_null %f, ^missing, ^load)";
// No value is handed on where the key is found.
constexpr std::string_view is_looked_up = "branch_null %f, ^missing, ^present\n%b: i64 = load.u64 %q, #0\njump ^end(%b)";

// What a map refused is not there, and what was there before still is.
TEST(ForwardUpdates, WhatAnUpdateStoredIsKnownIfItWorked) {
  expect_lines(forwarded(update), is_forwarded);
  expect_lines(forwarded(update, "%d: i64 = call map_delete_elem(@n, %k)"), is_forwarded);
  expect_lines(forwarded(update, "%c: ptr.map = map_value_addr @.globals, #1120\natomic_add.u64 %c, %one, #0"), is_forwarded);
  expect_lines(forwarded("%w: ptr.map = map_value_addr @.globals, #1136\n%s: i64 = call map_update_elem(@m, %k, %w, %zero)"),
               "%n: i64 = constant 5\nbranch %s, ^ask, ^present(%n)");
}

TEST(ForwardUpdates, WhatMayHaveBeenWrittenSinceIsLookedUp) {
  for (const char* between : {
           "%d: i64 = call map_delete_elem(@m, %o)",
           "%u: i64 = call map_update_elem(@m, %o, %k, %zero)",
           // Through a pointer that may lead to the entry.
           "%p: ptr.map? = call map_lookup_elem(@m, %o)\nbranch_null %p, ^on, ^some\n^some(%h: ptr.map):\nstore.u64 %h, %x, #0\n"
           "jump ^on\n^on:",
       })
    expect_lines(forwarded(update, between), is_looked_up);
  expect_lines(forwarded("%s: i64 = call map_update_elem(@m, %o, %v, %zero)"), is_looked_up);
  expect_lines(forwarded("%s: i64 = call map_update_elem(@n, %k, %v, %zero)"), is_looked_up);
}

TEST(ForwardUpdates, OnlyWordsThatAreLoaded) {
  expect_lines(forwarded(update, "", "hash keyed key int64 value string[16] bytes 8 16 entries 4"), is_looked_up);
  expect_lines(forwarded(update, "", "percpu_hash keyed key int64 value int64 bytes 8 8 entries 4"), is_looked_up);
  for (const char* wanted : {"atomic_add.u64 %q, %x, #0\njump ^end(%x)", "%b: i64 = load.u32 %q, #0\njump ^end(%b)"})
    expect_lines(forwarded(update, "", hash_of_words, wanted), "branch_null %f, ^missing, ^present\n^present(%q: ptr.map):");
}

// What is refused is added as if nothing had been stored.
TEST(ForwardUpdates, ConstantsThatAreAddedNextAreStoredAtOnce) {
  constexpr std::string_view add = "%two: i64 = constant 2\natomic_add.u64 %q, %two, #0\n%n: i64 = constant 7\njump ^end(%n)";
  expect_lines(forwarded("%w: ptr.map = map_value_addr @.globals, #1136\n%s: i64 = call map_update_elem(@m, %k, %w, %zero)", "",
                         hash_of_words, add),
               R"(%seven: i64 = constant 7
      %a: ptr.stack = slot_addr $sum
      store.u64 %a, %seven, #0
      %s: i64 = call map_update_elem(@m, %k, %a, %zero)
      %given: i64 = constant 7
      branch %s, ^ask, ^end(%given)
      ^present(%q: ptr.map):
      atomic_add.u64 %q, %two, #0
      ^ask:
      branch_null %f, ^missing, ^present)");
  expect_lines(forwarded(update, "", hash_of_words, add),
               "%c: i64 = constant 2\n%i: i64 = add %y, %c\n%a: ptr.stack = slot_addr $sum\nstore.u64 %a, %i, #0\n"
               "%s: i64 = call map_update_elem(@m, %k, %a, %zero)\nbranch %s, ^ask, ^end(%given)");
  // Whoever looks between sees what was stored; and what is not known yet cannot be.
  for (const char* between : {"%o2: ptr.map? = call map_lookup_elem(@m, %o)", "%t: i64 = call ktime_get_ns()"})
    expect_lines(forwarded(update, between, hash_of_words, add),
                 "branch_null %f, ^missing, ^present\n^present(%q: ptr.map):\n!jump ^ask");
  expect_lines(forwarded(update, "", hash_of_words, "atomic_add.u64 %q, %x, #0\njump ^end(%x)"),
               "%s: i64 = call map_update_elem(@m, %k, %v, %zero)\n%f: ptr.map? = call map_lookup_elem(@m, %k)");
}

// Every way to the look-up knows: nothing enters its block any more.
TEST(ForwardUpdates, AdditionsTellWhatTheyMake) {
  expect_lines(forwarded(bump), R"(^insert:
      %s: i64 = call map_update_elem(@m, %k, %v, %one)
      branch %s, ^again, ^present(%y)
      ^full:
      jump ^missing
      ^add(%a: ptr.map):
      %i: i64 = atomic_fetch_add.u64 %a, %y, #0
      %j: i64 = add %i, %y
      jump ^present(%j)
      ^quicker(%h: ptr.map):
      %m: i64 = atomic_fetch_add.u64 %h, %y, #0
      %n: i64 = add %m, %y
      jump ^present(%n)
      !branch_null %f, ^missing, ^load)");
}

// Ways on which something came between go on asking.
TEST(ForwardUpdates, EdgesThatDoNotKnowAskOn) {
  expect_lines(forwarded(R"(
      %p: ptr.map? = call map_lookup_elem(@m, %k)
      branch_null %p, ^on, ^add
    ^add(%a: ptr.map):
      atomic_add.u64 %a, %y, #0
      %d: i64 = call map_update_elem(@m, %o, %v, %zero)
      jump ^on
    ^on:)"),
               R"(branch_null %p, ^missing, ^add
      atomic_add.u64 %a, %y, #0
      jump ^on
      ^on:
      %f: ptr.map? = call map_lookup_elem(@m, %k)
      branch_null %f, ^missing, ^load)");
}

// What else the block made is made where it is used.
TEST(ForwardUpdates, ConstantsOfTheLookUpsBlockAreMadeAgain) {
  expect_lines(forwarded(bump, "%seven: i64 = constant 7", hash_of_words,
                         "%b: i64 = load.u64 %q, #0\n%t: i64 = add %b, %seven\njump ^end(%t)"),
               "^present(%b: i64):\n%seven: i64 = constant 7\n%t: i64 = add %b, %seven\njump ^end(%t)");
  // With more in it than that, it is entered as before.
  expect_lines(forwarded(bump, "%z: i64 = call ktime_get_ns()", hash_of_words,
                         "%b: i64 = load.u64 %q, #0\n%t: i64 = add %b, %z\njump ^end(%t)"),
               "atomic_add.u64 %a, %y, #0\njump ^on");
}

}  // namespace
}  // namespace shrike::passes
