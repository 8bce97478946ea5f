// `shrike check` from the command line: scripts and object files, for every known kernel, without anything loaded.
#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

TEST(Check, NamesKernelsVerdictsAndCosts) {
  const Result result = shrike({"check", "--kernel", "5.4,6.18", "-e", "begin { print(1); }"});
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.out.find("begin    5.4     refused"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("begin    6.18    accepted"), std::string::npos) << result.out;
  EXPECT_NE(result.err.find("kernel 5.4 would refuse `begin`: maps of type ringbuf exist from Linux 5.8 on"), std::string::npos)
      << result.err;
}

TEST(Check, NamesTheConstructThatNeedsTheNewestKernel) {
  const Result result = shrike({"check", "--min-kernel", "-e", "begin { for $i : 0..9 { @[$i] = 1; } }"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("begin    5.17   helper bpf_loop"), std::string::npos) << result.out;
  EXPECT_NE(result.err.find("this needs Linux 5.17"), std::string::npos) << result.err;
}

// v4 has signed division and loads that extend the sign: kernels from 6.6 on are given them, older ones what they know.
TEST(Check, JudgesWhatEachKernelWouldBeGiven) {
  const std::string script = "begin { $a = (int8)pid; @x = $a / 3; @y = (int32)nsecs; }";
  const Result log = shrike({"check", "--log", "--kernel", "6.1,6.6", "-e", script});
  EXPECT_EQ(log.status, 0) << log.err;
  const size_t newer = log.out.find("==== begin on Linux 6.6");
  ASSERT_NE(newer, std::string::npos) << log.out;
  EXPECT_EQ(log.out.find(" s/= 3"), log.out.find(" s/= 3", newer)) << log.out;
  EXPECT_NE(log.out.find(" s/= 3"), std::string::npos) << log.out;
  EXPECT_NE(log.out.find("s>>= 63"), std::string::npos) << log.out;
  // Of one's own choice, and what that means for older kernels.
  const Result chosen = shrike({"check", "--isa=4", "--kernel", "6.1,6.6", "-e", script});
  EXPECT_EQ(chosen.status, 1);
  EXPECT_NE(chosen.out.find("begin    6.1     refused"), std::string::npos) << chosen.out;
  EXPECT_NE(chosen.out.find("begin    6.6     accepted"), std::string::npos) << chosen.out;
}

TEST(Check, WritesTheLogOfTheVerifier) {
  const Result result = shrike({"check", "--log", "--kernel", "6.1", "-e", "begin { @x = 1; }"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(result.out.starts_with("==== begin on Linux 6.1\n0: R1=ctx() R10=fp0\n")) << result.out;
}

TEST(Check, LogAndMinimumExcludeEachOther) {
  const Result result = shrike({"check", "--log", "--min-kernel", "-e", "begin { @x = 1; }"});
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.err.find("`--log` and `--min-kernel` exclude each other"), std::string::npos) << result.err;
}

// What --emit=elf writes is judged like the script it came from.
TEST(Check, TakesObjectFiles) {
  const std::string script = "begin { @[pid] = count(); print(1); }";
  const Result object = shrike({"--emit=elf", "-e", script});
  ASSERT_EQ(object.status, 0) << object.err;
  const TemporaryFile file(object.out);
  const Result result = shrike({"check", file.path()});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("6.12    accepted"), std::string::npos) << result.out << result.err;
  const TemporaryFile damaged(object.out.substr(0, 100));
  EXPECT_NE(shrike({"check", damaged.path()}).err.find("libbpf does not take it: BPF object format invalid"), std::string::npos);
}

}  // namespace
}  // namespace shrike::testing
