// JSON lines: one shape a record, escapes, numbers a double cannot hold.
#include <gtest/gtest.h>

#include "tests/runtime/output_trace.h"

namespace shrike {
namespace {

using mir::EventKind;
using mir::MapId;

class OutputJson : public ::testing::Test {
 protected:
  OutputJson() : trace({.format = OutputFormat::json, .unsafe = true}) {}
  std::string printed(MapId map, int64_t top = 0, int64_t div = 0) {
    trace.output().print_map(map, top, div);
    return trace.out();
  }
  Trace trace;
};

TEST_F(OutputJson, TextRecords) {
  EXPECT_EQ(trace.show(EventKind::printf, "test %d\r\n\t\\\"", {number("int64", 5)}),
            R"({"type": "printf", "data": "test 5\r\n\t\\\""})"
            "\n");
  EXPECT_EQ(trace.show(EventKind::time, "x"), R"({"type": "time", "data": "x"})"
                                              "\n");
  EXPECT_EQ(trace.show(EventKind::system, "echo a b c"), R"({"type": "syscall", "data": "a b c\n"})"
                                                         "\n");
  EXPECT_EQ(trace.show(EventKind::cat, "/proc/sys/kernel/ostype"), R"({"type": "cat", "data": "Linux\n"})"
                                                                   "\n");
  Datum words{"string[8][2]", text("echo", 8).bytes + text("'A'", 8).bytes};
  EXPECT_EQ(trace.show(EventKind::join, ",", {number("uint64", 16), words}), R"({"type": "join", "data": "echo,'A'"})"
                                                                             "\n");
}

TEST_F(OutputJson, TextIsAlwaysUtf8) {
  struct Case {
    const char* bytes;
    const char* expected;
  };
  const Case cases[] = {
      {"\x01\x1f\x7f", "\\u0001\\u001f\x7f"},   {"\xc3\xa9", "\xc3\xa9"},         {"\xe2\x82\xac", "\xe2\x82\xac"},
      {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"}, {"\x80 \xff", "\\u0080 \\u00ff"}, {"\xc3", "\\u00c3"},
      {"\xe2\x82", "\\u00e2\\u0082"},           {"\xc0\x80", "\\u00c0\\u0080"},   {"\xed\xa0\x80", "\\u00ed\\u00a0\\u0080"},
  };
  for (const Case& c : cases)
    EXPECT_EQ(trace.show(EventKind::printf, "%s", {text(c.bytes)}),
              std::string(R"({"type": "printf", "data": ")") + c.expected + "\"}\n");
}

TEST_F(OutputJson, Values) {
  struct Case {
    Datum value;
    const char* expected;
  };
  const Case cases[] = {
      {number("int64", -5), "-5"},
      {number("int64", 9007199254740992), "9007199254740992"},
      {number("int64", 9007199254740993), "\"9007199254740993\""},
      {number("uint64", -1), "\"18446744073709551615\""},
      {number("int64", INT64_MIN), "-9223372036854775808"},
      {number("int64", INT64_MAX), "\"9223372036854775807\""},
      {number("bool", 1), "true"},
      {number("int16*", 0x32), "50"},
      {number("enum e", 333), "333"},
      {text("a\"b"), "\"a\\\"b\""},
      {buffer("a\xff"), "[97,255]"},
      {tuple({number("int64", 1), text("two"), tuple({number("int64", 4), number("int8", 5)})}), "[1,\"two\",[4,5]]"},
      {{"int32[2]", bytes_of(1, 4) + bytes_of(2, 4)}, "[1,2]"},
      {number("username_t", 0), "\"root\""},
      {{"kstack_t[1]", bytes_of(1) + bytes_of(0x10)}, "\"\\n        0x10\\n\""},
      {{"stats_t", bytes_of(30) + bytes_of(2)}, R"({"count": 2, "average": 15, "total": 30})"},
  };
  for (const Case& c : cases)
    EXPECT_EQ(trace.show(EventKind::print_value, "", {c.value}),
              std::string(R"({"type": "value", "data": )") + c.expected + "}\n")
        << c.value.type;
  mir::TypePool& types = trace.program.types;
  types.define_record({"pair", false, 8, {{"m", types.integer(4, true), 0}, {"n", types.integer(4, true), 4}}});
  EXPECT_EQ(trace.show(EventKind::print_value, "", {{"struct pair", bytes_of(2, 4) + bytes_of(3, 4)}}),
            R"({"type": "value", "data": {"m": 2, "n": 3}})"
            "\n");
}

TEST_F(OutputJson, Maps) {
  EXPECT_EQ(printed(trace.add_scalar("@", "int64", {bytes_of(5)})), R"({"type": "map", "data": {"@": 5}})"
                                                                    "\n");
  EXPECT_EQ(printed(trace.add_scalar("@a", "avg_t", {bytes_of(6) + bytes_of(2)})), R"({"type": "stats", "data": {"@a": 3}})"
                                                                                   "\n");
  EXPECT_EQ(printed(trace.add_scalar("@u", "int64", {bytes_of(5)}, false)), "");
  MapId map = trace.add_keyed("@k", "(string[64],int64)", "int64");
  EXPECT_EQ(printed(map), "");
  trace.add_row(map, tuple({text("a b"), number("int64", 2)}).bytes, {bytes_of(30)});
  trace.add_row(map, tuple({text("c"), number("int64", 3)}).bytes, {bytes_of(20)});
  EXPECT_EQ(printed(map), R"({"type": "map", "data": {"@k": {"c,3": 20, "a b,2": 30}}})"
                          "\n");
  EXPECT_EQ(printed(map, 1, 10), R"({"type": "map", "data": {"@k": {"a b,2": 3}}})"
                                 "\n");
  EXPECT_EQ(trace.show(EventKind::print_element, "", {tuple({text("c"), number("int64", 3)}), number("int64", 20)}, {}, map),
            R"({"type": "map", "data": {"@k": {"c,3": 20}}})"
            "\n");
}

TEST_F(OutputJson, Histograms) {
  std::string counts(8 * 65, '\0');
  for (size_t bucket : {0, 1, 3, 5}) counts.replace(8 * bucket, 8, bytes_of(bucket + 1));
  EXPECT_EQ(printed(trace.add_scalar("@h", "hist_t[0]", {counts})),
            R"({"type": "hist", "data": {"@h": [{"max": -1, "count": 1}, {"min": 0, "max": 0, "count": 2}, )"
            R"({"min": 1, "max": 1, "count": 0}, {"min": 2, "max": 3, "count": 4}, {"min": 4, "max": 7, "count": 0}, )"
            R"({"min": 8, "max": 15, "count": 6}]}})"
            "\n");
  EXPECT_EQ(printed(trace.add_scalar("@z", "hist_t[0]", {std::string(8 * 65, '\0')})), R"({"type": "hist", "data": {"@z": []}})"
                                                                                       "\n");
  MapId map = trace.add_keyed("@l", "int64", "lhist_t[0,10,5]");
  trace.add_row(map, bytes_of(1), {bytes_of(0) + bytes_of(1) + bytes_of(0) + bytes_of(1)});
  EXPECT_EQ(printed(map),
            R"({"type": "hist", "data": {"@l": {"1": [{"min": 0, "max": 4, "count": 1}, {"min": 5, "max": 9, "count": 0}, )"
            R"({"min": 10, "count": 1}]}}})"
            "\n");
}

TEST_F(OutputJson, MessagesAndCountsAreRecords) {
  uint32_t begin = trace.sources.add("stdin", "begin {\n  x; }");
  EXPECT_EQ(trace.show(EventKind::warnf, "odd %d", {number("int64", 1)}, {begin + 10, begin + 11}),
            R"({"type": "warnf", "msg": "odd 1", "filename": "stdin", "line": 2, "col": 3})"
            "\n");
  trace.output().attached(2);
  trace.output().lost_events(3);
  EXPECT_EQ(trace.out(), R"({"type": "attached_probes", "count": 2, "data": {"probes": 2}})"
                         "\n"
                         R"({"type": "lost_events", "count": 3, "data": {"events": 3}})"
                         "\n");
  EXPECT_EQ(trace.err(), "");
}

}  // namespace
}  // namespace shrike
