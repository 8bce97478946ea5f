// What the capabilities that shrike asks for suffice for, held by a user who is not root, as after setcap on the executable.
#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

using Privileges = LiveTest;

// shrike as a user with nothing but these; tracefs is mounted for it, since nobody but root mounts a filesystem.
Result with_capabilities(const std::string& capabilities, const std::vector<std::string>& args) {
  const std::string as_user =
      "mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null\nexec setpriv --reuid=65534 --regid=65534 "
      "--clear-groups --inh-caps=" +
      capabilities + " --ambient-caps=" + capabilities + " \"$@\"";
  std::vector<std::string> command = {"unshare", "--mount", "sh", "-c", as_user, "sh", SHRIKE_BINARY};
  command.insert(command.end(), args.begin(), args.end());
  return run(command, {}, patience_ms);
}

const std::string all = "+bpf,+perfmon,+dac_read_search";

TEST_F(Privileges, SufficeForTracepoints) {
  const Result t = with_capabilities(
      all, {"-e", "tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { @ = count(); }", "-c", SHRIKE_WORKLOAD " getppid 9"});
  EXPECT_EQ(number_of(t.out, "@"), 9) << t.out << t.err;
}

TEST_F(Privileges, SufficeForUprobes) {
  const Result t =
      with_capabilities(all, {"-e", "uprobe:" SHRIKE_WORKLOAD ":target_a* { @ = count(); }", "-c", SHRIKE_WORKLOAD " add 7 1 1"});
  EXPECT_EQ(number_of(t.out, "@"), 7) << t.out << t.err;
}

TEST_F(Privileges, SufficeForRawTracepointsAndIterators) {
  Result t = with_capabilities(all, {"-e", "rawtracepoint:sys_enter /pid == cpid && args.id == 110/ { @ = count(); }", "-c",
                                     SHRIKE_WORKLOAD " getppid 9"});
  EXPECT_EQ(number_of(t.out, "@"), 9) << t.out << t.err;
  t = with_capabilities(all, {"-q", "-e", "iter:task /ctx.task.pid == 2/ { printf(\"first\\n\"); }"});
  EXPECT_EQ(count_lines(t.out, "first"), 1u) << t.out << t.err;
}

// Not as files that are not there.
TEST_F(Privileges, FilesOfOtherUsersProcessesTakeOneMore) {
  Process other({SHRIKE_WORKLOAD, "pid", "wait"}, {.hold_stdin = true});
  ASSERT_TRUE(other.wait_for_out("pid ", patience_ms));
  const std::vector<std::string> args = {"-p", std::to_string(other.pid()), "-e",
                                         "uprobe:target_add { @ = count(); } interval:ms:1 { exit(); }"};
  const Result t = with_capabilities(all, args);
  EXPECT_EQ(t.status, 1);
  EXPECT_TRUE(has(t.err,
                  "/exe`: Permission denied (EACCES); processes of other users show their files to root, or to "
                  "CAP_SYS_PTRACE"))
      << t.err;
  EXPECT_EQ(with_capabilities(all + ",+sys_ptrace", args).status, 0);
  other.release();
}

TEST_F(Privileges, KernelSymbolsTakeOneMore) {
  const std::string script = "tracepoint:sched:sched_switch { @[kstack(1)] = count(); exit(); }";
  Result t = with_capabilities(all, {"-e", script});
  EXPECT_TRUE(has(t.err, "CAP_SYSLOG")) << t.out << t.err;
  t = with_capabilities(all + ",+syslog", {"-e", script});
  EXPECT_FALSE(has(t.err, "CAP_SYSLOG")) << t.out << t.err;
}

TEST_F(Privileges, EachThatIsMissingIsNamed) {
  for (const auto& [capabilities, missing] :
       std::vector<std::pair<std::string, std::string>>{{"+bpf,+perfmon", "CAP_DAC_READ_SEARCH"},
                                                        {"+bpf,+dac_read_search", "CAP_PERFMON"},
                                                        {"+perfmon,+dac_read_search", "CAP_BPF"}}) {
    const Result t = with_capabilities(capabilities, {"-e", "begin { exit(); }"});
    EXPECT_EQ(t.status, 1);
    EXPECT_TRUE(has(t.err, "this process does not have: " + missing + "\n")) << t.err;
  }
  EXPECT_EQ(with_capabilities("+sys_admin", {"-e", "begin { exit(); }"}).status, 0);
}

}  // namespace
}  // namespace shrike::testing
