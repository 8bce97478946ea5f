// check_length: what is too long is refused early, and nothing else is.
#include <gtest/gtest.h>

#include "tests/passes/pass_check.h"

namespace shrike::passes {
namespace {

std::string stores(int count) {
  std::string body = "slot $s 8 align 8\n^entry(%ctx: ptr.ctx):\n%p: ptr.stack = slot_addr $s\n%one: i64 = constant 1\n";
  for (int i = 0; i < count; i++) body += "store.u64 %p, %one, #0\n";
  return program(body + "ret %one\n");
}

TEST(CheckLength, RefusesWhatCannotFit) {
  mir::Module module = parse_mir(stores(11));
  PipelineOptions options;
  options.limits.max_instructions = 10;
  Diagnostics diagnostics;
  EXPECT_FALSE(run_pass("check-length", module, options, diagnostics));
  ASSERT_EQ(diagnostics.all().size(), 1u);
  EXPECT_EQ(diagnostics.all()[0].id, Diag::program_far_too_long);
}

TEST(CheckLength, LetsPassWhatMayFit) {
  KernelLimits limits;
  limits.max_instructions = 10;
  expect_lines(after("check-length", stores(10), limits), "store.u64 %p, %one, #0");
}

}  // namespace
}  // namespace shrike::passes
