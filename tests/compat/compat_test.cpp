// Runs every script of scripts.txt by shrike and by Debian's bpftrace 0.17, side by side on this kernel, and compares what
// they print, line by line. Scripts use begin, end and interval only, so both see the same events. Set aside before the
// comparison: the line that tells the number of probes (0.17 prints it on stdout). A script that departs on purpose
// carries the text shrike prints instead, with the reason; bpftrace is then not run.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/script_cases.h"

namespace shrike::testing {
namespace {

constexpr int time_limit_ms = 30000;
const char* const reference = "/usr/bin/bpftrace";

std::vector<ScriptCase> all_scripts() {
  return read_script_cases(SHRIKE_SOURCE_DIR "/tests/compat/scripts.txt");
}

Result run_script(const char* tool, const ScriptCase& script) {
  std::vector<std::string> command = script.command();
  command.insert(command.begin(), tool);
  return run(command, {}, time_limit_ms);
}

std::string without_probe_count(const std::string& out) {
  std::string kept;
  for (const std::string& line : split_lines(out)) {
    if (line.starts_with("Attaching ") || line.starts_with(R"({"type": "attached_probes")")) continue;
    kept += line + "\n";
  }
  return kept;
}

// bpftrace takes a third of a second to start: its runs are done ahead by two threads while the tests look at the results.
class Reference {
 public:
  void start(std::vector<ScriptCase> scripts) {
    scripts_ = std::move(scripts);
    outputs_.resize(scripts_.size());
    for (size_t i = 0; i < scripts_.size(); ++i) index_[scripts_[i].name] = i;
    for (std::thread& worker : workers_) worker = std::thread([this] { work(); });
  }
  void stop() {
    for (std::thread& worker : workers_) {
      if (worker.joinable()) worker.join();
    }
  }
  std::string output_of(const ScriptCase& script) {
    Output& output = outputs_[index_.at(script.name)];
    output.done.wait(false);
    return output.text;
  }

 private:
  struct Output {
    Output() = default;
    Output(Output&& other) noexcept : text(std::move(other.text)) {}
    std::string text;
    std::atomic<bool> done = false;
  };

  void work() {
    for (size_t i = next_++; i < scripts_.size(); i = next_++) {
      outputs_[i].text = without_probe_count(run_script(reference, scripts_[i]).out);
      outputs_[i].done = true;
      outputs_[i].done.notify_all();
    }
  }

  std::vector<ScriptCase> scripts_;
  std::vector<Output> outputs_;
  std::map<std::string, size_t> index_;
  std::atomic<size_t> next_ = 0;
  std::thread workers_[2];
};

class Compat : public ::testing::TestWithParam<ScriptCase> {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite() { reference_runs_->stop(); }
  static Reference* reference_runs_;
};

Reference* Compat::reference_runs_ = new Reference;

void Compat::SetUpTestSuite() {
  std::vector<ScriptCase> wanted;
  const ::testing::TestSuite* suite = ::testing::UnitTest::GetInstance()->current_test_suite();
  for (const ScriptCase& script : all_scripts()) {
    for (int i = 0; i < suite->total_test_count(); ++i) {
      const ::testing::TestInfo* test = suite->GetTestInfo(i);
      if (test->should_run() && test->name() == "Same/" + script.name && script.section("departs") == nullptr)
        wanted.push_back(script);
    }
  }
  reference_runs_->start(std::move(wanted));
}

TEST_P(Compat, Same) {
  const ScriptCase& script = GetParam();
  if (access(reference, X_OK) != 0) GTEST_FAIL() << reference << " is not installed: scripts/install-test-deps does that";
  const Result ours = run_script(shrike_binary(), script);
  const std::string got = without_probe_count(ours.out);
  EXPECT_FALSE(ours.timed_out) << ours.err;
  EXPECT_EQ(ours.status, 0) << ours.err;
  EXPECT_EQ(explain_refusal(ours, script.command()), "");
  if (const ScriptCase::Section* departure = script.section("departs")) {
    EXPECT_EQ(got, departure->text) << departure->mark << "\n" << script.text << ours.err;
    return;
  }
  std::string want = reference_runs_->output_of(script);
  // The reference may lose a race with its own timers on a busy machine; shrike gets no second try.
  if (got != want) want = without_probe_count(run_script(reference, script).out);
  EXPECT_EQ(got, want) << script.text << ours.err;
}

INSTANTIATE_TEST_SUITE_P(, Compat, ::testing::ValuesIn(all_scripts()),
                         [](const ::testing::TestParamInfo<ScriptCase>& tested) { return tested.param.name; });

TEST(CompatTable, IsReadWhole) {
  const std::vector<ScriptCase> scripts = all_scripts();
  EXPECT_GE(scripts.size(), 120u);
  for (const ScriptCase& script : scripts) {
    EXPECT_FALSE(script.text.empty()) << script.name;
    const auto same = [&](const ScriptCase& other) { return other.name == script.name; };
    EXPECT_EQ(std::count_if(scripts.begin(), scripts.end(), same), 1) << script.name << " stands twice";
  }
}

}  // namespace
}  // namespace shrike::testing
