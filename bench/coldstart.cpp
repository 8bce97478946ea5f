// Measures how long shrike takes to start, beside Debian's bpftrace in the same run: whole process of a script that begins
// and exits, and exec to first probe armed. Runs alternate between the tools so that both see the same machine. Prints
// medians; asserts nothing.
//   coldstart SHRIKE [RUNS]
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
#include <string>
#include <vector>

namespace {

constexpr const char* armed_word = "__BPFTRACE_NOTIFY_PROBES_ATTACHED";

struct Run {
  double wall_ms = 0;
  double armed_ms = 0;
  double cpu_ms = 0;
  double rss_mb = 0;
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

// Reads what the tool prints (0.17 says the word on stderr) to its end; the moment at which the word comes is when the last probe
// was armed. A script that would run on is killed then.
Run run_once(const std::string& tool, const std::string& script, bool until_armed) {
  int out[2];
  if (pipe2(out, O_CLOEXEC) != 0) return {};
  const double start = now_ms();
  const pid_t pid = vfork();
  if (pid == 0) {
    dup2(out[1], 1);
    dup2(out[1], 2);
    execlp(tool.c_str(), tool.c_str(), "-B", "line", "-e", script.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  close(out[1]);
  Run run;
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(out[0], buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<size_t>(n));
    if (run.armed_ms == 0 && text.find(armed_word) != std::string::npos) {
      run.armed_ms = now_ms() - start;
      if (until_armed) kill(pid, SIGKILL);  // bpftrace 0.17 may sleep through a SIGINT that comes this early
    }
  }
  close(out[0]);
  int status = 0;
  rusage usage{};
  wait4(pid, &status, 0, &usage);
  run.wall_ms = now_ms() - start;
  run.cpu_ms = ms_of(usage.ru_utime) + ms_of(usage.ru_stime);
  run.rss_mb = static_cast<double>(usage.ru_maxrss) / 1024;
  run.is_good = until_armed ? run.armed_ms > 0 : WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return run;
}

double median(const std::vector<Run>& runs, double Run::* field) {
  std::vector<double> values;
  for (const Run& run : runs) values.push_back(run.*field);
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

void print_row(const char* what, const char* unit, const std::vector<Run>& ours, const std::vector<Run>& theirs,
               double Run::* field) {
  const double a = median(ours, field);
  const double b = median(theirs, field);
  if (b > 0) printf("  %-28s %9.2f %s %9.2f %s %8.1fx\n", what, a, unit, b, unit, a > 0 ? b / a : 0);
  else printf("  %-28s %9.2f %s %12s\n", what, a, unit, "-");
}

void measure(const char* title, const std::string& shrike, const std::string& script, bool until_armed, int count) {
  std::vector<Run> ours;
  std::vector<Run> theirs;
  for (int i = 0; i < count; ++i) {
    const Run a = run_once(shrike, script, until_armed);
    if (a.is_good) ours.push_back(a);
    const Run b = run_once("bpftrace", script, until_armed);
    if (b.is_good) theirs.push_back(b);
  }
  printf("%s\n  %-28s %12s %12s %9s\n", title, "", "shrike", "bpftrace", "ratio");
  if (ours.empty()) {
    printf("  shrike did not run: this needs the privilege to trace\n");
    return;
  }
  if (until_armed) print_row("exec to last probe armed", "ms", ours, theirs, &Run::armed_ms);
  else print_row("wall, exec to exit", "ms", ours, theirs, &Run::wall_ms);
  print_row("processor time", "ms", ours, theirs, &Run::cpu_ms);
  print_row("peak memory", "MB", ours, theirs, &Run::rss_mb);
  printf("\n");
}

// shrike reaches tracefs whether it is mounted or not; bpftrace 0.17 does not. In a mount namespace of our own it is.
void mount_tracefs_for_us() {
  if (access("/sys/kernel/tracing/events", R_OK) == 0 || unshare(CLONE_NEWNS) != 0) return;
  mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: coldstart SHRIKE [RUNS]\n");
    return 2;
  }
  const int count = argc > 2 ? std::max(1, atoi(argv[2])) : 20;
  setenv(armed_word, "1", 1);
  mount_tracefs_for_us();
  printf("medians of %d runs each\n\n", count);
  measure("BEGIN { exit(); }", argv[1], "BEGIN { exit(); }", false, count);
  const std::string opens = "tracepoint:syscalls:sys_enter_openat { @[comm] = count(); }";
  measure(opens.c_str(), argv[1], opens, true, count);
  return 0;
}
