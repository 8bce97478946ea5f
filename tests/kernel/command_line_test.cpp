// The command line as bpftrace spells it: where scripts come from, whom they trace, where output goes, how runs end.
#include <signal.h>
#include <unistd.h>

#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

using CommandLine = LiveTest;

const char* const hello = R"(begin { printf("hello\n"); exit(); })";

TEST_F(CommandLine, ScriptFromAFile) {
  const TemporaryFile file(hello);
  EXPECT_EQ(shrike({file.path()}).out, "hello\n\n\n");
}

TEST_F(CommandLine, ScriptFromStdin) {
  ProcessOptions options;
  options.input = hello;
  const Result result = shrike({"-"}, options);
  EXPECT_EQ(result.out, "hello\n\n\n") << result.err;
}

TEST_F(CommandLine, PositionalsMayStandAnywhere) {
  const std::string script = R"(begin { printf("%d %s %d\n", $1, str($2), $#); exit(); })";
  EXPECT_EQ(shrike({"-e", script, "7", "word"}).out, "7 word 2\n\n\n");
  const TemporaryFile file(script);
  EXPECT_EQ(shrike({file.path(), "7", "word"}).out, "7 word 2\n\n\n");
  EXPECT_EQ(shrike({"-q", file.path(), "7", "word"}).out, "7 word 2\n\n\n");
}

TEST_F(CommandLine, NamedArguments) {
  const std::string script = R"(begin { printf("%d %s\n", getopt("count", 5), getopt("name", "none")); exit(); })";
  EXPECT_EQ(shrike({"-e", script}).out, "5 none\n\n\n");
  EXPECT_EQ(shrike({"-e", script, "--", "--count=9", "--name=wren"}).out, "9 wren\n\n\n");
}

TEST_F(CommandLine, UnknownNamedArgumentIsTold) {
  const Result result = shrike({"-e", R"(begin { print(getopt("count", 5)); exit(); })", "--", "--cuont=9"});
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(has(result.err, "cuont")) << result.err;
  EXPECT_TRUE(has(result.err, "count")) << result.err;
}

TEST_F(CommandLine, ChildIsTracedFromItsFirstInstructionToItsEnd) {
  const Result result = shrike(
      {"-e", "tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { @ = count(); }", "-c", SHRIKE_WORKLOAD " getppid 1234"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(number_of(result.out, "@"), 1234) << result.out;
}

TEST_F(CommandLine, ChildAloneFiltersNothing) {
  Process other({SHRIKE_WORKLOAD, "getppid", "300000000"}, {});
  const Result result = shrike({"-e", "tracepoint:syscalls:sys_enter_getppid { @[pid == cpid] = count(); }", "-c", "sleep 0.3"});
  EXPECT_GE(number_of(result.out, "@[false]").value_or(0), 1) << "-c filters nothing by itself\n" << result.out;
}

TEST_F(CommandLine, ChildThatCannotStartIsTold) {
  const Result result = shrike({"-e", "begin { }", "-c", "/nonexistent/program"});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(count_text(result.err, "ERROR: "), 1u) << result.err;
  EXPECT_TRUE(has(result.err, "/nonexistent/program")) << result.err;
}

TEST_F(CommandLine, ExitOfTheScriptEndsTheChild) {
  const Result result = shrike({"-e", "interval:ms:50 { exit(); }", "-c", "sleep 60"});
  EXPECT_EQ(result.status, 0) << result.err;
}

TEST_F(CommandLine, PidFiltersAndEndsWithTheProcess) {
  ProcessOptions held;
  held.hold_stdin = true;
  Process wanted({SHRIKE_WORKLOAD, "pid", "wait", "getppid", "77"}, held);
  Process other({SHRIKE_WORKLOAD, "pid", "wait", "getppid", "55"}, held);
  ASSERT_TRUE(wanted.wait_for_out("pid ", patience_ms));
  ASSERT_TRUE(other.wait_for_out("pid ", patience_ms));
  Tracer tracer({"-e", "tracepoint:syscalls:sys_enter_getppid { @ = count(); }", "-p", std::to_string(wanted.pid())});
  ASSERT_TRUE(tracer.wait_until_armed());
  other.release();
  EXPECT_EQ(other.finish(patience_ms).status, 0);
  wanted.release();
  EXPECT_EQ(wanted.finish(patience_ms).status, 0);
  const Result result = tracer.finish();  // by itself
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(number_of(result.out, "@"), 77) << result.out;
}

TEST_F(CommandLine, PidWithUprobeNeedsNoPath) {
  const Trace t = trace("uprobe:target_add { @ = count(); }", {"add", "33", "1", "1"}, {"-p", "PID"});
  EXPECT_EQ(number_of(t.out, "@"), 33) << t.out << t.err;
}

TEST_F(CommandLine, PidOfNobodyIsTold) {
  for (const char* pid : {"4194000", "99999999", "-5", "word"}) {
    const Result result = shrike({"-e", "begin { exit(); }", "-p", pid});
    EXPECT_EQ(result.status, 1) << pid;
    EXPECT_TRUE(has(result.err, pid)) << result.err;
  }
}

TEST_F(CommandLine, PidAndCommandExcludeEachOther) {
  EXPECT_EQ(shrike({"-e", "begin { exit(); }", "-p", "1", "-c", "true"}).status, 1);
}

TEST_F(CommandLine, OutputIntoAFile) {
  const TemporaryFile file("old content that must go");
  const Result result = shrike({"-o", file.path(), "-e", "begin { printf(\"hello\\n\"); @x = 5; exit(); }"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(read_file(file.path()), "hello\n\n\n@x: 5\n");
}

TEST_F(CommandLine, OutputIntoNowhereIsTold) {
  const Result result = shrike({"-o", "/nonexistent/file", "-e", hello});
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(has(result.err, "/nonexistent/file")) << result.err;
}

TEST_F(CommandLine, Json) {
  const Result result = shrike({"-f", "json", "-e", R"(begin { printf("a \"b\"\n"); @x[1, "k"] = count(); exit(); })"});
  EXPECT_EQ(result.status, 0) << result.err;
  std::vector<std::string> lines = split_lines(result.out);
  std::erase(lines, "");  // as in text, bpftrace sets the maps apart by blank lines
  ASSERT_EQ(lines.size(), 3u) << result.out;
  EXPECT_TRUE(lines[0].starts_with(R"({"type": "attached_probes")")) << lines[0];
  EXPECT_EQ(lines[1], R"({"type": "printf", "data": "a \"b\"\n"})");
  EXPECT_EQ(lines[2], R"({"type": "map", "data": {"@x": {"1,k": 1}}})");
}

TEST_F(CommandLine, UnknownFormatIsTold) {
  const Result result = shrike({"-f", "xml", "-e", hello});
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(has(result.err, "xml")) << result.err;
}

TEST_F(CommandLine, BufferModes) {
  for (const char* mode : {"line", "full", "none"}) {
    const Result result = shrike({"-B", mode, "-e", hello});
    EXPECT_EQ(result.out, "hello\n\n\n") << mode << result.err;
  }
  EXPECT_EQ(shrike({"-B", "sideways", "-e", hello}).status, 1);
}

TEST_F(CommandLine, LinesArriveWhenTheyArePrinted) {
  Tracer tracer({"-e", "begin { printf(\"early line\\n\"); } interval:s:60 { exit(); }"});
  EXPECT_TRUE(tracer.process().wait_for_out("early line\n", patience_ms));
  EXPECT_EQ(tracer.interrupt().status, 0);
}

TEST_F(CommandLine, FullBufferingHoldsLinesBack) {
  Tracer tracer({"-B", "full", "-e", "begin { printf(\"early line\\n\"); } interval:s:60 { exit(); }"});
  EXPECT_FALSE(tracer.process().wait_for_out("early line\n", 600));
  EXPECT_TRUE(has(tracer.interrupt().out, "early line\n"));
}

TEST_F(CommandLine, QuietHidesTheProbeCount) {
  const std::string script = "interval:ms:20 { exit(); }";
  EXPECT_TRUE(has(shrike({"-e", script}).err, "Attached 1 probe\n"));
  EXPECT_EQ(shrike({"-q", "-e", script}).err, "");
}

TEST_F(CommandLine, ProbeCountIsPlural) {
  EXPECT_TRUE(has(shrike({"-e", "interval:ms:20 { exit(); } interval:s:9 { }"}).err, "Attached 2 probes\n"));
}

TEST_F(CommandLine, VerboseSaysMore) {
  const Result result = shrike({"-v", "-e", "interval:ms:20 { exit(); }"});
  EXPECT_EQ(result.status, 0);
  EXPECT_GT(result.err.size(), std::string("Attached 1 probe\n").size()) << result.err;
}

TEST_F(CommandLine, DryRunAttachesAndPrintsNothing) {
  const Result result =
      shrike({"--dry-run", "-e", "begin { printf(\"no\\n\"); @x = 1; } tracepoint:syscalls:sys_enter_read { @ = count(); }"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "");
}

TEST_F(CommandLine, DryRunDoesNotStartTheChild) {
  const TemporaryFile file("");
  unlink(file.path().c_str());
  const Result result = shrike({"--dry-run", "-e", "begin { }", "-c", "touch " + file.path()});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(access(file.path().c_str(), F_OK), 0);
}

TEST_F(CommandLine, ExitCodeOfTheScript) {
  EXPECT_EQ(shrike_script("begin { exit(3); }").status, 3);
  EXPECT_EQ(shrike_script("interval:ms:10 { exit(7); }").status, 7);
}

TEST_F(CommandLine, InterruptPrintsTheMaps) {
  for (int number : {SIGINT, SIGTERM}) {
    Tracer tracer({"-e", "begin { @x = 5; } interval:s:60 { } end { printf(\"bye\\n\"); }"});
    ASSERT_TRUE(tracer.wait_until_armed());
    tracer.process().signal(number);
    const Result result = tracer.finish();
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.out, "bye\n\n\n@x: 5\n");
  }
}

TEST_F(CommandLine, SecondInterruptQuitsAtOnce) {
  ProcessOptions options;
  options.pipe_bytes = 4096;  // nobody reads the maps, so that their printing cannot end
  Tracer tracer({"-e", R"(begin { $i = 0; while ($i < 4000) { @a[$i] = "a value that takes some room in the pipe"; $i++; } }
                          interval:s:60 { })"},
                options);
  ASSERT_TRUE(tracer.wait_until_armed());
  tracer.process().signal(SIGINT);
  usleep(500000);
  EXPECT_FALSE(tracer.process().has_ended());
  tracer.process().signal(SIGINT);
  for (int i = 0; i < 100 && !tracer.process().has_ended(); ++i) usleep(10000);
  EXPECT_TRUE(tracer.process().has_ended()) << "the second SIGINT was not heard";
}

TEST_F(CommandLine, MapsOnExitCanBeTurnedOff) {
  EXPECT_EQ(shrike_script("config = { print_maps_on_exit = false } begin { @x = 5; exit(); }").out, "");
}

TEST_F(CommandLine, VersionAndHelp) {
  const Result version = shrike({"-V"});
  EXPECT_EQ(version.status, 0);
  EXPECT_TRUE(version.out.starts_with("shrike v")) << version.out;
  const Result help = shrike({"-h"});
  EXPECT_EQ(help.status, 0);
  const std::string text = help.out + help.err;
  for (const char* option : {"-e",
                             "-l",
                             "-c",
                             "-p",
                             "-o",
                             "-f",
                             "-B",
                             "-q",
                             "-v",
                             "-k",
                             "-d",
                             "--unsafe",
                             "--dry-run",
                             "--emit-elf",
                             "--emit-llvm",
                             "--info",
                             "-V",
                             "--emit",
                             "--print-after",
                             "--time-passes"}) {
    EXPECT_TRUE(has(text, option)) << option;
  }
}

TEST_F(CommandLine, InfoAnswersWhatHarnessesGrepFor) {
  const Result result = shrike({"--info"});
  EXPECT_EQ(result.status, 0) << result.err;
  for (const char* label : {"btf", "dpath", "iter", "kprobe_multi", "uprobe_multi", "kprobe_session", "get_func_ip",
                            "lookup_percpu_elem", "Loop support", "get_ktime_ns", "get_tai_ns"}) {
    EXPECT_TRUE(has(result.out, std::string(label) + ": yes") || has(result.out, std::string(label) + ": no")) << label;
  }
  for (const char* label : {"btf", "dpath", "iter"}) EXPECT_TRUE(has(result.out, label + std::string(": yes"))) << result.out;
}

// What the labels say is what a trace meets.
TEST_F(CommandLine, InfoTellsTheTruth) {
  const Result result = shrike({"--info"});
  const auto told = [&](const std::string& label) { return count_lines(result.out, "  " + label + ": yes") == 1; };
  EXPECT_EQ(told("iter"), shrike({"-e", "iter:task { @ = count(); }"}).status == 0) << result.out;
  const Result path = shrike({"-e", "iter:task_file { @[path(ctx->file->f_path)] = count(); }"});
  EXPECT_EQ(told("dpath"), path.status == 0) << result.out << path.err;
  EXPECT_EQ(told("fentry"), shrike({"-e", "begin { exit(); } fentry:vfs_read { }"}).status == 0) << result.out;
  EXPECT_EQ(told("kprobe"), has_kprobes()) << result.out;
  // The kernel's log of a link that it refuses as unknown is silence; its list of symbols has what makes such links.
  const std::string symbols = read_file("/proc/kallsyms");
  EXPECT_EQ(told("kprobe_multi"), has(symbols, " register_fprobe_syms\n")) << result.out;
  EXPECT_EQ(told("kprobe_session"), has(symbols, " register_fprobe_syms\n") && has(symbols, " bpf_session_is_return\n"))
      << result.out;
  EXPECT_EQ(told("uprobe_multi"), has(symbols, " bpf_uprobe_multi_link_attach\n")) << result.out;
}

TEST_F(CommandLine, Listing) {
  EXPECT_EQ(shrike({"-l", "software:page-faults:"}).status, 0);
  const Result software = shrike({"-l", "software:*"});
  EXPECT_EQ(count_text(software.out, "software:"), split_lines(software.out).size()) << software.out;
  EXPECT_TRUE(has(software.out, "software:page-faults:")) << software.out;
  const Result user = shrike({"-l", "uprobe:" SHRIKE_WORKLOAD ":target_*"});
  EXPECT_EQ(count_lines(user.out, "uprobe:" SHRIKE_WORKLOAD ":target_add"), 1u) << user.out << user.err;
  const Result raw = shrike({"-l", "rawtracepoint:*sched_switch"});
  EXPECT_TRUE(has(raw.out, "sched_switch\n")) << raw.out << raw.err;
}

TEST_F(CommandLine, ListingWithArguments) {
  const Result result = shrike({"-lv", "tracepoint:syscalls:sys_enter_read"});
  EXPECT_TRUE(has(result.out, "tracepoint:syscalls:sys_enter_read\n")) << result.out << result.err;
  EXPECT_TRUE(has(result.out, "\n    unsigned int fd\n")) << result.out;
  EXPECT_TRUE(has(result.out, "\n    size_t count\n")) << result.out;
}

TEST_F(CommandLine, ListingOfAScript) {
  const Result result = shrike({"-l", "-e", "tracepoint:syscalls:sys_enter_rea*,interval:s:1 { }"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(has(result.out, "tracepoint:syscalls:sys_enter_read\n")) << result.out;
  EXPECT_TRUE(has(result.out, "tracepoint:syscalls:sys_enter_readv\n")) << result.out;
}

TEST_F(CommandLine, WarningsOfTheRun) {
  const std::string script = "begin { @a[1] = 1; delete(@a, 2); exit(); }";
  EXPECT_FALSE(has(shrike({"-e", script}).err, "WARNING"));
  EXPECT_TRUE(has(shrike({"-k", "-e", script}).err, "WARNING"));
}

TEST_F(CommandLine, AcceptedForTheSakeOfOldHarnesses) {
  EXPECT_EQ(shrike({"-b", "-e", hello}).out, "hello\n\n\n");
  EXPECT_EQ(shrike({"--verify-llvm-ir", "-e", hello}).out, "hello\n\n\n");
}

TEST_F(CommandLine, UnsafeFunctionsRunWithTheirOption) {
  EXPECT_EQ(shrike({"--unsafe", "-e", R"(begin { system("echo %s", "out"); exit(); })"}).out, "out\n\n\n");
}

}  // namespace
}  // namespace shrike::testing
