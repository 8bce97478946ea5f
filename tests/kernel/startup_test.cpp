// What docs/startup.md says of system calls is what strace shows: of hello each call by its row, of an idle trace none.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>

#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

struct CallRow {
  std::string text;  // as the page has it
  std::string name;
  std::vector<std::string> arguments;  // words that must stand in the call
  int least = 1, most = 1;
  int count = 0;
};

// `name`, `name(word, word)`, either with ×N behind it, or with ×N–M where the machine decides.
std::vector<CallRow> documented_calls() {
  std::ifstream page(SHRIKE_SOURCE_DIR "/docs/startup.md");
  const std::regex call("`([a-z0-9_]+)(\\(([^`]*)\\))?`( ×([0-9]+)(–([0-9]+))?)?");
  std::vector<CallRow> rows;
  bool is_table = false;
  for (std::string line; std::getline(page, line);) {
    is_table |= line.starts_with("| calls |");
    if (is_table && line.empty()) break;
    if (!is_table) continue;
    const std::string cell = line.substr(0, line.find('|', 1));
    for (std::sregex_iterator at(cell.begin(), cell.end(), call), end; at != end; ++at) {
      CallRow row{.text = at->str(0), .name = at->str(1), .arguments = {}};
      if ((*at)[5].matched) row.least = row.most = std::stoi(at->str(5));
      if ((*at)[7].matched) row.most = std::stoi(at->str(7));
      const std::string words = at->str(3);
      const std::regex word("[^, ]+");
      for (std::sregex_iterator w(words.begin(), words.end(), word); w != end; ++w) row.arguments.push_back(w->str());
      rows.push_back(row);
    }
  }
  return rows;
}

bool is_call_of(const std::string& line, const CallRow& row) {
  if (!line.starts_with(row.name + "(")) return false;
  const std::string given = line.substr(row.name.size());
  for (const std::string& word : row.arguments) {
    const size_t at = given.find(word);
    if (at == std::string::npos || (isdigit(word[0]) != 0 && at != 1)) return false;
  }
  return true;
}

// The model of the verifier, which the suite has judge what is loaded, is no part of a start.
const ProcessOptions unjudged{.env = {{"SHRIKE_JUDGE_LOADS", ""}}};

// Processes of that name that were started with `mark` in their environment.
size_t count_processes(const std::string& name, const std::string& mark) {
  size_t count = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string path = entry.path();
    count += read_file(path + "/comm") == name + "\n" && has(read_file(path + "/environ"), mark);
  }
  return count;
}

// The most memory a run took, in MB, from exec to its end; what it prints is thrown away.
double peak_mb(std::vector<std::string> args) {
  args.insert(args.begin(), {SHRIKE_WORKLOAD, "peak"});
  const Result result = run(args, unjudged, patience_ms);
  EXPECT_EQ(result.status, 0) << args.back() << result.err;
  return std::strtod(result.out.c_str(), nullptr) / 1024;
}

class StartupPage : public LiveTest {};

TEST_F(StartupPage, NamesEveryCallOfHello) {
  const TemporaryFile report("");
  const Result traced = run({"strace", "-f", "-qq", "-e", "signal=none", "-o", report.path(), shrike_binary(), "-e",
                             R"(begin { printf("hello\n"); exit(); })"},
                            unjudged, patience_ms);
  const std::vector<std::string> lines = split_lines(read_file(report.path()));
  if (lines.empty()) GTEST_SKIP() << "NOT COMPARED: strace does not run here (scripts/install-test-deps): " << traced.err;
  std::vector<CallRow> rows = documented_calls();
  ASSERT_GE(rows.size(), 15u);
  for (const std::string& with_pid : lines) {
    const std::string line = with_pid.substr(with_pid.find_first_not_of("0123456789 "));
    bool is_known = false;
    for (CallRow& row : rows) {
      if (row.count == row.most || !is_call_of(line, row)) continue;
      row.count++;
      is_known = true;
      break;
    }
    EXPECT_TRUE(is_known) << "docs/startup.md does not explain: " << line;
  }
  for (const CallRow& row : rows)
    EXPECT_GE(row.count, row.least) << "docs/startup.md tells of " << row.text << ", which hello does not call so often";
}

// Five seconds beside a trace whose probe never passes its filter.
TEST_F(StartupPage, AnIdleTraceMakesNoCalls) {
  Tracer tracer({"-q", "-e", R"(tracepoint:sched:sched_process_exit /comm == "nobody"/ { printf("x\n"); })"});
  ASSERT_TRUE(tracer.wait_until_armed());
  const TemporaryFile report("");
  const Result watched =
      run({"timeout", "5", "strace", "-f", "-qq", "-o", report.path(), "-p", std::to_string(tracer.process().pid())}, {},
          patience_ms);
  const std::vector<std::string> lines = split_lines(read_file(report.path()));
  if (lines.empty()) GTEST_SKIP() << "NOT WATCHED: strace does not run here (scripts/install-test-deps): " << watched.err;
  // The one it was found in. Where strace interrupts it, it is begun again.
  for (const std::string& line : lines) EXPECT_TRUE(has(line, "epoll_wait(") || has(line, "restart_syscall")) << line;
  EXPECT_LE(lines.size(), 2u);
  tracer.interrupt();
}

// Closing a tracepoint takes the kernel tens of milliseconds: one is waited for, several are left to another process.
TEST_F(StartupPage, StoppingWaitsForOneTracepointAtMost) {
  const std::string value = std::to_string(getpid());
  const std::string mark = "STARTUP_TEST=" + value;
  const ProcessOptions options{.env = {{"STARTUP_TEST", value}}};
  const std::string exits = " interval:ms:1, interval:ms:2 { exit(); }";
  const Result one = shrike({"-q", "-e", "tracepoint:sched:sched_process_exit { @ = 1; }" + exits}, options);
  EXPECT_EQ(one.status, 0) << one.err;
  EXPECT_EQ(count_processes("shrike-detach", mark), 0u);
  const std::string places = "tracepoint:syscalls:sys_enter_m*";  // dozens, so that it is still there when looked for
  const Result several = shrike({"-q", "-e", places + " { @ = 1; }" + exits}, options);
  EXPECT_EQ(several.status, 0) << several.err;
  int waited_ms = 0;  // it names itself when it begins
  for (; count_processes("shrike-detach", mark) == 0 && waited_ms < 2000; waited_ms += 5) usleep(5'000);
  EXPECT_EQ(count_processes("shrike-detach", mark), 1u);
  for (waited_ms = 0; count_processes("shrike-detach", mark) != 0 && waited_ms < patience_ms; waited_ms += 50) usleep(50'000);
  EXPECT_LT(waited_ms, patience_ms) << "the process that detaches does not end";
}

// What `end` and the final maps have to say is said before the kernel is waited for; timers and their like are given back at
// once.
TEST_F(StartupPage, ResultsComeBeforeTracepointsAreGivenBack) {
  const TemporaryFile report("");
  const Result traced = run({"strace", "-f", "-qq", "-e", "signal=none", "-o", report.path(), shrike_binary(), "-q", "-e",
                             R"(tracepoint:sched:sched_process_exit { @ = count(); } interval:ms:1 { exit(); }
                                end { printf("the end\n"); })"},
                            {}, patience_ms);
  const std::vector<std::string> lines = split_lines(read_file(report.path()));
  if (lines.empty()) GTEST_SKIP() << "NOT COMPARED: strace does not run here (scripts/install-test-deps): " << traced.err;
  std::string tracepoint;  // its descriptor
  size_t opened = 0, written = 0, closed = 0;
  for (size_t i = 0; i < lines.size(); i++) {
    if (has(lines[i], "PERF_TYPE_TRACEPOINT")) {
      opened = i;
      tracepoint = lines[i].substr(lines[i].rfind(' ') + 1);
    }
    if (has(lines[i], "the end")) written = i;
    if (opened != 0 && i > opened && has(lines[i], "close(" + tracepoint + ")")) closed = i;
  }
  EXPECT_LT(opened, written);
  EXPECT_LT(written, closed);
}

// Both say how often a probe ran, one after the other: it must not run between.
TEST_F(StartupPage, NothingRunsBesideEnd) {
  for (int round = 0; round < 5; round++) {
    Process busy({SHRIKE_WORKLOAD, "read", "3000000", "1"}, {});
    const Result result = shrike({"-q", "-e", R"(tracepoint:raw_syscalls:sys_enter { @ = count(); } interval:ms:50 { exit(); }
                                                 end { printf("%lu\n", (uint64)@); })"});
    const std::vector<std::string> lines = split_lines(result.out);
    ASSERT_GE(lines.size(), 2u) << result.err;
    EXPECT_EQ("@: " + lines.front(), lines.back());
    EXPECT_GT(std::strtoull(lines.front().c_str(), nullptr, 10), 0u);
  }
}

TEST_F(StartupPage, OneLinersTakeEightMegabytes) {
  for (const char* script :
       {"begin { exit(); }", "begin { printf(\"hello\\n\"); exit(); }",
        "tracepoint:sched:sched_process_exit { @[comm] = count(); } interval:ms:1 { exit(); }",
        "tracepoint:syscalls:sys_exit_read /args.ret > 0/ { @[comm] = hist(args.ret); } interval:ms:1 { exit(); }"})
    EXPECT_LE(peak_mb({shrike_binary(), "-q", "-e", script}), 8) << script;
}

TEST_F(StartupPage, ScriptsOfDebianTakeSixteenMegabytes) {
  size_t scripts = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/usr/sbin", error)) {
    const std::string path = entry.path();
    if (!path.ends_with(".bt") || shrike({"--emit=asm", path}).status != 0) continue;
    EXPECT_LE(peak_mb({shrike_binary(), "--emit=asm", path}), 16) << path;
    scripts++;
  }
  if (scripts == 0) GTEST_SKIP() << "NOT MEASURED: Debian's package bpftrace is not installed (scripts/install-test-deps)";
}

}  // namespace
}  // namespace shrike::testing
