// The compiler seen from the command line: every stage prints, MIR and LIR run from a file, passes can be looked at singly,
// and the object is one that other tools read.
#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

using Stages = LiveTest;

const char* const script = R"(begin { $i = 0; while ($i < 3) { @sq[$i] = $i * $i; $i++; } printf("%d\n", @sq[2]); exit(); })";
const char* const printed = "4\n\n\n@sq[0]: 0\n@sq[1]: 1\n@sq[2]: 4\n";

TEST_F(Stages, EachPrints) {
  for (const char* stage : {"ast", "checked", "mir", "lir", "asm"}) {
    const Result result = shrike({std::string("--emit=") + stage, "-e", script});
    EXPECT_EQ(result.status, 0) << stage << result.err;
    EXPECT_GT(split_lines(result.out).size(), 3u) << stage << "\n" << result.out;
  }
}

TEST_F(Stages, UnknownStageIsTold) {
  const Result result = shrike({"--emit=bytes", "-e", script});
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(has(result.err, "bytes")) << result.err;
}

TEST_F(Stages, MirRunsFromAFile) {
  const Result emitted = shrike({"--emit=mir", "-e", script});
  const TemporaryFile file(emitted.out);
  const std::string path = file.path() + ".mir";
  ASSERT_EQ(rename(file.path().c_str(), path.c_str()), 0);
  const Result result = shrike({path});
  EXPECT_EQ(result.out, printed) << emitted.out << result.err;
  remove(path.c_str());
}

TEST_F(Stages, LirRunsFromAFile) {
  const Result emitted = shrike({"--emit=lir", "-e", script});
  const TemporaryFile file(emitted.out);
  const std::string path = file.path() + ".lir";
  ASSERT_EQ(rename(file.path().c_str(), path.c_str()), 0);
  const Result result = shrike({path});
  EXPECT_EQ(result.out, printed) << emitted.out << result.err;
  remove(path.c_str());
}

// Refused instructions that the user wrote are no bug of the compiler.
TEST_F(Stages, RefusedLirIsTheUsersOwn) {
  struct Row {
    const char *before, *after, *hint;
  };
  constexpr Row rows[] = {
      {"st64 [v0 #0], 1", "st64 [v0 #4096], 1", "limit the index right before it is used"},
      {"r0 = mov64 0", "", "`shrike check --log FILE` shows what is known"},
  };
  const std::string emitted = shrike({"--emit=lir", "-e", "begin { @x = 1; }"}).out;
  for (const Row& row : rows) {
    ASSERT_TRUE(has(emitted, row.before)) << emitted;
    const TemporaryFile file(replace_all(emitted, row.before, row.after));
    const std::string path = file.path() + ".lir";
    ASSERT_EQ(rename(file.path().c_str(), path.c_str()), 0);
    const Result result = run({shrike_binary(), path}, {}, patience_ms);  // shrike() demands that what it runs loads
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(has(result.err, "the kernel's verifier refused `begin`")) << result.err;
    EXPECT_TRUE(has(result.err, row.hint)) << result.err;
    EXPECT_FALSE(has(result.err, "bug in shrike")) << result.err;
    remove(path.c_str());
  }
}

TEST_F(Stages, PassesPrintAfterThemselves) {
  const Result all = shrike({"--print-after=all", "--dry-run", "-e", script});
  EXPECT_EQ(all.status, 0) << all.err;
  EXPECT_TRUE(has(all.out + all.err, "expand-aggregates")) << all.err;
  const Result one = shrike({"--print-after=simplify", "--dry-run", "-e", script});
  EXPECT_EQ(one.status, 0) << one.err;
  EXPECT_LT((one.out + one.err).size(), (all.out + all.err).size());
  EXPECT_GT((one.out + one.err).size(), 50u);
}

TEST_F(Stages, UnknownPassIsTold) {
  const Result result = shrike({"--print-after=no-such-pass", "--dry-run", "-e", script});
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(has(result.err, "no-such-pass")) << result.err;
}

TEST_F(Stages, OnePassRunsOnAFile) {
  const Result emitted =
      shrike({"--emit=mir", "--stop-after=expand-aggregates", "-e", "begin { @c = count(); $x = 1 + 2; @y = $x; exit(); }"});
  EXPECT_EQ(emitted.status, 0) << emitted.err;
  const TemporaryFile file(emitted.out);
  const Result result = shrike({"--run-pass=simplify", file.path()});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(has(result.out, "fn ")) << result.out;
}

TEST_F(Stages, TimesAreListedByPass) {
  const Result result = shrike({"--time-passes", "-e", script});
  EXPECT_EQ(result.status, 0) << result.err;
  for (const char* pass : {"parse", "simplify", "emit"}) EXPECT_TRUE(has(result.err, pass)) << result.err;
}

// What jq makes of the report on a script.
std::string reported(std::vector<std::string> args, const std::string& filter) {
  const TemporaryFile file("");
  args.insert(args.begin(), "--report=" + file.path());
  const Result result = shrike(args);
  EXPECT_EQ(result.status, 0) << result.err;
  const Result jq = run({"jq", "-c", filter, file.path()}, {}, patience_ms);
  EXPECT_EQ(jq.status, 0) << jq.err << read_file(file.path());
  return jq.out;
}

TEST_F(Stages, ReportTellsWhatEachProgramBecame) {
  const std::string two =
      "begin { @ = count(); } fn f($a: int64) : int64 { return $a * 2; } interval:ms:1 { @b = f(pid); exit(); }";
  EXPECT_EQ(reported({"--emit-elf", "/dev/null", "--skip=inline-functions", "-e", two},
                     "[.programs[] | .name, .type, (.functions | length), .verifier]"),
            "[\"begin\",\"raw_tracepoint\",1,null,\"interval:ms:1\",\"perf_event\",2,null]\n");
  // The parts are the whole, and the last size is near what was emitted.
  EXPECT_EQ(
      reported(
          {"--emit-elf", "/dev/null", "-e", two},
          "all(.programs[]; .instructions == ([.functions[].instructions] | add) and .instructions >= .sizes[-1].instructions "
          "and .sizes[0].after == \"lower\" and .sizes[-1].after == \"layout-blocks\")"),
      "true\n");
  // What is inlined counted before, too, in the program that calls it and in no other.
  for (const char* skip : {"--skip=hoist-invariants", "--skip=inline-functions"})
    EXPECT_EQ(reported({"--emit-elf", "/dev/null", skip, "-e", two}, "[.programs[].sizes[0].instructions > 8]"),
              "[false,true]\n");
  EXPECT_EQ(reported({"--emit-elf", "/dev/null", "-e", two},
                     R"([.times[].stage] | contains(["parse","clamp-bounds","select","emit"]))"),
            "true\n");
}

TEST_F(Stages, ReportCountsSpillsAndStack) {
  const std::string all = ".programs[0] | .spills.slots > 0 and .spills.stores > 0 and .spills.loads > 0 and .stack_bytes >= 8";
  EXPECT_EQ(reported({"--regalloc=spill-everything", "--emit-elf", "/dev/null", "-e", script}, all), "true\n");
  EXPECT_EQ(reported({"--emit-elf", "/dev/null", "-e", "begin { exit(); }"}, ".programs[0] | [.stack_bytes, .spills.slots]"),
            "[0,0]\n");
}

TEST_F(Stages, ReportCountsBoundsAddedAndRemoved) {
  const std::string counts = ".programs[0].bounds | [.added, .removed]";
  EXPECT_EQ(reported({"--emit-elf", "/dev/null", "-e", "begin { @ = hist(pid); }"}, counts), "[0,1]\n");
  const TemporaryFile file(R"(fn "t" program raw_tracepoint {
  slot $s 64 align 8
^entry(%0: ptr.ctx):
  %1: i64 = call get_current_pid_tgid()
  %2: ptr.stack = slot_addr $s
  zero %2, #0, 64
  %3: ptr.stack = ptr_add %2, %1
  %4: i64 = load.u8 %3, #0
  ret %4
}
)");
  const std::string path = file.path() + ".mir";
  ASSERT_EQ(rename(file.path().c_str(), path.c_str()), 0);
  EXPECT_EQ(reported({"--emit-elf", "/dev/null", path}, counts), "[1,0]\n");
  remove(path.c_str());
}

TEST_F(Stages, ReportOnALoadedProgramHasTheVerifiersWork) {
  const std::string work = ".programs[0].verifier | .processed > 2 and .states >= 0 and .peak_states >= 0";
  EXPECT_EQ(reported({"--stop-after=load", "-e", script}, work), "true\n");
  EXPECT_EQ(reported({"-e", script}, work), "true\n");
}

TEST_F(Stages, StartIsTimedByStage) {
  const Result result = shrike({"--time-start", "-e", script}, {.env = {{"SHRIKE_JUDGE_LOADS", ""}}});
  EXPECT_EQ(result.out, printed);
  for (const char* stage : {"before main", "options", "parse", "passes", "create maps", "load programs", "run begin", "total"})
    EXPECT_TRUE(has(result.err, std::string("faults  ") + stage + "\n")) << stage << "\n" << result.err;
  // Call by call: four maps, one program and its one run are bpf(2); what was asked for to watch is not among them.
  EXPECT_TRUE(has(result.err, " us in    6 calls of bpf\n")) << result.err;
  EXPECT_FALSE(has(result.err, "calls of perf_event_open")) << result.err;
  EXPECT_TRUE(has(result.err, " us in    3 calls of mmap\n")) << result.err;
}

TEST_F(Stages, DebugStagesAsBpftraceSpellsThem) {
  for (const char* stage : {"ast", "types", "codegen", "codegen-opt", "libbpf", "verifier", "all"}) {
    const Result result = shrike({"-d", stage, "-e", script});
    EXPECT_EQ(result.status, 0) << stage << result.err;
  }
}

TEST_F(Stages, PassLimitLeavesOutTheRest) {
  const Result all = shrike({"--pass-limit=1000", "-e", script});
  EXPECT_EQ(all.out, printed) << all.err;
  const size_t applications = count_text(all.err, " on `begin`");
  EXPECT_GE(applications, 7u) << all.err;
  for (const char* stage : {"peephole", "merge-tails"})
    EXPECT_TRUE(has(all.err, std::string(": ") + stage + " on `begin`\n")) << all.err;
  for (size_t limit : {size_t{0}, size_t{1}, applications / 2, applications - 1}) {
    const Result some = shrike({"--pass-limit=" + std::to_string(limit), "-e", script});
    EXPECT_EQ(some.out, printed) << some.err;
    EXPECT_EQ(count_text(some.err, ", left out\n"), count_text(some.err, " on `begin`") - limit) << some.err;
  }
}

TEST_F(Stages, EveryOptionalPassCanBeSkipped) {
  for (const char* pass : {"simplify", "reuse-values", "drop-proved-checks", "share-slots", "peephole", "merge-tails"}) {
    const Result result = shrike({std::string("--skip=") + pass, "-e", script});
    EXPECT_EQ(result.out, printed) << pass << result.err;
  }
  const auto size = [](std::vector<std::string> options) {
    options.insert(options.end(), {"--emit=asm", "-e", "begin { @[pid] = count(); }"});
    return shrike(options).out.size();
  };
  EXPECT_GT(size({"--skip=peephole"}), size({}));
}

TEST_F(Stages, CustomPipelinesRun) {
  const Result least = shrike({"--passes=expand-aggregates,clamp-bounds,spill-to-scratch", "-e", script});
  EXPECT_EQ(least.out, printed) << least.err;
  const Result other = shrike({"--passes=expand-aggregates,reuse-values,clamp-bounds,remove-dead", "-e", script});
  EXPECT_EQ(other.out, printed) << other.err;
}

TEST_F(Stages, ObjectIsAnElfFile) {
  const TemporaryFile file("");
  const Result result = shrike({"--emit-elf", file.path(), "-e", script});
  EXPECT_EQ(result.status, 0) << result.err;
  const Result readelf = run({"readelf", "-hS", file.path()}, {}, patience_ms);
  EXPECT_TRUE(has(readelf.out, "Linux BPF")) << readelf.out << readelf.err;
  EXPECT_TRUE(has(readelf.out, ".BTF")) << readelf.out;
}

TEST_F(Stages, LlvmIrIsWhatLlcTakes) {
  const TemporaryFile file("");
  const Result result = shrike({"--emit-llvm", file.path(), "-e", script});
  EXPECT_EQ(result.status, 0) << result.err;
  const std::string text = read_file(file.path());
  EXPECT_TRUE(has(text, "target triple = \"bpf\"")) << text;
  EXPECT_EQ(shrike({"--emit=llvm", "-e", script}).out, text);
  const Result llc = run({"llc-19", "-march=bpf", "-filetype=null", file.path()}, {}, patience_ms);
  EXPECT_EQ(llc.status, 0) << llc.err << text;
}

TEST_F(Stages, LlvmIrHasTheFunctionsOfTheScript) {
  const TemporaryFile file("");
  const std::string with_function = "fn add($a: int64, $b: int64) : int64 { return $a + $b; } begin { @ = add(1, 2); }";
  ASSERT_EQ(shrike({"--emit-llvm", file.path(), "-e", with_function}).status, 0);
  const Result llc = run({"llc-19", "-march=bpf", "-filetype=null", file.path()}, {}, patience_ms);
  EXPECT_EQ(llc.status, 0) << llc.err << read_file(file.path());
}

}  // namespace
}  // namespace shrike::testing
