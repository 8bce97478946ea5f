// The model of the verifier judges what the compiler makes of every script that is compared with bpftrace and of every
// form of the language. Nothing may be refused: the kernel of this machine loads them all (tests/compat, tests/kernel), so
// a refusal is a mistake of the model or, for the older kernels, of the compiler. Needs no privilege.
#include <gtest/gtest.h>

#include <cstdio>

#include "backend-bpf/backend.h"
#include "passes/pipeline.h"
#include "runtime/judge.h"
#include "tests/support/checked_script.h"
#include "tests/support/script_cases.h"

namespace shrike {
namespace {

// Null if the script has mistakes, as some for comparison have.
std::optional<bpf::Object> compiled(const std::string& text, const std::vector<std::string>& positionals) {
  CheckOptions options;
  options.positionals = positionals;
  options.unsafe = true;
  CheckedScript script(text, options);
  if (script.program == nullptr) return std::nullopt;
  mir::Module module = lower(*script.program);
  Diagnostics diagnostics;
  passes::PipelineOptions passes;
  if (!run_pipeline(module, passes, diagnostics)) return std::nullopt;
  bpf::BackendOptions backend;
  lir::Module machine = bpf::select(std::move(module), backend);
  if (!bpf::allocate(machine, backend, diagnostics)) return std::nullopt;
  return bpf::emit(std::move(machine));
}

struct Tally {
  size_t programs = 0, accepted = 0, unknown = 0;
};

void judge(const std::string& text, const std::vector<std::string>& positionals, const sim::Profile& profile, Tally& tally) {
  std::optional<bpf::Object> object = compiled(text, positionals);
  if (!object) return;
  for (const bpf::Program& program : object->programs) {
    sim::Options options;
    options.budget = 200'000;
    sim::Verdict verdict = sim::verify(judged_input(*object, program), profile, options);
    tally.programs++;
    tally.accepted += verdict.answer == sim::Answer::accept;
    tally.unknown += verdict.answer == sim::Answer::unknown;
    EXPECT_NE(verdict.answer, sim::Answer::reject) << "kernel " << profile.name << ": " << name_of(verdict.reject_class) << " at "
                                                   << verdict.insn << ": " << verdict.message << "\n"
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
    EXPECT_GE(tally.accepted * 10, tally.programs * 9) << "too many answers are `unknown`";
    printf("kernel %s: %zu programs, %zu accepted, %zu unknown\n", std::string(profile.name).c_str(), tally.programs,
           tally.accepted, tally.unknown);
  }
}

TEST(Judged, NoProgramOfAProbeWithContextIsRefused) {
  const char* scripts[] = {
      "tracepoint:app:open { @[args.name, args.size] = hist(args.flags); printf(\"%s\\n\", str(args.where)); @k = kstack; "
      "@u[ustack(5)] = count(); }",
      "uprobe:/bin/app:main { printf(\"%d %s %r\\n\", arg0, str(arg1, arg2), buf(arg3, 16)); @[func] = count(); "
      "print(reg(\"sp\")); @a[usym(arg0)] = 1; }",
      "uretprobe:/bin/app:main { @ = lhist(retval, 0, 100, 10); @s = stats(retval); @m[comm] = max(retval); }",
      "kprobe:do_work { @[ksym(arg0)] = sum(arg1); @b[kstack(3), comm] = avg(arg2); @t[tid] = nsecs; }",
      "kretprobe:do_work /@t[tid]/ { @ns[comm] = hist(nsecs - @t[tid]); delete(@t[tid]); } kprobe:do_work { @t[tid] = nsecs; }",
      "tracepoint:syscalls:sys_enter_write { join((uint64)args.buf); } profile:hz:99 { @[kstack, ustack] = count(); }",
      "uprobe:/bin/app:main { @m[arg0] = 2; for ($kv : @m) { for $i : 0..$kv.0 { @n[$kv.1, $i] = 1; break; } } }",
  };
  for (const sim::Profile& profile : sim::all_profiles()) {
    Tally tally;
    for (const char* script : scripts) judge(script, {}, profile, tally);
    EXPECT_GE(tally.programs, std::size(scripts));
  }
}

TEST(Judge, TableNamesProgramKernelAndCost) {
  std::optional<bpf::Object> object = compiled("begin { print(1); } kprobe:do_work { @ = count(); }", {});
  std::string text;
  Diagnostics diagnostics;
  int status = judge(*object, chosen_kernels("6.1,6.18", diagnostics), [&](std::string_view part) { text += part; }, diagnostics);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(
      text.starts_with("program         kernel  verdict   instructions  walked    stack\nbegin           6.1     accepted  "))
      << text;
  EXPECT_NE(text.find("\nkprobe:do_work  6.18    accepted  "), std::string::npos) << text;
}

TEST(Judge, RefusalIsToldAtItsPlace) {
  std::optional<bpf::Object> object = compiled("begin { @x = 1; }", {});
  bpf::Program& program = object->programs[0];
  program.insns.back() = {bpf::cls::alu64 | bpf::alu::mov | bpf::src::x, bpf::make_regs(0, 9), 0, 0};  // falls off its end
  Diagnostics diagnostics;
  int status = judge(*object, chosen_kernels("6.18", diagnostics), [](std::string_view) {}, diagnostics);
  EXPECT_EQ(status, 1);
  ASSERT_EQ(diagnostics.all().size(), 1u);
  EXPECT_EQ(diagnostics.all()[0].id, Diag::model_refuses);
}

TEST(Judge, UnknownKernel) {
  Diagnostics diagnostics;
  EXPECT_TRUE(chosen_kernels("2.4", diagnostics).empty());
  ASSERT_EQ(diagnostics.all().size(), 1u);
  EXPECT_EQ(diagnostics.all()[0].id, Diag::unknown_kernel);
}

}  // namespace
}  // namespace shrike
