// Watchpoints: the processor's breakpoints on memory that the workload writes and reads a known number of times.
#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

using Watchpoint = LiveTest;

constexpr const char* place = "0x10000000";  // of the workload's verb `fixed`

Result watch(const std::string& point, const std::string& body) {
  return shrike({"-e", "watchpoint:" + point + " " + body, "-c", SHRIKE_WORKLOAD " fixed 25"});
}

TEST_F(Watchpoint, WritesAreCounted) {
  const Result counted = watch(std::string(place) + ":8:w", "{ @n[pid == cpid, probe] = count(); }");
  EXPECT_EQ(number_of(counted.out, "@n[true, watchpoint:0x10000000:8:w]"), 25) << counted.out << counted.err;
}

TEST_F(Watchpoint, ReadsAndWritesAreCounted) {
  const Result t = watch(std::string(place) + ":4:rw", "{ @ = count(); }");
  EXPECT_EQ(number_of(t.out, "@"), 50) << t.out << t.err;
}

TEST_F(Watchpoint, KnowsTheRegistersAndTheStack) {
  const Result t = watch(std::string(place) + ":8:w", R"({ @[usym(reg("ip"))] = count(); @s = max(*(uint64 *)0x10000000); })");
  EXPECT_EQ(number_of(t.out, "@s"), 25) << t.out << t.err;
  EXPECT_EQ(count_text(t.out, "]: 25\n"), 1u) << t.out;
}

TEST_F(Watchpoint, OfARunningProcess) {
  Process workload({SHRIKE_WORKLOAD, "pid", "wait", "fixed", "9"}, {.hold_stdin = true});
  ASSERT_TRUE(workload.wait_for_out("pid ", patience_ms));
  Tracer tracer({"-e", "w:0x10000000:8:w { @ = count(); }", "-p", std::to_string(workload.pid())});
  ASSERT_TRUE(tracer.wait_until_armed());
  workload.release();
  const Result t = tracer.finish();
  EXPECT_EQ(number_of(t.out, "@"), 9) << t.out << t.err;
}

// The workload writes until it is interrupted: it must come to the end without the probe.
TEST_F(Watchpoint, IsGivenBackByItsAddress) {
  const Process workload({SHRIKE_WORKLOAD, "fixed", "2000000000"}, {});
  Tracer tracer({"-e",
                 R"(watchpoint:0x10000000:8:w { @n = count(); unwatch(0x10000000); unwatch(0x10000000); printf("seen\n"); }
                    interval:ms:20 { @calls++; if (@calls == 20) { @before = (int64)@n; }
                                     if (@calls == 40) { print((int64)@n - @before); exit(); } })",
                 "-p", std::to_string(workload.pid())});
  const Result t = tracer.finish();
  EXPECT_TRUE(has(t.out, "seen\n")) << t.out << t.err;
  EXPECT_EQ(count_lines(t.out, "0"), 1u) << t.out << t.err;
  EXPECT_GT(number_of(t.out, "@n"), 0) << t.out;
  EXPECT_FALSE(has(t.err, "WARNING")) << t.err;
}

TEST_F(Watchpoint, GivingBackWhatNobodyWatchesIsTold) {
  const Result t = shrike_script("begin { unwatch(0x10000000); }");
  EXPECT_EQ(t.status, 0) << t.err;
  EXPECT_EQ(count_text(t.err, "WARNING: unwatch(0x10000000): nothing is watched there\n"), 1u) << t.err;
}

TEST_F(Watchpoint, OnlyFourAtOnce) {
  std::string script;
  for (const char* address : {"0x10000000", "0x10000008", "0x10000010", "0x10000018", "0x10000020"})
    script += std::string("watchpoint:") + address + ":8:w { @ = count(); }\n";
  const Result t = shrike({"-e", script, "-c", SHRIKE_WORKLOAD " fixed 1"});
  EXPECT_EQ(t.status, 1);
  EXPECT_TRUE(has(t.err, "the processor watches no more places at once")) << t.err;
}

TEST_F(Watchpoint, WhatCannotBeWatchedIsTold) {
  const std::pair<const char*, const char*> wrong[] = {
      {"watchpoint:0x10000000:3:w { @ = count(); }", "a length is 1, 2, 4 or 8 bytes"},
      {"watchpoint:0x10000000:8:r { @ = count(); }", "a mode is w, rw or x"},
      {"watchpoint:0x10000001:8:w { @ = count(); }", "the address must be a multiple of the length"},
      {"watchpoint:here:8:w { @ = count(); }", "`watchpoint:` and then ADDRESS:LENGTH:MODE"},
  };
  for (const auto& [script, sentence] : wrong) {
    const Result t = shrike_script(script);
    EXPECT_EQ(t.status, 1);
    EXPECT_EQ(count_text(t.err, "ERROR: "), 1u) << t.err;
    EXPECT_TRUE(has(t.err, sentence)) << t.err;
  }
}

}  // namespace
}  // namespace shrike::testing
