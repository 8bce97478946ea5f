// Functions of the script's own (`fn`): what they are given, what they give back, where they are called from.
#include <fstream>

#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

using Functions = LiveTest;

// What the script prints before its maps.
std::string printed_by(const std::string& script) {
  const Result result = shrike_script(script);
  EXPECT_EQ(result.status, 0) << script << "\n" << result.err;
  const size_t end = result.out.find("\n\n");
  return result.out.substr(0, end == std::string::npos ? end : end + 1);
}

TEST_F(Functions, TakeAndReturnScalars) {
  EXPECT_EQ(printed_by(R"(fn add($a: int64, $b: int64) : int64 { return $a + $b; }
                          begin { printf("%d %d\n", add(1, 2), add(add(1, 2), add(3, 4))); exit(); })"),
            "3 10\n");
  EXPECT_EQ(printed_by(R"(fn low($a: uint8) : uint64 { return $a; } fn is($b: bool) : bool { return $b; }
                          begin { printf("%d %d\n", low(300), is(5) ? 1 : 0); exit(); })"),
            "44 1\n");
  EXPECT_EQ(printed_by(R"(fn all($a: int64, $b: int64, $c: int64, $d: int64, $e: int64) : int64
                            { return $a + 10 * $b + 100 * $c + 1000 * $d + 10000 * $e; }
                          begin { printf("%d\n", all(1, 2, 3, 4, 5)); exit(); })"),
            "54321\n");
}

TEST_F(Functions, TakeAndReturnWhatLiesInMemory) {
  EXPECT_EQ(printed_by(R"(fn pick($p: typeof((1, "seventy"))) : string[8] { if ($p.0 > 3) { return "big"; } return $p.1; }
                          begin { printf("%s %s\n", pick((1, "small")), pick((9, "small"))); exit(); })"),
            "small big\n");
  EXPECT_EQ(printed_by(R"(fn pair($x: int64) : typeof(((int64)1, "seventy")) { return ($x, "of"); }
                          begin { $p = pair(7); @m[pair(3)] = 1; printf("%d %s %d\n", $p.0, $p.1, @m[3, "of"]); clear(@m);
                                  exit(); })"),
            "7 of 1\n");
  EXPECT_EQ(printed_by(R"(struct point { int x; long y; }
                          fn both($p: struct point *) : int64 { return $p->x + $p->y; }
                          begin { printf("%d\n", both((struct point *)0)); exit(); })"),
            "0\n");
}

TEST_F(Functions, WithoutReturnGiveZero) {
  EXPECT_EQ(printed_by(R"(fn none($x: int64) : int64 { if ($x > 1) { return 5; } } fn empty() : string[4] { }
                          begin { printf("%d %d <%s>\n", none(0), none(2), empty()); exit(); })"),
            "0 5 <>\n");
}

TEST_F(Functions, PrintAndChangeMapsInOrder) {
  EXPECT_EQ(printed_by(R"(fn say($s: string[16]) : string[16] { printf("in "); @n++; return $s; }
                          begin { printf("%s %d\n", say("out"), @n); clear(@n); exit(); })"),
            "in out 1\n");
}

TEST_F(Functions, CallEachOtherAndAreCalledInLoops) {
  EXPECT_EQ(printed_by(R"(fn twice($x: int64) : int64 { return add($x, $x); }
                          fn add($a: int64, $b: int64) : int64 { return $a + $b; }
                          begin { $s = 0; for $i : 0..5 { $s += twice($i); } @m[1] = 3; for ($kv : @m) { $s += twice($kv.1); }
                                  clear(@m); printf("%d\n", $s); exit(); })"),
            "26\n");
}

TEST_F(Functions, LoopsInsideReturnFromTheFunction) {
  EXPECT_EQ(printed_by(R"(fn root($n: int64) : int64 { for $i : 0..100 { if ($i * $i > $n) { return $i; } } return -1; }
                          fn name() : string[16] { for $i : 0..3 { for $j : 0..3 { if ($j == 1) { return "inner"; } } }
                            return "no"; }
                          begin { printf("%d %d %s\n", root(50), root(20000), name()); exit(); })"),
            "8 -1 inner\n");
}

TEST_F(Functions, ExitLeavesTheWholeProgram) {
  EXPECT_EQ(printed_by(R"(fn stop($c: bool) { if ($c) { exit(); } printf("on "); } fn deep($i: int64) { stop($i == 2); }
                          begin { for $i : 0..5 { printf("%d ", $i); deep($i); } printf("never\n"); }
                          end { printf("end\n"); })"),
            "0 on 1 on 2 end\n");
  EXPECT_EQ(printed_by(R"(fn stop() : string[4] { for $i : 0..2 { exit(); } return "x"; }
                          begin { printf("%s never\n", stop()); } end { printf("end\n"); })"),
            "end\n");
}

TEST_F(Functions, AreCalledFromProgramsOfEveryType) {
  const Result result = shrike_script(R"(fn where($p: uint64) : uint64 { @calls[$p / $p] = count(); return $p; }
      begin { @b = where(1); } interval:ms:10 { @i = where(2); exit(); } end { @e = where(3); })");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("@calls[1]: 3"), std::string::npos) << result.out;
}

TEST_F(Functions, PointersKeepTheirAddressSpace) {
  EXPECT_EQ(printed_by(R"(fn comm_of($t: struct task_struct *) : string[16] { return str($t->comm); }
                          begin { printf("%d\n", comm_of((struct task_struct *)curtask) == comm ? 1 : 0); exit(); })"),
            "1\n");
  const Result result = shrike({"-e", R"(fn text($p: int8 *) : string[64] { return str($p, 63); }
      tracepoint:syscalls:sys_enter_openat /pid == cpid/ { print(text((int8 *)args.filename)); })",
                                "-c", "/bin/cat /etc/hostname"});
  EXPECT_NE(result.out.find("/etc/hostname\n"), std::string::npos) << result.out << result.err;
}

TEST_F(Functions, AreJudgedInsideOfLoops) {
  const std::string path = ::testing::TempDir() + "functions.bt";
  std::ofstream(path) << "fn add($a: int64) : int64 { if ($a > 3) { @c++; } return $a; }\n"
                         "begin { $s = 0; for $i : 0..5 { $s += add($i); } @s = $s; exit(); }\n";
  const Result result = shrike({"check", path});
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_EQ(count_text(result.out, "accepted"), 4u) << result.out << result.err;
  EXPECT_EQ(shrike({path}).status, 0);
}

TEST_F(Functions, UnusedOnesCostNothing) {
  const std::string with =
      shrike({"--emit=mir", "-e", "begin { exit(); } fn f($x: int64) : int64 { @m[$x] = 1; return 3; }"}).out;
  EXPECT_EQ(with, shrike({"--emit=mir", "-e", "begin { exit(); }"}).out);
}

TEST_F(Functions, EveryStageRunsFromItsText) {
  const std::string script = R"(fn f($x: int64, $s: string[8]) : string[8] { if ($x > 1) { return $s; } return "low"; }
      begin { printf("%s %s\n", f(1, "high"), f(2, "high")); exit(); })";
  for (const char* stage : {"mir", "lir"}) {
    const std::string path = ::testing::TempDir() + "functions." + stage;
    std::ofstream(path) << shrike({std::string("--emit=") + stage, "-e", script}).out;
    const Result result = shrike({path});
    EXPECT_EQ(result.out.substr(0, 9), "low high\n") << stage << result.err;
  }
}

}  // namespace
}  // namespace shrike::testing
