// Generated scripts through the shrike executable and this kernel: all must load, and print what they should. A failure names
// its seed, by which the level of BPF instructions goes, too. SHRIKE_SEEDS=first:count runs other seeds than the usual few.
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/stress/evaluated_script.h"
#include "tests/stress/script_generator.h"
#include "tests/support/process.h"
#include "tests/support/seeds.h"

namespace shrike::testing {
namespace {

constexpr int patience_ms = 60000;

bool may_load_programs() {
  return geteuid() == 0 && access("/sys/kernel/btf/vmlinux", R_OK) == 0;
}

std::string isa_of(uint64_t seed) {
  return "--isa=" + std::to_string(1 + seed % 4);
}

// What is the kernel's to limit, and said so, is no failure.
bool is_too_much(const Result& result) {
  return result.status == 1 && result.err.find("more than the kernel's verifier can walk through") != std::string::npos;
}

TEST(Stress, ArithmeticAndControlFlow) {
  if (!may_load_programs()) GTEST_SKIP() << "needs root and a kernel with BTF";
  uint64_t run_through = 0;
  const test::Seeds all = test::seeds(1, 60);
  for (uint64_t seed = all.first; seed < all.end(); seed++) {
    const EvaluatedScript script = evaluated_script(seed);
    const Result result = run({shrike_binary(), isa_of(seed), "-e", script.text}, {}, patience_ms);
    if (is_too_much(result)) continue;
    run_through++;
    ASSERT_EQ(result.status, 0) << "seed " << seed << "\n" << script.text << result.err;
    EXPECT_EQ(result.out.substr(0, script.expected.size()), script.expected) << "seed " << seed << "\n" << script.text;
    EXPECT_EQ(result.out.find_first_not_of('\n', script.expected.size()), std::string::npos) << "seed " << seed << result.out;
  }
  EXPECT_GE(run_through, all.count * 9 / 10);
}

TEST(Stress, WhatTypeChecksLoads) {
  if (!may_load_programs()) GTEST_SKIP() << "needs root and a kernel with BTF";
  uint64_t loaded = 0;
  const test::Seeds all = test::seeds(1, 90);
  for (uint64_t seed = all.first; seed < all.end(); seed++) {
    const std::string script = generated_script(seed);
    const Result result = run({shrike_binary(), isa_of(seed), "--stop-after=load", "-e", script}, {}, patience_ms);
    ASSERT_FALSE(result.timed_out) << "seed " << seed << "\n" << script;
    ASSERT_LT(result.status, 2) << "seed " << seed << "\n" << script << result.err;
    ASSERT_EQ(result.err.find("bug in shrike"), std::string::npos) << "seed " << seed << "\n" << script << result.err;
    loaded += result.status == 0;
  }
  // The rest are refused with a message: the stack or the verifier's patience.
  EXPECT_GE(loaded, all.count * 8 / 10);
}

}  // namespace
}  // namespace shrike::testing
