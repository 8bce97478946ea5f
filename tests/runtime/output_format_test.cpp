// printf conversions and the default text of every type. Expected texts are bpftrace 0.17's wherever it has the construct.
#include <gtest/gtest.h>

#include "tests/runtime/output_trace.h"

namespace shrike {
namespace {

using mir::EventKind;

struct FormatCase {
  const char* format;
  std::vector<Datum> fields;
  const char* expected;
};

TEST(OutputFormat, Conversions) {
  const int64_t big = 5000000000;
  const FormatCase cases[] = {
      // No length modifier: 32 bits.
      {"%d %u %x", {number("int64", big), number("int64", big), number("int64", big)}, "705032704 705032704 2a05f200"},
      {"%lx %ld %o", {number("int64", big), number("int64", big), number("int64", big)}, "12a05f200 5000000000 5201371000"},
      {"%lld %jd %zu %llu",
       {number("int64", -big), number("int64", big), number("uint64", big), number("int64", -1)},
       "-5000000000 5000000000 5000000000 18446744073709551615"},
      {"%hd %hhx %hhd %hhu",
       {number("int64", 70000), number("int64", 300), number("int64", 300), number("int64", 513)},
       "4464 2c 44 1"},
      {"%d %u %x", {number("int64", -1), number("int64", -1), number("int64", -1)}, "-1 4294967295 ffffffff"},
      {"%d %u %i", {number("int8", -1), number("uint8", 255), number("int16", -7)}, "-1 255 -7"},
      {"%lx %ld", {number("int8", -1), number("uint32", 0xffffffff)}, "ffffffffffffffff 4294967295"},
      // Width, precision, flags.
      {"%5d|%-5d|%05d|%X|",
       {number("int64", 42), number("int64", 42), number("int64", 42), number("int64", 255)},
       "   42|42   |00042|FF|"},
      {"%-08d|%08x|%8x|%.5d",
       {number("int64", 300), number("int64", 300), number("int64", 300), number("int64", 42)},
       "300     |0000012c|     12c|00042"},
      {"%05d|%+d|% d|%+d",
       {number("int64", -42), number("int64", 42), number("int64", 42), number("int64", -42)},
       "-0042|+42| 42|-42"},
      {"%#x|%#o|%#x|%#010x",
       {number("int64", 42), number("int64", 8), number("int64", 0), number("int64", 255)},
       "0x2a|010|0|0x000000ff"},
      {"%*d|%-*d|%*d|%.*s|",
       {number("int64", 5), number("int64", 42), number("int64", 4), number("int64", 1), number("int64", -3), number("int64", 2),
        number("int64", 2), text("abc")},
       "   42|1   |2  |ab|"},
      // Characters and pointers.
      {"%c%c|%5c|%-3c|", {number("int64", 65), number("int64", 0), number("int64", 66), number("int64", 67)}, "A|    B|C  |"},
      {"%p %p %20p|", {number("uint64", 0), number("uint64", 255), number("int8*", 12)}, "0 0xff                  0xc|"},
      {"%p", {number("int64", -1)}, "0xffffffffffffffff"},
      // Strings.
      {"%s|%10s|%-10s|", {text("bpftrace"), text("bpftrace"), text("bpftrace")}, "bpftrace|  bpftrace|bpftrace  |"},
      {"%.2s|%8.2s|%-10.10s|", {text("abcdef"), text("abcdef"), text("abcdefghijklmn")}, "ab|      ab|abcdefghij|"},
      {"[%2s][%s]", {text("abcdef"), text("")}, "[abcdef][]"},
      {"%s %s %s", {number("int64", -3), number("bool", 1), tuple({number("int64", 1), text("a")})}, "-3 true (1, a)"},
      // Buffers.
      {"%r|%rx|%rh",
       {buffer("abc\n\x01\xff\"\\"), buffer("abc"), buffer("abc")},
       "abc\\x0a\\x01\\xff\"\\|\\x61\\x62\\x63|61 62 63"},
      {"%5r|%s", {buffer("abc"), buffer("a\n")}, "  abc|a\\x0a"},
      // Flags of allocations.
      {"%gr|%gr|%gr",
       {number("uint32", 0xcc0), number("uint32", 0x400cc0), number("uint32", 0)},
       "GFP_KERNEL|GFP_KERNEL_ACCOUNT|0"},
      {"%gr %gr",
       {number("uint32", 0x100cca), number("uint32", 0x40dc0)},
       "GFP_HIGHUSER_MOVABLE GFP_KERNEL|__GFP_ZERO|__GFP_COMP"},
      {"%gr %gr", {number("int64", 0x2820), number("int32", -0x7fffffff)}, "GFP_ATOMIC|__GFP_NOWARN GFP_DMA|0x80000000"},
      {"%12gr|%-12gr|%g", {number("uint32", 0xc00), number("uint32", 0xc40)}, "    GFP_NOIO|GFP_NOFS    |%g"},
      // What is no conversion is text.
      {"100%% %% %d%%", {number("int64", 1)}, "100% % 1%"},
      {"%d %q %", {number("int64", 1)}, "1 %q %"},
      {"", {}, ""},
  };
  for (const FormatCase& c : cases) {
    Trace trace;
    EXPECT_EQ(trace.show(EventKind::printf, c.format, c.fields), c.expected) << c.format;
  }
}

TEST(OutputFormat, DefaultTextOfEveryType) {
  struct Case {
    Datum value;
    const char* expected;
  };
  const std::string ipv6("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
  const Case cases[] = {
      {number("int8", -3), "-3"},
      {number("uint64", -1), "18446744073709551615"},
      {number("int64", INT64_MIN), "-9223372036854775808"},
      {number("bool", 0), "false"},
      {number("bool", 1), "true"},
      {number("int32*", 0xffff), "0xffff"},
      {number("enum e", 7), "7"},
      {text("abc"), "abc"},
      {text("abcdefgh", 8), "abcdefg.."},
      {text("abcdefg", 8), "abcdefg"},
      {buffer("a\x7f"), "a\\x7f"},
      {{"int32[3]", bytes_of(1, 4) + bytes_of(2, 4) + bytes_of(~0U, 4)}, "[1,2,-1]"},
      {tuple({number("int64", 1), text("a"), tuple({number("int8", 2), number("int64", 3)})}), "(1, a, (2, 3))"},
      {number("username_t", 0), "root"},
      {number("username_t", 4294967290), "4294967290"},
      {{"inet_t", bytes_of(2, 4) + std::string("\x7f\0\0\1", 4) + std::string(12, '\0')}, "127.0.0.1"},
      {{"inet_t", bytes_of(10, 4) + ipv6}, "2001:db8::1"},
      {{"macaddr_t", std::string("\x00\x1b\xff\x0a\xbc\x01", 6)}, "00:1B:FF:0A:BC:01"},
      {number("ksym_t", 0x1234), "0x1234"},
      {{"usym_t", bytes_of(4) + bytes_of(0)}, "0x4"},
      {{"kstack_t[3]", bytes_of(2) + bytes_of(0x10) + bytes_of(0x20) + bytes_of(0)}, "\n        0x10\n        0x20\n"},
      {{"kstack_t[1,raw]", bytes_of(1) + bytes_of(0xabc)}, "\nabc\n"},
      {{"kstack_t[1,perf]", bytes_of(1) + bytes_of(0xabc)}, "\n\tabc 0xabc\n"},
      {{"ustack_t[1,perf]", bytes_of(1) + bytes_of(0) + bytes_of(0xabc)}, "\n\tabc 0xabc ([unknown])\n"},
      {{"ustack_t[3,build_id]", bytes_of(2) + bytes_of(0) + bytes_of(1, 4) + bytes_of(0x2301) + std::string(12, '\0') +
                                    bytes_of(0xabc) + bytes_of(2, 4) + std::string(20, '\0') + bytes_of(0x7f0012) +
                                    std::string(32, '\0')},
       "\n0123000000000000000000000000000000000000 0xabc\n0x7f0012\n"},
      {{"ustack_t[2]", bytes_of(0) + bytes_of(0) + bytes_of(0) + bytes_of(0)}, "\n"},
      {number("count_t", 5), "5"},
      {number("sum_t", -5), "-5"},
      {{"min_t", bytes_of(static_cast<uint64_t>(-4)) + bytes_of(1)}, "-4"},
      {{"avg_t", bytes_of(static_cast<uint64_t>(-10)) + bytes_of(2)}, "-5"},
      {{"stats_t", bytes_of(static_cast<uint64_t>(-10)) + bytes_of(2)}, "count 2, average -5, total -10"},
  };
  for (const Case& c : cases) {
    Trace trace;
    EXPECT_EQ(trace.show(EventKind::print_value, "", {c.value}), std::string(c.expected) + "\n") << c.value.type;
  }
}

TEST(OutputFormat, Records) {
  Trace trace;
  mir::TypePool& types = trace.program.types;
  types.define_record({"inner", false, 4, {{"e", types.integer(4, true), 0}}});
  const mir::Type* inner = types.record("inner", false);
  const mir::Type* anonymous = types.record("<anonymous>", true);
  types.define_record({"<anonymous>", true, 4, {{"u", types.integer(4, false), 0}}});
  types.define_record({"outer",
                       false,
                       24,
                       {{"a", types.integer(4, true), 0},
                        {"low", types.integer(4, false), 4, 0, 3},
                        {"high", types.integer(4, true), 4, 3, 2},
                        {"g", inner, 8},
                        {"", anonymous, 12},
                        {"p", types.pointer(types.none(), mir::AddressSpace::kernel), 16}}});
  types.define_record({"empty", false, 0, {}});
  std::string bytes =
      bytes_of(static_cast<uint64_t>(-2), 4) + bytes_of(0b11101, 4) + bytes_of(5, 4) + bytes_of(6, 4) + bytes_of(0xff);
  EXPECT_EQ(trace.show(EventKind::print_value, "", {{"struct outer", bytes}}),
            "{ .a = -2, .low = 5, .high = -1, .g = { .e = 5 }, .u = 6, .p = 0xff }\n");
  EXPECT_EQ(trace.show(EventKind::print_value, "", {{"struct empty", ""}}), "{}\n");
}

TEST(OutputFormat, TimesAndTrailersFollowTheOptions) {
  setenv("TZ", "UTC", 1);
  tzset();
  Trace trace({.str_trunc_trailer = "<cut>"});
  trace.program.strings = {"%Y", "%f|%l|%k|%%f"};
  EXPECT_EQ(trace.show(EventKind::print_value, "", {text("abcd", 4)}), "abc<cut>\n");
  EXPECT_GE(trace.show(EventKind::printf, "%s", {{"timestamp_t", bytes_of(0) + bytes_of(0)}}), "2000");
  std::string parts = trace.show(EventKind::printf, "%s", {{"timestamp_t", bytes_of(0) + bytes_of(1)}});
  ASSERT_EQ(parts.size(), std::string("123456|123|123456789|%f").size()) << parts;
  EXPECT_EQ(parts.substr(0, 3), parts.substr(7, 3));
  EXPECT_EQ(parts.substr(0, 6), parts.substr(11, 6));
  EXPECT_EQ(parts.substr(20), "|%f");
}

}  // namespace
}  // namespace shrike
