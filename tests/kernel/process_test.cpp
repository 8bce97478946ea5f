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
      printed_in_namespace("begin { printf(\"%d %d %d %d %d %d %d\\n\", pid, tid, pid(curr_ns), tid(curr_ns), pid(init) > 1, "
                           "pid(init) == curtask->tgid, tid(init) == curtask->pid); }"),
      "1 1 1 1 1 1 1\n\n\n");
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

// The thread itself tells its number and that of its process.
TEST_F(ProcessFunctions, AThreadIsNotItsProcess) {
  const Trace done = trace(R"(uprobe:WORKLOAD:target_add /pid == PID/ {
      print((tid == arg0, tid != pid, pid == arg1, comm, leader_tid == arg1, leader_tid(curtask) == arg1));
      print((pcomm, pcomm(curtask), leader_comm, leader_comm(curtask))); })",
                           {"thread", "pupil"});
  EXPECT_EQ(count_lines(done.out, "(true, true, true, pupil, true, true)"), 1u) << done.out;
  EXPECT_EQ(count_lines(done.out, "(" + done.name + ", " + done.name + ", " + done.name + ", " + done.name + ")"), 1u)
      << done.out;
}

// One workload only computes, the other has the kernel clear memory.
TEST_F(ProcessFunctions, UsermodeTellsUserCodeFromTheKernel) {
  const char* const script = "profile:hz:999 /pid == PID/ { @[usermode] = count(); }";
  const Trace computes = trace(script, {"spin", "200"});
  EXPECT_GT(number_of(computes.out, "@[true]").value_or(0), 10) << computes.out;
  const Trace reads = trace(script, {"read", "30000", "65536"});
  EXPECT_GT(number_of(reads.out, "@[false]").value_or(0), 10 + number_of(reads.out, "@[true]").value_or(0)) << reads.out;
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
