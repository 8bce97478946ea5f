// expand_aggregates: the control flow that each aggregate becomes.
#include <gtest/gtest.h>

#include "tests/passes/pass_check.h"

namespace shrike::passes {
namespace {

std::string keyed(std::string_view type, uint32_t bytes, std::string_view update) {
  return "interface {\n"
         "  map @.globals globals array bytes 4 1104 entries 1\n"
         "  map @m user percpu_hash keyed key int64 value " +
         std::string(type) + " bytes 8 " + std::to_string(bytes) + " entries 4096\n}\n" +
         program(
             "slot $key 8 align 8\n^entry(%ctx: ptr.ctx):\n"
             "%n: i64 = load.u64 %ctx, #8\n%key: ptr.stack = slot_addr $key\nstore.u64 %key, %n, #0\n" +
             std::string(update) + "\nret %n\n");
}

std::string scalar(std::string_view type, uint32_t bytes, std::string_view update) {
  return "interface {\n  map @m user percpu_array value " + std::string(type) + " bytes 4 " + std::to_string(bytes) +
         " entries 1\n}\n" +
         program("^entry(%ctx: ptr.ctx):\n%n: i64 = load.u64 %ctx, #8\n" + std::string(update) + "\nret %n\n");
}

TEST(ExpandAggregates, CountOfKeyedMapLooksUpInsertsAndLooksUpAgain) {
  expect_lines(after("expand-aggregates", keyed("count_t", 8, "agg_update @m, %key")), R"(
    %found: ptr.map? = call map_lookup_elem(@m, %key)
    branch_null %found, ^insert, ^bump
    ^done:
    ret %n
    ^bump(%value: ptr.map):
    %one: i64 = constant 1
    atomic_add.u64 %value, %one, #0
    jump ^done
    ^insert:
    %zeros: ptr.map = map_value_addr @.globals, #0
    %noexist: i64 = constant 1
    %inserted: i64 = call map_update_elem(@m, %key, %zeros, %noexist)
    %again: ptr.map? = call map_lookup_elem(@m, %key)
    branch_null %again, ^full, ^bump
    ^full:
    %counter: ptr.map = map_value_addr @.globals, #1096
    atomic_add.u64 %counter, %more, #0
    jump ^done
    !agg_update @m, %k
  )");
}

TEST(ExpandAggregates, ScalarSetsItsPresentWordAndNeedsNoInsertion) {
  expect_lines(after("expand-aggregates", scalar("sum_t", 16, "agg_update @m, %n")), R"(
    slot $zeros 4 align 8
    %n: i64 = load.u64 %ctx, #8
    zero %key, #0, 4
    %found: ptr.map? = call map_lookup_elem(@m, %key)
    branch_null %found, ^done, ^bump
    ^bump(%value: ptr.map):
    store.u64 %value, %one, #8
    atomic_add.u64 %value, %n, #0
    !^insert:
  )");
}

TEST(ExpandAggregates, MinAndMaxCompareOnlyOnceSet) {
  expect_lines(after("expand-aggregates", keyed("min_t", 16, "agg_update @m, %key, %n")), R"(
    ^bump(%value: ptr.map):
    %set: i64 = load.u64 %value, #8
    branch %set, ^compare, ^replace
    ^compare:
    %current: i64 = load.u64 %value, #0
    %less: i64 = lt_s %n, %current
    branch %less, ^replace, ^done
    ^replace:
    store.u64 %value, %n, #0
    store.u64 %value, %one, #8
  )");
  expect_lines(after("expand-aggregates", keyed("umax_t", 16, "agg_update @m, %key, %n")), R"(
    %current: i64 = load.u64 %value, #0
    %less: i64 = lt_u %current, %n
  )");
}

TEST(ExpandAggregates, AvgAddsTotalAndCount) {
  expect_lines(after("expand-aggregates", keyed("avg_t", 16, "agg_update @m, %key, %n")), R"(
    atomic_add.u64 %value, %n, #0
    atomic_add.u64 %value, %one, #8
  )");
}

TEST(ExpandAggregates, HistogramsComeFromTheZerosMapAndAreClamped) {
  expect_lines(after("expand-aggregates", keyed("hist_t[0]", 520, "agg_update @m, %key, %n")), R"(
    map @.zeros zeros array bytes 4 520 entries 1
    ^bump(%value: ptr.map):
    %bucket: i64 = clamp_u %raw, 64
    %offset: i64 = shl %bucket, %three
    %counter: ptr.map = ptr_add %value, %offset
    atomic_add.u64 %counter, %one, #0
    ^insert:
    %zeros: ptr.map = map_value_addr @.zeros, #0
    %inserted: i64 = call map_update_elem(@m, %key, %zeros, %noexist)
  )");
  expect_lines(after("expand-aggregates", keyed("lhist_t[0,100,10]", 96, "agg_update @m, %key, %n")),
               "%bucket: i64 = clamp_u %raw, 11");
}

TEST(ExpandAggregates, IntervalsOfSeriesBeginAnew) {
  expect_lines(after("expand-aggregates", keyed("tseries_t[1000,5,max]", 120, "agg_update @m, %key, %n")), R"(
    %interval: i64 = div_u %now, %length
    %rest: i64 = mod_u %interval, %five
    %place: i64 = clamp_u %rest, 4
    %slot: ptr.map = ptr_add %value, %offset
    %kept: i64 = load.u64 %slot, #16
    %same: i64 = eq %kept, %interval
  )");
}

TEST(ExpandAggregates, ScalarOfDeclaredHashUsesKeyZero) {
  std::string text = "interface {\n  map @m user hash value count_t bytes 8 8 entries 1\n}\n" +
                     program("^entry(%ctx: ptr.ctx):\nagg_update @m\n%0: i64 = constant 0\nret %0\n");
  expect_lines(after("expand-aggregates", text), R"(
    zero %key, #0, 8
    branch_null %found, ^insert, ^bump
  )");
}

}  // namespace
}  // namespace shrike::passes
