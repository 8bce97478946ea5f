// Measures what a start costs: shrike, Debian's bpftrace 0.17, and the floor program that does the least the kernel asks of
// any tracer (floor.cpp), in one table with all columns. Runs alternate between the tools, with a pause in which the kernel
// takes back what the one before left, so that all see the same machine. Shows medians, and what they say of our aims; asserts
// nothing. System calls are counted in one run more, under strace.
//   coldstart SHRIKE FLOOR [RUNS [WORD]]   rows with WORD in their title alone
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace {

using Words = std::vector<std::string>;

constexpr const char* armed_word = "__BPFTRACE_NOTIFY_PROBES_ATTACHED";
constexpr useconds_t pause_us = 50'000;

// The clock stops when the tool exits, or when its last probe is armed.
enum class Until { exit, armed };

enum Tool { shrike, bpftrace, least, tool_count };
constexpr const char* tool_names[tool_count] = {"shrike", "bpftrace", "floor"};

struct Row {
  std::string title;
  Words commands[tool_count];  // empty: the tool has nothing like it
  Until until = Until::exit;
  bool is_compiled_script = false;
};

struct Run {
  double ms = 0;  // from exec to what the row waits for
  double cpu_ms = 0;
  double rss_mb = 0;
  double faults = 0;
  bool is_good = false;
};

double now_ms() {
  timespec ts{};
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return static_cast<double>(ts.tv_sec) * 1e3 + static_cast<double>(ts.tv_nsec) / 1e6;
}

double ms_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
}

// Reads what the tool prints (0.17 says the word on stderr) to its end, so that nothing waits for room in the pipe.
Run run_once(const Words& words, Until until) {
  int out[2];
  if (pipe2(out, O_CLOEXEC) != 0) return {};
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const double start = now_ms();
  const pid_t pid =
      vfork();  // NOLINT(bugprone-unsafe-functions): fork() would copy this program's tables inside the measured time
  if (pid == 0) {
    setpgid(0, 0);
    dup2(out[1], 1);
    dup2(out[1], 2);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  close(out[1]);
  double armed = 0;
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(out[0], buffer, sizeof buffer)) > 0;) {
    if (armed != 0) continue;
    text.append(buffer, static_cast<size_t>(n));
    if (text.find(armed_word) == std::string::npos) continue;
    armed = now_ms() - start;
    if (until == Until::armed) kill(-pid, SIGKILL);  // bpftrace 0.17 may sleep through a SIGINT that comes this early
  }
  close(out[0]);
  int status = 0;
  rusage usage{};
  wait4(pid, &status, 0, &usage);
  Run run;
  run.ms = until == Until::armed ? armed : now_ms() - start;
  run.cpu_ms = ms_of(usage.ru_utime) + ms_of(usage.ru_stime);
  run.rss_mb = static_cast<double>(usage.ru_maxrss) / 1024;
  run.faults = static_cast<double>(usage.ru_minflt + usage.ru_majflt);
  run.is_good = until == Until::armed ? armed > 0 : WIFEXITED(status) && WEXITSTATUS(status) == 0;
  usleep(pause_us);
  return run;
}

// Lines of strace's report up to the one that says the word, or all.
long count_calls(const Words& words, Until until) {
  const std::string report = "/tmp/coldstart." + std::to_string(getpid());
  Words traced = {"strace", "-f", "-s", "80", "-o", report};
  traced.insert(traced.end(), words.begin(), words.end());
  run_once(traced, until);
  long calls = 0;
  FILE* lines = fopen(report.c_str(), "re");
  char line[512];
  bool is_over = lines == nullptr;
  while (!is_over && fgets(line, sizeof line, lines) != nullptr) {
    if (strchr(line, '(') == nullptr || strstr(line, " resumed>") != nullptr) continue;
    calls++;
    is_over = until == Until::armed && strstr(line, armed_word) != nullptr;
  }
  if (lines != nullptr) fclose(lines);
  unlink(report.c_str());
  return calls;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Medians {
  bool is_known = false;
  double ms = 0, cpu_ms = 0, rss_mb = 0, faults = 0;
};

Medians medians_of(const std::vector<Run>& runs) {
  auto of = [&](double Run::* field) {
    std::vector<double> values;
    for (const Run& run : runs) values.push_back(run.*field);
    return median(std::move(values));
  };
  return {!runs.empty(), of(&Run::ms), of(&Run::cpu_ms), of(&Run::rss_mb), of(&Run::faults)};
}

struct Result {
  std::string title;
  Until until = Until::exit;
  bool is_compiled_script = false;
  Medians of[tool_count];
};

void print_heading() {
  printf("%-36s %-9s %9s %9s %9s %8s %8s %7s %9s\n", "", "", "wall ms", "cpu ms", "rss MB", "faults", "calls", "", "of shrike");
}

void print_tool(const Result& result, Tool tool, const Words& command) {
  const Medians& m = result.of[tool];
  if (!m.is_known) {
    printf("%-36s %-9s %9s\n", "", tool_names[tool], "does not run it here");
    return;
  }
  const double ours = result.of[shrike].ms;
  printf("%-36s %-9s %9.2f %9.2f %9.2f %8.0f %8ld %7s %8.2fx\n", tool == shrike ? result.title.c_str() : "", tool_names[tool],
         m.ms, m.cpu_ms, m.rss_mb, m.faults, count_calls(command, result.until), result.until == Until::armed ? "armed" : "exit",
         ours > 0 ? m.ms / ours : 0);
}

// bpftrace 0.17 gives its probes back one by one, which takes half a minute for a hundred: three runs of that will do.
constexpr size_t runs_at_least = 3;
constexpr double patience_ms = 30'000;

Result measure(const Row& row, int count) {
  std::vector<Run> runs[tool_count];
  double spent_ms[tool_count] = {};
  for (int i = 0; i < count; i++) {
    for (int tool = 0; tool < tool_count; tool++) {
      if (row.commands[tool].empty() || (i > 0 && runs[tool].empty())) continue;  // what failed once is not tried again
      if (runs[tool].size() >= runs_at_least && spent_ms[tool] > patience_ms) continue;
      const double begun = now_ms();
      if (Run run = run_once(row.commands[tool], row.until); run.is_good) runs[tool].push_back(run);
      spent_ms[tool] += now_ms() - begun;
    }
  }
  Result result{row.title, row.until, row.is_compiled_script, {}};
  for (int tool = 0; tool < tool_count; tool++) result.of[tool] = medians_of(runs[tool]);
  if (!result.of[shrike].is_known) printf("%-36s\n", row.title.c_str());
  for (int tool = 0; tool < tool_count; tool++)
    if (!row.commands[tool].empty()) print_tool(result, static_cast<Tool>(tool), row.commands[tool]);
  fflush(stdout);
  return result;
}

// shrike reaches tracefs whether it is mounted or not; bpftrace 0.17 does not. In a mount namespace of our own it is.
void mount_tracefs_for_us() {
  if (access("/sys/kernel/tracing/events", R_OK) == 0 || unshare(CLONE_NEWNS) != 0) return;
  mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, nullptr);
}

constexpr const char* run_title = "begin and exit";
constexpr const char* armed_title = "count of one tracepoint";

std::vector<Row> one_liners(const std::string& ours, const std::string& floor) {
  auto script = [&](const char* title, const char* text, const char* least_mode, Until until) {
    Words least_command;
    if (least_mode != nullptr) least_command = {floor, least_mode};
    return Row{title, {{ours, "-B", "line", "-e", text}, {"bpftrace", "-B", "line", "-e", text}, least_command}, until};
  };
  return {
      {"--version", {{ours, "--version"}, {"bpftrace", "--version"}, {}}, Until::exit},
      script(run_title, "BEGIN { exit(); }", "run", Until::exit),
      script("hello", "BEGIN { printf(\"hello\\n\"); exit(); }", "hello", Until::exit),
      script(armed_title, "tracepoint:syscalls:sys_enter_openat { @[comm] = count(); }", "armed", Until::armed),
      script("count of one tracepoint, then exit",
             "tracepoint:syscalls:sys_enter_openat { @[comm] = count(); } interval:ms:1 { exit(); }", "exit", Until::exit),
      script("keyed histogram with a predicate",
             "tracepoint:syscalls:sys_exit_read /args->ret > 0/ { @[comm] = hist(args->ret); }", nullptr, Until::armed),
      script("uprobe with a string", "uprobe:/lib/x86_64-linux-gnu/libc.so.6:puts { @[str(arg0)] = count(); }", "uprobe",
             Until::armed),
      script("wildcard of about 100 uprobes", "uprobe:/lib/x86_64-linux-gnu/libc.so.6:get* { @ = count(); }", nullptr,
             Until::armed),
  };
}

// Debian's scripts, where the package has them: from text to object file, and to armed.
std::vector<Row> debian_scripts(const std::string& ours, const std::string& object) {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/usr/sbin", error))
    if (entry.path().extension() == ".bt") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Row> rows;
  for (const std::string& path : paths) {
    const std::string name = std::filesystem::path(path).filename();
    rows.push_back({name + ", compiled",
                    {{ours, "--emit-elf", object, path}, {"bpftrace", "--emit-elf", object, path}, {}},
                    Until::exit,
                    true});
    rows.push_back({name, {{ours, path}, {"bpftrace", path}, {}}, Until::armed});
  }
  return rows;
}

void print_aim(const char* what, double is, const char* compare, double aim, const char* unit) {
  const bool is_met = compare[0] == '>' ? is >= aim : is <= aim;
  printf("  %-62s %8.1f%s, aim %s %.0f%s: %s\n", what, is, unit, compare, aim, unit, is_met ? "met" : "MISSED");
}

void print_aims(const std::vector<Result>& results) {
  printf("\nwhat we aim for\n");
  std::vector<double> compile_ratios;
  double one_liner_mb = 0, script_mb = 0;
  bool is_one_liner = true;
  for (const Result& result : results) {
    const Medians &ours = result.of[shrike], &theirs = result.of[bpftrace], &floor = result.of[least];
    if (!ours.is_known) continue;
    if (result.title.find(".bt") != std::string::npos) is_one_liner = false;
    double& most_mb = is_one_liner ? one_liner_mb : script_mb;
    most_mb = std::max(most_mb, ours.rss_mb);
    if (result.is_compiled_script && theirs.is_known) compile_ratios.push_back(theirs.ms / ours.ms);
    if (result.title == run_title && theirs.is_known)
      print_aim("begin and exit: bpftrace's time", theirs.ms / ours.ms, ">=", 50, "x");
    if (result.title == run_title && floor.is_known)
      print_aim("begin and exit: times the floor", ours.ms / floor.ms, "<=", 4, "x");
    if (result.title == armed_title && floor.is_known)
      print_aim("count of one tracepoint: times the floor, to armed", ours.ms / floor.ms, "<=", 3, "x");
  }
  if (!compile_ratios.empty()) {
    print_aim("scripts, compiled: bpftrace's time, median script", median(compile_ratios), ">=", 30, "x");
    print_aim("scripts, compiled: bpftrace's time, worst script", *std::min_element(compile_ratios.begin(), compile_ratios.end()),
              ">=", 10, "x");
  }
  if (one_liner_mb > 0) print_aim("peak memory, greatest one-liner", one_liner_mb, "<=", 8, " MB");
  if (script_mb > 0) print_aim("peak memory, greatest of Debian's scripts", script_mb, "<=", 16, " MB");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: coldstart SHRIKE FLOOR [RUNS [WORD]]\n");
    return 2;
  }
  const int count = argc > 3 ? std::max(1, atoi(argv[3])) : 20;
  const std::string word = argc > 4 ? argv[4] : "";
  // In memory: a disk would make whoever truncates the last run's file wait.
  const std::string object = "/dev/shm/coldstart." + std::to_string(getpid()) + ".o";
  setenv(armed_word, "1", 1);
  mount_tracefs_for_us();
  std::vector<Row> rows = one_liners(argv[1], argv[2]);
  for (Row& row : debian_scripts(argv[1], object)) rows.push_back(std::move(row));
  std::erase_if(rows, [&](const Row& row) { return row.title.find(word) == std::string::npos; });
  printf("medians of %d runs each, from exec to exit or to the last probe armed\n", count);
  print_heading();
  std::vector<Result> results;
  for (const Row& row : rows) results.push_back(measure(row, count));
  unlink(object.c_str());
  print_aims(results);
  return 0;
}
