// Macros: what they expand to, as the checker sees it, and every mistake that can be made with them.
#include <gtest/gtest.h>

#include "frontend/checked.h"
#include "frontend/language_types.h"
#include "tests/support/checked_script.h"

namespace shrike {
namespace {

std::string rendered(const CheckedScript& script) {
  std::string all;
  for (const Diagnostic& diagnostic : script.diagnostics.all()) all += render(diagnostic, script.sources, {});
  return all;
}

// The probes after expansion, without positions; the messages if there are any.
std::string expanded(const std::string& text) {
  CheckedScript script(text);
  if (script.program == nullptr) return rendered(script);
  ast::Program probes;
  probes.probes = script.ast.probes;
  std::string tree = print(probes, script.sources);
  std::string out;
  for (size_t i = 0; i < tree.size(); i++) {
    bool is_place = tree[i] >= '0' && tree[i] <= '9' && (i == 0 || tree[i - 1] == '\n' || tree[i - 1] == ' ');
    size_t end = i;
    while (is_place && end < tree.size() && (tree[end] == ':' || (tree[end] >= '0' && tree[end] <= '9'))) end++;
    if (is_place && tree.substr(i, end - i).find(':') != std::string::npos) i = end;
    out += tree[i];
  }
  // A macro's own variable is renamed; `$i` for `$i.loop.1`.
  for (size_t at = out.find(".loop."); at != std::string::npos; at = out.find(".loop.")) out.erase(at, 7);
  return out;
}

struct Expansion {
  const char* with_macros;
  const char* without;
};

class Expands : public testing::TestWithParam<Expansion> {};

TEST_P(Expands, ToWhatItSays) {
  EXPECT_EQ(expanded(GetParam().with_macros), expanded(GetParam().without)) << GetParam().with_macros;
}

INSTANTIATE_TEST_SUITE_P(
    Macros, Expands,
    testing::Values(
        // The argument is one operand, whatever its operators.
        Expansion{"macro double(x) { x * 2 } begin { @a = double(3 + 1); }", "begin { @a = (3 + 1) * 2; }"},
        Expansion{"macro double(x) { x * 2 } begin { @a = double(double(1)); }", "begin { @a = (1 * 2) * 2; }"},
        Expansion{"macro a(x) { x + 1 } macro b(x) { a(x) * a(2) } begin { @a = b(3); }", "begin { @a = (3 + 1) * (2 + 1); }"},
        Expansion{"macro answer() { 42 } begin { @a = answer; @b = answer(); }", "begin { @a = 42; @b = 42; }"},
        Expansion{"macro is_me(p) { pid == p } begin /is_me(1)/ { }", "begin /pid == 1/ { }"},
        Expansion{"macro up(@m, n) { @m += n; } begin { up(@x, 2); }", "begin { { @x += 2; } }"},
        Expansion{"macro up(@m, k) { @m[k]++; } begin { up(@x, pid); }", "begin { { @x[pid]++; } }"},
        Expansion{"macro set($v) { $v = 1; } begin { let $x = 0; set($x); print($x); }",
                  "begin { let $x = 0; { $x = 1; } print($x); }"},
        // Through two macros, a parameter is still what the script wrote.
        Expansion{"macro set($v) { $v = 1; } macro both($p, $q) { set($p); set($q); } begin { $x = 0; $y = 0; both($x, $y); }",
                  "begin { $x = 0; $y = 0; { { $x = 1; } { $y = 1; } } }"},
        Expansion{"macro run(x) { x; x; } macro up(@m) { @m++; } begin { run(up(@c)); }", "begin { { { @c++; } { @c++; } } }"},
        Expansion{"macro loop(n) { for $i : 0..n { if ($i == 1) { break; } } } begin { loop(3); }",
                  "begin { { for $i : 0..3 { if ($i == 1) { break; } } } }"}));

TEST(Macros, OwnVariablesAreNotTheCallers) {
  CheckedScript script(
      "macro swap($a, $b) { let $t = $a; $a = $b; $b = $t; }\n"
      "begin { $t = 1; $u = 2; swap($t, $u); swap($u, $t); print($t); }");
  ASSERT_NE(script.program, nullptr) << rendered(script);
  EXPECT_EQ(script.program->bodies[0].variables.size(), 4u);  // $t, $u and one of each use
}

TEST(Macros, FormsAreChosenByCountAndKind) {
  const std::string forms = "macro m(x) { 1 } macro m(x, y) { 2 } macro m($x, y) { 3 } macro m(@x) { 4 } ";
  EXPECT_EQ(expanded(forms + "begin { @a = m(0); }"), expanded("begin { @a = 1; }"));
  EXPECT_EQ(expanded(forms + "begin { @a = m(0, 0); }"), expanded("begin { @a = 2; }"));
  EXPECT_EQ(expanded(forms + "begin { $v = 0; @a = m($v, 0); }"), expanded("begin { $v = 0; @a = 3; }"));
  EXPECT_EQ(expanded(forms + "begin { @b = 0; @a = m(@b); }"), expanded("begin { @b = 0; @a = 4; }"));
}

TEST(Macros, NamesOfTheLanguageStayReachable) {
  EXPECT_EQ(expanded("macro pid(x) { x } begin { @a = pid; }"), expanded("begin { @a = pid; }"));
  EXPECT_EQ(expanded("macro print(x, y, z, w) { x; } begin { print(1); }"), expanded("begin { print(1); }"));
}

TEST(Macros, AMessageInsideIsInTheBodyAndNotesTheUse) {
  CheckedScript script("macro bad(x) { x + \"a\" }\nbegin { @a = bad(1); }");
  ASSERT_EQ(script.diagnostics.all().size(), 1u);
  const Diagnostic& said = script.diagnostics.all()[0];
  EXPECT_EQ(script.sources.text(said.span), "x + \"a\"");
  EXPECT_EQ(script.sources.text(script.sources.use_at(said.span.begin)), "bad(1)");
  // What the caller wrote is shown where the caller wrote it.
  CheckedScript argument("macro good(x) { x + 1 }\nbegin { @a = good(-\"a\"); }");
  ASSERT_EQ(argument.diagnostics.all().size(), 1u);
  EXPECT_EQ(argument.sources.text(argument.diagnostics.all()[0].span), "\"a\"");
}

TEST(Macros, AMessageCallsVariablesAsTheirAuthorDoes) {
  CheckedScript script("macro bad() { $t + 1 }\nbegin { @a = bad; }");
  ASSERT_EQ(script.diagnostics.all().size(), 1u);
  EXPECT_EQ(script.diagnostics.all()[0].message, "`$t` is used before it is given a value");
}

TEST(Macros, ParametersMayNameTypes) {
  const std::string macro = "macro as(x, y) { (typeof(x))y } ";
  EXPECT_EQ(expanded(macro + "begin { $a = (uint8)1; @b = as($a, 300); }"),
            expanded("begin { $a = (uint8)1; @b = (typeof($a))300; }"));
  CheckedScript script(macro + "begin { $a = (uint8)1; let $b: typeof($a) = 2; $c = as($b, 300); print($c); }");
  ASSERT_NE(script.program, nullptr) << rendered(script);
  for (const Variable& variable : script.program->bodies[0].variables) EXPECT_EQ(show(variable.type), "uint8") << variable.name;
}

struct Mistake {
  Diag id;
  std::string script;
  const char* underlined;
};

std::ostream& operator<<(std::ostream& out, const Mistake& mistake) {
  return out << row_of(mistake.id).name;
}

TEST(Macros, EachUseHasItsOwnMessageAndWaysThroughOthersAreTold) {
  CheckedScript script("macro inner(x) { x + \"a\" }\nmacro outer(x) { print(inner(x)); }\nbegin { outer(1); outer(2); }");
  ASSERT_EQ(script.diagnostics.all().size(), 2u) << rendered(script);
  const Span at = script.diagnostics.all()[1].span;
  EXPECT_EQ(script.sources.locate(at.begin).line, 1u);
  const Span middle = script.sources.use_at(at.begin);
  EXPECT_EQ(script.sources.text(middle), "inner(x)");
  EXPECT_EQ(script.sources.text(script.sources.use_at(middle.begin)), "outer(2)");
}

TEST(Macros, MessagesTellVariablesAsTheyAreWritten) {
  CheckedScript script("macro m(x) { let $own = 1; $own = x; $own }\nbegin { @a = m(\"s\"); }");
  ASSERT_EQ(script.diagnostics.all().size(), 1u) << rendered(script);
  EXPECT_EQ(script.diagnostics.all()[0].message, "`$own` is int8, this is string[2]");
  EXPECT_EQ(script.diagnostics.all()[0].labels[0].text, "`$own` is int8 since here");
}

class MacroMistake : public testing::TestWithParam<Mistake> {};

TEST_P(MacroMistake, IsToldAtItsPlace) {
  CheckedScript script(GetParam().script);
  ASSERT_EQ(script.diagnostics.all().size(), 1u) << rendered(script);
  EXPECT_EQ(script.diagnostics.all()[0].id, GetParam().id) << rendered(script);
  EXPECT_EQ(script.sources.text(script.diagnostics.all()[0].span), GetParam().underlined);
}

// Each level doubles what it is given.
std::string doubling_macros(int levels) {
  std::string text = "macro m0(x) { x + x } ";
  for (int i = 1; i <= levels; i++)
    text += "macro m" + std::to_string(i) + "(x) { m" + std::to_string(i - 1) + "(x) + m" + std::to_string(i - 1) + "(x) } ";
  return text + "begin { @a = m" + std::to_string(levels) + "(1); }";
}

INSTANTIATE_TEST_SUITE_P(
    Macros, MacroMistake,
    testing::Values(Mistake{Diag::macro_redefined, "macro m($x) { 1 } macro m($y) { 2 } begin { }", "macro m($y)"},
                    Mistake{Diag::macro_parameter_repeated, "macro m(a, a) { 1 } begin { }", "a"},
                    Mistake{Diag::macro_parameter_typed, "macro m($a: int32) { 1 } begin { }", "$a: int32"},
                    Mistake{Diag::macro_left, "macro m() { return; } begin { m(); }", "return"},
                    Mistake{Diag::macro_left, "macro m() { if (pid) { break; } } begin { while (1) { m(); } }", "break"},
                    Mistake{Diag::macro_left, "macro m() { for $i : 0..2 { return 1; } } begin { }", "return 1"},
                    Mistake{Diag::macro_left, "macro m() { unroll(2) { } continue; } begin { }", "continue"},
                    Mistake{Diag::macro_recursion, "macro m(x) { m(x) + 1 } begin { @a = m(1); }", "m(x)"},
                    Mistake{Diag::macro_recursion, "macro a(x) { b(x) } macro b(x) { a(x) } begin { @a = a(1); }", "a(x)"},
                    Mistake{Diag::macro_form_unknown, "macro m($x) { $x } begin { @a = m(1); }", "m(1)"},
                    Mistake{Diag::macro_form_unknown, "macro m(@x) { 1 } begin { @b[1] = 1; @a = m(@b[1]); }", "m(@b[1])"},
                    Mistake{Diag::macro_form_unknown, "macro m(x) { x } begin { @a = m; }", "m"},
                    Mistake{Diag::macro_form_unknown, "macro m(x) { x; } begin { m(1, 2); }", "m(1, 2)"},
                    Mistake{Diag::macro_without_value, "macro m(x) { print(x); } begin { @a = m(1); }", "m(1)"},
                    Mistake{Diag::macros_too_big, doubling_macros(24), "m24(1)"}));

}  // namespace
}  // namespace shrike
