// Functions about processes, on processes whose numbers and deeds are known.
#include <unistd.h>

#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

class ProcessFunctions : public LiveTest {};

// What a script prints when shrike is the first process of a pid namespace of its own.
std::string printed_in_namespace(const std::string& script, const std::vector<std::string>& options = {}) {
  std::vector<std::string> command = {"/usr/bin/unshare", "--pid", "--fork", "--mount-proc", shrike_binary(), "-q", "-e", script};
  command.insert(command.end(), options.begin(), options.end());
  const Result result = run(command, {}, patience_ms);
  EXPECT_EQ(result.status, 0) << result.err;
  return result.out;
}

TEST_F(ProcessFunctions, IdsAreThoseOfTheNamespace) {
  EXPECT_EQ(
      printed_in_namespace("begin { printf(\"%d %d %d %d %d\\n\", pid, tid, pid(curr_ns), pid(init) > 1, tid(init) > 1); }"),
      "1 1 1 1 1\n\n\n");
}

TEST_F(ProcessFunctions, PidFilterCountsInTheNamespace) {
  const std::string out = printed_in_namespace("tracepoint:syscalls:sys_enter_getppid { @ = count(); }",
                                               {"-c", std::string(SHRIKE_WORKLOAD) + " getppid 7"});
  EXPECT_TRUE(has(out, "@: 7\n")) << out;
}

TEST_F(ProcessFunctions, ParentAndLeaderAreTheKernelsOwn) {
  const Trace done = trace(
      "tracepoint:syscalls:sys_enter_getppid /pid == PID/ "
      "{ @[ppid == ppid(curtask), leader_tid == pid, pcomm == comm, leader_comm == comm, leader_comm(curtask) == comm] = "
      "count(); "
      "@parent = ppid; }",
      {"getppid", "3"});
  EXPECT_TRUE(has(done.out, "@[true, true, true, true, true]: 3\n")) << done.out;
  EXPECT_EQ(number_of(done.out, "@parent"), getpid()) << done.out;
}

TEST_F(ProcessFunctions, UsermodeTellsUserCodeFromTheKernel) {
  const Trace done = trace("profile:hz:999 /pid == PID/ { @[usermode] = count(); }", {"spin", "200"});
  EXPECT_GT(number_of(done.out, "@[true]").value_or(0), 10) << done.out;
}

TEST_F(ProcessFunctions, SystemCallsHaveNames) {
  const Trace done =
      trace("tracepoint:raw_syscalls:sys_enter /pid == PID/ { @[syscall_name(args.id)] = count(); }", {"getppid", "11"});
  EXPECT_TRUE(has(done.out, "@[getppid]: 11\n")) << done.out;
}

TEST_F(ProcessFunctions, ErrorsHaveTexts) {
  const Trace done = trace("tracepoint:syscalls:sys_exit_openat /pid == PID/ { @[strerror(args.ret)] = count(); }",
                           {"open", "4", "/nonexistent"});
  EXPECT_TRUE(has(done.out, "@[No such file or directory]: 4\n")) << done.out;
}

// What the workload's parent is sent when it ends.
TEST_F(ProcessFunctions, SignalsHaveNames) {
  const Trace done =
      trace("tracepoint:signal:signal_generate /pid == PID/ { @[signal_name(args.sig)] = count(); }", {"getppid", "1"});
  EXPECT_TRUE(has(done.out, "@[SIGCHLD]: 1\n")) << done.out;
}

TEST_F(ProcessFunctions, SignalThreadReachesTheThread) {
  ProcessOptions held;
  held.hold_stdin = true;
  Process workload({SHRIKE_WORKLOAD, "pid", "wait", "getppid", "1", "sleep", "20000"}, held);
  ASSERT_TRUE(workload.wait_for_out("pid ", patience_ms));
  Tracer tracer({"--unsafe", "-e",
                 "tracepoint:syscalls:sys_enter_getppid /pid == " + std::to_string(workload.pid()) + "/ { signal_thread(10); }"});
  ASSERT_TRUE(tracer.wait_until_armed());
  workload.release();
  EXPECT_EQ(workload.finish(5000).status, 128 + 10);
  tracer.interrupt();
}

}  // namespace
}  // namespace shrike::testing
