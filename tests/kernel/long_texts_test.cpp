// Strings and buffers of up to 64 KiB: read, kept, captured, printed. What a run needs for them is more than a CPU's part of a
// per-CPU value may have (32 KiB).
#include <algorithm>

#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

class LongTexts : public LiveTest, public ::testing::WithParamInterface<size_t> {
 protected:
  static constexpr size_t text_size = 70000;  // what the workload says

  static std::string text(size_t size) {
    std::string out;
    for (size_t i = 0; out.size() < size; i++) {
      const std::string number = std::to_string(i);
      out += std::string(7 - number.size(), '0') + number + ",";
    }
    return out.substr(0, size);
  }
  // As it is printed where only so many bytes, a NUL among them, are kept.
  std::string cut() const { return text(GetParam() - 1) + ".."; }

  Trace say(const std::string& body, const std::string& probe = "uprobe:WORKLOAD:target_text /pid == PID/") const {
    return trace("config = { max_strlen = " + std::to_string(GetParam()) + " } " + probe + " { " + body + " }",
                 {"long_text", std::to_string(text_size)});
  }
};

INSTANTIATE_TEST_SUITE_P(Sizes, LongTexts, ::testing::Values(4096, 16384, 32768, 65535, 65536),
                         [](const auto& size) { return std::to_string(size.param); });

TEST_P(LongTexts, AreKeptAndPrinted) {
  const Trace t =
      say("$s = str(arg0); @s = $s; @k[$s, 1] = 2; print($s); printf(\"<%s>%s|\\n\", $s, str(arg0, 9)); @t = (1, $s);");
  EXPECT_TRUE(has(t.out, cut() + "\n<" + cut() + ">0000000,0|\n")) << t.err;
  EXPECT_TRUE(has(t.out, "@s: " + cut() + "\n"));
  EXPECT_TRUE(has(t.out, "@k[" + cut() + ", 1]: 2\n"));
  EXPECT_TRUE(has(t.out, "@t: (1, " + cut() + ")\n"));
}

TEST_P(LongTexts, AreTheSameInLoops) {
  const Trace t = say(R"($s = str(arg0); $n = 0; for $i : 0..3 { @m[$i] = $s; $n++; if ($i == 1) { $s = "other"; } }
                         for ($kv : @m) { if ($kv.0 == 2) { $s = $kv.1; } } printf("%d %s\n", $n, $s);)");
  EXPECT_TRUE(has(t.out, "@m[0]: " + cut() + "\n")) << t.err;
  EXPECT_TRUE(has(t.out, "@m[1]: " + cut() + "\n"));
  EXPECT_TRUE(has(t.out, "@m[2]: other\n"));
  EXPECT_TRUE(has("\n" + t.out, "\n3 other\n"));
}

TEST_P(LongTexts, AreBuffers) {
  const Trace t = say("@b = buf(arg0, 65536); $b = buf(arg0, arg0); for $i : 0..1 { printf(\"%r.\\n\", $b); }");
  EXPECT_TRUE(has(t.out, "@b: " + text(GetParam()) + "\n")) << t.err;
  EXPECT_TRUE(has(t.out, text(GetParam()) + ".\n"));
}

TEST_P(LongTexts, AreJoinedAndIndexed) {
  const Trace t = say("$s = str(arg0); printf(\"%s|%c%c\\n\", str_concat(\"x\", $s), $s[14], $s[arg0 - arg0 + 4007]);");
  EXPECT_TRUE(has(t.out, "x" + text(1022) + "|1,\n")) << t.out << t.err;
}

TEST_P(LongTexts, AreMeasuredAndCompared) {
  const std::string n = std::to_string(GetParam()), less = std::to_string(GetParam() - 2), most = std::to_string(GetParam() - 1);
  const Trace t = say(
      "$s = str(arg0); $a = str(arg0, " + less + "); @s = $s; @b = buf(arg0, " + less + "); @c = buf(arg0 + 8, " + less +
      R"(); printf("%d %d %d|", strlen($s), strlen($a), strlen(@s));
                         printf("%d %d %d %d|", $s == @s, $s != $a, $s == str(arg0 + 8), (1, $s) == (1, @s));
                         printf("%d %d|", @b == buf(arg0, )" +
      less + R"(), @b == @c);
                         printf("%d %d %d|", strncmp($a, @s, )" +
      less + "), strncmp($a, $s, " + most + "), strncmp($s, str(arg0 + 8), " + n + R"()); printf("%d %d %d\n", memcmp($a, @s, )" +
      less + "), memcmp($a, $s, " + most + ") < 0, memcmp(str(arg0 + 8), $s, " + most + ") > 0);");
  EXPECT_TRUE(has(t.out, most + " " + less + " " + most + "|1 1 0 1|1 0|0 1 1|0 1 1\n")) << t.out.substr(0, 200) << t.err;
}

TEST_P(LongTexts, AreSearched) {
  const Trace t = say(R"($s = str(arg0); @s = $s;
                         printf("%d %d %d ", strstr($s, "0000300,"), strstr($s, "0000000,"), strstr($s, "1000000,"));
                         printf("%d %d ", strstr(@s, str(arg0 + 2400, 500)), strstr(str(arg0 + 80), $s));
                         printf("%d %d ", strstr($s, str(arg0 + 88, 3000)), strstr($s, "0000100,0000101,0000102,0000103,0000104,"));
                         printf("%d %d ", strstr($s, str(arg0 + 2401, arg0 - arg0)), strstr($s, str(arg0 + 2401, arg0 - arg0 + 20)));
                         printf("%d %d\n", strcontains($s, "0000301"), strcontains($s, comm));)");
  EXPECT_TRUE(has(t.out, "2400 0 -1 2400 -1 88 800 0 2401 1 0\n")) << t.out.substr(0, 200) << t.err;
}

// Whoever calls a function gives it their place.
TEST_P(LongTexts, GoToFunctionsAndBack) {
  const std::string type = "string[" + std::to_string(GetParam()) + "]";
  const Trace t = trace("config = { max_strlen = " + std::to_string(GetParam()) + " } fn same($s: " + type + ") : " + type +
                            " { for $i : 0..2 { if ($i == 1) { return $s; } } } "
                            "uprobe:WORKLOAD:target_text /pid == PID/ { printf(\"%s\\n\", same(str(arg0))); }",
                        {"long_text", std::to_string(text_size)});
  EXPECT_TRUE(has(t.out, cut() + "\n")) << t.err;
}

// The kernel's own: a copy of what a process gave to a system call is in neither.
TEST_P(LongTexts, OfPerfEventsAndTracepointsToo) {
  const Trace t = trace("config = { max_strlen = " + std::to_string(GetParam()) +
                            " } tracepoint:syscalls:sys_enter_write /pid == PID && args.count == 60000/ "
                            "{ $b = buf(args.buf, args.count); for $i : 0..1 { @b = $b; } @n = count(); }",
                        {"write", "1", "60000"});
  EXPECT_TRUE(has(t.out, "@n: 1\n")) << t.err;
  const size_t expected = std::min<size_t>(GetParam(), 60000);
  EXPECT_EQ(count_text(t.out, "\\x00"), expected);
}

using Searches = LiveTest;

// `word`, or the literal text, where std::string::find() finds it.
struct Search {
  std::string haystack, needle;
  std::string expected() const {
    const size_t at = haystack.find(needle);
    return at == std::string::npos ? "-1" : std::to_string(at);
  }
};

void expect_found(const std::vector<Search>& searches) {
  std::string script = "config = { max_strlen = 4096 } begin { ", expected;
  for (size_t i = 0; i < searches.size(); i++) {
    const std::string n = std::to_string(i), haystack = "@h" + n, needle = "@n" + n;
    script += haystack + " = \"" + searches[i].haystack + "\"; " + needle + " = \"" + searches[i].needle +
              "\"; printf(\"%d %d\\n\", strstr(" + haystack + ", " + needle + "), strstr(" + haystack + ", \"" +
              searches[i].needle + "\")); clear(" + haystack + "); clear(" + needle + "); ";
    expected += searches[i].expected() + " " + searches[i].expected() + "\n";
  }
  const Result result = shrike_script(script + "}");
  EXPECT_EQ(result.out.substr(0, expected.size()), expected) << result.err;
}

TEST_F(Searches, FindTheFirstOfSeveral) {
  std::vector<Search> searches = {
      {"", ""}, {"a", ""}, {"", "a"}, {"ab", "abc"}, {"abcdefgh", "abcdefgh"}, {"xabcdefghi", "abcdefghi"}};
  uint32_t state = 1;
  auto random = [&](uint32_t below) { return (state = state * 1664525 + 1013904223) >> 16 & 0x7fff % below; };
  auto word = [&](uint32_t length) {
    std::string out;
    while (out.size() < length) out += static_cast<char>('a' + (random(0x4000) & 1));
    return out;
  };
  for (uint32_t length = 1; length < 24; length++) {
    const std::string haystack = word(length * 9);
    searches.push_back({haystack, word(1 + length / 3)});
    searches.push_back({haystack, haystack.substr(length * 2, length * 3)});
  }
  for (size_t i = 0; i < searches.size(); i += 13)
    expect_found(
        {searches.begin() + static_cast<long>(i), searches.begin() + static_cast<long>(std::min(i + 13, searches.size()))});
}

// Thue-Morse words of two letters and the same with the letters exchanged have equal polynomial hashes modulo 2^64, whatever
// the base, from 1024 letters on.
TEST_F(Searches, TellTextsWithEqualHashesApart) {
  std::string word = "a", other = "b";
  while (word.size() < 1024) {
    const std::string longer = word + other;
    other += word;
    word = longer;
  }
  expect_found({{other, word}, {other + word, word}, {"x" + other + other + "y", word}});
}

}  // namespace
}  // namespace shrike::testing
