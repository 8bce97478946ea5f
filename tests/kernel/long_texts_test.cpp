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
                         [](const auto& info) { return std::to_string(info.param); });

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

}  // namespace
}  // namespace shrike::testing
