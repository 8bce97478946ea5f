// fuse_updates: an update of what a look-up of the same key found is a store there, as long as the entry cannot have gone.
#include <gtest/gtest.h>

#include "tests/passes/pass_check.h"

namespace shrike::passes {
namespace {

const std::string head = std::string(two_keys) + R"(
      %f: ptr.map? = call map_lookup_elem(@m, %k)
      branch_null %f, ^none, ^some
)";

// What `tail` becomes behind a look-up in @m, whose entry it may find as %p.
std::string fused(std::string_view tail, std::string_view map = hash_of_words) {
  return after("fuse-updates",
               "interface {\n" + two_maps(map) + "event 0 clear \"\" () size 8 map @n\n}\n" + program(head + std::string(tail)));
}

// `@m[x] = y` where it has been found, with `between` before that.
std::string in_found(std::string_view between, std::string_view map = hash_of_words) {
  return fused("^none:\nret %zero\n^some(%p: ptr.map):\n%v: ptr.stack = slot_addr $value\nstore.u64 %v, %y, #0\n" +
                   std::string(between) + "\n%s: i64 = call map_update_elem(@m, %k, %v, %zero)\nret %s",
               map);
}

// The same where both ways meet, with `behind` behind it.
std::string where_ways_meet(std::string_view behind) {
  return fused(R"(
    ^none:
      jump ^join
    ^some(%p: ptr.map):
      jump ^join
    ^join:
      %v: ptr.stack = slot_addr $value
      store.u64 %v, %y, #0
      %s: i64 = call map_update_elem(@m, %k, %v, %zero)
)" + std::string(behind));
}

constexpr std::string_view is_stored = R"(^some(%p: ptr.map):
  store.u64 %p, %y, #0
  %s: i64 = constant 0
  ret %s
  !%s: i64 = call map_update_elem(@m, %k, %v, %zero))";
constexpr std::string_view is_updated = "^some(%p: ptr.map):\nret %s\n!store.u64 %p, %y, #0";

TEST(FuseUpdates, WhatWasFoundIsStoredTo) {
  expect_lines(in_found(""), is_stored);
  expect_lines(in_found("%d: i64 = call map_delete_elem(@n, %k)"), is_stored);
  // An insertion where nothing is replaces nothing.
  expect_lines(in_found("%once: i64 = constant 1\n%i: i64 = call map_update_elem(@m, %o, %v, %once)"), is_stored);
}

TEST(FuseUpdates, ConstantsOfTheGlobalsMapAreStored) {
  expect_lines(fused(R"(
    ^none:
      ret %zero
    ^some(%p: ptr.map):
      %v: ptr.map = map_value_addr @.globals, #1136
      %s: i64 = call map_update_elem(@m, %k, %v, %zero)
      %w: ptr.map = map_value_addr @.globals, #0
      %t: i64 = call map_update_elem(@m, %k, %w, %zero)
      ret %t)"),
               R"(^some(%p: ptr.map):
      %c: i64 = constant 5
      store.u64 %p, %c, #0
      store.u64 %p, %d, #0
      %e: i64 = constant 0
      ret %e)");
}

// The slot is filled where the update still is; no test follows a store.
TEST(FuseUpdates, WhatALookUpGaveDecides) {
  expect_lines(fused(R"(
    ^none:
      jump ^join(%zero)
    ^some(%p: ptr.map):
      %old: i64 = load.u64 %p, #0
      jump ^join(%old)
    ^join(%was: i64):
      %sum: i64 = add %was, %y
      %v: ptr.stack = slot_addr $value
      store.u64 %v, %sum, #0
      %s: i64 = call map_update_elem(@m, %k, %v, %zero)
      branch %s, ^full, ^done
    ^full:
      ret %s
    ^done:
      ret %zero)"),
               R"(^join(%was: i64):
      %sum: i64 = add %was, %y
      %v: ptr.stack = slot_addr $value
      branch_null %f, ^insert, ^replace
      ^insert:
      store.u64 %v, %sum, #0
      %s: i64 = call map_update_elem(@m, %k, %v, %zero)
      branch %s, ^full, ^done
      ^replace(%q: ptr.map):
      store.u64 %q, %sum, #0
      jump ^done)");
  // The status is handed on: zero where it was stored.
  expect_lines(where_ways_meet(R"(
      branch %s, ^full, ^done(%s)
    ^full:
      jump ^done(%y)
    ^done(%d: i64):
      ret %d)"),
               "^replace(%q: ptr.map):\nstore.u64 %q, %y, #0\n%n: i64 = constant 0\njump ^done(%n)");
  expect_lines(where_ways_meet(R"(
      ret %s)"),
               R"(branch_null %f, ^insert, ^replace
      ^insert:
      %s: i64 = call map_update_elem(@m, %k, %v, %zero)
      jump ^on(%s)
      ^replace(%q: ptr.map):
      store.u64 %q, %y, #0
      %done: i64 = constant 0
      jump ^on(%done)
      ^on(%t: i64):
      ret %t)");
}

// Where nothing was found, it is an insertion, as before.
TEST(FuseUpdates, WhatIsMissingIsInserted) {
  const std::string text = fused(R"(
    ^none:
      %v: ptr.stack = slot_addr $value
      store.u64 %v, %y, #0
      %s: i64 = call map_update_elem(@m, %k, %v, %zero)
      ret %s
    ^some(%p: ptr.map):
      %w: ptr.stack = slot_addr $other
      %t: i64 = call map_update_elem(@m, %k, %w, %zero)
      ret %t)");
  expect_lines(text, "^none:\n%s: i64 = call map_update_elem(@m, %k, %v, %zero)\n^some(%p: ptr.map):\nstore.u64 %p, %y, #0");
}

TEST(FuseUpdates, EntriesThatMayHaveGoneAreNotStoredTo) {
  for (const char* between : {
           "%d: i64 = call map_delete_elem(@m, %o)",
           // May be the same key; and it makes all others of the map, in all programs, updates that may replace.
           "%u: i64 = call map_update_elem(@m, %o, %v, %zero)",
           "%u: i64 = call map_update_elem(@m, %o, %v, %y)",
       })
    expect_lines(in_found(between), is_updated);
}

TEST(FuseUpdates, OnlyWordsOfPlainHashes) {
  expect_lines(in_found("", "lru_hash keyed key int64 value int64 bytes 8 8 entries 4"), is_updated);
  expect_lines(in_found("", "hash keyed key int64 value string[16] bytes 8 16 entries 4"), is_updated);
}

TEST(FuseUpdates, OnlyTheKeyThatWasLookedUp) {
  expect_lines(fused(R"(
    ^none:
      ret %zero
    ^some(%p: ptr.map):
      %v: ptr.stack = slot_addr $value
      store.u64 %v, %y, #0
      %s: i64 = call map_update_elem(@m, %o, %v, %zero)
      ret %s)"),
               "%s: i64 = call map_update_elem(@m, %o, %v, %zero)\nret %s");
}

// Clearing is user space's: it makes entries go while programs run.
TEST(FuseUpdates, MapsThatAreClearedKeepUpdates) {
  for (const char* kind : {"clear", "zero"})
    expect_lines(after("fuse-updates", "interface {\n map @m user " + std::string(hash_of_words) +
                                           "\n"
                                           " event 0 " +
                                           kind + " \"\" () size 8 map @m\n}\n" + program(head + R"(
    ^none:
      ret %zero
    ^some(%p: ptr.map):
      %s: i64 = call map_update_elem(@m, %k, %o, %zero)
      ret %s)")),
                 "%s: i64 = call map_update_elem(@m, %k, %o, %zero)");
}

}  // namespace
}  // namespace shrike::passes
