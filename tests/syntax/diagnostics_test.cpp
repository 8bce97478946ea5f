// Every message of the lexer and parser at its narrowest span, and that one mistake does not hide the next.
#include <gtest/gtest.h>

#include "tests/syntax/parse_text.h"

namespace shrike {

struct Mistake {
  const char* text;
  const char* error;  // name and place of the only message
};

class OneMistake : public testing::TestWithParam<Mistake> {};

TEST_P(OneMistake, GivesOneMessageAtItsPlace) {
  Parsed parsed = parse_text(GetParam().text);
  EXPECT_EQ(parsed.errors, Errors{GetParam().error}) << GetParam().text << "\n" << parsed.messages;
}

INSTANTIATE_TEST_SUITE_P(
    Lexer, OneMistake,
    testing::Values(
        Mistake{"begin { `; }", "unexpected_character 1:9-9"}, Mistake{"begin { f('c'); }", "unexpected_character 1:11-11"},
        Mistake{"begin { $ = 1; }", "unexpected_character 1:9-9"},
        Mistake{"begin { f(\xc3\xa9); }", "unexpected_character 1:11-12"},
        Mistake{"begin { f(\"abc); }\n", "unterminated_string 1:11-18"}, Mistake{"u:\"/bin:f { }", "unterminated_string 1:1-1"},
        Mistake{"begin { } /* x", "unterminated_comment 1:11-12"}, Mistake{"begin { f(\"a\\qb\"); }", "bad_escape 1:13-14"},
        Mistake{"begin { f(\"\\xzz\"); }", "bad_escape 1:12-13"}, Mistake{"begin { f(\"\\777\"); }", "bad_escape 1:12-13"},
        Mistake{"begin { @ = 12abc; }", "bad_number 1:13-17"}, Mistake{"begin { @ = 0x; }", "bad_number 1:13-14"},
        Mistake{"begin { @ = 089; }", "bad_number 1:13-15"}, Mistake{"begin { @ = 0b11; }", "bad_number 1:13-16"},
        Mistake{"begin { @ = 12e3; }", "bad_number 1:13-16"}, Mistake{"begin { @ = 1e99; }", "bad_number 1:13-16"},
        Mistake{"begin { @ = 18446744073709551616; }", "bad_number 1:13-32"}, Mistake{"begin { @ = 1.5; }", "bad_number 1:13-15"},
        Mistake{"begin { @ = $0; }", "bad_number 1:13-14"}, Mistake{"begin { @ = 9d * 500000000d; }", "bad_number 1:18-27"},
        Mistake{"begin \x01\x02\x03\x04\x05 { }", "unexpected_character 1:7-11"}));

INSTANTIATE_TEST_SUITE_P(
    Statements, OneMistake,
    testing::Values(
        Mistake{"begin { f(1 2); }", "expected_token 1:13-13"}, Mistake{"begin { f(1; }", "expected_token 1:12-12"},
        Mistake{"begin { f() g(); }", "expected_token 1:13-13"}, Mistake{"begin { f()\n g(); }", "expected_token 1:11-11"},
        Mistake{"begin { $x = ; }", "expected_expression 1:14-14"}, Mistake{"begin { @m[] = 1; }", "expected_expression 1:12-12"},
        Mistake{"begin { f(1, , 2); }", "expected_expression 1:14-14"}, Mistake{"begin { 1 = 2; }", "not_assignable 1:9-9"},
        Mistake{"begin { f() += 2; }", "not_assignable 1:9-11"}, Mistake{"begin { pid++; }", "not_assignable 1:9-11"},
        Mistake{"begin { ++$x.y; }", "not_assignable 1:11-14"}, Mistake{"begin { for ($x : 5) { } }", "not_iterable 1:19-19"},
        Mistake{"begin { for (x : @m) { } }", "expected_token 1:14-14"}, Mistake{"begin { else { } }", "else_without_if 1:9-12"},
        Mistake{"begin { if 1 f(); }", "expected_token 1:14-14"}, Mistake{"begin { if ($x = 5) { } }", "expected_token 1:16-16"},
        Mistake{"begin { import \"x\"; }", "import_in_block 1:9-14"},
        Mistake{"begin { let @m = hash(1); }", "map_declared_in_block 1:13-14"},
        Mistake{"begin { let x = 1; }", "expected_token 1:13-13"},
        Mistake{"begin { struct s { int x; } }", "out_of_order 1:9-14"},
        Mistake{"begin { $x = { f(); }; }", "block_without_value 1:21-21"},
        Mistake{"begin { @x = {1:2}; }", "expected_token 1:16-16"},
        Mistake{"begin { print({.a=1}); }", "expected_expression 1:16-16"},
        Mistake{"begin { $x = if 1 { ; = } else { 3 }; }", "expected_expression 1:23-23"},
        Mistake{"begin { $x = if 1 { 2 }; }", "if_without_value 1:14-15"},
        Mistake{"begin { $x = if 1 { 2; } else { 3 }; }", "if_without_value 1:14-15"},
        Mistake{"begin { args.; }", "expected_token 1:14-14"}, Mistake{"begin { $x ? 1; }", "expected_token 1:15-15"},
        Mistake{"begin { $t.-1; }", "expected_token 1:12-12"}, Mistake{"begin { @x[1 = 2; }", "expected_token 1:14-14"},
        Mistake{"begin { (struct)1; }", "expected_token 1:16-16"},
        Mistake{"begin { offsetof(struct foo); }", "expected_token 1:28-28"}));

INSTANTIATE_TEST_SUITE_P(
    Programs, OneMistake,
    testing::Values(
        Mistake{"", "empty_program"}, Mistake{"// nothing\n", "empty_program"}, Mistake{"config = { }", "empty_program"},
        Mistake{"begin", "expected_token 1:5-5"}, Mistake{"begin {", "expected_token 1:7-7"},
        Mistake{"begin { f(", "expected_expression 1:10-10"}, Mistake{"begin { if 1 { f();", "expected_token 1:19-19"},
        Mistake{"begin /pid/", "expected_token 1:11-11"}, Mistake{"begin /pid { }", "expected_token 1:12-12"},
        Mistake{"begin { } }", "stray_brace 1:11-11"}, Mistake{"= { }", "expected_token 1:1-1"},
        Mistake{"a= { }", "expected_token 1:1-2"}, Mistake{"begin { } struct s { int x; };", "out_of_order 1:11-16"},
        Mistake{"begin { } config = { x = 1 }", "out_of_order 1:11-16"},
        Mistake{"begin { } import \"a\";", "out_of_order 1:11-16"},
        Mistake{"config = { x = 1 } config = { y = 2 } begin { }", "second_config 1:20-25"},
        Mistake{"config = { x = ; } begin { }", "expected_token 1:16-16"},
        Mistake{"config = { x 1 } begin { }", "expected_token 1:14-14"}, Mistake{"import a; begin { }", "expected_token 1:8-8"},
        Mistake{"let @m = 5; begin { }", "expected_token 1:10-10"},
        Mistake{"let $m = hash(5); begin { }", "expected_token 1:5-6"}, Mistake{"fn f(5) { } begin { }", "expected_token 1:6-6"},
        Mistake{"kprobe:$3 { }", "no_such_positional 1:8-9"}));

INSTANTIATE_TEST_SUITE_P(CSection, OneMistake,
                         testing::Values(Mistake{"struct s { int; }; begin { }", "expected_token 1:15-15"},
                                         Mistake{"struct s { int x } begin { }", "expected_token 1:18-18"},
                                         Mistake{"struct { int x; }; begin { }", "expected_token 1:1-6"},
                                         Mistake{"struct s { int x[n]; }; begin { }", "not_a_constant 1:18-18"},
                                         Mistake{"struct s { int x:65; }; begin { }", "not_a_constant 1:18-19"},
                                         Mistake{"enum e { A = f() }; begin { }", "not_a_constant 1:14-14"},
                                         Mistake{"typedef int; begin { }", "expected_token 1:12-12"}));

INSTANTIATE_TEST_SUITE_P(Directives, OneMistake,
                         testing::Values(Mistake{"#define F(x) x\nbegin { f(F(1, 2)); }", "define_arguments 2:11-11"},
                                         Mistake{"#include x\nbegin { }", "bad_directive 1:1-8"},
                                         Mistake{"#define C 'c'\nbegin { f(C); }", "unusable_define 2:11-11"},
                                         Mistake{"#ifdef X\nbegin { }", "unterminated_conditional 1:1-6"},
                                         Mistake{"#else\nbegin { }", "bad_directive 1:1-5"},
                                         Mistake{"#if f(1)\n#endif\nbegin { }", "bad_directive 1:6-6"},
                                         Mistake{"#if\n#endif\nbegin { }", "bad_directive 1:3-3"},
                                         Mistake{"#define\nbegin { }", "bad_directive 1:7-7"},
                                         Mistake{"#if 1\n#else\n#else\n#endif\nbegin { }", "bad_directive 3:1-5"},
                                         Mistake{"#frob x\nbegin { }", "unknown_directive 1:1-5"},
                                         Mistake{"#define A 1\n#define A 2\nbegin { }", "define_redefined 2:9-9"},
                                         Mistake{"#error no\nbegin { }", "error_directive 1:1-6"}));

TEST(Diagnostics, SeveralMistakesOfOneScriptAreAllTold) {
  Parsed parsed = parse_text(
      "begin {\n  f(1 2);\n  $x = ;\n  if $y = 1 { g(; }\n  h(\"ok\");\n  1 = 2;\n}\n"
      "kprobe:f / { }\nend { i(]; @x = 1; }\n");
  EXPECT_EQ(parsed.errors, (Errors{"expected_token 2:7-7", "expected_expression 3:8-8", "expected_token 4:9-9",
                                   "not_assignable 6:3-3", "expected_expression 8:12-12", "expected_expression 9:9-9"}));
  // What is right stays in the tree.
  EXPECT_NE(parsed.tree.find("expr 5:3 (call h \"ok\")"), std::string::npos);
  EXPECT_NE(parsed.tree.find("assign 9:12 @x = 1"), std::string::npos);
}

TEST(Diagnostics, ABadDefinitionDoesNotHideTheNext) {
  Parsed parsed = parse_text("struct s { int x[y]; int 5; };\nconfig = { a 1; b = ; }\nlet @a = ;\nfn 5 { }\nbegin { }");
  EXPECT_EQ(parsed.errors, (Errors{"not_a_constant 1:18-18", "expected_token 1:26-26", "expected_token 2:14-14",
                                   "expected_token 2:21-21", "expected_token 3:10-10", "expected_token 4:4-4"}));
}

TEST(Diagnostics, StopAfterTwenty) {
  std::string text = "begin {";
  for (int i = 0; i < 100; i++) text += " f(];";
  Parsed parsed = parse_text(text + " }");
  ASSERT_EQ(parsed.errors.size(), 21u);
  EXPECT_EQ(parsed.errors.back(), "too_many_errors");
}

TEST(Diagnostics, TextAndHints) {
  EXPECT_EQ(parse_text("begin { f(1 2); }").messages,
            "t.bt:1:13-14: ERROR: expected `,` or `)`, found `2`\nbegin { f(1 2); }\n            ~\n");
  EXPECT_EQ(
      parse_text("begin { if 1 {").messages,
      "t.bt:1:14-15: ERROR: expected `}`, found end of file\nbegin { if 1 {\n             ~\nt.bt:1:14-15: NOTE: to close this\n"
      "begin { if 1 {\n             ~\n");
  auto hint = [](const char* text) {
    std::string messages = parse_text(text).messages;
    size_t at = messages.find("HINT: ");
    return at == std::string::npos ? messages : messages.substr(at + 6, messages.size() - at - 7);
  };
  EXPECT_EQ(hint("begin { retrun 5; }"), "did you mean `return`?");
  EXPECT_EQ(hint("begin { whlie ($x) { } }"), "did you mean `while`?");
  EXPECT_EQ(hint("begin { if 1 { } esle { } }"), "did you mean `else`?");
  EXPECT_EQ(hint("begin { if $x = 1 { } }"), "did you mean `==`?");
  EXPECT_EQ(hint("begin { f('a'); }"), "strings are written with double quotes");
}

}  // namespace shrike
