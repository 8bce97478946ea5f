// self:signal:SIGUSR1, and what is left of a trace that was killed.
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

using OwnSignals = LiveTest;
using Leaks = LiveTest;

TEST_F(OwnSignals, EachRunsTheProgramOnce) {
  Tracer tracer(
      {"-e", R"(self:signal:SIGUSR1 { @ = count(); printf("signal %d\n", @n); @n++; } end { printf("%s\n", probe); })"});
  ASSERT_TRUE(tracer.wait_until_armed());
  for (int i = 0; i < 3; ++i) {
    tracer.process().signal(SIGUSR1);
    ASSERT_TRUE(tracer.process().wait_for_out("signal " + std::to_string(i) + "\n", patience_ms));
  }
  const Result t = tracer.interrupt();
  EXPECT_EQ(t.status, 0) << t.err;
  EXPECT_EQ(number_of(t.out, "@"), 3) << t.out;
}

TEST_F(OwnSignals, MayEndTheTrace) {
  Tracer tracer({"-e", R"(self:signal:SIGUSR1 { printf("%s\n", probe); exit(3); } interval:s:100 {})"});
  ASSERT_TRUE(tracer.wait_until_armed());
  tracer.process().signal(SIGUSR1);
  const Result t = tracer.finish();
  EXPECT_EQ(t.status, 3) << t.err;
  EXPECT_EQ(count_lines(t.out, "self:signal:SIGUSR1"), 1u) << t.out;
}

TEST_F(OwnSignals, OthersAreRefused) {
  const Result t = shrike_script("self:signal:SIGUSR2 { @ = count(); }");
  EXPECT_EQ(t.status, 1);
  EXPECT_TRUE(has(t.err, "`self:` and then signal:SIGUSR1")) << t.err;
}

// The programs in the kernel by an iterator of our own, whose own programs are not yet or no more there.
int64_t count_programs(const std::string& name) {
  const Result t = shrike_script("iter:bpf_prog { if (str(ctx->prog->aux->name) == \"" + name +
                                 "\") { @[1] = count(); } } end { print(len(@)); print(@); }");
  return std::max<int64_t>(number_of(t.out, "@[1]").value_or(0), 0);
}

TEST_F(Leaks, NothingRemainsOfATraceThatWasKilled) {
  const std::string script = "uprobe:" SHRIKE_MANY ":many_0* { @a = count(); } uprobe:" SHRIKE_MANY
                             ":many_00* { @[probe] = count(); } tracepoint:syscalls:sys_enter_getppid { @g = count(); } "
                             "usdt:" SHRIKE_DEBUGGED ":* { @u = count(); } profile:hz:1 { @p = count(); }";
  pid_t child = 0;
  {
    Tracer tracer({"-e", script, "-c", SHRIKE_WORKLOAD " pid wait linger"}, {.hold_stdin = true});
    ASSERT_TRUE(tracer.wait_until_armed());
    ASSERT_TRUE(tracer.process().wait_for_out("pid ", patience_ms));
    const Result listed = run({"pgrep", "-P", std::to_string(tracer.process().pid())}, {}, patience_ms);
    child = atoi(listed.out.c_str());
    EXPECT_GT(count_programs("profile_hz_1"), 0);
    tracer.process().signal(SIGKILL);
    tracer.process().finish(patience_ms);
  }
  ASSERT_GT(child, 0);
  int waited = 0;
  while (kill(child, 0) == 0 && waited++ < patience_ms) usleep(1000);
  EXPECT_NE(kill(child, 0), 0) << "the traced program lives on";
  // The kernel takes its time to free what processes held.
  for (waited = 0; count_programs("profile_hz_1") > 0 && waited < 100; ++waited) usleep(50000);
  EXPECT_EQ(count_programs("profile_hz_1"), 0);
}

}  // namespace
}  // namespace shrike::testing
