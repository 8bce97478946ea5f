// The language beyond what bpftrace 0.17 knows (tests/compat covers that): loops over maps and ranges, let, has_key,
// aggregates read back, aliases, builtins with events, types from BTF.
#include <time.h>
#include <unistd.h>

#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

using Language = LiveTest;

// What a script made of begin and end prints before the maps.
std::string printed_by(const std::string& script) {
  const Result result = shrike_script(script);
  EXPECT_EQ(result.status, 0) << script << "\n" << result.err;
  const size_t end = result.out.find("\n\n");
  return result.out.substr(0, end == std::string::npos ? end : end + 1);
}

TEST_F(Language, RangeLoops) {
  EXPECT_EQ(printed_by(R"(begin { for $i : 0..5 { printf("%d ", $i); } printf("\n"); exit(); })"), "0 1 2 3 4 \n");
  EXPECT_EQ(printed_by(R"(begin { $n = 4; $s = 0; for $i : 1..($n + 1) { $s += $i; } printf("%d\n", $s); exit(); })"), "10\n");
  EXPECT_EQ(printed_by(R"(begin { for $i : 5..5 { printf("never\n"); } printf("done\n"); exit(); })"), "done\n");
}

TEST_F(Language, RangeLoopsNestAndLeave) {
  EXPECT_EQ(printed_by(R"(begin { $n = 0; for $i : 0..10 { for $j : 0..10 { if ($j == 3) { break; } $n++; } }
                          printf("%d\n", $n); exit(); })"),
            "30\n");
  EXPECT_EQ(printed_by(R"(begin { $n = 0; for $i : 0..10 { if ($i % 2) { continue; } $n += $i; } printf("%d\n", $n); exit(); })"),
            "20\n");
}

TEST_F(Language, RangeLoopsMayBeUnrolledAndEmpty) {
  EXPECT_EQ(printed_by(R"(begin { $n = 0; unroll (3) { for $i : 0..3 { $n++; } } printf("%d\n", $n); exit(); })"), "9\n");
  // The verifier knows this loop to be empty though the compiler does not.
  EXPECT_EQ(printed_by(R"(begin { @a = 8; $n = 0; for $i : 5..(@a & 3) { $n++; } printf("%d\n", $n); clear(@a); exit(); })"),
            "0\n");
}

TEST_F(Language, MapLoops) {
  EXPECT_EQ(printed_by(R"(begin { @a[1] = 10; @a[2] = 20; @a[3] = 30; $k = 0; $v = 0;
                          for ($kv : @a) { $k += $kv.0; $v += $kv.1; } printf("%d %d\n", $k, $v); clear(@a); exit(); })"),
            "6 60\n");
  EXPECT_EQ(printed_by(R"(begin { @a["k", 5] = 1; for ($kv : @a) { printf("%s %d %d\n", $kv.0.0, $kv.0.1, $kv.1); } clear(@a);
                          exit(); })"),
            "k 5 1\n");
}

TEST_F(Language, ExitInsideALoopWorks) {
  EXPECT_EQ(printed_by(R"(begin { for $i : 0..10 { printf("%d\n", $i); if ($i == 2) { exit(); } } printf("not here\n"); })"),
            "0\n1\n2\n");
  EXPECT_EQ(
      printed_by(R"(begin { for $i : 0..10 { if ($i == 2) { printf("left\n"); exit(); return; } } printf("not here\n"); })"),
      "left\n");
}

TEST_F(Language, LongLoopsAreAccepted) {
  EXPECT_EQ(printed_by(R"(begin { $s = 0; for $i : 0..100000 { $s += $i; } printf("%ld\n", $s); exit(); })"), "4999950000\n");
  EXPECT_EQ(printed_by(R"(begin { $s = 0; $i = 0; while ($i < 1000) { $s += $i; $i++; } printf("%d\n", $s); exit(); })"),
            "499500\n");
}

TEST_F(Language, LetAndScopes) {
  EXPECT_EQ(printed_by(R"(begin { let $x; let $y: uint8 = (uint8)300; $x = 5; printf("%d %d\n", $x, $y); exit(); })"), "5 44\n");
  EXPECT_EQ(
      printed_by(R"(begin { if (1) { let $a = 1; printf("%d\n", $a); } if (1) { let $a = 2; printf("%d\n", $a); } exit(); })"),
      "1\n2\n");
}

TEST_F(Language, HasKeyDeleteAndLen) {
  EXPECT_EQ(printed_by(R"(begin { @a[1] = 0; printf("%d %d\n", has_key(@a, 1), has_key(@a, 2)); clear(@a); exit(); })"), "1 0\n");
  EXPECT_EQ(printed_by(R"(begin { @a["x", 2] = 1; if (has_key(@a, ("x", 2))) { printf("there\n"); } clear(@a); exit(); })"),
            "there\n");
  EXPECT_EQ(printed_by(R"(begin { @a[1] = 5; $d = delete(@a, 1); $e = delete(@a, 1); printf("%d %d\n", $d, $e); exit(); })"),
            "1 0\n");
  EXPECT_EQ(printed_by(R"(begin { @a[1] = 1; @a[5] = 1; @a[9] = 1; printf("%d\n", len(@a)); clear(@a); exit(); })"), "3\n");
}

TEST_F(Language, TupleKeysAreMultiKeys) {
  EXPECT_EQ(printed_by(R"(begin { @a[1, "x"] = 7; $k = (1, "x"); printf("%d\n", @a[$k]); clear(@a); exit(); })"), "7\n");
}

TEST_F(Language, AggregatesReadBack) {
  EXPECT_EQ(
      printed_by(
          R"(begin { @c = count(); @c = count(); @s = sum(5); @s = sum(6); @m = min(4); @m = min(2); @x = max(1); @x = max(3);
                          @a = avg(10); @a = avg(20);
                          printf("%d %d %d %d %d\n", @c, @s, @m, @x, @a);
                          clear(@c); clear(@s); clear(@m); clear(@x); clear(@a); exit(); })"),
      "2 11 2 3 15\n");
  EXPECT_EQ(printed_by(R"(begin { @c["k"] = count(); if (@c["k"] == 1) { printf("one\n"); } clear(@c); exit(); })"), "one\n");
}

TEST_F(Language, SignedDivision) {
  EXPECT_EQ(printed_by(R"(begin { $a = -7; $b = 2; printf("%d %d\n", $a / $b, $a % $b); exit(); })"), "-3 -1\n");
  EXPECT_EQ(printed_by(R"(begin { $a = 7; $b = -2; printf("%d %d\n", $a / $b, $a % $b); exit(); })"), "-3 1\n");
}

TEST_F(Language, LiteralsOfTime) {
  EXPECT_EQ(printed_by(R"(begin { printf("%ld %ld %ld\n", 5us, 2ms, 1s); exit(); })"), "5000 2000000 1000000000\n");
}

TEST_F(Language, Booleans) {
  EXPECT_EQ(printed_by(R"(begin { print(true); print(false); if (true && !false) { printf("yes\n"); } exit(); })"),
            "true\nfalse\nyes\n");
}

TEST_F(Language, ConditionsNeedNoParentheses) {
  EXPECT_EQ(printed_by(R"(begin { $a = 3; if $a > 2 { printf("more\n"); } else { printf("less\n"); } exit(); })"), "more\n");
}

TEST_F(Language, CommentsAndPredicatesTogether) {
  EXPECT_EQ(printed_by("begin /* why */ / 1 / { printf(\"in\\n\"); // end\n exit(); }"), "in\n");
}

TEST_F(Language, SeveralBeginsRunInOrder) {
  EXPECT_EQ(printed_by(R"(begin { printf("1\n"); } BEGIN { printf("2\n"); } begin { printf("3\n"); exit(); })"), "1\n2\n3\n");
}

TEST_F(Language, OffsetsAndSizes) {
  EXPECT_EQ(printed_by(R"(struct mix { char a; short b; char c; int d; long e[3]; }
                          begin { printf("%d %d %d\n", offsetof(struct mix, b), offsetof(struct mix, e), sizeof(struct mix)); exit(); })"),
            "2 16 40\n");
}

TEST_F(Language, TypesOfTheKernel) {
  EXPECT_EQ(
      printed_by(
          R"(begin { printf("%d %d\n", sizeof(struct task_struct) > 1000, offsetof(struct task_struct, pid) > 0); exit(); })"),
      "1 1\n");
  EXPECT_EQ(printed_by(R"(begin { printf("%d %s\n", curtask->tgid == pid, curtask->comm); exit(); })"), "1 shrike\n");
  EXPECT_EQ(printed_by(R"(begin { $t = (struct task_struct *)curtask; printf("%d\n", $t->real_parent->tgid > 0); exit(); })"),
            "1\n");
}

TEST_F(Language, BuiltinsAboutTheTracerItself) {
  EXPECT_EQ(printed_by(R"(begin { printf("%s %d %d\n", comm, uid, gid); exit(); })"), "shrike 0 0\n");
  EXPECT_EQ(printed_by(R"(begin { printf("%d\n", ncpus); exit(); })"), std::to_string(sysconf(_SC_NPROCESSORS_ONLN)) + "\n");
  EXPECT_EQ(printed_by(R"(begin { printf("%s %s\n", probe, username); exit(); })"), "begin root\n");
}

TEST_F(Language, KernelSymbols) {
  EXPECT_EQ(printed_by(R"(begin { printf("%s\n", ksym(kaddr("vfs_read"))); exit(); })"), "vfs_read\n");
}

TEST_F(Language, BuiltinsAboutTheMachine) {
  EXPECT_EQ(printed_by(R"(begin { printf("%d %d\n", numaid < 1024, jiffies > 0); exit(); })"), "1 1\n");
}

TEST_F(Language, WarningsAndErrorsOfTheScriptGoToStderr) {
  const Result result =
      shrike_script(R"(begin { warnf("low on %s", "tea"); errorf("out of %d", 5); printf("trace\n"); exit(); })");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(result.out.starts_with("trace\n")) << result.out;
  EXPECT_TRUE(has(result.err, "WARNING: low on tea")) << result.err;
  EXPECT_TRUE(has(result.err, "ERROR: out of 5")) << result.err;
}

// The trace of a mount of our own: it is that of the whole system.
TEST_F(Language, DebuggingTextIsInTheTraceOfTheSystem) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const std::string mark = "shrike" + std::to_string(now.tv_sec) + std::to_string(now.tv_nsec);
  const Result result = shrike_script("begin { debugf(\"" + mark + " %d %x %lld\\n\", -5, 255, 5000000000); }");
  EXPECT_EQ(result.status, 0) << result.err;
  const Result seen =
      run({"unshare", "-m", "sh", "-c", "mount -t tracefs none /mnt && grep " + mark + " /mnt/trace"}, {}, patience_ms);
  EXPECT_EQ(count_text(seen.out, mark + " -5 ff 5000000000\n"), 1u) << seen.out << seen.err;
}

TEST_F(Language, JoinShowsSixteenTextsOfAKilobyte) {
  const std::string length(2000, 'x');
  std::string words, shown;
  for (int i = 1; i < 20; i++) words += " " + std::to_string(i);
  for (int i = 1; i < 15; i++) shown += "," + std::to_string(i);
  const Result t = shrike({"-e", "tracepoint:syscalls:sys_enter_execve /pid == cpid/ { join(args.argv, \",\"); }", "-c",
                           "/bin/true " + length + words});
  EXPECT_EQ(count_lines(t.out, "/bin/true," + std::string(1023, 'x') + shown), 1u) << t.out << t.err;
}

TEST_F(Language, SystemCallArguments) {
  const Trace t = trace(R"(tracepoint:syscalls:sys_enter_write /pid == PID/ { @[args.fd > 2, args.count] = count(); })",
                        {"write", "6", "777"});
  EXPECT_EQ(number_of(t.out, "@[true, 777]").value_or(number_of(t.out, "@[1, 777]").value_or(0)), 6) << t.out;
}

TEST_F(Language, RawTracepointByBtf) {
  const Trace t = trace(R"(rawtracepoint:sched_process_fork /pid == PID/ { @[args.parent->tgid] = count(); })", {"fork", "4"});
  EXPECT_EQ(number_of(t.out, "@[" + std::to_string(t.pid) + "]"), 4) << t.out;
}

TEST_F(Language, RawSyscallArguments) {
  const Trace t = trace("tracepoint:raw_syscalls:sys_enter /pid == PID/ { @[args.id] = count(); }", {"getppid", "11"});
  EXPECT_EQ(number_of(t.out, "@[110]"), 11) << t.out;  // getppid on x86_64
}

TEST_F(Language, DataLocStrings) {
  const Trace t = trace(R"(tracepoint:sched:sched_process_exec /args.pid > 0/ { @[str(args.filename)] = count(); })",
                        {"exec", "3", "/bin/true"});
  EXPECT_GE(number_of(t.out, "@[/bin/true]").value_or(0), 3) << t.out;
}

TEST_F(Language, ElapsedAndNsecs) {
  const Trace t = trace(R"(tracepoint:syscalls:sys_enter_getppid /pid == PID/ {
                             if (@last > nsecs) { @backwards = count(); } @last = nsecs;
                             if (elapsed > 3600000000000) { @late = count(); } })",
                        {"getppid", "500"});
  EXPECT_EQ(number_of(t.out, "@backwards"), 0) << t.out;
  EXPECT_EQ(number_of(t.out, "@late"), 0) << t.out;
}

TEST_F(Language, ThreadsAndProcessors) {
  const Trace t =
      trace("tracepoint:syscalls:sys_enter_getppid /pid == PID/ { @[tid == pid, cpu < ncpus] = count(); }", {"getppid", "9"});
  EXPECT_EQ(count_text(t.out, "]: 9\n"), 1u) << t.out;
}

TEST_F(Language, SignalsAreSent) {
  ProcessOptions held;
  held.hold_stdin = true;
  Process workload({SHRIKE_WORKLOAD, "pid", "wait", "getppid", "1", "sleep", "20000"}, held);
  ASSERT_TRUE(workload.wait_for_out("pid ", patience_ms));
  Tracer tracer(
      {"--unsafe", "-e",
       "tracepoint:syscalls:sys_enter_getppid /pid == " + std::to_string(workload.pid()) + "/ { signal(\"SIGTERM\"); }"});
  ASSERT_TRUE(tracer.wait_until_armed());
  workload.release();
  EXPECT_EQ(workload.finish(5000).status, 128 + 15);
  tracer.interrupt();
}

TEST_F(Language, StacksAsKeysWithAnotherKey) {
  const Trace t =
      trace("tracepoint:syscalls:sys_enter_getppid /pid == PID/ { @[kstack(2), comm] = count(); @[kstack(2), comm] = count(); }",
            {"getppid", "8"});
  EXPECT_TRUE(has(t.out, ", " + t.name + "]: 16\n")) << t.out;
}

TEST_F(Language, StackText) {
  const Trace t =
      trace(R"(tracepoint:syscalls:sys_enter_getppid /pid == PID/ { printf("%s|\n", kstack(1)); })", {"getppid", "1"});
  EXPECT_TRUE(has(t.out, "\n        ")) << t.out;
  EXPECT_TRUE(has(t.out, "+")) << t.out;
}

}  // namespace
}  // namespace shrike::testing
