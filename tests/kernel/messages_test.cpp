// Messages about the command line and the machine, each brought about on purpose and compared with its row of
// diagnostics.def. tests/check and tests/syntax do the same for messages about scripts.
#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

using Messages = LiveTest;

std::string_view text_of(std::string_view id) {
#define DIAG(name, severity, text) \
  if (id == #name) return text;
#include "mir/base/diagnostics.def"
#undef DIAG
  return {};
}

// The row's text stands in `err`, with anything in place of each `{}`.
void expect_message(const Result& result, std::string_view id) {
  std::string_view rest = text_of(id);
  ASSERT_FALSE(rest.empty()) << id << " is no row";
  size_t from = 0;
  while (!rest.empty()) {
    const size_t hole = std::min(rest.find("{}"), rest.size());
    const size_t at = result.err.find(rest.substr(0, hole), from);
    ASSERT_NE(at, std::string::npos) << "no `" << rest.substr(0, hole) << "` of " << id << " in\n" << result.err;
    from = at + hole;
    rest.remove_prefix(std::min(hole + 2, rest.size()));
  }
}

TEST_F(Messages, AboutTheCommandLine) {
  expect_message(shrike({"-e"}), "option_needs_value");
  expect_message(shrike({"-f", "xml", "-e", "begin { }"}), "bad_option_value");
  expect_message(shrike({"-p", "1", "-c", "true", "-e", "begin { }"}), "conflicting_options");
  expect_message(shrike({}), "no_script");
}

TEST_F(Messages, AboutFiles) {
  expect_message(shrike({"/nonexistent/script.bt"}), "cannot_read_file");
  expect_message(shrike({"-o", "/nonexistent/out", "-e", "begin { exit(); }"}), "cannot_write_file");
  expect_message(shrike({"--report=/nonexistent/out", "-e", "begin { exit(); }"}), "cannot_write_file");
}

TEST_F(Messages, AboutProcesses) {
  expect_message(shrike({"-p", "4194000", "-e", "begin { exit(); }"}), "no_such_process");
  expect_message(shrike({"-c", "/nonexistent/program", "-e", "begin { exit(); }"}), "child_not_started");
}

TEST_F(Messages, AboutListing) {
  expect_message(shrike({"-l", "tracepoint:no_such:event"}), "nothing_listed");
}

TEST_F(Messages, AboutPasses) {
  expect_message(shrike({"--print-after=no-such-pass", "-e", "begin { exit(); }"}), "unknown_pass");
  expect_message(shrike({"--passes=simplify,select", "-e", "begin { exit(); }"}), "unknown_pass");
  expect_message(shrike({"--run-pass=select", "/dev/null"}), "unknown_pass");
  expect_message(shrike({"--skip=clamp-bounds", "-e", "begin { exit(); }"}), "pass_not_optional");
  expect_message(shrike({"--passes=simplify", "-e", "begin { @[1] = count(); }"}), "passes_unfinished");
  expect_message(shrike({"--pass-limit=few", "-e", "begin { exit(); }"}), "bad_option_value");
}

TEST_F(Messages, AboutProbesThatCannotAttach) {
  expect_message(shrike_script("kprobe:no_such_function_anywhere { @ = count(); }"), "probe_not_attached");
}

// A function that does not exist may be left out on request; a kernel without kprobes is no such case.
TEST_F(Messages, AboutProbesThatAreLeftOut) {
  const Result result = shrike_script(R"(config = { missing_probes = "warn" }
                                         kprobe:no_such_function_anywhere { @ = count(); } interval:ms:20 { exit(); })");
  expect_message(result, has_kprobes() ? "probe_skipped" : "probe_not_attached");
  EXPECT_EQ(result.status, has_kprobes() ? 0 : 1) << result.err;
}

TEST_F(Messages, AboutProgramsThatTheVerifierCannotWalkToTheirEnd) {
  const TemporaryFile judged("");
  const Result result = shrike({"-e", "profile:hz:1 { $i = 0; while ($i < 100000000) { $i++; @ = reg(\"ip\"); } }"},
                               {.env = {{"SHRIKE_JUDGE_LOADS", judged.path()}}});
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(read_file(judged.path()).starts_with("agree\t")) << "the model cannot, either: " << read_file(judged.path());
  expect_message(result, "program_too_complex");
  EXPECT_NE(result.err.find("stdin:1:1-13: ERROR"), std::string::npos) << result.err;  // at the probe
}

TEST_F(Messages, AboutProgramsThatTheVerifierFindsTooLong) {
  const Result result =
      shrike_script("profile:hz:1 { $i = 0; $s = 0; while ($i < 1000000) { $i++; $s = $s * 3 + reg(\"ip\"); } @ = $s; }");
  EXPECT_EQ(result.status, 1);
  expect_message(result, "program_too_complex");
  EXPECT_NE(result.err.find("1000000 instructions"), std::string::npos) << result.err;
}

TEST_F(Messages, AboutLoopsThatDoNotEnd) {
  const Result result = shrike_script("begin { while (true) { @++; } exit(); }");
  EXPECT_EQ(result.status, 0);
  EXPECT_NE(result.err.find("stdin:1:16-20: WARNING: this loop was stopped after 8388608 rounds"), std::string::npos)
      << result.err;
  EXPECT_NE(result.out.find("@: 8388608"), std::string::npos) << result.out;
}

TEST_F(Messages, AboutProgramsWithMoreMapsThanTheKernelTakes) {
  auto script = [](int count) {
    std::string text = "begin {";
    for (int i = 0; i < count; i++) text += " @m" + std::to_string(i) + "[" + std::to_string(i) + "] = 1;";
    return text + " exit(); }";
  };
  EXPECT_EQ(shrike_script(script(62)).status, 0);  // and the ring and the globals
  const Result result = shrike_script(script(63));
  EXPECT_EQ(result.status, 1);
  expect_message(result, "map_budget");
  EXPECT_NE(result.err.find("`begin` uses 65 maps"), std::string::npos) << result.err;
}

TEST_F(Messages, AboutPrivilegesThatAreNotThere) {
  const Result result = run({"setpriv", "--bounding-set=-all", SHRIKE_BINARY, "-e", "begin { exit(); }"}, {}, 10000);
  EXPECT_EQ(result.status, 1);
  expect_message(result, "missing_privileges");
}

TEST_F(Messages, AboutMapsThatTheKernelRefuses) {
  const Result result = shrike_script("let @a = hash(4000000000); begin { @a[1] = 1; exit(); }");
  EXPECT_EQ(result.status, 1);
  expect_message(result, "map_not_created");
}

}  // namespace
}  // namespace shrike::testing
