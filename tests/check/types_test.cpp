// Types of expressions, maps and variables as --emit=checked shows them.
#include <gtest/gtest.h>

#include "tests/support/checked_script.h"

namespace shrike {
namespace {

std::string checked(const std::string& text, const CheckOptions& options = {}) {
  CheckedScript script(text, options);
  std::string errors;
  for (const Diagnostic& diagnostic : script.diagnostics.all()) errors += render(diagnostic, script.sources, {});
  return script.program == nullptr ? errors : print(*script.program, script.sources) + errors;
}

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(CheckTypes, MapsTakeTheWidestOfTheirValues) {
  EXPECT_HAS(checked("begin { @a = \"ab\"; @a = \"abcdef\"; }"), "map @a value=string[7]\n");
  EXPECT_HAS(checked("begin { @a = pid; @a = (int64)1; }"), "map @a value=int64\n");
  EXPECT_HAS(checked("begin { @a[\"x\", 1] = 1; @a[comm, pid] = 2; }"), "map @a key=(string[16],int64) value=int64\n");
  EXPECT_HAS(checked("begin { @a[kstack(3)] = 1; }"), "map @a key=kstack_t[3] value=int64\n");
}

TEST(CheckTypes, AValueAssignedLaterTypesAnEarlierRead) {
  EXPECT_HAS(checked("begin { $x = @a; @a = \"abc\"; }"), "variable $x : string[4]\n");
}

TEST(CheckTypes, KeysMayBringNewMaps) {
  std::string text = checked(
      "begin { $x = @a[@b[@c]]; @d[@e] = @f[@g]; $y = has_key(@h, @i[@j]); @a[1] = 1; @b[1] = 1; @c = 1; "
      "@e = 1; @f[1] = 1; @g = 1; @h[1] = 1; @i[1] = 1; @j = 1; }");
  for (const char* part : {"@a key=int64 value=int64", "@d key=int64 value=int64", "@j value=int64"}) EXPECT_HAS(text, part);
}

TEST(CheckTypes, AggregationsNameTheirStorage) {
  std::string text =
      checked("begin { @a = count(); @b = sum(1); @c = min(pid); @d = hist(1, 2); @e = lhist(1, 0, 10, 2); @f = stats(1); }");
  for (const char* part : {"@a value=count_t", "@b value=sum_t", "@c value=umin_t", "@d value=hist_t[2]",
                           "@e value=lhist_t[0,10,2]", "@f value=stats_t"})
    EXPECT_HAS(text, part);
}

TEST(CheckTypes, Arithmetic) {
  EXPECT_HAS(checked("begin { $a = pid + 1; }"), "pid + 1 : uint64");
  EXPECT_HAS(checked("begin { $a = nsecs + pid; }"), "nsecs + pid : uint64");
  EXPECT_HAS(checked("begin { $a = nsecs - pid; }"), "nsecs - pid : int64");
  EXPECT_HAS(checked("begin { $a = (int8)1; $b = sizeof($a); }"), "sizeof($a) : uint64 = 1");
  EXPECT_HAS(checked("begin { $a = 7 * 6; }"), "7 * 6 : int64 = 42");
  EXPECT_HAS(checked("begin { $a = (uint8)300; }"), "(uint8)300 : uint8 = 44");
}

TEST(CheckTypes, TracepointArguments) {
  std::string text = checked("tracepoint:app:open { print((args.name, args.size, args.flags, args.where)); }");
  for (const char* part : {"args.name : string[16]", "args.size : int32", "args.flags : uint8", "args.where : pointer to int8"})
    EXPECT_HAS(text, part);
}

TEST(CheckTypes, StructLayoutFollowsC) {
  std::string text = checked(
      "struct in { char a; short b; }; struct out { char c; struct in d; int e : 3; int f : 30; long g; char h[5]; union { int "
      "i; long j; }; };"
      "begin { print(sizeof(struct in)); print(sizeof(struct out)); print(offsetof(struct out, d)); print(offsetof(struct out, "
      "g));"
      "print(offsetof(struct out, h)); print(offsetof(struct out, j)); }");
  for (const char* part : {"sizeof(struct in) : uint64 = 4", "sizeof(struct out) : uint64 = 40",
                           "offsetof(struct out, d) : uint64 = 2", "offsetof(struct out, g) : uint64 = 16",
                           "offsetof(struct out, h) : uint64 = 24", "offsetof(struct out, j) : uint64 = 32"})
    EXPECT_HAS(text, part);
}

TEST(CheckTypes, PositionalParameters) {
  CheckOptions options;
  options.positionals = {"42", "word"};
  std::string text = checked("begin { print($1); print(str($1)); print($2); print($#); print($9); }", options);
  for (const char* part :
       {"$1 : int8 = 42", "str($1) : string[3] = \"42\"", "$2 : string[5] = \"word\"", "$# : int64 = 2", "$9 : int64 = 0"})
    EXPECT_HAS(text, part);
}

TEST(CheckProbes, WildcardsShareAProgramUnlessTheBodyTellsThemApart) {
  CheckedScript shared("tracepoint:app:* { @ = count(); }");
  std::string text = print(*shared.program, shared.sources);
  EXPECT_HAS(text, "probe tracepoint:app:close\nprobe tracepoint:app:open\n");
  CheckedScript apart("tracepoint:app:* { @[probe] = count(); }");
  text = print(*apart.program, apart.sources);
  EXPECT_HAS(text, "probe tracepoint:app:close\n  program");
}

TEST(CheckProbes, OldSpellingsAndAliases) {
  for (const char* script :
       {"BEGIN { }", "END { }", "t:app:open { }", "i:s:1 { }", "p:hz:99 { }", "s:faults:1 { }", "k:do_work { }", "kr:do_work { }",
        "u:/bin/app:main { }", "ur:/bin/app:main { }", "rt:app_open { }", "h:cycles:1 { }", "interval:10ms { }"})
    EXPECT_NE(CheckedScript(script).program, nullptr) << script;
}

TEST(CheckConfig, ScriptThenEnvironmentAndOldNames) {
  CheckOptions options;
  options.environment["max_map_keys"] = "7";
  CheckedScript script(
      "config = { BPFTRACE_MAP_KEYS_MAX = 5; strlen = 100; no_cpp_demangle = true; stack_mode = perf; show_debug_info = 1 } "
      "begin { }",
      options);
  const Config& config = config_of(*script.program);
  EXPECT_EQ(config.max_map_keys, 7u);
  EXPECT_EQ(config.max_strlen, 100u);
  EXPECT_FALSE(config.cpp_demangle);
  EXPECT_TRUE(config.show_debug_info);
  EXPECT_EQ(config.stack_mode, "perf");
}

// Else the text of a long sum would grow with the square of its length.
TEST(CheckTypes, LongExpressionsAreCutWhereTheyArePrinted) {
  std::string sum = "nsecs";
  for (int i = 0; i < 400; i++) sum += " + 1";
  const std::string text = checked("begin { @ = " + sum + "; @s = \"" + std::string(198, 'x') + "\xc3\xa9\"; }");
  EXPECT_NE(text.find("1:13 " + sum.substr(0, 200) + "... : uint64\n"), std::string::npos) << text;
  EXPECT_NE(text.find(" \"" + std::string(198, 'x') + "... : string["), std::string::npos) << text;
  EXPECT_LT(text.size(), 401u * 300);
}

}  // namespace
}  // namespace shrike
