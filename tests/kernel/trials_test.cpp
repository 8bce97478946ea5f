// test and bench probes: --test runs each once and tells what failed, --bench runs each over and over.
#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

const char* const script = R"(begin { @n = 3; printf("begins\n"); }
test:adds { assert(@n + 1 == 4, "adds"); printf("n is %d\n", @n); }
test:fails { assert(@n == 2, "n is two"); printf("not reached\n"); }
test:exits { exit(2); }
test:exits_well { exit(); }
bench:counts { @c = count(); }
bench:prints { printf("%s\n", comm); }
interval:s:1 { exit(); }
end { printf("ends\n"); })";

using Trials = LiveTest;

TEST_F(Trials, TestsPassUnlessTheyFailOrExitOtherwise) {
  const Result t = shrike({"--test", "-e", script});
  EXPECT_EQ(t.status, 1);
  EXPECT_TRUE(t.out.starts_with("begins\nn is 3\nPASSED adds (")) << t.out;
  EXPECT_EQ(count_text(t.out, "PASSED "), 2u) << t.out;
  EXPECT_EQ(count_text(t.out, "FAILED "), 2u) << t.out;
  EXPECT_TRUE(has(t.out, "FAILED fails (") && has(t.out, "FAILED exits (") && has(t.out, "PASSED exits_well (")) << t.out;
  EXPECT_TRUE(has(t.out, "\nends\n")) << t.out;
  EXPECT_FALSE(has(t.out, "not reached")) << t.out;
  EXPECT_TRUE(has(t.err, "ERROR: assert failed: n is two")) << t.err;
  EXPECT_TRUE(has(t.err, "ERROR: 2 of 4 tests failed")) << t.err;
}

TEST_F(Trials, FilterChoosesByPartOfTheName) {
  const Result t = shrike({"--mode", "test", "--probe-filter", "^adds|well$", "-e", script});
  EXPECT_EQ(t.status, 0) << t.err;
  EXPECT_EQ(count_text(t.out, "PASSED "), 2u) << t.out;
  EXPECT_FALSE(has(t.out, "FAILED")) << t.out;
}

TEST_F(Trials, ResultsAsJson) {
  const Result t = shrike({"--test", "-f", "json", "--probe-filter", "adds|fails", "-e", script});
  EXPECT_EQ(t.status, 1);
  EXPECT_TRUE(has(t.out, R"({"type": "test_result", "data": {"adds": {"duration": )")) << t.out;
  EXPECT_TRUE(has(t.out, R"("passed": true, "output": "n is 3\n"}}})")) << t.out;
  EXPECT_TRUE(has(t.out, R"("passed": false, "output": "stdin:3:)")) << t.out;
}

TEST_F(Trials, BenchmarksCountTheirRuns) {
  const Result t = shrike({"--bench", "-f", "json", "-e", script});
  EXPECT_EQ(t.status, 0) << t.err;
  const size_t at = t.out.find(R"("iters": )");
  ASSERT_NE(at, std::string::npos) << t.out;
  const std::string runs = t.out.substr(at + 9, t.out.find('}', at) - at - 9);
  EXPECT_GE(atol(runs.c_str()), 1000) << t.out;
  EXPECT_TRUE(has(t.out, R"({"type": "map", "data": {"@c": )" + runs + "}}")) << t.out;
  EXPECT_TRUE(has(t.out, R"({"type": "benchmark_result", "data": {"prints": {"average": )")) << t.out;
  EXPECT_FALSE(has(t.out, "shrike\\n")) << "what a benchmark prints is not shown: " << t.out;
}

TEST_F(Trials, TextOfBenchmarksIsALineEach) {
  const Result t = shrike({"--bench", "--probe-filter", "counts", "-e", script});
  EXPECT_EQ(t.status, 0) << t.err;
  EXPECT_TRUE(has(t.out, " runs  counts\n")) << t.out;
  EXPECT_FALSE(has(t.out, "prints")) << t.out;
}

TEST_F(Trials, WithoutTheOptionTheyAreLeftOut) {
  const Result t = shrike_script("test:a { printf(\"a\\n\"); } bench:b { printf(\"b\\n\"); } begin { printf(\"begins\\n\"); }");
  EXPECT_EQ(t.status, 0) << t.err;
  EXPECT_TRUE(t.out.starts_with("begins\n\n")) << t.out;
  const Result alone = shrike_script("test:a { }");
  EXPECT_EQ(alone.status, 1);
  EXPECT_TRUE(has(alone.err, "no probes to attach\nHINT: tests run with --test")) << alone.err;
}

TEST_F(Trials, MistakesAreTold) {
  const struct {
    const char* message;
    std::vector<std::string> args;
    const char* text;
  } mistakes[] = {
      {"nothing_to_try", {"--test", "-e", "begin { }"}, "ERROR: no probe `test` to run"},
      {"nothing_to_try", {"--bench", "-e", "test:a { }"}, "ERROR: no probe `bench` to run"},
      {"tests_failed", {"--test", "-e", "test:a { exit(1); }"}, "ERROR: 1 of 1 tests failed"},
  };
  for (const auto& mistake : mistakes) EXPECT_TRUE(has(shrike(mistake.args).err, mistake.text)) << mistake.message;
  EXPECT_TRUE(has(shrike({"--test", "-e", "test { }"}).err, "`test:` and then NAME"));
  EXPECT_TRUE(has(shrike({"--mode", "fast", "-e", "test:a { }"}).err, "expected test, bench or format"));
  EXPECT_TRUE(has(shrike({"--test", "--probe-filter", "(", "-e", "test:a { }"}).err, "expected a regular expression"));
  EXPECT_TRUE(has(shrike({"--test", "--bench", "-e", "test:a { }"}).err, "--bench"));
}

}  // namespace
}  // namespace shrike::testing
