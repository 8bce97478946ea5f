// expand_aggregates: the control flow that each aggregate becomes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "mir/interpret.h"
#include "tests/passes/pass_check.h"

namespace shrike::passes {
namespace {

std::string keyed(std::string_view type, uint32_t bytes, std::string_view update) {
  return "interface {\n"
         "  map @.globals globals array bytes 4 1120 entries 1\n"
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
    %counter: ptr.map = map_value_addr @.globals, #1104
    atomic_add.u64 %counter, %more, #0
    store.u64 %counter, %inserted, #8
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

TEST(ExpandAggregates, MinAndMaxExchangeWhatTheyCompared) {
  expect_lines(after("expand-aggregates", keyed("min_t", 16, "agg_update @m, %key, %n")), R"(
    ^bump(%value: ptr.map):
    %mask: i64 = constant 9223372036854775807
    %kept: i64 = xor %n, %mask
    %current: i64 = load.u64 %value, #0
    %less: i64 = lt_u %current, %kept
    branch %less, ^replace, ^mark
    ^mark:
    store.u64 %value, %one, #8
    ^replace:
    %found: i64 = atomic_cmpxchg.u64 %value, %current, %kept, #0
    %same: i64 = eq %found, %current
    branch %same, ^mark, ^again
    ^again:
    %less2: i64 = lt_u %found, %kept
    branch %less2, ^replace.1, ^mark
  )");
  expect_lines(after("expand-aggregates", keyed("umax_t", 16, "agg_update @m, %key, %n")), R"(
    %current: i64 = load.u64 %value, #0
    %less: i64 = lt_u %current, %n
  )");
}

// What is kept of `n` after programs have interrupted it, each between a comparison and its exchange, to update the same entry;
// and how many events were counted as lost.
std::pair<int64_t, uint64_t> interrupted(std::string_view type, int64_t n, const std::vector<int64_t>& others) {
  const std::string keys = after("expand-aggregates", keyed(type, 16, "agg_update @m, %key, %n"));
  const mir::Module module = parse_mir(keys);
  const mir::Function& function = module.functions[mir::FunctionId(0u)];
  const uint64_t mask = mir::extreme_mask(*module.interface.maps[mir::MapId(1u)].value);
  mir::Machine machine(module);
  std::vector<uint8_t> key(8), first(4), context(64);
  std::memcpy(key.data(), &n, 8);
  std::memcpy(&context[8], &n, 8);
  size_t next = 0;
  machine.on_value = [&](mir::FunctionId, mir::ValueId value, uint64_t) {
    bool is_comparison = false;
    for (const mir::Block& block : function.blocks)
      for (const mir::Inst& inst : block.insts) is_comparison |= inst.result == value && inst.op == mir::Opcode::lt_u;
    if (!is_comparison || next == others.size()) return;
    const uint64_t at = *machine.lookup(mir::MapId(1u), key), kept = static_cast<uint64_t>(others[next++]) ^ mask;
    uint64_t now = 0;
    machine.read(at, &now, 8);
    now = std::max(now, kept);
    machine.write(at, &now, 8);
  };
  EXPECT_EQ(machine.run(mir::FunctionId(0u), context).fault, "");
  uint64_t kept = 0, lost = 0, is_set = 0;
  machine.read(*machine.lookup(mir::MapId(1u), key), &kept, 8);
  machine.read(*machine.lookup(mir::MapId(1u), key) + 8, &is_set, 8);
  machine.read(*machine.lookup(mir::MapId(0u), first) + mir::globals::losses, &lost, 8);
  EXPECT_EQ(is_set, 1u);
  return {static_cast<int64_t>(kept ^ mask), lost};
}

TEST(ExpandAggregates, MinAndMaxLoseNothingToProgramsThatInterruptThem) {
  using Kept = std::pair<int64_t, uint64_t>;
  EXPECT_EQ(interrupted("min_t", 5, {}), Kept(5, 0));
  EXPECT_EQ(interrupted("min_t", 5, {3}), Kept(3, 0));
  EXPECT_EQ(interrupted("min_t", 5, {7}), Kept(5, 0));
  EXPECT_EQ(interrupted("min_t", -5, {7, -9}), Kept(-9, 1));
  EXPECT_EQ(interrupted("max_t", -5, {-7}), Kept(-5, 0));
  EXPECT_EQ(interrupted("max_t", 5, {-7, 4}), Kept(4, 1));
  EXPECT_EQ(interrupted("umax_t", -1, {7}), Kept(-1, 0));
  EXPECT_EQ(interrupted("umin_t", -1, {7}), Kept(7, 0));
  EXPECT_EQ(interrupted("umin_t", 0, {7}), Kept(0, 0));
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
    atomic_add.u64 %counter, %more, #0
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

std::string paged(std::string_view update, uint32_t keys = 10, uint32_t pages = 10) {
  return "interface {\n"
         "  map @.globals globals array bytes 4 1152 entries 1\n"
         "  map @.pages pages hash bytes 16 3000 entries " +
         std::to_string(pages) + "\n  map @m user hash keyed key int32 value tseries_t[1,3000,sum] bytes 4 8 entries " +
         std::to_string(keys) + " pages @.pages\n}\n" +
         program(
             "slot $key 8 align 8\n^entry(%ctx: ptr.ctx):\n"
             "%n: i64 = load.u64 %ctx, #8\n%key: ptr.stack = slot_addr $key\nstore.u64 %key, %n, #0\n" +
             std::string(update) + "\nret %n\n");
}

TEST(ExpandAggregates, PagesOfSeriesComeBeforeTheirKey) {
  expect_lines(after("expand-aggregates", paged("agg_update @m, %key, %n")), R"(
    %place: i64 = mod_u %interval, %count
    zero %page, #4, 4
    copy %page, %key, 4
    %cpu: i64 = call get_smp_processor_id()
    %high: i64 = shl %cpu, %bits
    %number: i64 = div_u %place, %slots
    %both: i64 = or %number, %high
    store.u64 %page, %both, #8
    %found: ptr.map? = call map_lookup_elem(@.pages, %page)
    branch_null %found, ^new_page, ^bump
  )");
  expect_lines(after("expand-aggregates", paged("agg_update @m, %key, %n")), R"(
    ^new_page:
    %inserted: i64 = call map_update_elem(@.pages, %page, %zeros, %noexist)
    %again: ptr.map? = call map_lookup_elem(@.pages, %page)
    branch_null %again, ^full, ^new_key
    ^new_key(%made: ptr.map):
    %status: i64 = call map_update_elem(@m, %key, %nothing, %flag)
    %known: ptr.map? = call map_lookup_elem(@m, %key)
    branch_null %known, ^no_key, ^found
    ^no_key:
    %gone: i64 = call map_delete_elem(@.pages, %page)
  )");
}

// What is in the maps after an update at each of these times, by the key given.
std::vector<std::vector<mir::Machine::Entry>> series_after(const std::string& text,
                                                           const std::vector<std::pair<uint64_t, int64_t>>& updates) {
  const mir::Module module = parse_mir(text);
  mir::Machine machine(module);
  std::vector<uint8_t> context(64);
  for (auto [time, key] : updates) {
    machine.state.nanoseconds = time;
    std::memcpy(&context[8], &key, 8);
    EXPECT_EQ(machine.run(mir::FunctionId(0u), context).fault, "");
  }
  std::vector<std::vector<mir::Machine::Entry>> maps;
  for (const char* name : {"@m", ".pages", ".globals"}) maps.push_back(machine.entries(module.interface.find_map(name)));
  return maps;
}

TEST(ExpandAggregates, PagesAreWhatTheInterpreterMakesOfSeries) {
  const std::vector<std::pair<uint64_t, int64_t>> updates = {{5999, 7}, {6000, 7}, {6124, 7}, {6125, 7},
                                                             {6125, 7}, {6125, 8}, {9125, 7}};
  struct Row {
    uint32_t keys, pages;
    size_t kept_keys, kept_pages;
    uint8_t refused;
  };
  for (const Row& row : {Row{10, 10, 2, 4, 0}, Row{1, 10, 1, 3, 1}, Row{10, 2, 1, 2, 4}}) {
    const std::string text = paged("agg_update @m, %key, %n", row.keys, row.pages);
    const auto high = series_after(text, updates), low = series_after(after("expand-aggregates", text), updates);
    EXPECT_EQ(high[0].size(), row.kept_keys);
    EXPECT_EQ(high[1].size(), row.kept_pages);
    EXPECT_EQ(high[2][0].values[0][mir::globals::map_refusals(mir::MapId(2u))], row.refused);
    for (size_t map = 0; map < high.size(); map++) {
      ASSERT_EQ(high[map].size(), low[map].size());
      for (size_t i = 0; i < high[map].size(); i++) {
        EXPECT_EQ(high[map][i].key, low[map][i].key);
        EXPECT_EQ(high[map][i].values, low[map][i].values);
      }
    }
  }
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
