// reuse_lookups: what a look-up found and loaded serves the next of the same key, until the map may have changed.
#include <gtest/gtest.h>

#include "tests/passes/pass_check.h"

namespace shrike::passes {
namespace {

// `/@m[x]/ { ... @m[x] ... }`, with `between` in between and `second` as what is done with the second value, %q.
std::string reused(std::string_view between, std::string_view second = "%b: i64 = load.u64 %q, #0\njump ^end(%b)") {
  return after("reuse-lookups", "interface {\n" + two_maps() + "map @g user array value int64 bytes 4 16 entries 1\n}\n" +
                                    program(std::string(two_keys) + R"(
      %f: ptr.map? = call map_lookup_elem(@m, %k)
      branch_null %f, ^none, ^some
    ^some(%p: ptr.map):
      %a: i64 = load.u64 %p, #0
      branch %a, ^then, ^none
    ^none:
      ret %zero
    ^then:
    )" + std::string(between) +
                                            R"(
      %again: ptr.map? = call map_lookup_elem(@m, %k)
      branch_null %again, ^missing, ^present
    ^missing:
      jump ^end(%zero)
    ^present(%q: ptr.map):
    )" + std::string(second) +
                                            R"(
    ^end(%r: i64):
      ret %r
    )"));
}

constexpr std::string_view is_reused = R"(^some(%p: ptr.map):
  %a: i64 = load.u64 %p, #0
  jump ^present(%p)
  ^present(%q: ptr.map):
  jump ^end(%a)
  !branch_null %again, ^missing, ^present)";
constexpr std::string_view is_asked_again = R"(^some(%p: ptr.map):
  %again: ptr.map? = call map_lookup_elem(@m, %k)
  branch_null %again, ^missing, ^present
  %b: i64 = load.u64 %q, #0
  jump ^end(%b))";

TEST(ReuseLookups, WhatWasLoadedIsNotAskedForAgain) {
  expect_lines(reused(""), is_reused);
  expect_lines(reused("%now: i64 = call ktime_get_ns()"), is_reused);
}

// Other maps, and words of globals, are other memory.
TEST(ReuseLookups, WritesToOtherMapsDoNotMatter) {
  expect_lines(reused("%d: i64 = call map_delete_elem(@n, %k)"), is_reused);
  expect_lines(reused("%w: ptr.map = map_value_addr @g, #0\nstore.u64 %w, %x, #0"), is_reused);
  expect_lines(reused(R"(
      %l: ptr.map? = call map_lookup_elem(@n, %k)
      branch_null %l, ^insert, ^bump
    ^insert:
      %u: i64 = call map_update_elem(@n, %k, %o, %zero)
      %m: ptr.map? = call map_lookup_elem(@n, %k)
      branch_null %m, ^on, ^bump
    ^bump(%c: ptr.map):
      atomic_add.u64 %c, %x, #0
      jump ^on
    ^on:)"),
               is_reused);
}

TEST(ReuseLookups, WritesToTheMapEndIt) {
  for (const char* between : {
           "%d: i64 = call map_delete_elem(@m, %o)",
           "%u: i64 = call map_update_elem(@m, %k, %o, %zero)",
           "atomic_add.u64 %p, %x, #0",
           "%eight: i64 = constant 8\n%e: i64 = call probe_read_kernel(%p, %eight, %x)",
           // On one of two ways.
           "branch %y, ^writes, ^on\n^writes:\nstore.u64 %p, %x, #0\njump ^on\n^on:",
           // Through a pointer that is one of two maps'.
           "%w: ptr.map = map_value_addr @g, #0\nbranch %y, ^on(%p), ^on(%w)\n^on(%c: ptr.map):\nstore.u64 %c, %x, #0",
       })
    expect_lines(reused(between), is_asked_again);
}

// What the second wants and the first did not load, or a pointer to write through.
TEST(ReuseLookups, ThePointerIsNotReused) {
  expect_lines(reused("", "%b: i64 = load.u32 %q, #0\njump ^end(%b)"), "branch_null %again, ^missing, ^present");
  expect_lines(reused("", "atomic_add.u64 %q, %x, #0\njump ^end(%x)"), "branch_null %again, ^missing, ^present");
}

// Each round of a loop asks anew: others may have written what it waits for.
TEST(ReuseLookups, RoundsAskAnew) {
  expect_lines(reused(R"(
      %one: i64 = constant 1
      jump ^head(%x)
    ^head(%left: i64):
      %l: ptr.map? = call map_lookup_elem(@m, %k)
      branch_null %l, ^none, ^round
    ^round(%c: ptr.map):
      %v: i64 = load.u64 %c, #0
      %less: i64 = sub %left, %v
      branch %less, ^head(%less), ^on
    ^on:)"),
               "^head(%left: i64):\n%l: ptr.map? = call map_lookup_elem(@m, %k)\nbranch_null %l, ^none, ^round");
}

}  // namespace
}  // namespace shrike::passes
