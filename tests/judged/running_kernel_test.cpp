// What the compiler makes today of every compared script and every form of the language, asked of the model and of the running
// kernel: they must agree, and the model must foretell how many instructions the kernel walks.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "runtime/judge.h"
#include "tests/support/compiled_scripts.h"
#include "tests/support/script_cases.h"
#include "tests/verifier-sim/live_kernel.h"

namespace shrike {
namespace {

using sim::test::LiveKernel;

struct Comparison {
  LiveKernel kernel;
  sim::Profile profile;
  size_t programs = 0, unknown = 0;
  std::vector<double> ratios;  // walked instructions, model by kernel

  void add(const bpf::Object& object, const std::string& text) {
    for (const bpf::Program& program : object.programs) {
      const sim::ProgramInput input = judged_input(object, program);
      // Those for a function of the kernel's types need that function to load.
      if (input.type == sim::ProgramType::tracing) continue;
      const sim::Verdict verdict = sim::verify(input, profile);
      constexpr unsigned with_counts = 4;
      const LiveKernel::Answer answer = kernel.load(input, with_counts);
      programs++;
      if (verdict.answer == sim::Answer::unknown) {
        unknown++;
        continue;
      }
      EXPECT_EQ(verdict.answer == sim::Answer::accept, answer.accepted) << verdict.message << "\n" << answer.log << "\n" << text;
      if (answer.accepted && answer.processed != 0) ratios.push_back(double(verdict.processed) / answer.processed);
    }
  }
};

TEST(RunningKernel, AgreesOnEveryProgramAndOnItsCost) {
  Comparison comparison;
  if (!comparison.kernel.why_not().empty())
    GTEST_SKIP() << "NOT RUN, the kernel cannot be asked: " << comparison.kernel.why_not();
  const std::optional<sim::Profile> profile = sim::find_profile(sim::test::running_version());
  if (!profile) GTEST_SKIP() << "NOT RUN, no profile for the running kernel " << sim::test::running_version();
  comparison.profile = *profile;
  comparison.profile.nr_cpus = comparison.kernel.possible_cpus();
  std::vector<testing::ScriptCase> scripts = testing::read_script_cases(SHRIKE_SOURCE_DIR "/tests/compat/scripts.txt");
  for (const testing::ScriptCase& script : scripts_with_contexts()) scripts.push_back(script);
  for (const testing::ScriptCase& script : scripts) {
    if (const std::optional<bpf::Object> object = compiled(script.text, script.arguments)) comparison.add(*object, script.text);
  }
  std::vector<double>& ratios = comparison.ratios;
  ASSERT_GT(ratios.size(), 300u);
  std::sort(ratios.begin(), ratios.end());
  const double median = ratios[ratios.size() / 2];
  printf(
      "Linux %s, running: %zu programs, %zu unknown to the model; walked instructions, model by kernel: median %.3f, a tenth at "
      "most "
      "%.3f, a tenth at least %.3f\n",
      std::string(profile->name).c_str(), comparison.programs, comparison.unknown, median, ratios[ratios.size() / 10],
      ratios[ratios.size() * 9 / 10]);
  EXPECT_NEAR(median, 1.0, 0.1);
  EXPECT_LT(comparison.unknown * 100, comparison.programs);
}

}  // namespace
}  // namespace shrike
