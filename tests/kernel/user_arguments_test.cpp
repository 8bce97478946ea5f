// Arguments and results of a program's functions by name, as its debug information tells: every way they can travel, in an
// optimised program, one that is not, and one whose debug information is in a separate file. called.cpp has the answers.
#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

using UserArguments = LiveTest;

const std::string called = SHRIKE_CALLED;

std::string put_in(std::string script, const std::string& binary) {
  for (size_t at = 0; (at = script.find("BIN", at)) != std::string::npos;) script.replace(at, 3, binary);
  return script;
}

Result trace_calls(const std::string& script, const std::string& binary = called) {
  return shrike({"-e", put_in(script, binary), "-c", binary});
}

void expect_in_every_build(const std::string& script, const std::string& line) {
  for (const std::string& binary : {called, called + "_plain", called + "_split"}) {
    const Result t = trace_calls(script, binary);
    EXPECT_EQ(count_lines(t.out, line), 1u) << binary << "\n" << t.out << t.err;
  }
}

TEST_F(UserArguments, IntegersOfEveryWidth) {
  expect_in_every_build(R"(uprobe:BIN:scalars {
    printf("%d %d %d %d %s %s %d\n", args.a, args.b, args.c, args.d, str(args.text), args.mood, args.mood); })",
                        "-5 65535 -70000 1 words calm -1");
}

TEST_F(UserArguments, StructuresByPointerAndReference) {
  expect_in_every_build(R"(uprobe:BIN:pointers {
    printf("%s %d %d %s %d %d|", args.node->name, args.node->low, args.node->high, args.node->color, args.node->inner[1].small,
           args.node.inner[0].word);
    printf("%x %d %s %d\n", args.node->next->inner[0].bytes[3], args.same.high, args.same->color, args.nothing == 0); })",
                        "first 7 15 green 11 6|1 -3 blue 1");
}

TEST_F(UserArguments, WholeStructures) {
  const Result t = trace_calls("uprobe:BIN:pointers { print(args.same); print(*args.node); }");
  EXPECT_TRUE(has(t.out,
                  "{ .name = first, .low = 7, .high = 15, .color = green, .inner = [{ .small = 10, .word = 6, .bytes = "
                  "[6,0,0,0] },{ .small = 11, .word = 7, .bytes = [7,0,0,0] }], .next = 0x"))
      << t.out << t.err;
}

TEST_F(UserArguments, StructuresByValueInRegistersAndOnTheStack) {
  expect_in_every_build(R"(uprobe:BIN:by_value {
    printf("%d %d|%ld %d %d|", args.pair.first, args.pair.second, args.wide.left, args.wide.flag, args.wide.rest);
    printf("%d %s|%d %d|%d\n", args.text.length, args.text.bytes, args.large.numbers[0], args.large.numbers[4], args.after); })",
                        "1 -2|1099511627776 1 -9|3 abc|11 -15|99");
}

TEST_F(UserArguments, FloatingPointTakesNoIntegerRegister) {
  expect_in_every_build(R"(uprobe:BIN:reals { printf("%d %d\n", args.b, args.d); })", "42 44");
}

TEST_F(UserArguments, MoreThanRegistersHold) {
  expect_in_every_build(R"(uprobe:BIN:many {
    printf("%d %d %d %d %d %d %d %d %d\n", args.a, args.e, args.f.first, args.f.second, args.g, args.h.left, args.h.rest,
           args.h.flag, args.i); })",
                        "1 5 6 -6 7 8 -8 0 -9");
}

// many() has its seventh argument there, an eighth of two words, and a ninth.
TEST_F(UserArguments, WordsOnTheStack) {
  expect_in_every_build(R"(uprobe:BIN:many { printf("%d %d %d\n", (int32)sarg0, sarg1, (int16)sarg3); })", "7 8 -9");
}

TEST_F(UserArguments, BaseClassesAndTemplates) {
  expect_in_every_build(
      R"(uprobe:BIN:inherited { printf("%d %d %d\n", args.derived->id, args.derived->weight, args.box.value); })", "21 -4 -12");
}

TEST_F(UserArguments, ClassesThatCannotBeCopiedByteByByteComeByReference) {
  expect_in_every_build(R"(uprobe:BIN:referred { printf("%s|%d\n", str(args.text._M_dataplus._M_p), args.after); })",
                        "a text of some length, longer than fits inside|77");
}

TEST_F(UserArguments, MethodsOfObjects) {
  expect_in_every_build(
      R"(uprobe:BIN:cpp:"called::Object::method" { printf("%d %d %d\n", args.this->state, args.by, args.negate); })",
      "100 -30 0");
}

TEST_F(UserArguments, AsKeysAndInVariables) {
  const Result t = trace_calls(R"(uprobe:BIN:many { $p = args.f; @[args.f] = $p.second; @n = args.g; })");
  EXPECT_EQ(count_lines(t.out, "@[{ .first = 6, .second = -6 }]: -6"), 1u) << t.out << t.err;
  EXPECT_EQ(number_of(t.out, "@n"), 7) << t.out;
}

TEST_F(UserArguments, Results) {
  expect_in_every_build(R"(uretprobe:BIN:result_pair { printf("%d %d\n", retval.first, retval.second); })", "31 -31");
  expect_in_every_build(R"(uretprobe:BIN:result_large { printf("%d %d\n", retval.numbers[0], retval.numbers[4]); })", "50 54");
  expect_in_every_build(R"(uretprobe:BIN:result_node { printf("%s\n", retval->name); })", "second");
}

TEST_F(UserArguments, ResultsWithoutPartsStayNumbers) {
  const Result t = trace_calls("uretprobe:BIN:result_negative { @ = retval; } uretprobe:BIN:result_node { @n = retval; }");
  EXPECT_EQ(number_of(t.out, "@n").value_or(0) > 0, true) << t.out << t.err;
}

TEST_F(UserArguments, WhereTheFunctionBeginsWithInlinedCode) {
  expect_in_every_build(R"(uprobe:BIN:first_user { printf("value %d\n", args.value); })", "value 1");
}

TEST_F(UserArguments, AreListed) {
  const Result t = shrike({"-lv", "uprobe:" + called + ":by_value,uretprobe:" + called + ":result_node"});
  EXPECT_EQ(t.out, "uprobe:" + called + ":by_value\n    struct Pair pair\n    struct Wide wide\n    struct Text text\n" +
                       "    struct Large large\n    int after\nuretprobe:" + called + ":result_node\n    struct Node *retval\n");
}

TEST_F(UserArguments, WithoutDebugInformation) {
  const Result t = trace_calls("uprobe:BIN:scalars { print(args.a); }", called + "_bare");
  EXPECT_EQ(t.status, 1);
  EXPECT_TRUE(has(t.err, "has no debug information (DWARF)")) << t.err;
  // What needs none goes on without.
  EXPECT_EQ(count_lines(trace_calls("uprobe:BIN:scalars { print((int8)arg0); }", called + "_bare").out, "-5"), 1u);
}

TEST_F(UserArguments, UnknownFieldOfAStructure) {
  const Result t = trace_calls("uprobe:BIN:pointers { print(args.node->nmae); }");
  EXPECT_TRUE(has(t.err, "no field `nmae` in `struct Node`")) << t.err;
  EXPECT_TRUE(has(t.err, "did you mean `name`?")) << t.err;
}

}  // namespace
}  // namespace shrike::testing
