// Runs every case of the *.txt files here on this kernel: small scripts, one construct each, with their exact output.
// README.md tells the form. What a case claims to share with bpftrace 0.17 is asked of the real one, for a sample of the
// cases, or for all with SHRIKE_CONFORMANCE=all, which takes a minute.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <set>
#include <thread>

#include "tests/support/process.h"
#include "tests/support/script_cases.h"

namespace shrike::testing {
namespace {

constexpr int time_limit_ms = 30000;
constexpr const char* reference = "/usr/bin/bpftrace";
constexpr size_t sampled_every = 40;

// How a case's script ends: what its first mark says.
constexpr std::string_view outcomes[] = {"same as 0.17", "newer than 0.17", "departs: ", "refused"};

std::vector<ScriptCase> all_cases() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(SHRIKE_SOURCE_DIR "/tests/conformance"))
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<ScriptCase> cases;
  for (const std::filesystem::path& file : files) {
    for (ScriptCase& script : read_script_cases(file)) {
      script.name = file.stem().string() + "_" + script.name;
      cases.push_back(std::move(script));
    }
  }
  return cases;
}

// Without the number of probes and the blank lines before the maps and at the end, which all runs have.
std::string essence(const std::string& text) {
  std::string out;
  for (const std::string& line : split_lines(text)) {
    if (line.empty() || line.starts_with("Attaching ") || line.starts_with("Attached ")) continue;
    out += line + "\n";
  }
  return out;
}

std::string text_of(const ScriptCase& script, std::string_view mark) {
  const ScriptCase::Section* section = script.section(mark);
  return section == nullptr ? "" : essence(section->text);
}

int status_of(const ScriptCase& script) {
  const ScriptCase::Section* section = script.section("status ");
  return section != nullptr ? atoi(section->mark.c_str() + 7) : script.section("refused") != nullptr ? 1 : 0;
}

Result run_case(const char* tool, const ScriptCase& script) {
  std::vector<std::string> command = script.command();
  command.insert(command.begin(), tool);
  ProcessOptions options;
  options.env = script.environment;
  return run(command, options, time_limit_ms);
}

class Conformance : public ::testing::TestWithParam<ScriptCase> {};

TEST_P(Conformance, DoesWhatIsRecorded) {
  const ScriptCase& script = GetParam();
  const Result result = run_case(shrike_binary(), script);
  EXPECT_FALSE(result.timed_out) << script.text;
  EXPECT_EQ(result.status, status_of(script)) << script.text << result.err;
  EXPECT_EQ(explain_refusal(result, script.command()), "");
  const bool is_refused = script.section("refused") != nullptr;
  EXPECT_EQ(essence(result.out), is_refused ? "" : essence(script.sections.front().text)) << script.text;
  EXPECT_EQ(essence(result.err), text_of(script, is_refused ? "refused" : "stderr")) << script.text;
}

INSTANTIATE_TEST_SUITE_P(, Conformance, ::testing::ValuesIn(all_cases()),
                         [](const ::testing::TestParamInfo<ScriptCase>& tested) { return tested.param.name; });

TEST(ConformanceTable, IsWellFormed) {
  std::set<std::string> names;
  for (const ScriptCase& script : all_cases()) {
    EXPECT_TRUE(names.insert(script.name).second) << script.name << " stands twice";
    EXPECT_FALSE(script.text.empty()) << script.name;
    ASSERT_FALSE(script.sections.empty()) << script.name << " has no outcome";
    const std::string& first = script.sections.front().mark;
    EXPECT_TRUE(std::any_of(std::begin(outcomes), std::end(outcomes), [&](std::string_view o) { return first.starts_with(o); }))
        << script.name << ": " << first;
    for (size_t i = 1; i < script.sections.size(); i++) {
      const std::string& mark = script.sections[i].mark;
      EXPECT_TRUE(mark == "stderr" || mark.starts_with("status ")) << script.name << ": " << mark;
    }
  }
  EXPECT_GE(names.size(), 400u);
}

// Those cases that are compared with the reference this time.
std::vector<ScriptCase> asked_of_reference() {
  const char* wanted = getenv("SHRIKE_CONFORMANCE");
  const size_t step = wanted != nullptr && std::string_view(wanted) == "all" ? 1 : sampled_every;
  std::vector<ScriptCase> shared;
  size_t number = 0;
  for (ScriptCase& script : all_cases())
    if (script.section("same as 0.17") != nullptr && number++ % step == 0) shared.push_back(std::move(script));
  return shared;
}

TEST(ConformanceReference, SharesWhatIsRecordedAsTheSame) {
  if (access(reference, X_OK) != 0) GTEST_FAIL() << reference << " is not installed: scripts/install-test-deps does that";
  const std::vector<ScriptCase> cases = asked_of_reference();
  EXPECT_FALSE(cases.empty());
  std::atomic<size_t> next = 0;
  std::mutex mutex;
  const auto work = [&] {
    for (size_t i = next++; i < cases.size(); i = next++) {
      const Result theirs = run_case(reference, cases[i]);
      const std::lock_guard<std::mutex> lock(mutex);
      EXPECT_EQ(essence(theirs.out), text_of(cases[i], "same as 0.17")) << cases[i].name << "\n" << cases[i].text << theirs.err;
    }
  };
  std::thread other(work);
  work();
  other.join();
}

}  // namespace
}  // namespace shrike::testing
