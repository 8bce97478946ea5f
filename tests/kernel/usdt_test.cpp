// Static probes: fired a known number of times with known arguments.
#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

using Usdt = LiveTest;

const std::string debugged = SHRIKE_DEBUGGED;
const std::string library = SHRIKE_DEBUGGED_LIBRARY;

Result trace_rounds(const std::string& script, int rounds, std::vector<std::string> options = {}) {
  options.insert(options.end(), {"-e", script, "-c", debugged + " " + std::to_string(rounds)});
  return shrike(options);
}

TEST_F(Usdt, CountsExactly) {
  const Result t = trace_rounds("usdt:" + debugged + ":debugged:plain { @ = count(); }", 1234);
  EXPECT_EQ(number_of(t.out, "@"), 1234) << t.out << t.err;
}

TEST_F(Usdt, ArgumentsOfEveryKind) {
  const Result t = trace_rounds("usdt:" + debugged + R"(:debugged:three { printf("%d [%s] %d\n", arg0, str(arg1), arg2); }
      usdt:)" + debugged + R"(:debugged:widths { printf("%lld %lld %lld %lld\n", arg0, arg1, arg2, arg3); }
      usdt:)" + debugged + R"(:debugged:memory { printf("m %d %d\n", arg0, arg1); })",
                                3);
  EXPECT_EQ(count_lines(t.out, "2 [static text] -7"), 1u) << t.out << t.err;
  EXPECT_EQ(count_lines(t.out, "200 -5000000000 -3 4000000000"), 3u) << t.out;
  for (const char* line : {"m 10 12345", "m 20 12345", "m 30 12345"}) EXPECT_EQ(count_lines(t.out, line), 1u) << t.out;
}

TEST_F(Usdt, PlacesOfOneProbeKeepTheirArguments) {
  const Result t = trace_rounds("usdt:" + debugged + ":twice { @[arg0] = count(); }", 5);
  for (const char* key : {"@[0]", "@[1]", "@[2]", "@[3]", "@[4]"}) EXPECT_EQ(number_of(t.out, key), 1) << t.out << t.err;
  EXPECT_EQ(number_of(t.out, "@[99]"), 5) << t.out;
}

TEST_F(Usdt, WildcardAndName) {
  const Result t = trace_rounds("usdt:" + debugged + ":debugged:t* { @[probe] = count(); }", 10);
  EXPECT_EQ(number_of(t.out, "@[usdt:" + debugged + ":debugged:twice]"), 20) << t.out << t.err;
  EXPECT_EQ(number_of(t.out, "@[usdt:" + debugged + ":debugged:three]"), 10) << t.out;
}

TEST_F(Usdt, FloatingPointIsToldAndTheRestWorks) {
  const Result refused = shrike_script("usdt:" + debugged + ":debugged:real { @ = arg0; }");
  EXPECT_EQ(refused.status, 1);
  EXPECT_EQ(count_text(refused.err, "ERROR: "), 1u) << refused.err;
  const Result t = trace_rounds("usdt:" + debugged + ":debugged:real { @ = sum(arg1); }", 5);
  EXPECT_EQ(number_of(t.out, "@"), 10) << t.out << t.err;
}

// The program fires only while its semaphore is up, which it tells.
TEST_F(Usdt, SemaphoreIsRaisedAndLowered) {
  Process program({debugged, "40", "wait"}, {.hold_stdin = true});
  Tracer tracer(
      {"-e", "usdt:" + library + ":debugged:guarded { @ = count(); @last = arg0; }", "-p", std::to_string(program.pid())});
  ASSERT_TRUE(tracer.wait_until_armed());
  program.release();
  EXPECT_TRUE(program.wait_for_out("raised 40 now 1\n", patience_ms));
  const Result traced = tracer.interrupt();
  EXPECT_EQ(number_of(traced.out, "@"), 40) << traced.out << traced.err;
  EXPECT_EQ(number_of(traced.out, "@last"), 39) << traced.out;
  const Result ended = program.finish(patience_ms);
  EXPECT_TRUE(has(ended.out, "at the end 0\n")) << ended.out;
}

TEST_F(Usdt, FilesOfAProcess) {
  Process program({debugged, "7", "wait"}, {.hold_stdin = true});
  ASSERT_TRUE(program.wait_for_out("ready\n", patience_ms));
  Tracer tracer(
      {"-e", "usdt:*:debugged:guarded, usdt:*:debugged:plain { @[probe] = count(); }", "-p", std::to_string(program.pid())});
  ASSERT_TRUE(tracer.wait_until_armed());
  program.release();
  EXPECT_TRUE(program.wait_for_out("raised 7", patience_ms));
  const Result traced = tracer.interrupt();
  EXPECT_EQ(number_of(traced.out, "@[usdt:" + library + ":debugged:guarded]"), 7) << traced.out << traced.err;
  EXPECT_EQ(number_of(traced.out, "@[usdt:" + debugged + ":debugged:plain]"), 7) << traced.out;
}

TEST_F(Usdt, FilesOfAllProcesses) {
  Process program({debugged, "7", "wait"}, {.hold_stdin = true});
  ASSERT_TRUE(program.wait_for_out("ready\n", patience_ms));
  EXPECT_EQ(count_lines(shrike({"-l", "usdt:*:debugged:plain"}).out, "usdt:" + debugged + ":debugged:plain"), 1u);
  Tracer tracer({"-e", "usdt:*:debugged:plain { @[probe] = count(); }"});
  ASSERT_TRUE(tracer.wait_until_armed());
  program.release();
  EXPECT_TRUE(program.wait_for_out("raised ", patience_ms));
  const Result traced = tracer.interrupt();
  EXPECT_EQ(number_of(traced.out, "@[usdt:" + debugged + ":debugged:plain]"), 7) << traced.out << traced.err;
}

TEST_F(Usdt, Listing) {
  const Result plain = shrike({"-l", "usdt:" + debugged + ":*"});
  EXPECT_EQ(count_lines(plain.out, "usdt:" + debugged + ":debugged:twice"), 1u) << plain.out << plain.err;
  const Result full = shrike({"-lv", "usdt:" + debugged + ":debugged:widths"});
  EXPECT_EQ(full.out, "usdt:" + debugged + ":debugged:widths\n    uint8 arg0\n    int64 arg1\n    int16 arg2\n    uint32 arg3\n");
}

}  // namespace
}  // namespace shrike::testing
