// Every form of statement: text in, tree out.
#include <gtest/gtest.h>

#include "tests/syntax/parse_text.h"

namespace shrike {

struct Form {
  const char* text;
  const char* tree;
};

class Statement : public testing::TestWithParam<Form> {};

TEST_P(Statement, HasTheTree) {
  EXPECT_EQ(tree_of_body(GetParam().text), GetParam().tree) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    Assignments, Statement,
    testing::Values(
        Form{"$v = 1;", "  assign 1:9 $v = 1\n"}, Form{"@ = 1", "  assign 1:9 @ = 1\n"},
        Form{"@m[1, 2] = 3;", "  assign 1:9 @m[(tuple 1 2)] = 3\n"},
        Form{"@m[1][2] = 3;",
             "t.bt:1:9-17: ERROR: only variables and maps can be assigned to\nbegin { @m[1][2] = 3; }\n        ~~~~~~~~\n"},
        Form{"_ = f();", "  assign 1:9 _ = (call f)\n"}, Form{"$v += 1;", "  assign 1:9 $v += 1\n"},
        Form{"$v -= 1;", "  assign 1:9 $v -= 1\n"}, Form{"$v *= 1;", "  assign 1:9 $v *= 1\n"},
        Form{"$v /= 1;", "  assign 1:9 $v /= 1\n"}, Form{"$v %= 1;", "  assign 1:9 $v %= 1\n"},
        Form{"$v &= 1;", "  assign 1:9 $v &= 1\n"}, Form{"$v |= 1;", "  assign 1:9 $v |= 1\n"},
        Form{"$v ^= 1;", "  assign 1:9 $v ^= 1\n"}, Form{"$v <<= 1;", "  assign 1:9 $v <<= 1\n"},
        Form{"$v >>= 1;", "  assign 1:9 $v >>= 1\n"}, Form{"@x++;", "  expr 1:9 (post++ @x)\n"}));

INSTANTIATE_TEST_SUITE_P(Let, Statement,
                         testing::Values(Form{"let $x;", "  let 1:9 $x\n"}, Form{"let $x = 1;", "  let 1:9 $x = 1\n"},
                                         Form{"let $x: uint8;", "  let 1:9 $x : uint8\n"},
                                         Form{"let $x : struct foo* = 0;", "  let 1:9 $x : struct foo* = 0\n"},
                                         Form{"let $x : string[64] = \"\"", "  let 1:9 $x : string[64] = \"\"\n"},
                                         Form{"let $x : typeof(@m) = 1", "  let 1:9 $x : typeof(@m) = 1\n"}));

INSTANTIATE_TEST_SUITE_P(
    Control, Statement,
    testing::Values(Form{"if 1 { f() }", "  if 1:9 1\n    expr 1:16 (call f)\n"},
                    Form{"if (1) { f(); } else { g(); }", "  if 1:9 1\n    expr 1:18 (call f)\n  else\n    expr 1:32 (call g)\n"},
                    Form{"if 1 {} else if 2 {} else {}", "  if 1:9 1\n  else-if 1:22 2\n  else\n"},
                    Form{"while ($i < 3) { $i++ }", "  while 1:9 (< $i 3)\n    expr 1:26 (post++ $i)\n"},
                    Form{"unroll(3) { @++ }", "  unroll 1:9 3\n    expr 1:21 (post++ @)\n"},
                    Form{"unroll $1 { }", "  unroll 1:9 $1\n"}, Form{"for ($kv : @m) { }", "  for-map 1:9 $kv : @m\n"},
                    Form{"for $kv : @m { }", "  for-map 1:9 $kv : @m\n"},
                    Form{"for $i : 0..10 { }", "  for-range 1:9 $i : 0..10\n"},
                    Form{"for ($i : $a..(1 + 2)) { }", "  for-range 1:9 $i : $a..(+ 1 2)\n"},
                    Form{"break; continue; return", "  break 1:9\n  continue 1:16\n  return 1:26\n"},
                    Form{"return 1 + 2;", "  return 1:9 (+ 1 2)\n"},
                    Form{"{ f() } { }", "  block 1:9\n    expr 1:11 (call f)\n  block 1:17\n"},
                    Form{";;f();;", "  expr 1:11 (call f)\n"}, Form{"if 1 { } f()", "  if 1:9 1\n  expr 1:18 (call f)\n"}));

}  // namespace shrike
