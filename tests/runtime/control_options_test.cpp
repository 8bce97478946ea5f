// The command line: what each option becomes, and what is said of those that do not fit.
#include <gtest/gtest.h>

#include <poll.h>
#include <unistd.h>

#include "runtime/child.h"
#include "runtime/options.h"

namespace shrike {
namespace {

Options parsed(const std::vector<std::string>& args) {
  Diagnostics diagnostics;
  std::optional<Options> options = parse_options(args, diagnostics);
  EXPECT_TRUE(options.has_value()) << (diagnostics.all().empty() ? "" : diagnostics.all()[0].message);
  return options.value_or(Options{});
}

struct Refusal {
  Diag id;
  std::string message;
  std::string hint;
};

Refusal refused(const std::vector<std::string>& args) {
  Diagnostics diagnostics;
  EXPECT_FALSE(parse_options(args, diagnostics).has_value());
  EXPECT_EQ(diagnostics.all().size(), 1u);
  if (diagnostics.all().empty()) return {};
  return {diagnostics.all()[0].id, diagnostics.all()[0].message, diagnostics.all()[0].hint};
}

TEST(ControlOptions, ProgramTextLeavesAllArgumentsToTheScript) {
  Options options = parsed({"-e", "begin { }", "one", "-q", "2"});
  EXPECT_EQ(options.program, "begin { }");
  EXPECT_EQ(options.file, "");
  EXPECT_EQ(options.positionals, (std::vector<std::string>{"one", "2"}));
  EXPECT_TRUE(options.quiet);
}

TEST(ControlOptions, FirstArgumentIsTheFile) {
  Options options = parsed({"-v", "a.bt", "x", "-f", "json", "y"});
  EXPECT_EQ(options.file, "a.bt");
  EXPECT_EQ(options.positionals, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(options.format, OutputFormat::json);
  EXPECT_TRUE(options.verbose);
  EXPECT_EQ(parsed({"-"}).file, "-");
}

TEST(ControlOptions, WhatFollowsTwoDashesIsTheScripts) {
  Options options = parsed({"a.bt", "p", "--", "--name=value", "--flag", "-q", "rest"});
  EXPECT_EQ(options.named, (std::map<std::string, std::string>{{"name", "value"}, {"flag", "true"}}));
  EXPECT_EQ(options.positionals, (std::vector<std::string>{"p", "-q", "rest"}));
  EXPECT_FALSE(options.quiet);
}

TEST(ControlOptions, EveryOptionReachesItsField) {
  Options options = parsed({"-B",
                            "none",
                            "-c",
                            "ls -l",
                            "-o",
                            "out",
                            "-k",
                            "--unsafe",
                            "--dry-run",
                            "--emit-elf",
                            "x.o",
                            "--print-after=all",
                            "--stop-after=simplify",
                            "--skip=a",
                            "--skip=b",
                            "--run-pass=simplify",
                            "--time-passes",
                            "--time-start",
                            "--regalloc=spill-everything",
                            "-I",
                            "dir",
                            "--include",
                            "h",
                            "f"});
  EXPECT_EQ(options.buffering, Buffering::none);
  EXPECT_EQ(options.command, "ls -l");
  EXPECT_EQ(options.output_file, "out");
  EXPECT_TRUE(options.runtime_warnings);
  EXPECT_TRUE(options.unsafe);
  EXPECT_TRUE(options.dry_run);
  EXPECT_EQ(options.emit_elf, "x.o");
  EXPECT_EQ(options.print_after, std::vector<std::string>{"all"});
  EXPECT_EQ(options.stop_after, "simplify");
  EXPECT_EQ(options.skip, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(options.run_pass, "simplify");
  EXPECT_TRUE(options.time_passes);
  EXPECT_TRUE(options.time_start);
  EXPECT_TRUE(options.spill_everything);
  EXPECT_EQ(options.include_folders, std::vector<std::string>{"dir"});
  EXPECT_EQ(options.first_headers, std::vector<std::string>{"h"});
  EXPECT_EQ(parsed({"-p", "42", "f"}).pid, 42u);
  EXPECT_EQ(parsed({"-B", "full", "f"}).buffering, Buffering::full);
  EXPECT_TRUE(parsed({"--no-warnings", "f"}).hide_warnings);
}

// Boost hears of those options alone that the words may mean: every way to write one must be seen.
TEST(ControlOptions, LettersMayStandTogetherAndValuesBesideThem) {
  Options joined = parsed({"-qvfjson", "-Bnone", "f"});
  EXPECT_TRUE(joined.quiet);
  EXPECT_TRUE(joined.verbose);
  EXPECT_EQ(joined.format, OutputFormat::json);
  EXPECT_EQ(joined.buffering, Buffering::none);
  EXPECT_EQ(joined.file, "f");
  EXPECT_EQ(parsed({"-qe", "begin { }", "x"}).program, "begin { }");
  Options named = parsed({"f", "--format=json", "--pid", "42", "--no-feature=kprobe_session,uprobe_multi",
                          "--usdt-file-activation", "--verify-llvm-ir"});
  EXPECT_EQ(named.format, OutputFormat::json);
  EXPECT_EQ(named.pid, 42u);
  EXPECT_TRUE(named.positionals.empty());
  EXPECT_EQ(refused({"-e", "-q"}).message, "option `-e` needs a value");
  EXPECT_EQ(refused({"-qx", "f"}).message, "unknown option `-qx`");
  EXPECT_EQ(refused({"--quie", "f"}).hint, "did you mean `--quiet`?");
  EXPECT_EQ(refused({"--emit"}).message, "option `--emit` needs a value");
}

TEST(ControlOptions, StagesOfBpftraceAreShown) {
  EXPECT_EQ(parsed({"-d", "ast", "f"}).shown, std::vector<Emit>{Emit::ast});
  EXPECT_EQ(parsed({"-d", "codegen", "f"}).shown, std::vector<Emit>{Emit::mir});
  Options all = parsed({"-d", "all", "f"});
  EXPECT_EQ(all.shown.size(), 5u);
  EXPECT_TRUE(all.shows_verifier_log);
  EXPECT_TRUE(all.shows_loading);
  EXPECT_EQ(parsed({"--emit=asm", "f"}).emit, Emit::assembly);
}

TEST(ControlOptions, ActionsNeedNoProgram) {
  EXPECT_EQ(parsed({"-V"}).action, Action::version);
  EXPECT_EQ(parsed({"--help"}).action, Action::help);
  EXPECT_EQ(parsed({"--info"}).action, Action::info);
  Options list = parsed({"-lv", "tracepoint:*"});
  EXPECT_EQ(list.action, Action::list);
  EXPECT_EQ(list.pattern, "tracepoint:*");
  EXPECT_TRUE(list.verbose);
  EXPECT_EQ(parsed({"-l"}).pattern, "");
  EXPECT_NE(help_text().find("--dry-run"), std::string_view::npos);
}

TEST(ControlOptions, MistakesAreNamedAsTyped) {
  EXPECT_EQ(refused({"-x"}).message, "unknown option `-x`");
  Refusal near = refused({"--unsave", "f"});
  EXPECT_EQ(near.id, Diag::unknown_option);
  EXPECT_EQ(near.hint, "did you mean `--unsafe`?");
  EXPECT_EQ(refused({"--emti=ast", "f"}).message, "unknown option `--emti`");
  EXPECT_EQ(refused({"-kk", "f"}).hint, "one `-k` reports everything");
  EXPECT_EQ(refused({"-e"}).message, "option `-e` needs a value");
  EXPECT_EQ(refused({"-e", "a", "-e", "b"}).id, Diag::repeated_option);
  EXPECT_EQ(refused({"--quiet=1", "f"}).id, Diag::option_takes_no_value);
  EXPECT_EQ(refused({"-f", "xml", "f"}).message, "`xml` does not fit `-f`: expected text or json");
  EXPECT_EQ(refused({"-B", "some", "f"}).id, Diag::bad_option_value);
  EXPECT_EQ(refused({"-d", "nothing", "f"}).id, Diag::bad_option_value);
  EXPECT_EQ(refused({"--emit=exe", "f"}).id, Diag::bad_option_value);
  EXPECT_EQ(refused({"--regalloc=x", "f"}).id, Diag::bad_option_value);
  for (const char* level : {"--isa=0", "--isa=5", "--isa=33", "--isa=v3"})
    EXPECT_EQ(refused({level, "f"}).id, Diag::bad_option_value) << level;
  EXPECT_EQ(parsed({"--isa=1", "f"}).isa, 1);
  EXPECT_EQ(parsed({"--isa=4", "f"}).isa, 4);
  EXPECT_EQ(parsed({"f"}).isa, std::nullopt);
  EXPECT_EQ(refused({"-c", " ", "f"}).id, Diag::bad_option_value);
  for (const char* bad : {"x", "", "kprobe_multi,", "kprobe_multi,x"})
    EXPECT_EQ(refused({"--no-feature", bad, "f"}).id, Diag::bad_option_value) << bad;
}

TEST(ControlOptions, PidIsANumberInRange) {
  for (const char* bad : {"0", "-1", "4194305", "12x", "99999999999999999999", ""})
    EXPECT_EQ(refused({"-p", bad, "f"}).id, Diag::bad_option_value) << bad;
  EXPECT_EQ(parsed({"-p", "4194304", "f"}).pid, 4194304u);
}

TEST(ControlOptions, ExclusivePairsAreRefused) {
  EXPECT_EQ(refused({"-p", "1", "-c", "ls", "f"}).message, "`-p` and `-c` exclude each other");
  EXPECT_EQ(refused({"-k", "--no-warnings", "f"}).id, Diag::conflicting_options);
}

TEST(ControlOptions, NothingToRunIsSaid) {
  EXPECT_EQ(refused({}).id, Diag::no_script);
  EXPECT_EQ(refused({"-v"}).id, Diag::no_script);
}

TEST(ControlChild, CommandsAreSplitAtWhiteSpaceOnly) {
  EXPECT_EQ(split_words("  ls  -l\t'a b' "), (std::vector<std::string>{"ls", "-l", "'a", "b'"}));
  EXPECT_TRUE(split_words(" \t ").empty());
}

TEST(ControlChild, ProgramsThatCannotStartAreNamed) {
  Diagnostics diagnostics;
  Child child;
  EXPECT_FALSE(child.start("no-such-program-here -x", diagnostics));
  EXPECT_EQ(diagnostics.all()[0].id, Diag::child_not_started);
  EXPECT_EQ(diagnostics.all()[0].message, "cannot start `no-such-program-here`: there is no such program");
}

TEST(ControlChild, WaitsUntilReleased) {
  Diagnostics diagnostics;
  Child child;
  ASSERT_TRUE(child.start("true", diagnostics));
  Fd ended = open_pidfd(child.pid());
  ASSERT_TRUE(ended.is_open());
  usleep(20'000);
  pollfd wait{.fd = ended.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&wait, 1, 0), 0);
  EXPECT_TRUE(child.release(diagnostics));
  EXPECT_EQ(poll(&wait, 1, 5000), 1);
}

}  // namespace
}  // namespace shrike
