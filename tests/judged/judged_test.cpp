// The model of the verifier judges what the compiler makes of every script that is compared with bpftrace and of every
// form of the language. Nothing may be refused: the kernel of this machine loads them all (tests/compat, tests/kernel), so
// a refusal is a mistake of the model or, for the older kernels, of the compiler. Needs no privilege.
#include <gtest/gtest.h>

#include <cstdio>

#include "runtime/judge.h"
#include "tests/support/compiled_scripts.h"
#include "tests/support/script_cases.h"

namespace shrike {
namespace {

struct Tally {
  size_t programs = 0, accepted = 0, unknown = 0;
};

// Kernels older than what shrike is for may lack what it uses; nothing else may be wrong with it.
bool is_lack(sim::RejectClass c) {
  using enum sim::RejectClass;
  return c == none || c == opcode || c == helper || c == map_type || c == program_type;
}

void judge(const std::string& text, const std::vector<std::string>& positionals, const sim::Profile& profile, Tally& tally) {
  const bool has_iterators = profile.version >= sim::Version{6, 7};
  std::optional<bpf::Object> object = compiled(text, positionals, has_iterators);
  if (!object) return;
  for (const bpf::Program& program : object->programs) {
    sim::Options options;
    options.budget = 200'000;
    sim::Verdict verdict = sim::verify(judged_input(*object, program), profile, options);
    tally.programs++;
    tally.accepted += verdict.answer == sim::Answer::accept;
    tally.unknown += verdict.answer == sim::Answer::unknown;
    bool lacks_something = profile.version < oldest_target && is_lack(verdict.reject_class);
    EXPECT_TRUE(verdict.answer != sim::Answer::reject || lacks_something)
        << "kernel " << profile.name << ": " << name_of(verdict.reject_class) << " at " << verdict.insn << ": " << verdict.message
        << "\n"
        << text << "\n"
        << print(*object, nullptr);
  }
}

TEST(Judged, NoProgramOfAComparedScriptIsRefused) {
  const auto scripts = testing::read_script_cases(SHRIKE_SOURCE_DIR "/tests/compat/scripts.txt");
  ASSERT_GT(scripts.size(), 100u);
  for (const sim::Profile& profile : sim::all_profiles()) {
    Tally tally;
    for (const testing::ScriptCase& script : scripts) judge(script.text, script.arguments, profile, tally);
    EXPECT_GT(tally.programs, 300u);
    if (profile.version >= oldest_target) {
      EXPECT_GE(tally.accepted * 10, tally.programs * 9) << "too many answers are `unknown`";
    }
    printf("kernel %s: %zu programs, %zu accepted, %zu unknown\n", std::string(profile.name).c_str(), tally.programs,
           tally.accepted, tally.unknown);
  }
}

TEST(Judged, NoProgramOfAProbeWithContextIsRefused) {
  for (const sim::Profile& profile : sim::all_profiles()) {
    Tally tally;
    for (const testing::ScriptCase& script : scripts_with_contexts()) judge(script.text, {}, profile, tally);
    EXPECT_GE(tally.programs, scripts_with_contexts().size());
  }
}

// The fixtures have no types of a kernel, so a program is made one for a function's entry or return by hand.
TEST(Judged, ProgramsForFunctionsReturnNothing) {
  for (mir::ProbeKind kind : {mir::ProbeKind::fentry, mir::ProbeKind::fexit}) {
    std::optional<bpf::Object> object = compiled("kprobe:do_work { @[comm] = count(); print(nsecs); }", {});
    ASSERT_TRUE(object);
    object->programs[0].type = mir::ProgramType::tracing;
    object->interface.probes[0].kind = kind;
    const sim::ProgramInput input = judged_input(*object, object->programs[0]);
    EXPECT_EQ(sim::verify(input, *sim::find_profile("5.4")).reject_class, sim::RejectClass::program_type);
    EXPECT_EQ(sim::verify(input, *sim::find_profile("5.10")).answer, sim::Answer::accept);
    EXPECT_EQ(sim::verify(input, sim::profile_6_18()).answer, sim::Answer::accept);
  }
}

TEST(Judge, TableNamesProgramKernelAndCost) {
  std::optional<bpf::Object> object = compiled("begin { print(1); } kprobe:do_work { @ = count(); }", {});
  std::string text;
  Diagnostics diagnostics;
  int status = judge(judged_programs(*object), chosen_kernels("6.1,6.18", diagnostics),
                     {[&](std::string_view part) { text += part; }}, diagnostics);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(text.starts_with(
      "program         kernel  verdict   instructions  walked  states  stack\nbegin           6.1     accepted  "))
      << text;
  EXPECT_NE(text.find("\nkprobe:do_work  6.18    accepted  "), std::string::npos) << text;
}

TEST(Judge, RefusalIsToldAtItsPlace) {
  std::optional<bpf::Object> object = compiled("begin { @x = 1; }", {});
  bpf::Program& program = object->programs[0];
  program.insns.back() = {bpf::cls::alu64 | bpf::alu::mov | bpf::src::x, bpf::make_regs(0, 9), 0, 0};  // falls off its end
  Diagnostics diagnostics;
  int status = judge(judged_programs(*object), chosen_kernels("6.18", diagnostics), {[](std::string_view) {}}, diagnostics);
  EXPECT_EQ(status, 1);
  ASSERT_EQ(diagnostics.all().size(), 1u);
  EXPECT_EQ(diagnostics.all()[0].id, Diag::model_refuses);
}

TEST(Judge, KernelsAreNamedAllOrThoseThatShrikeIsFor) {
  Diagnostics diagnostics;
  EXPECT_EQ(chosen_kernels("", diagnostics).front().name, "6.1");
  EXPECT_EQ(chosen_kernels("all", diagnostics).front().name, "5.4");
  EXPECT_EQ(chosen_kernels("all", diagnostics).back().name, chosen_kernels("", diagnostics).back().name);
  std::vector<sim::Profile> two = chosen_kernels("5.10,6.6", diagnostics);
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(two[1].name, "6.6");
}

TEST(Judge, OlderKernelLacksTheRingBuffer) {
  std::optional<bpf::Object> object = compiled("kprobe:do_work { print(1); }", {});
  Diagnostics diagnostics;
  EXPECT_EQ(judge(judged_programs(*object), chosen_kernels("5.4,5.10", diagnostics), {[](std::string_view) {}}, diagnostics), 1);
  ASSERT_EQ(diagnostics.all().size(), 1u);
  EXPECT_EQ(diagnostics.all()[0].message,
            "kernel 5.4 would refuse `kprobe:do_work`: maps of type ringbuf exist from Linux 5.8 on");
}

struct MinimumRow {
  const char* script;
  const char* needs;      // in the row of the last program
  const char* construct;  // and in the message
  const char* place;      // text of the script that the message points at
};

// The version is the one that the construct came with, also between two profiles.
TEST(JudgeMinimum, NamesTheConstructAtItsPlace) {
  constexpr MinimumRow rows[] = {
      {"kprobe:do_work { @d = @c++; }", "5.12", "atomic operations other than plain addition", "@c++"},
      {"kprobe:do_work { print(1); }", "5.8", "maps of type ringbuf", "print(1)"},
      {"kprobe:do_work { print(1); for $i : 0..9 { @[$i] = 1; } }", "5.17", "helper bpf_loop", "for $i : 0..9 { @[$i] = 1; }"},
  };
  for (const MinimumRow& row : rows) {
    std::optional<bpf::Object> object = compiled(row.script, {});
    ASSERT_TRUE(object);
    std::string text;
    Diagnostics diagnostics;
    const Print print = [&](std::string_view part) { text += part; };
    EXPECT_EQ(judge_minimum(judged_programs(*object), {print}, diagnostics), 0);
    EXPECT_NE(text.find(std::string("kprobe:do_work  ") + row.needs), std::string::npos) << text;
    ASSERT_EQ(diagnostics.all().size(), 1u) << text;
    const Diagnostic& note = diagnostics.all()[0];
    EXPECT_EQ(note.id, Diag::raises_minimum);
    EXPECT_EQ(note.message, "this needs Linux " + std::string(row.needs) + " in `kprobe:do_work`: " + row.construct);
    const std::string_view script = row.script;
    const Span span = note.span;
    ASSERT_TRUE(span.is_known());
    EXPECT_EQ(script.substr(span.begin - 1, span.end - span.begin), row.place) << row.script;
  }
}

TEST(JudgeMinimum, WhatNoKernelLoadsIsRefused) {
  std::optional<bpf::Object> object = compiled("begin { @x = 1; }", {});
  object->programs[0].insns.pop_back();
  Diagnostics diagnostics;
  std::string text;
  EXPECT_EQ(judge_minimum(judged_programs(*object), {[&](std::string_view part) { text += part; }}, diagnostics), 1);
  EXPECT_EQ(diagnostics.all()[0].id, Diag::model_refuses);
  EXPECT_NE(text.find("none"), std::string::npos);
}

TEST(Judge, LogHasStatesInstructionsAndSource) {
  const std::string script = "kprobe:do_work {\n  @x = arg0;\n}\n";
  std::optional<bpf::Object> object = compiled(script, {});
  SourceMap sources;
  sources.add("script.bt", script);
  std::string log;
  judge_log(judged_programs(*object), {sim::profile_6_12()}, sources, [&](std::string_view part) { log += part; });
  EXPECT_TRUE(log.starts_with("==== kprobe:do_work on Linux 6.12\n0: R1=ctx() R10=fp0\n")) << log;
  EXPECT_NE(log.find("\n; @x = arg0; @ script.bt:2\n"), std::string::npos) << log;
  EXPECT_NE(log.find(": (79) r"), std::string::npos) << log;
  EXPECT_NE(log.find("\nprocessed "), std::string::npos) << log;
}

struct JsonRow {
  const char* script;
  const char* kernels;  // empty: the minimum is asked for
  const char* line;     // somewhere in the output
};

TEST(Judge, JsonHasALineForEachAnswer) {
  constexpr JsonRow rows[] = {
      {"begin { @x = 1; }", "6.1,6.12",
       R"json({"type": "verdict", "data": {"program": "begin", "kernel": "6.12", "verdict": "accepted", "instructions": )json"},
      {"kprobe:do_work { print(7); }", "5.4",
       R"json("stack": 0, "class": "map-type", "reason": "maps of type ringbuf exist from Linux 5.8 on", "instruction": )json"},
      {"kprobe:do_work { print(7); }", "5.4",
       R"json("place": {"file": "script.bt", "line": 1, "column": 18, "text": "print(7)"}}})json"},
      {"kprobe:do_work { @d = @c++; }", "",
       R"json({"type": "minimum", "data": {"program": "kprobe:do_work", "kernel": "5.12", "verdict": "accepted", "reason": )json"},
      {"begin { @x = 1; }", "", R"json("program": "begin", "kernel": "5.4", "verdict": "accepted"}})json"},
  };
  for (const JsonRow& row : rows) {
    const std::optional<bpf::Object> object = compiled(row.script, {});
    ASSERT_TRUE(object);
    SourceMap sources;
    sources.add("script.bt", row.script);
    Diagnostics diagnostics;
    std::string text;
    const AnswerOutput output{[&](std::string_view part) { text += part; }, &sources};
    if (*row.kernels == '\0') judge_minimum(judged_programs(*object), output, diagnostics);
    else judge(judged_programs(*object), chosen_kernels(row.kernels, diagnostics), output, diagnostics);
    EXPECT_NE(text.find(row.line), std::string::npos) << text;
    EXPECT_EQ(text.find("program  "), std::string::npos) << text;
    EXPECT_TRUE(text.ends_with("}}\n")) << text;
  }
}

TEST(Judge, UnknownKernel) {
  Diagnostics diagnostics;
  EXPECT_TRUE(chosen_kernels("2.4", diagnostics).empty());
  ASSERT_EQ(diagnostics.all().size(), 1u);
  EXPECT_EQ(diagnostics.all()[0].id, Diag::unknown_kernel);
}

}  // namespace
}  // namespace shrike
