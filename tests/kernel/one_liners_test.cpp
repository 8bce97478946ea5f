// bpftrace's best-known one-line programs, each against a workload with known numbers. The scripts say what the public
// README and tutorial of bpftrace say, in our words; a filter on the workload's name is added where other processes of the
// machine would blur an exact number.
#include <linux/perf_event.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

using OneLiner = LiveTest;

std::string key(const Trace& trace) {
  return "@[" + trace.name + "]";
}

TEST_F(OneLiner, HelloWorld) {
  const Result result = shrike_script(R"(BEGIN { printf("hello world\n"); })");
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, "hello world\n\n\n");
}

TEST_F(OneLiner, ListsTheSyscallTracepoints) {
  const Result result = shrike({"-l", "tracepoint:syscalls:sys_enter_*"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(count_lines(result.out, "tracepoint:syscalls:sys_enter_openat"), 1u);
  size_t lines = 0;
  for (const std::string& line : split_lines(result.out)) {
    EXPECT_TRUE(line.starts_with("tracepoint:syscalls:sys_enter_")) << line;
    ++lines;
  }
  EXPECT_GT(lines, 200u);
}

TEST_F(OneLiner, FilesOpenedByProcess) {
  const std::string path = "/nonexistent/shrike-" + std::to_string(getpid());
  const Trace t = trace(R"(tracepoint:syscalls:sys_enter_open,
                           tracepoint:syscalls:sys_enter_openat { printf("%s %s\n", comm, str(args.filename)); })",
                        {"open", "3", path});
  EXPECT_EQ(count_lines(t.out, t.name + " " + path), 3u) << t.out;
}

TEST_F(OneLiner, OldSpellingOfArgs) {
  const std::string path = "/nonexistent/shrike-old-" + std::to_string(getpid());
  const Trace t =
      trace(R"(tracepoint:syscalls:sys_enter_openat { printf("%s %s\n", comm, str(args->filename)); })", {"open", "2", path});
  EXPECT_EQ(count_lines(t.out, t.name + " " + path), 2u) << t.out;
}

TEST_F(OneLiner, SyscallsByProgram) {
  const Trace t = trace("tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }", {"getppid", "5000"});
  EXPECT_EQ(number_of(t.out, key(t)), 5001) << t.out;  // and exit_group
}

TEST_F(OneLiner, SyscallsByProcess) {
  const Trace t = trace("tracepoint:raw_syscalls:sys_enter { @[pid, comm] = count(); }", {"getppid", "700"});
  EXPECT_EQ(number_of(t.out, "@[" + std::to_string(t.pid) + ", " + t.name + "]"), 701) << t.out;
}

TEST_F(OneLiner, SyscallsByName) {
  const Trace t =
      trace("tracepoint:syscalls:sys_enter_* /pid == PID/ { @[probe] = count(); }", {"getppid", "321", "read", "12", "1"});
  EXPECT_EQ(number_of(t.out, "@[tracepoint:syscalls:sys_enter_getppid]"), 321) << t.out;
  EXPECT_EQ(number_of(t.out, "@[tracepoint:syscalls:sys_enter_read]"), 12) << t.out;
  EXPECT_EQ(number_of(t.out, "@[tracepoint:syscalls:sys_enter_close]"), 1) << t.out;
}

TEST_F(OneLiner, BytesReadByProcess) {
  const Trace t = trace("tracepoint:syscalls:sys_exit_read /args.ret/ { @[comm] = sum(args.ret); }", {"read", "7", "100"});
  EXPECT_EQ(number_of(t.out, key(t)), 700) << t.out;
}

TEST_F(OneLiner, ReadSizesByProcess) {
  const Trace t =
      trace("tracepoint:syscalls:sys_exit_read { @[comm] = hist(args.ret); }", {"read", "8", "100", "read", "4", "3000"});
  EXPECT_EQ(histogram_total(t.out, key(t)), 12) << t.out;
  EXPECT_TRUE(has(t.out, "[64, 128)              8 |@@@@")) << t.out;
  EXPECT_TRUE(has(t.out, "[2K, 4K)               4 |@@@@")) << t.out;
}

TEST_F(OneLiner, ReadSizesOfOneProcess) {
  const Trace t = trace("tracepoint:syscalls:sys_exit_read /pid == PID/ { @bytes = hist(args.ret); }", {"read", "5", "1"});
  EXPECT_TRUE(has(t.out, "@bytes: \n[1]                    5 |" + std::string(52, '@') + "|\n")) << t.out;
}

TEST_F(OneLiner, ReadSizesInLinearSteps) {
  const Trace t = trace("tracepoint:syscalls:sys_exit_read /pid == PID/ { @bytes = lhist(args.ret, 0, 2000, 200); }",
                        {"read", "5", "300", "read", "2", "5000"});
  EXPECT_TRUE(has(t.out, "[200, 400)             5 |")) << t.out;
  EXPECT_TRUE(has(t.out, "[2000, ...)            2 |")) << t.out;
}

TEST_F(OneLiner, SyscallRatePerSecond) {
  Tracer tracer({"-e", "tracepoint:raw_syscalls:sys_enter { @ = count(); } interval:s:1 { print(@); clear(@); }"});
  ASSERT_TRUE(tracer.wait_until_armed());
  EXPECT_EQ(run({SHRIKE_WORKLOAD, "getppid", "5000"}, {}, patience_ms).status, 0);
  EXPECT_TRUE(tracer.process().wait_for_out("@: ", 3000));
  const Result result = tracer.interrupt();
  EXPECT_GE(number_of(result.out, "@").value_or(0), 5000) << result.out;
}

TEST_F(OneLiner, TimeOfReads) {
  const Trace t = trace(R"(tracepoint:syscalls:sys_enter_read /pid == PID/ { @start[tid] = nsecs; }
                           tracepoint:syscalls:sys_exit_read /@start[tid]/ {
                             @ns[comm] = hist(nsecs - @start[tid]); delete(@start, tid); })",
                        {"read", "50", "64"});
  EXPECT_EQ(histogram_total(t.out, "@ns[" + t.name + "]"), 50) << t.out;
  EXPECT_FALSE(has(t.out, "@start[")) << t.out;
}

TEST_F(OneLiner, ProcessLevelEvents) {
  const Trace t = trace("tracepoint:sched:sched* /pid == PID/ { @[probe] = count(); } interval:s:60 { exit(); }", {"fork", "3"});
  EXPECT_EQ(number_of(t.out, "@[tracepoint:sched:sched_process_fork]"), 3) << t.out;
  EXPECT_EQ(number_of(t.out, "@[tracepoint:sched:sched_process_exit]"), 1) << t.out;
}

TEST_F(OneLiner, ProgramsStarted) {
  const Trace t = trace(R"(tracepoint:sched:sched_process_exec { printf("%s %s\n", comm, str(args.filename)); })",
                        {"exec", "2", "/bin/true"});
  EXPECT_GE(count_lines(t.out, "true /bin/true"), 2u) << t.out;
}

TEST_F(OneLiner, KernelStacksByProfile) {
  const Trace t = trace("profile:hz:99 /pid == PID/ { @[kstack] = count(); }", {"read", "100000", "65536"});
  EXPECT_TRUE(has(t.out, "@[\n    ")) << t.out;
  EXPECT_TRUE(has(t.out, "read+")) << t.out;  // ksys_read, vfs_read or the like
}

TEST_F(OneLiner, UserStacksByProfile) {
  const Trace t = trace_living("profile:hz:99 /pid == PID/ { @[ustack] = count(); }", {"spin", "600"});
  EXPECT_TRUE(has(t.out, "target_spin")) << t.out;
  EXPECT_TRUE(has(t.out, "    main+")) << t.out;
}

TEST_F(OneLiner, StacksOfContextSwitches) {
  const Trace t = trace("tracepoint:sched:sched_switch /pid == PID/ { @[kstack] = count(); }", {"sleep", "20", "sleep", "20"});
  EXPECT_TRUE(has(t.out, "schedule+")) << t.out;
}

TEST_F(OneLiner, DiskRequestSizes) {
  const Trace t = trace("tracepoint:block:block_rq_issue { @ = hist(args.bytes); @sum = sum(args.bytes); }",
                        {"disk", "16", SHRIKE_WORKLOAD ".disk"});
  EXPECT_GE(number_of(t.out, "@sum").value_or(0), 16 * 4096) << t.out;
  EXPECT_GE(histogram_total(t.out, "@"), 1) << t.out;
}

TEST_F(OneLiner, DiskRequestsByProcess) {
  const Trace t = trace(R"(tracepoint:block:block_rq_issue { printf("%d %s %d\n", pid, comm, args.bytes); })",
                        {"disk", "16", SHRIKE_WORKLOAD ".disk"});
  EXPECT_GE(count_lines(t.out, std::to_string(t.pid) + " " + t.name + " 4096"), 1u) << t.out;
}

TEST_F(OneLiner, PageFaultsByProcess) {
  const Trace t = trace("software:faults:1 { @[comm] = count(); }", {"fault", "500"});
  const int64_t faults = number_of(t.out, key(t)).value_or(0);
  EXPECT_GE(faults, 500) << t.out;
  EXPECT_LE(faults, 540) << t.out;
}

TEST_F(OneLiner, MajorFaultsByProcess) {
  const Trace t = trace("software:major-faults:1 { @[comm] = count(); }", {"fault", "500"});
  EXPECT_LE(number_of(t.out, key(t)).value_or(0), 5) << "fresh pages are minor faults\n" << t.out;
}

TEST_F(OneLiner, CacheMissesByProcess) {
  perf_event_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.size = sizeof attr;
  attr.type = PERF_TYPE_HARDWARE;
  attr.config = PERF_COUNT_HW_CACHE_MISSES;
  attr.sample_period = 1000000;
  const long fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0);
  const std::string script = "hardware:cache-misses:1000000 { @[comm, pid] = count(); }";
  if (fd >= 0) {
    close(static_cast<int>(fd));
    trace(script, {"spin", "100"});
    return;
  }
  const Result result = shrike_script(script);
  EXPECT_EQ(result.status, 1) << result.out;
  EXPECT_EQ(count_text(result.err, "ERROR: "), 1u) << result.err;
  EXPECT_TRUE(has(result.err, "cache-misses")) << result.err;
}

TEST_F(OneLiner, FilesOpenedInACgroup) {
  const Trace t = trace(R"(tracepoint:syscalls:sys_enter_openat /pid == PID/ { @[cgroup] = count(); }
                           tracepoint:syscalls:sys_enter_openat /pid == PID && cgroup == 0/ { @none = count(); })",
                        {"open", "4", "/etc/passwd"});
  EXPECT_EQ(count_text(t.out, "]: 4\n"), 1u) << t.out;
  EXPECT_FALSE(has(t.out, "@none: 4")) << t.out;
}

// The kprobe classics: where the kernel has kprobes they count; where it has none, shrike says just that.
class Kprobes : public LiveTest {
 protected:
  void run_or_explain(const std::string& script, const std::vector<std::string>& verbs, std::string_view expected) {
    if (has_kprobes()) {
      const Trace t = trace(script, verbs);
      EXPECT_TRUE(has(t.out, expected)) << t.out;
      return;
    }
    const Result result = shrike_script(replace_all(script, "PID", "1"));
    EXPECT_EQ(result.status, 1) << result.out;
    EXPECT_EQ(count_text(result.err, "ERROR: "), 1u) << result.err;
    EXPECT_TRUE(has(result.err, "kprobe")) << result.err;
    EXPECT_TRUE(has(result.err, "kernel")) << result.err;
  }
};

TEST_F(Kprobes, ReadSizes) {
  run_or_explain("kretprobe:vfs_read /pid == PID/ { @bytes = lhist(retval, 0, 2000, 200); }", {"read", "5", "300"},
                 "[200, 400)             5 |");
}

TEST_F(Kprobes, TimeOfReads) {
  run_or_explain(R"(kprobe:vfs_read /pid == PID/ { @start[tid] = nsecs; }
                    kretprobe:vfs_read /@start[tid]/ { @n = count(); delete(@start, tid); })",
                 {"read", "5", "300"}, "@n: 5");
}

TEST_F(Kprobes, KernelStructures) {
  run_or_explain(R"(kprobe:vfs_open /pid == PID/ {
                      printf("open path: %s\n", str(((struct path *)arg0)->dentry->d_name.name)); })",
                 {"open", "1", "/etc/passwd"}, "open path: passwd\n");
}

TEST_F(Kprobes, Wildcards) {
  run_or_explain("kprobe:vfs_rea* /pid == PID/ { @[func] = count(); }", {"read", "5", "3"}, "@[vfs_read]: 5");
}

}  // namespace
}  // namespace shrike::testing
