// See tracer.h.
#include "tests/kernel/tracer.h"

#include <errno.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

namespace shrike::testing {
namespace {

constexpr std::string_view armed = "__BPFTRACE_NOTIFY_PROBES_ATTACHED";

std::string try_bpf() {
  const bpf_insn program[] = {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  const char license[] = "GPL";
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT;
  attr.insns = reinterpret_cast<uintptr_t>(program);
  attr.insn_cnt = 2;
  attr.license = reinterpret_cast<uintptr_t>(license);
  const long fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);
  if (fd < 0) return std::string("this machine does not let us load BPF programs: ") + strerror(errno);
  close(static_cast<int>(fd));
  return {};
}

std::vector<std::string> with_binary(std::vector<std::string> args) {
  args.insert(args.begin(), shrike_binary());
  return args;
}

ProcessOptions notifying(ProcessOptions options) {
  options.env.emplace_back(armed, "1");
  return options;
}

std::string without_notice(const std::string& out) {
  std::string kept = out;
  const std::string line = std::string(armed) + "\n";
  if (const size_t at = kept.find(line); at != std::string::npos) kept.erase(at, line.size());
  return kept;
}

}  // namespace

const std::string& why_no_bpf() {
  static const std::string* const reason = new std::string(try_bpf());
  return *reason;
}

bool has_kprobes() {
  return access("/sys/bus/event_source/devices/kprobe/type", F_OK) == 0;
}

void LiveTest::SetUp() {
  if (why_no_bpf().empty()) return;
  fprintf(stderr, "SKIPPED, not passed: %s\n", why_no_bpf().c_str());
  GTEST_SKIP() << why_no_bpf();
}

void wait_for_detaching() {
  const auto is_detaching = [] {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      std::string name;
      if (std::getline(std::ifstream(entry.path() / "comm"), name) && name == "shrike-detach") return true;
    }
    return false;
  };
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  while (is_detaching()) {
    ASSERT_LT(std::chrono::steady_clock::now(), end) << "earlier traces are still given back";
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

Tracer::Tracer(std::vector<std::string> args, ProcessOptions options)
    : args_(std::move(args)), process_(with_binary(args_), notifying(std::move(options))) {}

bool Tracer::wait_until_armed() {
  if (process_.wait_for_out(armed, patience_ms)) return true;
  process_.signal(SIGKILL);
  const Result result = process_.finish(patience_ms);
  ADD_FAILURE() << "shrike did not arm its probes; status " << result.status << "\n"
                << result.out << result.err << explain_refusal(result, args_);
  return false;
}

Result Tracer::interrupt() {
  process_.signal(SIGINT);
  return finish();
}

Result Tracer::finish() {
  Result result = process_.finish(patience_ms);
  EXPECT_FALSE(result.timed_out) << "shrike did not end\n" << result.out << result.err;
  result.out = without_notice(result.out);
  return result;
}

namespace {

// Waits until the process sleeps: the workload has then made the last system call before its verbs.
void wait_until_asleep(pid_t pid) {
  for (int i = 0; i < patience_ms; ++i) {
    const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
    if (has(stat, ") S ")) return;
    usleep(1000);
  }
  ADD_FAILURE() << "process " << pid << " does not come to rest";
}

enum class Workload { ends_first, lives_on };

Trace trace_beside(Workload order, std::string script, std::vector<std::string> verbs, const std::vector<std::string>& options) {
  static int serial = 0;
  Trace trace;
  trace.name = "wl" + std::to_string(getpid()) + "x" + std::to_string(serial++);
  verbs.insert(verbs.begin(), {SHRIKE_WORKLOAD, "name", trace.name, "pid", "wait"});
  if (order == Workload::lives_on) verbs.emplace_back("linger");
  ProcessOptions held;
  held.hold_stdin = true;
  Process workload(verbs, held);
  trace.pid = workload.pid();
  EXPECT_TRUE(workload.wait_for_out("pid ", patience_ms));
  wait_until_asleep(trace.pid);

  script = replace_all(std::move(script), "WORKLOAD", SHRIKE_WORKLOAD);
  script = replace_all(std::move(script), "NAME", trace.name);
  script = replace_all(std::move(script), "PID", std::to_string(trace.pid));
  std::vector<std::string> args = options;
  for (std::string& arg : args) arg = replace_all(arg, "PID", std::to_string(trace.pid));
  args.insert(args.end(), {"-e", script});
  Tracer tracer(args);
  if (!tracer.wait_until_armed()) return trace;
  workload.release();
  if (order == Workload::lives_on) {
    EXPECT_TRUE(workload.wait_for_out("done\n", patience_ms));
  } else {
    const Result work = workload.finish(patience_ms);
    EXPECT_FALSE(work.timed_out) << "the workload did not end";
    EXPECT_EQ(work.status, 0) << work.err;
  }
  const Result result = tracer.interrupt();
  trace.out = result.out;
  trace.err = result.err;
  trace.status = result.status;
  EXPECT_EQ(trace.status, 0) << script << "\n" << trace.err;
  return trace;
}

}  // namespace

Trace trace(std::string script, std::vector<std::string> verbs, const std::vector<std::string>& options) {
  return trace_beside(Workload::ends_first, std::move(script), std::move(verbs), options);
}

Trace trace_living(std::string script, std::vector<std::string> verbs, const std::vector<std::string>& options) {
  return trace_beside(Workload::lives_on, std::move(script), std::move(verbs), options);
}

Result shrike(const std::vector<std::string>& args, const ProcessOptions& options) {
  Result result = run(with_binary(args), options, patience_ms);
  EXPECT_FALSE(result.timed_out) << "shrike did not end by itself\n" << result.out << result.err;
  EXPECT_EQ(explain_refusal(result, args), "");
  return result;
}

Result shrike_script(const std::string& script) {
  return shrike({"-e", script});
}

std::optional<int64_t> number_of(std::string_view out, std::string_view key) {
  for (const std::string& line : split_lines(out)) {
    if (!line.starts_with(key) || line.substr(key.size(), 2) != ": ") continue;
    const char* const first = line.data() + key.size() + 2;
    int64_t number = 0;
    const auto [rest, error] = std::from_chars(first, line.data() + line.size(), number);
    if (error == std::errc() && rest == line.data() + line.size()) return number;
  }
  return std::nullopt;
}

int64_t histogram_total(std::string_view out, std::string_view key) {
  int64_t total = -1;
  for (const std::string& line : split_lines(out)) {
    if (line == std::string(key) + ": ") {
      total = 0;
      continue;
    }
    if (total < 0) continue;
    const size_t bar = line.find(" |");
    if (bar == std::string::npos) return total;
    const size_t number = line.rfind(' ', bar - 1) + 1;
    int64_t count = 0;
    std::from_chars(line.data() + number, line.data() + bar, count);
    total += count;
  }
  return total;
}

size_t count_lines(std::string_view out, std::string_view line) {
  size_t count = 0;
  for (const std::string& each : split_lines(out)) count += each == line;
  return count;
}

size_t count_text(std::string_view out, std::string_view text) {
  size_t count = 0;
  for (size_t at = out.find(text); at != std::string_view::npos; at = out.find(text, at + text.size())) ++count;
  return count;
}

bool has(std::string_view out, std::string_view text) {
  return out.find(text) != std::string_view::npos;
}

}  // namespace shrike::testing
