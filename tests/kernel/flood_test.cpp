// More records than can be read: what controls the trace gets through, and what is lost is counted to the event.
#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

class Flood : public LiveTest {};

// While begin runs nobody reads: what it prints fills the ring for certain.
TEST_F(Flood, ControlAndErrorsGetThrough) {
  const Result result = shrike_script(R"(begin { for $i : 0..100000 { printf("number %d\n", $i); }
    @m[1] = 5; print(@m); clear(@m); @z[1] = 7; zero(@z); errorf("an error"); exit(3); }
    end { print(@m); })");
  EXPECT_EQ(result.status, 3) << result.err;
  EXPECT_TRUE(has(result.out, "\n@m[1]: 5\n")) << result.err;
  EXPECT_EQ(count_text(result.out, "@m["), 1u);
  EXPECT_TRUE(has(result.out, "@z[1]: 0\n"));
  EXPECT_TRUE(has(result.err, "ERROR: an error\n")) << result.err;
  const size_t printed = count_text(result.out, "number ");
  EXPECT_GT(printed, 1000u);
  EXPECT_TRUE(has(result.err, "Total lost event count: " + std::to_string(100000 - printed) + "\n")) << result.err;
}

TEST_F(Flood, EventsThatShareARecordAreLostTogetherAndCountedEach) {
  const Result result =
      shrike_script(R"(begin { for $i : 0..100000 { printf("first %d\n", $i); printf("second %d\n", $i); print($i); } })");
  EXPECT_EQ(result.status, 0) << result.err;
  const size_t printed = count_text(result.out, "first ");
  EXPECT_GT(printed, 1000u);
  EXPECT_EQ(count_text(result.out, "second "), printed);
  EXPECT_TRUE(result.out.starts_with("first 0\nsecond 0\n0\nfirst 1\nsecond 1\n1\n")) << result.out.substr(0, 200);
  EXPECT_TRUE(has(result.err, "Total lost event count: " + std::to_string(3 * (100000 - printed)) + "\n")) << result.err;
}

TEST_F(Flood, ErrorsLeaveRoomForControl) {
  const Result result = shrike_script(R"(begin { for $i : 0..100000 { warnf("a warning"); } @m[1] = 5; print(@m); clear(@m);
    exit(3); })");
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(count_text(result.out, "@m[1]: 5\n"), 1u);
}

TEST_F(Flood, SmallRingsKeepTheReserve) {
  const Result result = shrike({"-e", R"(config = { perf_rb_pages = 1 } begin { for $i : 0..10000 { printf("number %d\n", $i); }
    @m[1] = 5; print(@m); clear(@m); })"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(count_text(result.out, "@m[1]: 5\n"), 1u) << result.err;
}

TEST_F(Flood, LostControlIsSaid) {
  const Result result = shrike_script("begin { @m = 1; for $i : 0..100000 { print(@m); } }");
  EXPECT_TRUE(has(result.err, "some calls of print(), clear() or zero() were lost")) << result.err;
  const size_t printed = count_text(result.out, "@m: 1\n") - 1;  // the last is the final map
  EXPECT_TRUE(has(result.err, "Total lost event count: " + std::to_string(100000 - printed) + "\n")) << result.err;
}

TEST_F(Flood, EveryEventIsReceivedOrReportedLost) {
  constexpr int64_t emitted = 500000;
  const Trace done = trace("tracepoint:syscalls:sys_enter_getppid /pid == PID/ { @ = count(); printf(\"event %d\\n\", tid); }",
                           {"getppid", std::to_string(emitted)});
  EXPECT_EQ(number_of(done.out, "@"), emitted);
  const int64_t lost = number_of(done.err, "WARNING: Total lost event count").value_or(0);
  EXPECT_EQ(static_cast<int64_t>(count_text(done.out, "event ")) + lost, emitted) << done.err;
}

}  // namespace
}  // namespace shrike::testing
