// Loops as each kernel gets them: iterator loops where this one has the functions, callbacks without the pass; both do the same.
#include <sys/utsname.h>

#include <cstdio>

#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

// `for`, `while`, one in another, left in every way, and functions.
constexpr const char* loops = R"(
fn root($n: int64): int64 { for $i : 0..100 { if ($i * $i > $n) { return $i; } } return -1; }
fn stop($n: int64) { $k = 0; for $i : 0..$n { $k += $i; if ($k > 50) { printf("stopped at %d\n", $i); exit(); } } }
begin {
  $sum = 0; $last = 0;
  for $i : 0..1000 { if ($i == 900) { break; } if ($i % 3 == 0) { continue; } $sum += $i; $last = $i; }
  printf("%d %d\n", $sum, $last);
  $n = 0; for $i : 0..20 { for $j : 0..$i { $n += $j; if ($j == 10) { break; } } }
  printf("%d\n", $n);
  $w = (int64)nsecs & 0; $rounds = 0; while ($w < 100000) { $w = $w * 3 + 1; $rounds++; }
  printf("%d %d\n", $w, $rounds);
  @m[1] = 10; @m[2] = 20; $total = 0; for ($kv : @m) { $total += $kv.1; }
  for $i : 0..5 { $total += @m[$i]; } unroll (2) { for $i : 0..3 { $total += $i; } }
  for $i : 5..2 { $total = 0; } for $i : -3..0 { $total += $i; }
  printf("%d %d\n", $total, root(50));
  clear(@m);
  stop(100);
  printf("never\n");
}
)";
constexpr const char* printed = "270000 899\n660\n265720 12\n60 8\nstopped at 10\n";

bool has_iterators() {
  utsname names{};
  int major = 0, minor = 0;
  if (uname(&names) != 0 || sscanf(names.release, "%d.%d", &major, &minor) != 2) return false;
  return major > 6 || (major == 6 && minor >= 7);
}

using Loops = LiveTest;

TEST_F(Loops, DoTheSameAsIteratorsAndAsCallbacks) {
  for (const std::vector<std::string>& choice :
       {std::vector<std::string>(), {"--skip=iterate-loops"}, {"--skip=promote-slots"}}) {
    std::vector<std::string> args = choice;
    args.insert(args.end(), {"-q", "-e", loops});
    const Result result = shrike(args);
    EXPECT_TRUE(result.out.starts_with(printed)) << result.out << result.err;
    EXPECT_EQ(result.status, 0) << result.err;
  }
}

TEST_F(Loops, AreIteratorsWhereTheKernelHasThem) {
  const std::string script = "begin { $n = 0; for $i : 0..1000 { $n += $i; } print($n); }";
  const std::string chosen = shrike({"--emit=asm", "-e", script}).out;
  EXPECT_EQ(chosen.find("bpf_iter_num_next") != std::string::npos, has_iterators()) << chosen;
  EXPECT_EQ(chosen.find("function \"begin for\"") == std::string::npos, has_iterators()) << chosen;
  const std::string without = shrike({"--emit=asm", "--skip=iterate-loops", "-e", script}).out;
  EXPECT_EQ(without.find("bpf_iter_num_next"), std::string::npos) << without;
  EXPECT_NE(without.find("function \"begin for\""), std::string::npos) << without;
}

// A text of either IR has the calls by name.
TEST_F(Loops, TextsWithIteratorsRun) {
  if (!has_iterators()) GTEST_SKIP() << "this kernel has no iterators";
  for (const char* stage : {"check-budget", "layout-blocks"}) {
    const std::string text =
        shrike({"--stop-after", stage, "-e", "begin { $n = 0; for $i : 0..7 { $n += $i; } print($n); }"}).out;
    EXPECT_NE(text.find("call iter_num_next"), std::string::npos) << text;
    const TemporaryFile file(text);
    const std::string path = file.path() + (std::string_view(stage) == "check-budget" ? ".mir" : ".lir");
    ASSERT_EQ(rename(file.path().c_str(), path.c_str()), 0);
    const Result result = shrike({"-q", path});
    EXPECT_TRUE(result.out.starts_with("21\n")) << result.out << result.err;
    remove(path.c_str());
  }
}

// An offset that is bounded before the round, used on one of two ways through it. The verifier takes one of them to the next
// round first, where it forgets what has changed and has not been used.
std::string uses_an_offset(bool is_constant_first, bool is_used_first) {
  return std::string(R"(
interface {
  map @r user array bytes 4 8 entries 1
  probe begin "begin" runs "begin"
}
fn "begin" program raw_tracepoint {
  slot $s 24 align 8
^entry(%ctx: ptr.ctx):
  %s: ptr.stack = slot_addr $s
  zero %s, #0, 24
  %rand: i64 = call get_prandom_u32()
  %seven: i64 = constant 7
  %masked: i64 = and %rand, %seven
  store.u64 %s, )") +
         (is_constant_first ? "%seven" : "%masked") + R"(, #8
  %zero: i64 = constant 0
  %count: i64 = constant 100
  %n: i64 = call loop(%count, &"body", %s, %zero)
  %sum: i64 = load.u64 %s, #16
  %r: ptr.map = map_value_addr @r, #0
  store.u64 %r, %sum, #0
  ret %zero
}
fn "body" loop raw_tracepoint {
  slot $t 16 align 8
^entry(%i: i64, %s: ptr.stack):
  %offset: i64 = load.u64 %s, #8
  %t: ptr.stack = slot_addr $t
  zero %t, #0, 16
  store.u64 %t, %i, #0
  %three: i64 = constant 3
  %sum: i64 = add %offset, %three
  %seven: i64 = constant 7
  %next: i64 = and %sum, %seven
  store.u64 %s, %next, #8
  %rand: i64 = call get_prandom_u32()
  %is_small: i64 = lt_u %rand, %three
  branch %is_small, )" +
         (is_used_first ? "^used, ^end" : "^end, ^used") + R"(
^used:
  %at: ptr.stack = ptr_add %t, %offset
  %byte: i64 = load.u8 %at, #0
  %old: i64 = load.u64 %s, #16
  %new: i64 = add %old, %byte
  store.u64 %s, %new, #16
  jump ^end
^end:
  %go: i64 = constant 0
  ret %go
}
)";
}

TEST_F(Loops, OffsetsOfOtherRoundsAreBoundedInTheirOwn) {
  for (bool is_constant_first : {false, true})
    for (bool is_used_first : {false, true}) {
      const TemporaryFile file(uses_an_offset(is_constant_first, is_used_first));
      const std::string path = file.path() + ".mir";
      ASSERT_EQ(rename(file.path().c_str(), path.c_str()), 0);
      const Result result = shrike({"-q", path, "-c", "true"});
      EXPECT_EQ(result.status, 0) << result.out << result.err;
      EXPECT_EQ(result.out, "\n\n") << "a map without types cannot be shown";
      remove(path.c_str());
    }
}

TEST_F(Loops, EveryTypeOfProgramMayIterate) {
  const std::string sum = "$n = 0; for $i : 0..100 { $n += $i; }";
  const Trace seen = trace("tracepoint:syscalls:sys_enter_getppid /pid == PID/ { " + sum + " @t = $n; }\n" +
                               "rawtracepoint:sys_enter /pid == PID/ { " + sum + " @r = $n; }\n" + "interval:ms:1 { " + sum +
                               " @i = $n; }\nbegin { " + sum + " @b = $n; }\niter:task { " + sum + " @iter = $n; }",
                           {"getppid", "10"});
  EXPECT_EQ(seen.status, 0) << seen.err;
  for (const char* line : {"@t: 4950\n", "@r: 4950\n", "@b: 4950\n", "@iter: 4950\n"})
    EXPECT_NE(seen.out.find(line), std::string::npos) << line << seen.out << seen.err;
}

}  // namespace
}  // namespace shrike::testing
