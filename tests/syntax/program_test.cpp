// Everything outside of probe bodies: attach points, predicates, config, imports, maps, functions, macros.
#include <gtest/gtest.h>

#include "tests/syntax/parse_text.h"

namespace shrike {

namespace {

std::string tree(const std::string& text, std::vector<std::string> positionals = {}) {
  Parsed parsed = parse_text(text, std::move(positionals));
  return parsed.messages.empty() ? parsed.tree : parsed.messages;
}

// The provider and parts of the attach points, joined by `|`; probes' trees show them joined by `:`.
std::string points(const std::string& text, std::vector<std::string> positionals = {}) {
  SourceMap sources;
  uint32_t begin = sources.add("t.bt", text);
  Arena arena;
  Diagnostics diagnostics;
  ast::Program program = parse(sources, begin, {std::move(positionals)}, arena, diagnostics);
  std::string out;
  for (const Diagnostic& diagnostic : diagnostics.all()) out += render(diagnostic, sources, {});
  for (const ast::Probe& probe : program.probes) {
    for (const ast::AttachPoint& point : probe.attach_points) {
      out.append(out.empty() ? "" : " ").append(point.provider);
      for (std::string_view part : point.parts) out.append("|").append(part);
    }
  }
  return out;
}

}  // namespace

TEST(AttachPoints, PartsAreRawText) {
  EXPECT_EQ(points("BEGIN{}"), "BEGIN");
  EXPECT_EQ(points("kprobe:vfs_read { }"), "kprobe|vfs_read");
  EXPECT_EQ(points("kprobe:mod:f+0x10{}"), "kprobe|mod|f+0x10");
  EXPECT_EQ(points("k:f, t:a:b,\nprofile:hz:99 {}"), "k|f t|a|b profile|hz|99");
  EXPECT_EQ(points("k:f, t:a:b, {}"), "k|f t|a|b");
  EXPECT_EQ(points("uprobe:/bin/bash:readline { }"), "uprobe|/bin/bash|readline");
  EXPECT_EQ(points("uprobe:/lib/*/libc.so.6:mal* { }"), "uprobe|/lib/*/libc.so.6|mal*");
  EXPECT_EQ(points("u:bin@src/a.c:10:3 {}"), "u|bin@src/a.c|10|3");
  EXPECT_EQ(points("*:vfs_* { }"), "*|vfs_*");
  EXPECT_EQ(points("k*probe:vfs_[a-c]* { }"), "k*probe|vfs_[a-c]*");
  EXPECT_EQ(points("iter:task:/sys/fs/bpf/x {}"), "iter|task|/sys/fs/bpf/x");
  EXPECT_EQ(points("w:0x1000:8:rw {}"), "w|0x1000|8|rw");
}

TEST(AttachPoints, QuotesAndBackslashesAreResolved) {
  EXPECT_EQ(points("uprobe:\"/path with:colon\":f {}"), "uprobe|/path with:colon|f");
  EXPECT_EQ(points("uprobe:bin:cpp:\"ns::f(int, char)\" {}"), "uprobe|bin|cpp|ns::f(int, char)");
  EXPECT_EQ(points("uprobe:/a\\:b\\ c:f {}"), "uprobe|/a:b c|f");
}

TEST(AttachPoints, PositionalsAreReplacedBeforeSplitting) {
  EXPECT_EQ(points("kprobe:$1 {}", {"vfs_read"}), "kprobe|vfs_read");
  EXPECT_EQ(points("$1 {}", {"t:a:b"}), "t|a|b");
  EXPECT_EQ(points("u:/bin/$2:f$1+$# {}", {"x", "sh"}), "u|/bin/sh|fx+2");
}

TEST(AttachPoints, KeepTheirTextAndSpan) {
  SourceMap sources;
  uint32_t begin = sources.add("t.bt", "  k:\"f\" , t:$1:b /1/ {}");
  Arena arena;
  Diagnostics diagnostics;
  ast::Program program = parse(sources, begin, {{"a"}}, arena, diagnostics);
  ASSERT_EQ(program.probes.size(), 1u);
  const auto& list = program.probes[0].attach_points;
  EXPECT_EQ(list.at(0).text, "k:\"f\"");
  EXPECT_EQ(sources.text(list.at(0).span), "k:\"f\"");
  EXPECT_EQ(sources.text(list.at(1).span), "t:$1:b");
  EXPECT_EQ(sources.text(program.probes[0].span), "k:\"f\" , t:$1:b /1/ {}");
}

TEST(Predicates, EndAtTheSlashBeforeABrace) {
  EXPECT_EQ(tree("k:f /pid == 1/ { }"), "probe 1:1 k:f\n  predicate 1:6 (== pid 1)\n");
  EXPECT_EQ(tree("k:f / 8 / 4 == 2 / { }"), "probe 1:1 k:f\n  predicate 1:7 (== (/ 8 4) 2)\n");
  EXPECT_EQ(tree("k:f /@a[4/2]/\n{ }"), "probe 1:1 k:f\n  predicate 1:6 @a[(/ 4 2)]\n");
  EXPECT_EQ(tree("k:f/tid/{ }"), "probe 1:1 k:f\n  predicate 1:5 tid\n");
  EXPECT_EQ(tree("END/1/{ }"), "probe 1:1 END\n  predicate 1:5 1\n");
  EXPECT_EQ(tree("k:f /1 ? 2 : 3/ { $x = 4 / 2; }"), "probe 1:1 k:f\n  predicate 1:6 (? 1 2 3)\n  assign 1:19 $x = (/ 4 2)\n");
}

TEST(Programs, NamedProbes) {
  EXPECT_EQ(tree("first=begin { }"), "probe 1:1 name=first begin\n");
  EXPECT_EQ(tree("a=k:f, t:a:b { }"), "probe 1:1 name=a k:f, t:a:b\n");
}

TEST(Programs, ConfigAndImports) {
  EXPECT_EQ(tree("config = { a = 1_000; b = \"x\"; c = perf; d = true }\nbegin { }"),
            "config 1:12 a = 1000\nconfig 1:23 b = \"x\"\nconfig 1:32 c = perf\nconfig 1:42 d = true\nprobe 2:1 begin\n");
  EXPECT_EQ(tree("config = { }; begin { }"), "probe 1:15 begin\n");
  EXPECT_EQ(tree("import \"a.bt\"; import \"b\" config = { x = 1; } begin { }"),
            "config 1:38 x = 1\nimport 1:1 \"a.bt\"\nimport 1:16 \"b\"\nprobe 1:47 begin\n");
}

TEST(Programs, MapDeclarations) {
  EXPECT_EQ(tree("let @m = hash(2 * 8); let @p = percpulruhash(1); begin { }"),
            "map 1:1 @m = (hash (* 2 8))\nmap 1:23 @p = (percpulruhash 1)\nprobe 1:50 begin\n");
}

TEST(Programs, FunctionsAndMacros) {
  EXPECT_EQ(tree("fn f($a : int64, $b : struct x *) : bool { return $a; } begin { }"),
            "fn 1:1 f($a : int64, $b : struct x*) : bool\n  return 1:44 $a\nprobe 1:57 begin\n");
  EXPECT_EQ(tree("fn g() { } begin { }"), "fn 1:1 g() : void\nprobe 1:12 begin\n");
  EXPECT_EQ(tree("macro m($a, @b, c) { @b = $a; c + 1 } begin { }"),
            "macro 1:1 m($a, @b, c)\n  assign 1:22 @b = $a\n  value 1:31 (+ c 1)\nprobe 1:39 begin\n");
  EXPECT_EQ(tree("macro m() { f(); } macro n { } begin { }"),
            "macro 1:1 m()\n  expr 1:13 (call f)\nmacro 1:20 n()\nprobe 1:32 begin\n");
  EXPECT_EQ(tree("macro m() { if 1 { 2 } else { 3 } } begin { }"),
            "macro 1:1 m()\n  value 1:13 (if 1 {2} {3})\nprobe 1:37 begin\n");
}

// Only what follows tells these words from providers.
TEST(Programs, ContextualWordsMayBeProviders) {
  EXPECT_EQ(points("config:x {} macro:y {} fn {}"), "config|x macro|y fn");
}

}  // namespace shrike
