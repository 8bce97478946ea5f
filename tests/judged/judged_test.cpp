// The model of the verifier judges what the compiler makes of every script that is compared with bpftrace and of every
// form of the language. Nothing may be refused: the kernel of this machine loads them all (tests/compat, tests/kernel), so
// a refusal is a mistake of the model or, for the older kernels, of the compiler. Needs no privilege.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "backend-bpf/backend.h"
#include "passes/pipeline.h"
#include "tests/support/checked_script.h"
#include "verifier-sim/verdict.h"

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

sim::ProgramInput input_of(const bpf::Object& object, const bpf::Program& program) {
  sim::ProgramInput input;
  input.insns = program.insns;
  input.type = static_cast<sim::ProgramType>(kernel_number(program.type));
  for (const mir::MapDecl& map : object.interface.maps)
    input.maps.push_back(
        {map.name, static_cast<sim::MapType>(kernel_number(map.kind)), map.key_size, map.value_size, map.max_entries, false, {}});
  for (const bpf::Relocation& relocation : program.relocations) {
    input.references.push_back({relocation.insn, relocation.map.index});
    if (relocation.is_value) input.insns[relocation.insn + 1].imm = static_cast<int32_t>(relocation.offset);
  }
  for (const bpf::Subprogram& subprogram : program.subprograms) input.subprogram_starts.push_back(subprogram.insn);
  return input;
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
    sim::Verdict verdict = sim::verify(input_of(*object, program), profile, options);
    tally.programs++;
    tally.accepted += verdict.answer == sim::Answer::accept;
    tally.unknown += verdict.answer == sim::Answer::unknown;
    EXPECT_NE(verdict.answer, sim::Answer::reject) << "kernel " << profile.name << ": " << name_of(verdict.reject_class) << " at "
                                                   << verdict.insn << ": " << verdict.message << "\n"
                                                   << text << "\n"
                                                   << print(*object, nullptr);
  }
}

struct Script {
  std::string text;
  std::vector<std::string> positionals;
};

// The form of tests/compat/scripts.txt, of which the text and the arguments matter here.
std::vector<Script> compared_scripts() {
  std::vector<Script> scripts;
  std::ifstream file(SHRIKE_SOURCE_DIR "/tests/compat/scripts.txt");
  bool is_text = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("== ")) {
      scripts.emplace_back();
      is_text = true;
      size_t arguments = line.find(" $ ");
      std::istringstream words(arguments == std::string::npos ? "" : line.substr(arguments + 3));
      for (std::string word; words >> word;) scripts.back().positionals.push_back(word);
    } else if (line.starts_with("--")) {
      is_text = false;
    } else if (is_text && !scripts.empty()) {
      scripts.back().text += line + "\n";
    }
  }
  return scripts;
}

TEST(Judged, NoProgramOfAComparedScriptIsRefused) {
  std::vector<Script> scripts = compared_scripts();
  ASSERT_GT(scripts.size(), 100u);
  for (const sim::Profile& profile : sim::all_profiles()) {
    Tally tally;
    for (const Script& script : scripts) judge(script.text, script.positionals, profile, tally);
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

}  // namespace
}  // namespace shrike
