// The time from text to object file grows with the script, not with its square: ten times the statements take far less than
// a hundred times as long. Processor time, so that a busy machine does not count.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <string>

#include "tests/support/process.h"

namespace shrike::testing {
namespace {

// A quadratic step that matters brings the ratio near 100.
constexpr double most_growth = 40;

std::string statements(int count, int per_probe) {
  std::string text = "config = { max_probes = 100000; max_bpf_progs = 100000 }\n";
  for (int i = 0; i < count; i++) {
    std::string n = std::to_string(i);
    if (i % per_probe == 0) text += (i == 0 ? "interval:ms:" : "}\ninterval:ms:") + std::to_string(i / per_probe + 1) + " {\n";
    text +=
        "  $v" + n + " = nsecs; if ($v" + n + " > " + n + ") { @m" + std::to_string(i % 20) + "[" + n + "] = $v" + n + "; }\n";
  }
  return text + "}\n";
}

// As many keys that are constants, which share one place in memory, in probes of ten statements.
std::string constant_keys(int count) {
  std::string text = "config = { max_probes = 100000; max_bpf_progs = 100000 }\n";
  for (int i = 0; i < count; i++) {
    std::string n = std::to_string(i);
    if (i % 10 == 0) text += (i == 0 ? "interval:ms:" : "}\ninterval:ms:") + std::to_string(i / 10 + 1) + " {\n";
    text += "  @m" + std::to_string(i % 20) + "[" + n + "] = nsecs + " + n + ";\n";
  }
  return text + "}\n";
}

// `count` definitions, each used once, in probes of ten uses. `#` stands for the number.
std::string defined_and_used(int count, const std::string& definition, const std::string& use) {
  const std::string config = "config = { max_probes = 100000; max_bpf_progs = 100000 }\n";
  std::string definitions, probes;
  for (int i = 0; i < count; i++) {
    const std::string n = std::to_string(i);
    definitions += replace_all(definition, "#", n) + "\n";
    if (i % 10 == 0) probes += (i == 0 ? "interval:ms:" : "}\ninterval:ms:") + std::to_string(i / 10 + 1) + " {\n";
    probes += "  " + replace_all(use, "#", n) + "\n";
  }
  const bool is_c = definition.starts_with("struct");
  return (is_c ? definitions + config : config + definitions) + probes + "}\n";
}

double seconds() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  auto of = [](const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

// The better of two runs.
double compile_seconds(const std::string& script) {
  const TemporaryFile file(script);
  const TemporaryFile object("");
  double best = 1e9;
  for (int i = 0; i < 2; i++) {
    const double before = seconds();
    const Result result = run({shrike_binary(), "--emit-elf", object.path(), file.path()}, {}, 60000);
    EXPECT_FALSE(result.timed_out);
    best = std::min(best, seconds() - before);
  }
  return best;
}

// Some ninety thousand instructions, with branches past half of them: further than one jump reaches at either ISA level.
TEST(CompileTime, ProgramsLongerThanAJumpRun) {
  std::string body;
  for (int i = 0; i < 4000; i++)
    body += "@m" + std::to_string(i % 8) + "[" + std::to_string(i % 7) + "] = " + std::to_string(i) + ";\n";
  const TemporaryFile file("begin { @go = 1; if (@go == 1) {\n" + body + "} else { @no = 1; }\nif (@go == 2) {\n" + body +
                           "}\nprintf(\"last %d %d\\n\", @m7[3], @no); exit(); }\n");
  for (const char* level : {"--isa=3", "--isa=4"}) {
    const Result result = run({shrike_binary(), level, "-q", file.path()}, {}, 60000);
    EXPECT_EQ(result.status, 0) << level << "\n" << result.err;
    EXPECT_TRUE(result.out.starts_with("last 3951 0\n")) << level << "\n" << result.out.substr(0, 200);
  }
}

// `first`, then `next` as often as wanted, in which `#` is the number.
std::string chain(int count, const std::string& first, const std::string& next, const std::string& last) {
  std::string text = first;
  for (int i = 1; i <= count; i++) text += replace_all(next, "#", std::to_string(i));
  return text + last;
}

struct Chain {
  std::string first, next, last;
};
const Chain else_if{"begin { $x = pid; if $x == 0 { print(0); }", " else if $x == -# { print(#); }", " else { print(99); } }\n"};
const Chain choices{"begin { $x = pid; $y = if $x == 0 { 0 }", " else if $x == -# { # }", " else { 99 }; print($y); }\n"};
const Chain ifs{"begin { $x = pid; $y = 99;", " if $x == -# { @ = #; }", " print($y); }\n"};
const Chain sum{"begin { $x = pid; print($x", " + $x - $x", " == $x ? 99 : 1); }\n"};
const Chain alternatives{"begin { $x = pid; if $x == 0", " || $x == -#", " || $x > 0 { print(99); } }\n"};
const Chain both{"begin { $x = pid; if $x > 0", " && $x != -#", " { print(99); } }\n"};
const Chain number{"begin { print(99", " + 1 - 1", "); }\n"};
const Chain text{"begin { print((\"a\"", " + \"b\"", ") == \"ab\" ? 1 : 99); }\n"};
const Chain in_macro{"macro m(a) { if a == 0 { print(0); }", " else if a + 0 - 0 == -# { print(#); }",
                     " else { print(99); } } begin { m(pid); }\n"};

// Nothing descends a level for each link: no link is too many for the stack, and each costs the same.
TEST(CompileTime, ChainsOfElseIfAndOfOperatorsAreAsLongAsTheyLike) {
  struct Case {
    std::string name;
    const Chain& form;
    int count;
  };
  for (const auto& [name, form, count] :
       {Case{"else if", else_if, 6000}, Case{"if as a value", choices, 12000}, Case{"if after if", ifs, 3000},
        Case{"sum", sum, 14000}, Case{"||", alternatives, 8000}, Case{"&&", both, 8000}, Case{"constants", number, 100000},
        Case{"texts", text, 50000}, Case{"in a macro", in_macro, 4000}}) {
    const TemporaryFile file(chain(count, form.first, form.next, form.last));
    const Result result = run({shrike_binary(), "-q", file.path()}, {}, 60000);
    EXPECT_EQ(result.status, 0) << name << "\n" << result.err.substr(0, 400);
    EXPECT_TRUE(result.out.starts_with("99\n")) << name << "\n" << result.out.substr(0, 200);
  }
}

TEST(CompileTime, GrowsWithTheLengthOfChains) {
  for (const Chain* each : {&else_if, &ifs, &sum, &alternatives, &number}) {
    const double few = compile_seconds(chain(1000, each->first, each->next, each->last));
    EXPECT_LT(compile_seconds(chain(10000, each->first, each->next, each->last)), few * most_growth) << each->next;
  }
}

TEST(CompileTime, AMegabyteOfElseIfIsAProgram) {
  const TemporaryFile file(chain(40000, else_if.first, else_if.next, else_if.last));
  const TemporaryFile object("");
  const Result result = run({shrike_binary(), "--emit-elf", object.path(), file.path()}, {}, 60000);
  EXPECT_EQ(result.status, 0) << result.err.substr(0, 300);
}

TEST(CompileTime, GrowsWithTheNumberOfProbes) {
  const double few = compile_seconds(statements(1000, 20));
  EXPECT_LT(compile_seconds(statements(10000, 20)), few * most_growth);
}

// With 1,000 and 10,000 probes. A step that searches all constants is cheap for each and shows late.
TEST(CompileTime, GrowsWithTheNumberOfConstantKeys) {
  const double few = compile_seconds(constant_keys(10000));
  EXPECT_LT(compile_seconds(constant_keys(100000)), few * most_growth / 2);
}

TEST(CompileTime, GrowsWithTheNumberOfDefinitions) {
  const std::pair<const char*, const char*> kinds[] = {
      {"struct s# { int a; struct s# *next; char name[16]; };", "@a = ((struct s# *)0)->a;"},
      {"let @map_number_# = hash(10);", "@map_number_#[pid] = #;"},
      {"fn f#($x: int64): int64 { return $x + #; }", "@a = f#(nsecs);"},
      {"macro m#(x) { x + # }", "@a = m#(nsecs);"},
      {"", "print((f#=pid, g=nsecs));"}};
  for (const auto& [definition, use] : kinds) {
    const double few = compile_seconds(defined_and_used(2000, definition, use));
    EXPECT_LT(compile_seconds(defined_and_used(20000, definition, use)), few * most_growth) << definition << use;
  }
}

// bench/instructions/growth, a test of its own, tells the steps of the same apart. Each kind has some of its own: aggregations
// split blocks, and what lives through all of the probe has thousands of neighbours and copies.
TEST(CompileTime, GrowsWithTheLengthOfAProbe) {
  const double few = compile_seconds(statements(1000, 1000));
  EXPECT_LT(compile_seconds(statements(10000, 10000)), few * most_growth);
  for (const char* statement : {"@[comm, pid + #] = count();", "@h[#] = hist($x);", "@s[#] = comm;", "if $x == # { $y += #; }",
                                "if $x > # { @b[str(0, 9), #] = count(); }"}) {
    const Chain all{"begin { $x = nsecs; $y = cpu;", std::string(statement) + "\n", "print($y); }\n"};
    const double hundreds = compile_seconds(chain(300, all.first, all.next, all.last));
    EXPECT_LT(compile_seconds(chain(3000, all.first, all.next, all.last)), hundreds * most_growth) << statement;
  }
}

TEST(CompileTime, TenThousandStatementsInOneProbeRun) {
  const TemporaryFile file(chain(10000, "config = { max_map_keys = 20000 } begin {", "@m[#] = nsecs * 0 + #;\n",
                                 "print(@m[10000]); clear(@m); exit(); }\n"));
  const Result result = run({shrike_binary(), "-q", file.path()}, {}, 60000);
  EXPECT_EQ(result.status, 0) << result.err.substr(0, 400);
  EXPECT_TRUE(result.out.starts_with("10000\n")) << result.out.substr(0, 200);
}

TEST(CompileTime, RefusesFiftyThousandStatementsInOneProbeAtOnce) {
  const double few = compile_seconds(statements(5000, 5000));
  EXPECT_LT(compile_seconds(statements(50000, 50000)), few * most_growth);
}

}  // namespace
}  // namespace shrike::testing
