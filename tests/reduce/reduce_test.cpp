// The reducer finds planted faults in generated cases and leaves little around them.
#include <gtest/gtest.h>

#include <algorithm>

#include "mir/text.h"
#include "tests/passes/random_program.h"
#include "tests/reduce/reducer.h"
#include "tests/stress/script_generator.h"
#include "tests/support/process.h"

namespace shrike::test {
namespace {

bool has(const std::string& text, std::string_view what) {
  return text.find(what) != std::string::npos;
}

TEST(Reduce, LeavesOnlyTheFaultOfAScript) {
  const std::string planted =
      "interval:ms:77 /pid != 0/ { @a = 1; if (@a > 0) { @b[comm] = kaddr(\"planted\"); } @c = count(); }";
  for (uint64_t seed = 1; seed <= 3; seed++) {
    const std::string script = testing::generated_script(seed) + "\n" + planted;
    const Reduced small = reduce(script, {.fails = [](const std::string& text) { return has(text, "kaddr(\"planted\")"); }});
    EXPECT_TRUE(has(small.text, "kaddr(\"planted\")")) << small.text;
    EXPECT_LT(small.text.size(), 60u) << small.text;
  }
}

TEST(Reduce, LeavesOnlyTheFaultOfMir) {
  for (uint32_t seed = 1; seed <= 3; seed++) {
    const std::string text = mir::print(passes::random_program(seed, {.aggregates = true}), {});
    const Reduced small =
        reduce(text, {.kind = CaseKind::mir, .fails = [](const std::string& smaller) { return has(smaller, " = load"); }});
    const auto lines = [](const std::string& of) { return std::count(of.begin(), of.end(), '\n'); };
    ASSERT_TRUE(has(text, " = load")) << text;
    EXPECT_TRUE(has(small.text, " = load")) << small.text;
    EXPECT_GT(lines(text), 30) << text;
    EXPECT_LE(lines(small.text), 12) << small.text;
  }
}

TEST(Reduce, StopsAtTheLimitOfChecks) {
  uint32_t checks = 0;
  auto fails = [&](const std::string&) { return checks++ >= 1000; };
  const Reduced small = reduce(testing::generated_script(1), {.fails = fails, .most_checks = 20});
  EXPECT_EQ(checks, 20u);
  EXPECT_EQ(small.text, testing::generated_script(1));
}

testing::Result run_tool(const std::string& path, const std::string& command) {
  return testing::run({SHRIKE_REDUCE, path, "sh", "-c", command}, {}, 60000);
}

TEST(Reduce, CommandKeepsTheExitStatus) {
  const testing::TemporaryFile file("begin { @a = 1; printf(\"x\"); @b = nsecs; }\nend { clear(@a); }\n");
  const std::string path = file.path() + ".bt", small = file.path() + ".small.bt";
  ASSERT_EQ(rename(file.path().c_str(), path.c_str()), 0);
  const testing::Result result = run_tool(path, "grep -q nsecs \"$0\" && exit 9; exit 1");
  EXPECT_EQ(result.status, 0) << result.err;
  const std::string text = testing::read_file(small);
  EXPECT_TRUE(has(text, "nsecs") && !has(text, "printf") && !has(text, "clear")) << text;
  const testing::Result fine = run_tool(path, "exit 0");
  EXPECT_EQ(fine.status, 2);
  EXPECT_TRUE(has(fine.err, "does not fail")) << fine.err;
  remove(path.c_str());
  remove(small.c_str());
}

}  // namespace
}  // namespace shrike::test
