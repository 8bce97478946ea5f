// Hostile and huge input: a clear message or linear time, never a crash.
#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "tests/syntax/parse_text.h"

namespace shrike {

namespace {

std::string repeat(std::string_view text, size_t count) {
  std::string out;
  out.reserve(text.size() * count);
  for (size_t i = 0; i < count; i++) out += text;
  return out;
}

// The name of the first message.
std::string first_error(const std::string& text) {
  Parsed parsed = parse_text(text);
  if (parsed.errors.empty()) return "none";
  return parsed.errors[0].substr(0, parsed.errors[0].find(' '));
}

constexpr size_t deep = 20'000;

}  // namespace

TEST(Limits, DeepNestingIsAnErrorOfEveryKind) {
  const std::pair<std::string, std::string> kinds[] = {
      {"begin { @ = " + repeat("(", deep) + "1" + repeat(")", deep) + "; }", "parentheses"},
      {"begin { @ = " + repeat("(", deep), "open parentheses"},
      {"begin " + repeat("{", deep) + repeat("}", deep), "braces"},
      {"begin " + repeat("{", deep), "open braces"},
      {"begin { @ = " + repeat("-", deep * 2) + "1; }", "decrements"},
      {"begin { @ = " + repeat("- ", deep) + "1; }", "minus"},
      {"begin { @ = " + repeat("!", deep) + "1; }", "not"},
      {"begin { @ = " + repeat("*", deep) + "$p; }", "dereference"},
      {"begin { @ = " + repeat("(uint8)", deep) + "1; }", "casts"},
      {"begin { @ = " + repeat("1 ? 2 : ", deep) + "1; }", "ternaries"},
      {"begin { " + repeat("if 1 { ", deep) + repeat("} ", deep) + "}", "if"},
      {"begin { @ = " + repeat("@[", deep) + "1" + repeat("]", deep) + "; }", "map keys"},
      {"begin { " + repeat("f(", deep) + repeat(")", deep) + "; }", "calls"},
      {"begin { @ = " + repeat("{ ", deep) + "1" + repeat(" }", deep) + "; }", "block values"},
      {"begin { @ = " + repeat("if 1 { ", deep) + "1" + repeat(" } else { 1 }", deep) + "; }", "if values"},
      {"begin { @ = " + repeat("comptime ", deep) + "1; }", "comptime"},
      {repeat("struct { ", deep) + "begin { }", "structs"},
      {"struct s { " + repeat("struct { ", deep) + "int x; " + repeat("};", deep) + "}; begin { }", "nested structs"},
  };
  for (const auto& [text, kind] : kinds) {
    std::string error = first_error(text);
    // `----1` is a decrement of what cannot be decremented.
    bool is_right = error == "nesting_too_deep" || (kind == "decrements" && error == "expected_expression");
    EXPECT_TRUE(is_right) << kind << ": " << error;
  }
}

TEST(Limits, NestingBelowTheLimitIsFine) {
  EXPECT_EQ(first_error("begin { @ = " + repeat("(", 380) + "1" + repeat(")", 380) + "; }"), "none");
  EXPECT_EQ(first_error("begin { " + repeat("if 1 { ", 180) + repeat("} ", 180) + "}"), "none");
  EXPECT_EQ(first_error("begin { if 1 { } " + repeat("else if 1 { } ", 300) + "}"), "none");
}

TEST(Limits, LongChainsAreAnErrorBeforeTheyAreADeepTree) {
  constexpr size_t longer = 100'000;
  for (std::string_view op : {".x", "[0]"})
    EXPECT_EQ(first_error("begin { @ = $x" + repeat(op, longer) + "; }"), "expression_too_deep") << op;
  EXPECT_EQ(first_error("begin { @ = $x" + repeat("[0]", 450) + "; }"), "none");
  // Chains inside values inside chains count together.
  std::string nested = "$x";
  for (int i = 0; i < 20; i++) nested = "{ f((" + nested + ")" + repeat("[0]", 40) + "); 1 }";
  EXPECT_EQ(first_error("begin { @ = " + nested + "; }"), "expression_too_deep");
}

TEST(Limits, ChainsOfOperatorsAndOfElseIfAreAsLongAsTheyLike) {
  constexpr size_t longer = 100'000;
  for (std::string_view op : {" + 1", " && 1", " == 1", " || f(1)"})
    EXPECT_EQ(first_error("begin { @ = $x" + repeat(op, longer) + "; }"), "none") << op;
  EXPECT_EQ(first_error("begin { if 1 { } " + repeat("else if 1 { } ", longer) + "}"), "none");
  EXPECT_EQ(first_error("begin { @ = if 1 { 1 } " + repeat("else if 1 { 1 } ", longer) + "else { 2 }; }"), "none");
  Parsed parsed = parse_text("begin { if 1 { } " + repeat("else if 1 { } ", longer) + "}");
  EXPECT_GT(parsed.tree.size(), longer);
}

// Deep trees that are accepted must survive the walk of a printer too.
TEST(Limits, WhatIsAcceptedPrints) {
  Parsed parsed = parse_text("begin { @ = 1" + repeat(" + 1", 450) + "; }");
  EXPECT_TRUE(parsed.errors.empty());
  EXPECT_GT(parsed.tree.size(), 450u * 4);
}

TEST(Limits, LongFlatThingsAreFine) {
  EXPECT_EQ(first_error("begin { f(1" + repeat(", 1", 50'000) + "); }"), "none");
  EXPECT_EQ(first_error("begin { let $x : int8" + repeat("*", 50'000) + "; }"), "none");
  EXPECT_EQ(first_error("begin" + repeat(", begin", 20'000) + " { }"), "none");
  EXPECT_EQ(first_error("begin { f(\"" + repeat("a", 500'000) + "\"); }"), "none");
  EXPECT_EQ(first_error(repeat("begin { } ", 20'000)), "none");
}

TEST(Limits, JunkIsToldOnce) {
  EXPECT_EQ(parse_text(std::string("begin { }\0\0", 11)).errors, Errors{"not_a_script 1:10-10"});
  EXPECT_EQ(parse_text("\x7f"
                       "ELF\x02\x01\x01")
                .errors.size(),
            1u);
  std::string noise;
  std::mt19937 random(7);
  for (int i = 0; i < 100'000; i++) noise += static_cast<char>(random() % 255 + 1);
  EXPECT_LE(parse_text(noise).errors.size(), 21u);
}

TEST(Limits, DefinesCannotExplode) {
  std::string text = "#define A0 1\n";
  for (int i = 1; i < 40; i++) {
    std::string before = "A" + std::to_string(i - 1);
    text += "#define A" + std::to_string(i) + " " + before + " + " + before + "\n";
  }
  std::vector<std::string> errors = parse_text(text + "begin { f(A39); }").errors;
  ASSERT_FALSE(errors.empty());
  // The chain is refused by whichever limit it meets first; a list meets only the one of the expansion.
  for (size_t at = text.find(" + "); at != std::string::npos; at = text.find(" + ")) text.replace(at, 3, " , ");
  errors = parse_text(text + "begin { f(A39); }").errors;
  ASSERT_FALSE(errors.empty());
  EXPECT_EQ(errors[0], "define_expands_too_far 41:11-13");
}

TEST(Limits, LongScriptsUseDefinesAsOftenAsTheyWish) {
  std::vector<std::string> errors =
      parse_text("#define D (1 + (2 + (3 + (4 + 5))))\nbegin { " + repeat("f(D); ", 20'000) + "}").errors;
  EXPECT_TRUE(errors.empty()) << errors[0];
}

// Eight times the text must not take sixty times as long; generous, because machines are busy.
TEST(Limits, TimeIsLinearInTheText) {
  auto seconds = [](size_t count) {
    std::string text = repeat("kprobe:f /pid == 1/ { @x[comm, 1] = count(); $y = (1 + 2) * 3; if $y { print(@x); } }\n", count);
    auto begin = std::chrono::steady_clock::now();
    SourceMap sources;
    uint32_t at = sources.add("t.bt", text);
    Arena arena;
    Diagnostics diagnostics;
    EXPECT_EQ(parse(sources, at, {}, arena, diagnostics).probes.size(), count);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  double small = seconds(1'500);
  double big = seconds(12'000);  // one megabyte
  EXPECT_LT(big, small * 60 + 0.5);
}

// Token soup: whatever stands side by side, the parser ends, and either complains or has a tree that prints.
TEST(Limits, RandomTokensDoNotCrash) {
  constexpr std::string_view tokens[] = {
      "begin", "kprobe:f", "{",       "}",        "(",           ")",       "[",          "]",      ";",      ",",      ":",
      "..",    ".",        "->",      "$x",       "@m",          "@",       "$1",         "$#",     "1",      "\"s\"",  "pid",
      "count", "=",        "+=",      "==",       "+",           "-",       "*",          "/",      "?",      "!",      "++",
      "--",    "if",       "else",    "for",      "while",       "unroll",  "let",        "return", "break",  "true",   "struct",
      "union", "enum",     "int",     "uint8",    "foo_t",       "sizeof",  "(",          ")",      "config", "import", "macro",
      "fn",    "typeof",   "typedef", "comptime", "\n#define N", "\n#if 1", "\n#endif\n", "N",      "{",      "}",
  };
  std::mt19937 random(20'261'122);
  for (int round = 0; round < 2'000; round++) {
    std::string text = round % 2 == 0 ? "begin { " : "";
    for (size_t i = random() % 60; i > 0; i--) text.append(tokens[random() % std::size(tokens)]).append(" ");
    Parsed parsed = parse_text(text);
    EXPECT_TRUE(!parsed.errors.empty() || !parsed.tree.empty()) << text;
  }
}

}  // namespace shrike
