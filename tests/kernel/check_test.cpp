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

// What changes memory and tells what was there is one instruction from 5.12 on.
TEST(Check, JudgesTheAtomicsThatEachKernelWouldBeGiven) {
  const std::string script = "tracepoint:syscalls:sys_enter_read { @old = @calls++; @most = max(pid); }";
  const Result log = shrike({"check", "--log", "--kernel", "5.15,5.10", "-e", script});
  EXPECT_EQ(log.status, 0) << log.out << log.err;
  const size_t newer = log.out.find(" on Linux 5.15"), older = log.out.find(" on Linux 5.10");
  ASSERT_LT(newer, older) << log.out;
  ASSERT_NE(older, std::string::npos) << log.out;
  for (const char* instruction : {"atomic64_fetch_add", "atomic64_cmpxchg"}) {
    EXPECT_LT(log.out.find(instruction), older) << instruction << "\n" << log.out;
    EXPECT_EQ(log.out.find(instruction, older), std::string::npos) << instruction << "\n" << log.out;
  }
  const Result least = shrike({"check", "--min-kernel", "-e", script});
  EXPECT_EQ(least.status, 0) << least.err;
  EXPECT_EQ(least.out.find("5.12"), std::string::npos) << least.out;
}

// Loops of iterators are for kernels from 6.7 on; 6.6 gets callbacks like 6.1.
TEST(Check, JudgesTheLoopsThatEachKernelWouldBeGiven) {
  const Result log = shrike(
      {"check", "--log", "--kernel", "6.1,6.6,6.12,6.18", "-e", "begin { $n = 0; for $i : 0..1000 { $n += $i; } @n = $n; }"});
  EXPECT_EQ(log.status, 0) << log.err;
  const std::string_view iterates = "call kernel-function", calls_back = "call 181";
  const size_t v6_6 = log.out.find("==== begin on Linux 6.6"), v6_12 = log.out.find("==== begin on Linux 6.12"),
               v6_18 = log.out.find("==== begin on Linux 6.18");
  ASSERT_NE(v6_18, std::string::npos) << log.out;
  EXPECT_LT(log.out.find(calls_back), v6_6) << log.out;
  EXPECT_LT(log.out.find(calls_back, v6_6), v6_12) << log.out;
  EXPECT_EQ(log.out.find(calls_back, v6_12), std::string::npos) << log.out;
  EXPECT_EQ(log.out.find(iterates), log.out.find(iterates, v6_12)) << log.out;
  EXPECT_NE(log.out.find(iterates, v6_18), std::string::npos) << log.out;
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

// Calls of the kernel's functions are told in object files as clang tells them.
TEST(Check, TakesObjectFilesWithIterators) {
  const std::string text = R"(interface {
  map @x user hash keyed key int64 value int64 bytes 8 8 entries 10
  probe begin "begin" runs "begin"
}
fn "begin" program raw_tracepoint {
  slot $i 8 align 8
  slot $k 8 align 8
^entry(%ctx: ptr.ctx):
  %i: ptr.stack = slot_addr $i
  %zero: i64 = constant 0
  %ten: i64 = constant 10
  %n: i64 = call iter_num_new(%i, %zero, %ten)
  jump ^round
^round:
  %p: ptr.number? = call iter_num_next(%i)
  branch_null %p, ^over, ^body
^body(%q: ptr.number):
  jump ^round
^over:
  call iter_num_destroy(%i)
  %k: ptr.stack = slot_addr $k
  store.u64 %k, %ten, #0
  %d: i64 = call map_delete_elem(@x, %k)
  ret %zero
}
)";
  const TemporaryFile written(text);
  const std::string path = written.path() + ".mir";
  ASSERT_EQ(rename(written.path().c_str(), path.c_str()), 0);
  const Result object = shrike({"--emit=elf", path});
  remove(path.c_str());
  ASSERT_EQ(object.status, 0) << object.err;
  const TemporaryFile file(object.out);
  const Result result = shrike({"check", "--kernel", "6.1,6.12", file.path()});
  EXPECT_EQ(result.status, 1) << result.out;
  EXPECT_NE(result.out.find("6.12    accepted"), std::string::npos) << result.out << result.err;
  EXPECT_NE(result.err.find("kernel function bpf_iter_num_new exists from Linux 6.4 on"), std::string::npos) << result.err;
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
