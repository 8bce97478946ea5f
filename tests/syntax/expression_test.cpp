// Every form of expression: text in, s-expression out.
#include <gtest/gtest.h>

#include "tests/syntax/parse_text.h"

namespace shrike {

struct Form {
  const char* text;
  const char* tree;
};

class Expression : public testing::TestWithParam<Form> {};

TEST_P(Expression, HasTheTree) {
  EXPECT_EQ(tree_of(GetParam().text), GetParam().tree) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(Precedence, Expression,
                         testing::Values(Form{"1 + 2 * 3", "(+ 1 (* 2 3))"}, Form{"1 - 2 - 3", "(- (- 1 2) 3)"},
                                         Form{"(1 + 2) * 3", "(* (+ 1 2) 3)"}, Form{"1 << 2 + 3", "(<< 1 (+ 2 3))"},
                                         Form{"1 < 2 << 3", "(< 1 (<< 2 3))"}, Form{"1 == 2 < 3", "(== 1 (< 2 3))"},
                                         Form{"1 & 2 == 3", "(& 1 (== 2 3))"}, Form{"1 ^ 2 & 3", "(^ 1 (& 2 3))"},
                                         Form{"1 | 2 ^ 3", "(| 1 (^ 2 3))"}, Form{"1 && 2 | 3", "(&& 1 (| 2 3))"},
                                         Form{"1 || 2 && 3", "(|| 1 (&& 2 3))"}, Form{"8 / 4 % 2", "(% (/ 8 4) 2)"},
                                         Form{"1 >= 2 != 3 <= 4", "(!= (>= 1 2) (<= 3 4))"}, Form{"8 >> 1 > 2", "(> (>> 8 1) 2)"},
                                         Form{"1 ? 2 : 3", "(? 1 2 3)"}, Form{"1 ? 2 : 3 ? 4 : 5", "(? 1 2 (? 3 4 5))"},
                                         Form{"1 || 2 ?: 3", "(?: (|| 1 2) 3)"}, Form{"1 ? 2 ? 3 : 4 : 5", "(? 1 (? 2 3 4) 5)"}));

INSTANTIATE_TEST_SUITE_P(Prefix, Expression,
                         testing::Values(Form{"-1", "(- 1)"}, Form{"+1", "(+ 1)"}, Form{"- -1", "(- (- 1))"},
                                         Form{"!$x", "(! $x)"}, Form{"~1 + 2", "(+ (~ 1) 2)"}, Form{"*$p.x", "(* (. $p x))"},
                                         Form{"&$v", "(& $v)"}, Form{"&@m", "(& @m)"}, Form{"++$x", "(pre++ $x)"},
                                         Form{"--@m[1]", "(pre-- @m[1])"}, Form{"comptime 1 + 2", "(+ (comptime 1) 2)"},
                                         Form{"1 - -1", "(- 1 (- 1))"}, Form{"2 * *$p", "(* 2 (* $p))"}));

INSTANTIATE_TEST_SUITE_P(Postfix, Expression,
                         testing::Values(Form{"args.x", "(. args x)"}, Form{"args->x", "(-> args x)"}, Form{"$t.0", "(. $t 0)"},
                                         Form{"$t.1.2", "(. (. $t 1) 2)"}, Form{"$a[1][2]", "(index (index $a 1) 2)"},
                                         Form{"@m[1][2]", "(index @m[1] 2)"}, Form{"$x++", "(post++ $x)"},
                                         Form{"@--", "(post-- @)"}, Form{"args.if", "(. args if)"},
                                         Form{"$s->struct.union", "(. (-> $s struct) union)"}, Form{"f().x", "(. (call f) x)"},
                                         Form{"-$x.y", "(- (. $x y))"}, Form{"$x++ + ++$y", "(+ (post++ $x) (pre++ $y))"}));

INSTANTIATE_TEST_SUITE_P(
    Primary, Expression,
    testing::Values(Form{"pid", "pid"}, Form{"f()", "(call f)"}, Form{"f(1, \"a\", @m)", "(call f 1 \"a\" @m)"},
                    Form{"f(1,)", "(call f 1)"}, Form{"delete(@m[tid])", "(call delete @m[tid])"}, Form{"@", "@"},
                    Form{"@m[1, \"b\"]", "@m[(tuple 1 \"b\")]"}, Form{"@m[(1, 2)]", "@m[(tuple 1 2)]"}, Form{"$1", "$1"},
                    Form{"$#", "$#"}, Form{"$12 + 1", "(+ $12 1)"}, Form{"true", "true"}, Form{"false", "false"},
                    Form{"(1)", "1"}, Form{"()", "(tuple)"}, Form{"(1,)", "(tuple 1)"}, Form{"(1, 2,)", "(tuple 1 2)"},
                    Form{"(1, (2, 3))", "(tuple 1 (tuple 2 3))"}, Form{"(x = 1, y = (2,))", "(record x=1 y=(tuple 2))"},
                    Form{"getopt(\"a\", 5, \"help\")", "(call getopt \"a\" 5 \"help\")"},
                    Form{"kstack(perf, 3)", "(call kstack perf 3)"}, Form{"{ f(); 1 }", "(do {(call f)} 1)"},
                    Form{"{ let $a = 1; $a } + 1", "(+ (do {(let $a = 1)} $a) 1)"},
                    Form{"if 1 { 2 } else { 3 }", "(if 1 {2} {3})"},
                    Form{"if 1 { f(); 2 } else if 3 { 4 } else { 5 }", "(if 1 {(call f); 2} {(if 3 {4} {5})})"},
                    Form{"{ if 1 { 2 } else { 3 } }", "(do {} (if 1 {2} {3}))"}));

INSTANTIATE_TEST_SUITE_P(
    Casts, Expression,
    testing::Values(Form{"(uint8)1", "(cast uint8 1)"}, Form{"(uint64)-1", "(cast uint64 (- 1))"},
                    Form{"(struct foo *)arg0", "(cast struct foo* arg0)"}, Form{"(union u)$x", "(cast union u $x)"},
                    Form{"(enum color)1", "(cast enum color 1)"}, Form{"(foo_t)*$p", "(cast foo_t (* $p))"},
                    Form{"(foo *)$x", "(cast foo* $x)"}, Form{"(foo **)$x", "(cast foo** $x)"}, Form{"(foo)1", "(cast foo 1)"},
                    Form{"(FOO) - 1", "(- FOO 1)"}, Form{"(pid) * 2", "(* pid 2)"}, Form{"(foo) & 1", "(& foo 1)"},
                    Form{"(comm)", "comm"}, Form{"(int8[4])$x", "(cast int8[4] $x)"},
                    Form{"(int32*[4])$x", "(cast int32*[4] $x)"}, Form{"(int8[])\"a\"", "(cast int8[] \"a\")"},
                    Form{"(unsigned long)1", "(cast uint64 1)"}, Form{"(unsigned char)1", "(cast uint8 1)"},
                    Form{"(long long)1", "(cast int64 1)"}, Form{"(typeof($x))1", "(cast typeof($x) 1)"},
                    Form{"(uint8)1 + 2", "(+ (cast uint8 1) 2)"}, Form{"((struct foo *)$p)->x", "(-> (cast struct foo* $p) x)"},
                    Form{"(string[8])$x", "(cast string[8] $x)"}, Form{"(args)", "args"}, Form{"(foo)(1)", "(cast foo 1)"},
                    Form{"(u32)(1, 2)", "(cast u32 (tuple 1 2))"}));

INSTANTIATE_TEST_SUITE_P(TypeArguments, Expression,
                         testing::Values(Form{"sizeof(struct foo)", "(call sizeof <struct foo>)"},
                                         Form{"sizeof(uint64)", "(call sizeof <uint64>)"}, Form{"sizeof($x)", "(call sizeof $x)"},
                                         Form{"sizeof(foo *)", "(call sizeof <foo*>)"}, Form{"sizeof(pid)", "(call sizeof pid)"},
                                         Form{"sizeof(int32[4])", "(call sizeof <int32[4]>)"},
                                         Form{"offsetof(struct foo, a)", "(call offsetof <struct foo> .a)"},
                                         Form{"offsetof(struct foo, a.b.c)", "(call offsetof <struct foo> .a .b .c)"},
                                         Form{"offsetof($x, a)", "(call offsetof $x .a)"},
                                         Form{"offsetof(foo_t, a)", "(call offsetof <foo_t> .a)"},
                                         Form{"typeinfo(struct foo)", "(call typeinfo <struct foo>)"},
                                         Form{"sizeof(1 + 2)", "(call sizeof (+ 1 2))"}));

INSTANTIATE_TEST_SUITE_P(
    Literals, Expression,
    testing::Values(Form{"0", "0"}, Form{"1_000_000", "1000000"}, Form{"0x1F", "31"}, Form{"0xdead_beef", "3735928559"},
                    Form{"017", "15"}, Form{"4e6", "4000000"}, Form{"1e0", "1"}, Form{"10u", "10u"}, Form{"10UL", "10u"},
                    Form{"10ull", "10u"}, Form{"10l", "10"}, Form{"10LL", "10"},
                    Form{"9223372036854775807", "9223372036854775807"}, Form{"9223372036854775808", "9223372036854775808u"},
                    Form{"18446744073709551615", "18446744073709551615u"}, Form{"5ns", "5"}, Form{"5us", "5000"},
                    Form{"5ms", "5000000"}, Form{"5s", "5000000000"}, Form{"2m", "120000000000"}, Form{"1h", "3600000000000"},
                    Form{"1d", "86400000000000"}, Form{"\"\"", "\"\""}, Form{"\"a\\nb\\t\\\"\\\\\"", "\"a\\nb\\t\\\"\\\\\""},
                    Form{"\"\\x41\\101\\r\"", "\"AA\\x0d\""}, Form{"\"\\377\"", "\"\xff\""},
                    Form{"\"// no /* comment\"", "\"// no /* comment\""}));

TEST(Expression, CommentsAndLayoutDoNotMatter) {
  EXPECT_EQ(tree_of("1 /* one */ +\n // two\n 2"), "(+ 1 2)");
  EXPECT_EQ(tree_of("f(1,\n\t2)"), "(call f 1 2)");
}

// Side tables are indexed by id: they must be dense and count what was made.
TEST(Expression, IdsAreDense) {
  SourceMap sources;
  uint32_t begin = sources.add("t.bt", "begin { @x[1] = 2 + 3; }");
  Arena arena;
  Diagnostics diagnostics;
  ast::Program program = parse(sources, begin, {}, arena, diagnostics);
  const auto* assign = program.probes.at(0).body->statements.at(0)->as<ast::Assign>();
  ASSERT_NE(assign, nullptr);
  EXPECT_EQ(program.expr_count, 5u);
  EXPECT_EQ(assign->value->id.index, 4u);
  EXPECT_EQ(sources.text(assign->value->span), "2 + 3");
  EXPECT_EQ(sources.text(assign->value->as<ast::Binary>()->op_span), "+");
  EXPECT_EQ(sources.text(assign->target->span), "@x[1]");
}

}  // namespace shrike
