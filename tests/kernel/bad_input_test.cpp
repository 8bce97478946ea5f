// What a user can get wrong, and what a machine can lack: one clear message each, the right exit status, no crash, nothing
// left attached.
#include <signal.h>
#include <unistd.h>

#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

using BadInput = LiveTest;

// Exactly one error, exit status 1, and the error says each of `words`.
void expect_one_error(const Result& result, const std::vector<std::string>& words) {
  EXPECT_EQ(result.status, 1) << result.err.substr(0, 2000);
  EXPECT_EQ(count_text(result.err, "ERROR: "), 1u) << result.err.substr(0, 2000);
  EXPECT_LT(result.err.size(), 3000u);
  for (const std::string& word : words) EXPECT_TRUE(has(result.err, word)) << "no `" << word << "` in\n" << result.err;
}

TEST_F(BadInput, EmptyFile) {
  const TemporaryFile file("");
  expect_one_error(shrike({file.path()}), {"no probes"});
}

TEST_F(BadInput, OnlyAComment) {
  const TemporaryFile file("// nothing here\n\n");
  expect_one_error(shrike({file.path()}), {"no probes"});
}

TEST_F(BadInput, BinaryJunk) {
  std::string junk;
  uint32_t state = 12345;
  for (int i = 0; i < 65536; ++i) {
    state = state * 1664525 + 1013904223;
    junk += static_cast<char>(state >> 24);
  }
  const TemporaryFile file(junk);
  const Result result = shrike({file.path()});
  EXPECT_EQ(result.status, 1);
  EXPECT_GE(count_text(result.err, "ERROR: "), 1u) << result.err;
  EXPECT_LE(count_text(result.err, "ERROR: "), 20u) << "a flood helps nobody";
  EXPECT_LT(result.err.size(), 20000u) << "the junk itself is not worth printing";
}

TEST_F(BadInput, AnExecutableAsScript) {
  const Result result = shrike({"/bin/true"});
  EXPECT_EQ(result.status, 1);
  EXPECT_GE(count_text(result.err, "ERROR: "), 1u) << result.err;
  EXPECT_LT(result.err.size(), 20000u);
}

TEST_F(BadInput, TwentyThousandParentheses) {
  const TemporaryFile file("begin { $x = " + std::string(20000, '(') + "1" + std::string(20000, ')') + "; exit(); }");
  expect_one_error(shrike({file.path()}), {"nesting"});
}

TEST_F(BadInput, TwentyThousandBraces) {
  std::string text = "begin { ";
  for (int i = 0; i < 20000; ++i) text += "if (1) { ";
  const TemporaryFile file(text);
  expect_one_error(shrike({file.path()}), {"nesting"});
}

TEST_F(BadInput, TwentyThousandMinusSigns) {
  std::string text = "begin { $x = ";
  for (int i = 0; i < 20000; ++i) text += "- ";
  const TemporaryFile file(text + "1; exit(); }");
  expect_one_error(shrike({file.path()}), {"nesting"});
}

TEST_F(BadInput, MegabyteOfComment) {
  std::string text;
  while (text.size() < 1u << 20) text += "// a line of comment that says nothing at all\n";
  const TemporaryFile file(text + "begin { printf(\"through\\n\"); exit(); }\n");
  const Result result = shrike({file.path()});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(result.out.starts_with("through\n")) << result.out;
}

// Too much for one BPF program, or just enough: either runs or one error, never a hang.
TEST_F(BadInput, MegabyteOfStatements) {
  std::string text = "begin { $x = 0; ";
  while (text.size() < 1u << 20) text += "$x = $x * 3 + 1;\n";
  const TemporaryFile file(text + "printf(\"%d\\n\", $x == 0); exit(); }\n");
  const Result result = shrike({file.path()});
  if (result.status == 0) EXPECT_TRUE(result.out.starts_with("0\n")) << result.out.substr(0, 100);
  else expect_one_error(result, {});
}

TEST_F(BadInput, MegabyteOfProbes) {
  std::string text;
  while (text.size() < 1u << 20) text += "interval:s:1 { @ = count(); }\n";
  const TemporaryFile file(text);
  expect_one_error(shrike({file.path()}), {"max_probes"});
}

TEST_F(BadInput, MissingFile) {
  expect_one_error(shrike({"/nonexistent/script.bt"}), {"/nonexistent/script.bt", "No such file"});
}

TEST_F(BadInput, FolderAsScript) {
  expect_one_error(shrike({"/tmp"}), {"/tmp", "directory"});
}

TEST_F(BadInput, NoScriptAtAll) {
  const Result result = shrike({});
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(has(result.err + result.out, "-e")) << result.err;
}

TEST_F(BadInput, UnknownOption) {
  const Result result = shrike({"--no-such-option"});
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(has(result.err, "no-such-option")) << result.err;
}

TEST_F(BadInput, MistakesAreUnderlined) {
  const Result result = shrike_script("begin { $a = undefined_thing; exit(); }");
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(has(result.err, "stdin:1:14-29: ERROR: ")) << result.err;
  EXPECT_TRUE(has(result.err, "\nbegin { $a = undefined_thing; exit(); }\n             ~~~~~~~~~~~~~~~\n")) << result.err;
}

TEST_F(BadInput, IndependentMistakesAreAllTold) {
  const Result result =
      shrike_script("begin { $a = nonsense_one; }\nend { $b = nonsense_two; }\ninterval:s:1 { printf(\"%d\"); }");
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(count_text(result.err, "ERROR: "), 3u) << result.err;
}

TEST_F(BadInput, NamesAreSuggested) {
  const Result result = shrike_script("begin { pritnf(\"x\"); exit(); }");
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(has(result.err, "HINT: ")) << result.err;
  EXPECT_TRUE(has(result.err, "`printf`")) << result.err;
}

TEST_F(BadInput, UnknownTracepoint) {
  expect_one_error(shrike_script("tracepoint:syscalls:sys_enter_opennat { @ = count(); }"),
                   {"sys_enter_opennat", "sys_enter_openat"});
}

TEST_F(BadInput, FilesThatAreNotThereAreNamed) {
  for (const std::string& probe :
       {"uprobe:/nowhere/x:f", "uprobe:nosuchprogram:f", "uretprobe:/nowhere/x:f*", "uprobe:/nowhere/x:16",
        "uprobe:/nowhere/x@a.c:1", "uprobe:nosuchprogram:cpp:\"a::b\"", "usdt:/nowhere/x:a:b"}) {
    const std::string file = probe.find("/nowhere/x") == std::string::npos ? "nosuchprogram" : "/nowhere/x";
    expect_one_error(shrike_script(probe + " { exit(); }"), {"HINT: there is no file, program or library `" + file + "`"});
  }
}

TEST_F(BadInput, UnknownTracepointField) {
  expect_one_error(shrike_script("tracepoint:syscalls:sys_enter_read { @ = args.fdd; }"), {"fdd", "`fd`"});
}

TEST_F(BadInput, NothingStaysAttachedAfterAnError) {
  // The first probe is fine; the second cannot attach. Nothing may run, and nothing may be left behind.
  const Result result = shrike_script(R"(begin { printf("began\n"); } interval:s:1 { exit(); }
                                         uprobe:)" SHRIKE_WORKLOAD ":no_such_function { @ = count(); }");
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.out, "") << result.out;
}

TEST_F(BadInput, UnsafeFunctionsNeedTheirOption) {
  expect_one_error(shrike_script("begin { system(\"echo no\"); exit(); }"), {"system", "--unsafe"});
}

TEST_F(BadInput, UnreadableTracefs) {
  ProcessOptions options;
  options.hide_tracefs = true;
  options.without_admin = true;
  expect_one_error(shrike({"-e", "tracepoint:syscalls:sys_enter_read { @ = count(); }"}, options), {"tracefs"});
}

TEST_F(BadInput, ScriptsThatDoNotNeedTracefsRunWithoutIt) {
  ProcessOptions options;
  options.hide_tracefs = true;
  options.without_admin = true;
  const Result result = shrike({"-e", "begin { printf(\"fine\\n\"); exit(); }"}, options);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "fine\n\n\n");
}

TEST_F(BadInput, TracefsNeedNotBeMounted) {
  ProcessOptions options;
  options.hide_tracefs = true;
  const Result result = shrike({"--dry-run", "-e", "tracepoint:syscalls:sys_enter_read { @ = count(); }"}, options);
  EXPECT_EQ(result.status, 0) << result.err;
}

TEST_F(BadInput, NoPrivilege) {
  ProcessOptions options;
  options.as_nobody = true;
  expect_one_error(shrike({"-e", "begin { exit(); }"}, options), {"CAP_BPF", "CAP_PERFMON"});
}

TEST_F(BadInput, HelpNeedsNoPrivilege) {
  ProcessOptions options;
  options.as_nobody = true;
  EXPECT_EQ(shrike({"--help"}, options).status, 0);
  EXPECT_EQ(shrike({"-V"}, options).status, 0);
  EXPECT_EQ(shrike({"--emit=ast", "-e", "begin { exit(); }"}, options).status, 0);
}

class NoBtf : public LiveTest {
 protected:
  ProcessOptions options_ = {.env = {{"BPFTRACE_BTF", "/nonexistent/btf"}}};
};

TEST_F(NoBtf, IsToldWhereTypesAreNeeded) {
  expect_one_error(shrike({"-e", "begin { @ = curtask->pid; exit(); }"}, options_), {"BTF", "/nonexistent/btf"});
}

TEST_F(NoBtf, DoesNotMatterElsewhere) {
  const Result result = shrike({"-e", "begin { printf(\"%d\\n\", pid > 0); exit(); }"}, options_);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(result.out.starts_with("1\n")) << result.out;
  const Result tracepoint =
      shrike({"--dry-run", "-e", "tracepoint:syscalls:sys_enter_read { @[comm] = sum(args.count); }"}, options_);
  EXPECT_EQ(tracepoint.status, 0) << tracepoint.err;
}

TEST_F(BadInput, FullMapIsToldAndKeepsWhatFits) {
  ProcessOptions options;
  options.env = {{"BPFTRACE_MAX_MAP_KEYS", "10"}};
  const Result result = shrike({"-e", "begin { $i = 0; while ($i < 30) { @a[$i] = $i; $i++; } exit(); }"}, options);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(count_text(result.out, "@a["), 10u) << result.out;
  EXPECT_GE(count_text(result.err, "full"), 1u) << result.err;
  EXPECT_TRUE(has(result.err, "@a")) << result.err;
}

TEST_F(BadInput, RingOverflowIsCountedAndTold) {
  ProcessOptions options;
  options.env = {{"BPFTRACE_PERF_RB_PAGES", "1"}};
  const Result result = shrike(
      {"-e",
       R"(begin { $i = 0; while ($i < 1000) { printf("%d a line of some length, so that the ring is soon full\n", $i); $i++; } exit(); })"},
      options);
  EXPECT_EQ(result.status, 0) << result.err;  // exit() is not lost
  const size_t printed = count_text(result.out, " a line of some length, so that the ring is soon full\n");
  EXPECT_GE(printed, 1u);
  EXPECT_LT(printed, 1000u);
  EXPECT_TRUE(has(result.err, "Lost " + std::to_string(1000 - printed) + " events")) << result.err;
  EXPECT_TRUE(has(result.err, "Total lost event count: " + std::to_string(1000 - printed))) << result.err;
}

TEST_F(BadInput, DivisionByZeroIsToldWithItsPlace) {
  const Result result = shrike_script("begin { $z = 0; @z = 5; $a = @z / $z; printf(\"%d\\n\", $a); exit(); }");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(result.out.starts_with("1\n")) << result.out;
  EXPECT_TRUE(has(result.err, "stdin:1:")) << result.err;
  EXPECT_TRUE(has(result.err, "zero")) << result.err;
}

TEST_F(BadInput, WarningsStayOutOfTheTrace) {
  const Result result = shrike_script("begin { $unused = 5; printf(\"only this\\n\"); exit(); }");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "only this\n\n\n");
}

}  // namespace
}  // namespace shrike::testing
