// Measures how long tools take to start: shrike, Debian's bpftrace, and the floor program that does the least the kernel
// asks of any tracer (floor.cpp). Runs alternate between the tools so that all see the same machine. Prints medians with
// their ratios; asserts nothing. System calls are counted in a run of their own, under strace.
//   coldstart SHRIKE FLOOR [RUNS]
//   coldstart --compile SHRIKE [RUNS]   only Debian's scripts, from exec to the object file
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

// What a tool is asked to do; the clock stops when it exits, or when its last probe is armed.
enum class Until { exit, armed };

struct Row {
  std::string title;
  Words shrike;
  Words bpftrace;
  Words floor;  // empty: the floor has nothing like it
  Until until = Until::exit;
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
    if (until == Until::armed) kill(pid, SIGKILL);  // bpftrace 0.17 may sleep through a SIGINT that comes this early
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
  return run;
}

// Total of `strace -c`, whose last line is "100.00 seconds usecs/call CALLS [errors] total".
long count_calls(const Words& words, Until until) {
  const std::string report = "/tmp/coldstart." + std::to_string(getpid());
  Words traced = {"strace", "-f", "-c", "-o", report};
  if (until == Until::armed) traced.insert(traced.end(), {"timeout", "-s", "INT", "2"});
  traced.insert(traced.end(), words.begin(), words.end());
  run_once(traced, Until::exit);
  long calls = 0;
  if (FILE* file = fopen(report.c_str(), "r")) {
    char line[256];
    while (fgets(line, sizeof line, file) != nullptr)
      if (strstr(line, " total") != nullptr) sscanf(line, "%*s %*s %*s %ld", &calls);
    fclose(file);
    unlink(report.c_str());
  }
  return calls;
}

double median(const std::vector<Run>& runs, double Run::* field) {
  std::vector<double> values;
  for (const Run& run : runs) values.push_back(run.*field);
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

void print_tool(const char* name, const std::vector<Run>& runs, double base_ms, long calls) {
  if (runs.empty()) {
    printf("    %-9s does not run it here\n", name);
    return;
  }
  const double ms = median(runs, &Run::ms);
  printf("    %-9s %9.2f ms %8.2fx %9.2f ms cpu %8.2f MB %8.0f faults", name, ms, base_ms > 0 ? ms / base_ms : 0,
         median(runs, &Run::cpu_ms), median(runs, &Run::rss_mb), median(runs, &Run::faults));
  if (calls > 0) printf(" %7ld calls", calls);
  printf("\n");
}

// One block a row; the ratio column is each tool's time over shrike's.
void measure(const Row& row, int count, bool counts_calls) {
  std::vector<Run> ours, theirs, floor;
  for (int i = 0; i < count; i++) {
    for (auto [words, runs] : {std::pair(&row.shrike, &ours), std::pair(&row.bpftrace, &theirs), std::pair(&row.floor, &floor)}) {
      if (words->empty() || (i > 0 && runs->empty())) continue;  // what failed once is not tried again
      if (Run run = run_once(*words, row.until); run.is_good) runs->push_back(run);
    }
  }
  printf("%s (%s)\n", row.title.c_str(), row.until == Until::armed ? "exec to last probe armed" : "exec to exit");
  const double base = median(ours, &Run::ms);
  print_tool("shrike", ours, base, counts_calls ? count_calls(row.shrike, row.until) : 0);
  print_tool("bpftrace", theirs, base, counts_calls && !theirs.empty() ? count_calls(row.bpftrace, row.until) : 0);
  if (!row.floor.empty()) print_tool("floor", floor, base, counts_calls ? count_calls(row.floor, row.until) : 0);
  fflush(stdout);
}

// shrike reaches tracefs whether it is mounted or not; bpftrace 0.17 does not. In a mount namespace of our own it is.
void mount_tracefs_for_us() {
  if (access("/sys/kernel/tracing/events", R_OK) == 0 || unshare(CLONE_NEWNS) != 0) return;
  mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, nullptr);
}

std::vector<Row> one_liners(const std::string& shrike, const std::string& floor) {
  auto script = [&](const char* title, const char* text, Words least, Until until) {
    return Row{title, {shrike, "-B", "line", "-e", text}, {"bpftrace", "-B", "line", "-e", text}, std::move(least), until};
  };
  return {
      {"--version", {shrike, "--version"}, {"bpftrace", "--version"}, {}, Until::exit},
      script("begin and exit", "BEGIN { exit(); }", {floor, "run"}, Until::exit),
      script("hello", "BEGIN { printf(\"hello\\n\"); exit(); }", {}, Until::exit),
      script("count of one tracepoint", "tracepoint:syscalls:sys_enter_openat { @[comm] = count(); }", {floor, "armed"},
             Until::armed),
      script("count of one tracepoint, then exit",
             "tracepoint:syscalls:sys_enter_openat { @[comm] = count(); } interval:ms:1 { exit(); }", {}, Until::exit),
      script("keyed histogram with a predicate",
             "tracepoint:syscalls:sys_exit_read /args->ret > 0/ { @[comm] = hist(args->ret); }", {}, Until::armed),
      script("uprobe with a string", "uprobe:/lib/x86_64-linux-gnu/libc.so.6:puts { @[str(arg0)] = count(); }", {}, Until::armed),
      script("wildcard of about 100 uprobes", "uprobe:/lib/x86_64-linux-gnu/libc.so.6:get* { @ = count(); }", {}, Until::armed),
  };
}

// Debian's scripts, where the package has them.
std::vector<std::string> debian_scripts() {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/usr/sbin", error))
    if (entry.path().extension() == ".bt") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

// One line a script that both compile, and the median of the ratios: how many times faster shrike writes the object file.
void compare_compilers(const std::string& shrike, int count) {
  const std::string ours_to = "/tmp/coldstart." + std::to_string(getpid()) + ".shrike.o";
  const std::string theirs_to = "/tmp/coldstart." + std::to_string(getpid()) + ".bpftrace.o";
  printf("script to object file (--emit-elf), medians of %d runs each\n", count);
  std::vector<double> ratios;
  for (const std::string& path : debian_scripts()) {
    std::vector<Run> ours, theirs;
    for (int i = 0; i < count; i++) {
      ours.push_back(run_once({shrike, "--emit-elf", ours_to, path}, Until::exit));
      theirs.push_back(run_once({"bpftrace", "--emit-elf", theirs_to, path}, Until::exit));
      if (!ours.back().is_good || !theirs.back().is_good) break;
    }
    const char* name = strrchr(path.c_str(), '/') + 1;
    if (!ours.back().is_good || !theirs.back().is_good) {
      printf("  %-20s shrike %s, bpftrace %s\n", name, ours.back().is_good ? "compiles it" : "cannot",
             theirs.back().is_good ? "compiles it" : "cannot");
      continue;
    }
    const double a = median(ours, &Run::ms);
    const double b = median(theirs, &Run::ms);
    ratios.push_back(b / a);
    printf("  %-20s %8.2f ms %9.2f ms %7.1fx\n", name, a, b, ratios.back());
    fflush(stdout);
  }
  unlink(ours_to.c_str());
  unlink(theirs_to.c_str());
  std::sort(ratios.begin(), ratios.end());
  if (!ratios.empty()) printf("  median of %zu ratios: %.1fx\n", ratios.size(), ratios[ratios.size() / 2]);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc >= 3 && strcmp(argv[1], "--compile") == 0) {
    mount_tracefs_for_us();
    compare_compilers(argv[2], argc > 3 ? std::max(1, atoi(argv[3])) : 5);
    return 0;
  }
  if (argc < 3) {
    fprintf(stderr, "usage: coldstart SHRIKE FLOOR [RUNS]\n");
    return 2;
  }
  const std::string shrike = argv[1];
  const int count = argc > 3 ? std::max(1, atoi(argv[3])) : 20;
  setenv(armed_word, "1", 1);
  mount_tracefs_for_us();
  printf("medians of %d runs each; the second column is the time over shrike's\n\n", count);
  for (const Row& row : one_liners(shrike, argv[2])) measure(row, count, true);
  for (const std::string& path : debian_scripts()) {
    const std::string name = std::filesystem::path(path).filename();
    measure({name, {shrike, path}, {"bpftrace", path}, {}, Until::armed}, count, false);
  }
  compare_compilers(shrike, count);
  return 0;
}
