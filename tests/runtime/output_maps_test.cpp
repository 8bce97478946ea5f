// Whole maps: order, merging over CPUs, top and div, blank lines, histograms to the column. Texts are bpftrace 0.17's.
#include <gtest/gtest.h>

#include "tests/runtime/output_trace.h"

namespace shrike {
namespace {

using mir::EventKind;
using mir::MapId;

std::string pair_of(int64_t first, uint64_t second) {
  return bytes_of(static_cast<uint64_t>(first)) + bytes_of(second);
}
// What programs keep of min_t and max_t, see mir::extreme_mask.
std::string least(int64_t value) {
  return pair_of(value ^ INT64_MAX, 1);
}
std::string greatest(int64_t value) {
  return pair_of(value ^ INT64_MIN, 1);
}

// The counts of some buckets of a hist or lhist.
std::string counts(size_t buckets, const std::vector<std::pair<size_t, uint64_t>>& set) {
  std::string bytes(8 * buckets, '\0');
  for (auto [bucket, count] : set) bytes.replace(8 * bucket, 8, bytes_of(count));
  return bytes;
}

std::string bar(size_t length) {
  return "|" + std::string(length, '@') + std::string(52 - length, ' ') + "|\n";
}

class OutputMaps : public ::testing::Test {
 protected:
  std::string printed(MapId map, int64_t top = 0, int64_t div = 0) {
    trace.output().print_map(map, top, div);
    return trace.out();
  }
  MapId keyed(const char* key, const char* value, const std::vector<std::pair<Datum, std::vector<std::string>>>& rows) {
    MapId map = trace.add_keyed("@m", key, value);
    for (const auto& [row_key, copies] : rows) trace.add_row(map, row_key.bytes, copies);
    return map;
  }
  Trace trace;
};

TEST_F(OutputMaps, IntegersAscendByValueThenByKey) {
  MapId map = keyed("int64", "int64",
                    {{number("int64", 3), {bytes_of(10)}},
                     {number("int64", 2), {bytes_of(5)}},
                     {number("int64", 1), {bytes_of(5)}},
                     {number("int64", -7), {bytes_of(5)}},
                     {number("int64", 9), {bytes_of(static_cast<uint64_t>(-4))}}});
  EXPECT_EQ(printed(map), "@m[9]: -4\n@m[-7]: 5\n@m[1]: 5\n@m[2]: 5\n@m[3]: 10\n");
  EXPECT_EQ(printed(map, 2), "@m[2]: 5\n@m[3]: 10\n");
  EXPECT_EQ(printed(map, 99, 5), "@m[9]: 0\n@m[-7]: 1\n@m[1]: 1\n@m[2]: 1\n@m[3]: 2\n");
}

TEST_F(OutputMaps, OtherValuesGoByKey) {
  MapId by_name = keyed("string[64]", "string[8]", {{text("z"), {"a"}}, {text("a"), {"z"}}});
  EXPECT_EQ(printed(by_name), "@m[a]: z\n@m[z]: a\n");
  MapId by_tuple = keyed("(string[64],int64)", "(int64,int64)",
                         {{tuple({text("b"), number("int64", 2)}), {pair_of(1, 1)}},
                          {tuple({text("b"), number("int64", -1)}), {pair_of(2, 2)}},
                          {tuple({text("a"), number("int64", 9)}), {pair_of(3, 3)}}});
  EXPECT_EQ(printed(by_tuple), "@m[a, 9]: (3, 3)\n@m[b, -1]: (2, 2)\n@m[b, 2]: (1, 1)\n");
}

TEST_F(OutputMaps, KeysOfEveryShape) {
  EXPECT_EQ(printed(keyed("(int64,kstack_t[1])", "int64",
                          {{tuple({number("int64", 1), {"kstack_t[1]", pair_of(1, 0x10)}}), {bytes_of(1)}}})),
            "@m[1, \n    0x10\n]: 1\n");
  EXPECT_EQ(printed(keyed("buffer[8]", "int64", {{buffer("a\n", 8), {bytes_of(4)}}})), "@m[a\\x0a]: 4\n");
  EXPECT_EQ(printed(keyed("uint64", "int64", {{number("uint64", -1), {bytes_of(4)}}})), "@m[18446744073709551615]: 4\n");
  EXPECT_EQ(printed(keyed("(int64,(int64,int64))", "int64",
                          {{tuple({number("int64", 1), tuple({number("int64", 2), number("int64", 3)})}), {bytes_of(4)}}})),
            "@m[1, (2, 3)]: 4\n");
}

TEST_F(OutputMaps, AggregatesAddUpOverCpus) {
  EXPECT_EQ(printed(trace.add_scalar("@c", "count_t", {bytes_of(2), bytes_of(3)})), "@c: 5\n");
  EXPECT_EQ(printed(trace.add_scalar("@s", "sum_t", {bytes_of(2), bytes_of(static_cast<uint64_t>(-5))})), "@s: -3\n");
  EXPECT_EQ(printed(trace.add_scalar("@n", "min_t", {least(7), least(-4), pair_of(0, 0)})), "@n: -4\n");
  EXPECT_EQ(printed(trace.add_scalar("@n", "min_t", {pair_of(0, 0), least(4)})), "@n: 4\n");
  EXPECT_EQ(printed(trace.add_scalar("@x", "max_t", {greatest(7), greatest(-4), pair_of(0, 0)})), "@x: 7\n");
  EXPECT_EQ(printed(trace.add_scalar("@x", "umax_t", {pair_of(7, 1), pair_of(-1, 1)})), "@x: 18446744073709551615\n");
  EXPECT_EQ(printed(trace.add_scalar("@a", "avg_t", {pair_of(10, 1), pair_of(-20, 1)})), "@a: -5\n\n");
  EXPECT_EQ(printed(trace.add_scalar("@t", "stats_t", {pair_of(10, 1), pair_of(20, 1)})),
            "@t: count 2, average 15, total 30\n\n");
}

TEST_F(OutputMaps, OrderOfAggregates) {
  EXPECT_EQ(printed(keyed(
                "int64", "avg_t",
                {{number("int64", 1), {pair_of(100, 1), pair_of(0, 0)}}, {number("int64", 2), {pair_of(6, 1), pair_of(6, 1)}}})),
            "@m[2]: 6\n@m[1]: 100\n\n");
  EXPECT_EQ(printed(keyed("int64", "min_t", {{number("int64", 1), {least(5)}}, {number("int64", 2), {least(-3)}}})),
            "@m[2]: -3\n@m[1]: 5\n");
  MapId stats = keyed("int64", "stats_t", {{number("int64", 1), {pair_of(10, 1)}}, {number("int64", 2), {pair_of(5, 1)}}});
  const char* all = "@m[2]: count 1, average 5, total 5\n@m[1]: count 1, average 10, total 10\n\n";
  EXPECT_EQ(printed(stats), all);
  EXPECT_EQ(printed(stats, 1, 2), all);  // neither top nor div mean anything to stats
  EXPECT_EQ(
      printed(keyed("int64", "avg_t", {{number("int64", 1), {pair_of(12, 2)}}, {number("int64", 2), {pair_of(100, 1)}}}), 0, 2),
      "@m[1]: 3\n@m[2]: 50\n\n");
}

TEST_F(OutputMaps, AbsenceIsABlankLine) {
  EXPECT_EQ(printed(trace.add_scalar("@x", "int64", {bytes_of(0)}, false)), "\n");
  EXPECT_EQ(printed(trace.add_scalar("@x", "int64", {bytes_of(0)}, true)), "@x: 0\n");
  EXPECT_EQ(printed(trace.add_scalar("@c", "count_t", {bytes_of(0), bytes_of(0)}, false)), "@c: 0\n");
  EXPECT_EQ(printed(trace.add_scalar("@m", "min_t", {pair_of(0, 0), pair_of(0, 0)}, true)), "@m: 0\n");
  EXPECT_EQ(printed(trace.add_scalar("@m", "max_t", {pair_of(0, 0), pair_of(0, 0)}, false)), "\n");
  EXPECT_EQ(printed(keyed("int64", "int64", {})), "\n");
  EXPECT_EQ(printed(keyed("int64", "hist_t[0]", {})), "\n");
  EXPECT_EQ(printed(keyed("int64", "avg_t", {})), "\n\n");
  EXPECT_EQ(printed(trace.add_scalar("@t", "stats_t", {pair_of(0, 0)}, false)), "\n\n");
}

TEST_F(OutputMaps, AllMapsInOrderOfName) {
  trace.add_scalar("@b", "int64", {bytes_of(2)});
  trace.add_scalar("@A", "int64", {bytes_of(1)});
  trace.add_scalar("@", "int64", {bytes_of(3)});
  trace.program.maps.add({.name = ".ring", .role = mir::MapRole::ring, .kind = mir::MapKind::ring});
  trace.output().print_all_maps();
  EXPECT_EQ(trace.out(), "\n\n@: 3\n@A: 1\n@b: 2\n");
}

TEST_F(OutputMaps, LogHistogram) {
  MapId map = trace.add_scalar("@h", "hist_t[0]",
                               {counts(65, {{0, 1}, {1, 1}, {2, 1}, {3, 1}}), counts(65, {{3, 1}, {4, 1}, {11, 1}, {12, 1}})});
  EXPECT_EQ(printed(map),
            "@h: \n"
            "(..., 0)               1 " +
                bar(26) + "[0]                    1 " + bar(26) + "[1]                    1 " + bar(26) +
                "[2, 4)                 2 " + bar(52) + "[4, 8)                 1 " + bar(26) + "[8, 16)                0 " +
                bar(0) + "[16, 32)               0 " + bar(0) + "[32, 64)               0 " + bar(0) +
                "[64, 128)              0 " + bar(0) + "[128, 256)             0 " + bar(0) + "[256, 512)             0 " +
                bar(0) + "[512, 1K)              1 " + bar(26) + "[1K, 2K)               1 " + bar(26) + "\n");
  EXPECT_EQ(printed(trace.add_scalar("@h", "hist_t[0]", {counts(65, {{63, 3}, {64, 2}})})),
            "@h: \n"
            "[2E, 4E)               3 " +
                bar(52) + "[4E, 8E)               2 " + bar(34) + "\n");
  EXPECT_EQ(printed(trace.add_scalar("@h", "hist_t[0]", {std::string(8 * 65, '\0')})), "@h: \n\n");
}

TEST_F(OutputMaps, LogHistogramWithSubBuckets) {
  // 2 bits: 0 1 2 3, then [4] [5] [6] [7], [8, 10) …
  EXPECT_EQ(printed(trace.add_scalar("@h", "hist_t[2]", {counts(249, {{4, 1}, {5, 1}, {8, 2}, {9, 1}, {10, 1}})})),
            "@h: \n"
            "[3]                    1 " +
                bar(26) + "[4]                    1 " + bar(26) + "[5]                    0 " + bar(0) +
                "[6]                    0 " + bar(0) + "[7]                    2 " + bar(52) + "[8, 10)                1 " +
                bar(26) + "[10, 12)               1 " + bar(26) + "\n");
}

TEST_F(OutputMaps, HistogramsByKeyAscendByTotal) {
  MapId map = keyed("(int64,string[64])", "hist_t[0]",
                    {{tuple({number("int64", 1), text("a")}), {counts(65, {{4, 2}})}},
                     {tuple({number("int64", 2), text("b")}), {counts(65, {{5, 1}})}}});
  std::string few = "@m[2, b]: \n[8, 16)                1 " + bar(52) + "\n";
  std::string many = "@m[1, a]: \n[4, 8)                 2 " + bar(52) + "\n";
  EXPECT_EQ(printed(map), few + many);
  EXPECT_EQ(printed(map, 1), many);
  // Divided are the counts, not the bars.
  EXPECT_EQ(printed(map, 1, 3), "@m[1, a]: \n[4, 8)                 0 " + bar(52) + "\n");
}

TEST_F(OutputMaps, LinearHistogram) {
  EXPECT_EQ(printed(trace.add_scalar("@l", "lhist_t[0,20,5]", {counts(6, {{0, 1}, {2, 2}, {5, 1}})})),
            "@l: \n"
            "(..., 0)               1 " +
                bar(26) + "[0, 5)                 0 " + bar(0) + "[5, 10)                2 " + bar(52) +
                "[10, 15)               0 " + bar(0) + "[15, 20)               0 " + bar(0) + "[20, ...)              1 " +
                bar(26) + "\n");
  EXPECT_EQ(printed(trace.add_scalar("@l", "lhist_t[0,10,1]", {counts(12, {{4, 1}})})),
            "@l: \n[3, 4)                 1 " + bar(52) + "\n");
  EXPECT_EQ(printed(trace.add_scalar("@l", "lhist_t[1024,2048,512]", {counts(4, {{0, 2}, {1, 1}})})),
            "@l: \n"
            "(..., 1K)              2 " +
                bar(52) + "[1K, 1536)             1 " + bar(26) + "\n");
  EXPECT_EQ(printed(trace.add_scalar("@l", "lhist_t[0,5000000,1048576]", {counts(6, {{4, 1}, {5, 3}})}), 0, 2),
            "@l: \n"
            "[3M, 4M)               1 " +
                bar(17) + "[5000000, ...)         3 " + bar(52) + "\n");
}

TEST_F(OutputMaps, RecordsActOnMaps) {
  MapId map = keyed("int64", "int64", {{number("int64", 1), {bytes_of(10)}}, {number("int64", 2), {bytes_of(20)}}});
  EXPECT_EQ(trace.show(EventKind::print_map, "", {number("int64", 1), number("int64", 10)}, {}, map), "@m[2]: 2\n");
  EXPECT_EQ(trace.show(EventKind::print_element, "", {number("int64", 7), text("v")}, {}, map), "@m[7]: v\n");
  EXPECT_EQ(trace.show(EventKind::zero, "", {}, {}, map), "");
  EXPECT_EQ(trace.show(EventKind::print_map, "", {number("int64", 0), number("int64", 0)}, {}, map), "@m[1]: 0\n@m[2]: 0\n");
  EXPECT_EQ(trace.show(EventKind::clear, "", {}, {}, map), "");
  EXPECT_EQ(trace.show(EventKind::print_map, "", {number("int64", 0), number("int64", 0)}, {}, map), "\n");
}

}  // namespace
}  // namespace shrike
