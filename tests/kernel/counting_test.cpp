// Counts must be exact while processes on different processors update one map: two workloads fire a tracepoint a million
// times each at the same time, and nothing may be missing.
#include <unistd.h>

#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

constexpr int64_t each = 1000000;

class Counting : public LiveTest {
 protected:
  // What shrike prints after both workloads have fired sys_enter_getppid `each` times. The body runs once per event.
  std::string contend(const std::string& body) {
    const std::string name = "ct" + std::to_string(getpid());
    const std::vector<std::string> verbs = {SHRIKE_WORKLOAD, "name", name, "pid", "wait", "getppid", std::to_string(each)};
    ProcessOptions held;
    held.hold_stdin = true;
    Process first(verbs, held);
    Process second(verbs, held);
    EXPECT_TRUE(first.wait_for_out("pid ", patience_ms));
    EXPECT_TRUE(second.wait_for_out("pid ", patience_ms));
    const std::string script = "tracepoint:syscalls:sys_enter_getppid /pid == " + std::to_string(first.pid()) +
                               " || pid == " + std::to_string(second.pid()) + "/ { " + body + " }";
    Tracer tracer({"-e", script});
    if (!tracer.wait_until_armed()) return {};
    first.release();
    second.release();
    EXPECT_EQ(first.finish(patience_ms).status, 0);
    EXPECT_EQ(second.finish(patience_ms).status, 0);
    const Result result = tracer.interrupt();
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_FALSE(has(result.err, "Lost")) << result.err;
    return result.out;
  }
};

TEST_F(Counting, CountLosesNothing) {
  EXPECT_EQ(number_of(contend("@c = count();"), "@c"), 2 * each);
}

TEST_F(Counting, IncrementLosesNothing) {
  EXPECT_EQ(number_of(contend("@x++;"), "@x"), 2 * each);
}

TEST_F(Counting, SumLosesNothing) {
  EXPECT_EQ(number_of(contend("@s = sum(1);"), "@s"), 2 * each);
}

TEST_F(Counting, AllThreeOnOneKeyLoseNothing) {
  const std::string out = contend("@c[1] = count(); @x[1]++; @s[1] = sum(3);");
  EXPECT_EQ(number_of(out, "@c[1]"), 2 * each);
  EXPECT_EQ(number_of(out, "@x[1]"), 2 * each);
  EXPECT_EQ(number_of(out, "@s[1]"), 6 * each);
}

TEST_F(Counting, CompoundAssignmentLosesNothing) {
  const std::string out = contend("@a += 3; @b -= 1;");
  EXPECT_EQ(number_of(out, "@a"), 6 * each);
  EXPECT_EQ(number_of(out, "@b"), -2 * each);
}

TEST_F(Counting, PreAndPostValuesAreEachSeenOnce) {
  // Every old value is handed out once, so their sum is that of 0 .. 2n-1.
  const std::string out = contend("$old = @x++; @total = sum($old); @top = max($old);");
  EXPECT_EQ(number_of(out, "@top"), 2 * each - 1);
  EXPECT_EQ(number_of(out, "@total"), (2 * each - 1) * each);
}

TEST_F(Counting, HistogramsLoseNothing) {
  const std::string out = contend("@h = hist(5); @l = lhist(5, 0, 10, 1); @t = stats(2); @a = avg(4);");
  EXPECT_EQ(histogram_total(out, "@h"), 2 * each);
  EXPECT_EQ(histogram_total(out, "@l"), 2 * each);
  EXPECT_TRUE(has(out, "@t: count 2000000, average 2, total 4000000\n")) << out;
  EXPECT_EQ(number_of(out, "@a"), 4);
}

int64_t series_total(const std::string& out) {
  int64_t total = 0;
  for (const std::string& line : split_lines(out)) {
    bool is_row = line.size() > 13 && line[2] == ':' && line[5] == ':' && line[0] != 'h' && !line.ends_with(" -");
    if (is_row) total += std::stoll(line.substr(line.rfind(' ') + 1));
  }
  return total;
}

TEST_F(Counting, TimeSeriesLoseNothing) {
  const std::string out = contend("@ = tseries(1, 100ms, 600, \"sum\");");
  EXPECT_EQ(series_total(out), 2 * each) << out;
}

// A minute in intervals of 200 us, 80 of which are a page: several pages are inserted by whichever process comes first.
TEST_F(Counting, TimeSeriesOfManyIntervalsLoseNothing) {
  EXPECT_EQ(series_total(contend("@ = tseries(1, 200us, 300000, \"sum\");")), 2 * each);
  EXPECT_EQ(series_total(contend("@[\"key\"] = tseries(1, 200us, 300000, \"sum\");")), 2 * each);
}

// The kernel has little memory at hand for values of each processor's while an event lasts.
TEST_F(Counting, ManyKeysOfLongTimeSeriesInOneEventAreKept) {
  const std::string body = "for $i : 1..301 { @[$i] = tseries($i, 1h, 1000, \"sum\"); }";
  const Result result = Tracer({"-q", "-e", "begin { " + body + " exit(); }"}).finish();
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(count_text(result.out, "\n@["), 300u);
  EXPECT_EQ(series_total(result.out), 300 * 301 / 2);
}

// What is older than the series is long makes room for what is new.
TEST_F(Counting, TimeSeriesKeepTheLastIntervals) {
  Tracer tracer({"-e", "interval:us:500 { @ = tseries(elapsed / 1000000, 1ms, 1500, \"max\"); } interval:s:4 { exit(); }"});
  const Result result = tracer.finish();
  EXPECT_EQ(result.status, 0) << result.err;
  size_t rows = 0;
  int64_t first = 0, last = 0;
  for (const std::string& line : split_lines(result.out)) {
    if (line.size() < 17 || line[2] != ':' || line[0] == 'h') continue;
    rows++;
    if (line.ends_with(" -")) continue;
    last = std::stoll(line.substr(line.rfind(' ') + 1));
    if (first == 0) first = last;
  }
  EXPECT_LE(rows, 1500u);
  EXPECT_GE(first, last - 1501);
  EXPECT_GE(last, 3000);
}

TEST_F(Counting, PerProcessKeysAreExact) {
  const std::string out = contend("@[pid] = count(); @n[pid]++;");
  EXPECT_EQ(count_text(out, "]: 1000000\n"), 4u) << out;
}

TEST_F(Counting, FirstUpdatesOfNewKeysAreNotLost) {
  // Each key is created by whichever process comes first; 2000 races.
  const std::string out = contend("@k[@x++ / 1000] = count(); ");
  int64_t total = 0;
  for (const std::string& line : split_lines(out)) {
    if (line.starts_with("@k[")) total += std::stoll(line.substr(line.find(": ") + 2));
  }
  EXPECT_EQ(total, 2 * each);
  EXPECT_EQ(number_of(out, "@x"), 2 * each);
}

}  // namespace
}  // namespace shrike::testing
