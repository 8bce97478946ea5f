// LLVM's BPF target is the second opinion on the backend: what its code and ours leave in the kernel must be the same, for
// random MIR and for every script that is compared with bpftrace. Programs of all kinds run as raw tracepoint programs, by
// BPF_PROG_TEST_RUN.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "mir/text.h"
#include "passes/pipeline.h"
#include "tests/backend/random_mir.h"
#include "tests/differential/kernel_state.h"
#include "tests/differential/llvm_object.h"
#include "tests/support/checked_script.h"
#include "tests/support/script_cases.h"
#include "tests/support/seeds.h"

namespace shrike {
namespace {

#define NEEDS_LLVM()                                          \
  if (std::string why = test::missing_llvm(); !why.empty()) { \
    fprintf(stderr, "SKIPPED, %s is missing\n", why.c_str()); \
    GTEST_SKIP() << why;                                      \
  }

struct Run {
  std::string refusal;  // why the kernel did not load it
  std::string state;    // results of all programs and what they left
};

Run run_all(const bpf::Object& object, const std::vector<uint8_t>& input, mir::MapId input_map) {
  test::LoadedObject loaded(object);
  if (!loaded.error().empty()) return {loaded.error(), ""};
  if (input_map.is_valid()) loaded.write(input_map, 0, input);
  Run out;
  for (size_t i = 0; i < object.programs.size(); i++) {
    uint32_t result = 0;
    bool fine = loaded.run(i, result);
    out.state += object.programs[i].name + " = " + (fine ? std::to_string(result) : loaded.error()) + "\n";
  }
  out.state += test::kernel_state(loaded, object.interface.maps);
  return out;
}

size_t size_of(const bpf::Object& object) {
  size_t insns = 0;
  for (const bpf::Program& program : object.programs) insns += program.insns.size();
  return insns;
}

struct Tally {
  size_t compared = 0, refused_llvm = 0, ours = 0, llvms = 0;
};

void make_raw_tracepoints(mir::Module& module) {
  for (mir::Function& function : module.functions) function.program = mir::ProgramType::raw_tracepoint;
}

// LLVM, at one level, gets the module as it is, which select must take; ours goes through the passes besides if `optimise`.
void compare(mir::Module module, const test::LlvmObject& theirs, bool optimise, int llvm_level, const std::vector<uint8_t>& input,
             mir::MapId input_map, Tally& tally) {
  // LLVM 19 itself dies of one in some ten thousand; nothing can be compared with that.
  if (theirs.error.find("PLEASE submit a bug report to https://github.com/llvm") != std::string::npos) {
    tally.refused_llvm++;
    fprintf(stderr, "LLVM crashed: %s\n", theirs.error.substr(0, theirs.error.find(" #0")).c_str());
    return;
  }
  ASSERT_TRUE(theirs.object) << theirs.error << "\n" << theirs.text;
  const Run seen = run_all(*theirs.object, input, input_map);
  const std::string mir = mir::print(module, {});
  Diagnostics diagnostics;
  if (optimise) {
    ASSERT_TRUE(run_pipeline(module, passes::PipelineOptions{}, diagnostics)) << mir;
  }
  const std::string text = mir::print(module, {});
  for (int level = 1; level <= 4; level++) {
    SCOPED_TRACE("ISA v" + std::to_string(level));
    const bpf::Object ours = test::compile(mir::parse(text, 1, diagnostics), {.isa_level = level});
    ASSERT_FALSE(diagnostics.has_errors()) << diagnostics.all().front().message << "\n" << text;
    const Run wanted = run_all(ours, input, input_map);
    ASSERT_EQ(wanted.refusal, "") << mir;
    if (level == llvm_level) tally.ours += size_of(ours);
    if (seen.refusal.empty()) {
      ASSERT_EQ(seen.state, wanted.state) << mir << theirs.text << print(ours, nullptr) << print(*theirs.object, nullptr);
    }
  }
  if (!seen.refusal.empty()) {  // LLVM does not know what the verifier wants
    tally.refused_llvm++;
    fprintf(stderr, "the kernel does not take LLVM's code: %s\n", seen.refusal.substr(0, seen.refusal.find('\n')).c_str());
    if (getenv("SHRIKE_SHOW_REFUSED")) fprintf(stderr, "%s\n%s\n", seen.refusal.c_str(), theirs.text.c_str());
    return;
  }
  tally.compared++;
  tally.llvms += size_of(*theirs.object);
}

void report(const Tally& tally) {
  fprintf(stderr, "%zu compared; instructions: %zu ours, %zu LLVM's; %zu of LLVM's were refused\n", tally.compared, tally.ours,
          tally.llvms, tally.refused_llvm);
}

struct RandomCase {
  uint64_t seed;
  int llvm_level;
  test::RandomProgram program;
};

RandomCase random_case(uint64_t seed) {
  // LLVM has no 32-bit atomic operations below v3.
  RandomCase made{seed, static_cast<int>(3 + seed % 2),
                  test::random_program(seed, {.statements = 16,
                                              .live_values = static_cast<uint32_t>(4 + seed % 12),
                                              .iterators = seed % 4 == 0 && test::has_number_iterators()})};
  make_raw_tracepoints(made.program.base.module);
  return made;
}

// LLVM compiles those of one level together.
constexpr uint64_t llvm_batch = 50;

void compare_random(uint64_t first, uint64_t end, Tally& tally) {
  for (int level : {3, 4}) {
    std::vector<RandomCase> cases;
    std::vector<const mir::Module*> modules;
    for (uint64_t seed = first; seed < end; seed++)
      if (RandomCase each = random_case(seed); each.llvm_level == level) cases.push_back(std::move(each));
    for (const RandomCase& each : cases) modules.push_back(&each.program.base.module);
    const std::vector<test::LlvmObject> theirs = test::compile_by_llvm(modules, level);
    for (size_t i = 0; i < cases.size() && !::testing::Test::HasFatalFailure(); i++) {
      const uint64_t seed = cases[i].seed;
      SCOPED_TRACE("seed " + std::to_string(seed));
      std::vector<uint8_t> input(test::input_bytes);
      for (size_t k = 0; k < input.size(); k++) input[k] = static_cast<uint8_t>((seed * 2654435761u >> (k % 24)) + k * seed);
      compare(std::move(cases[i].program.base.module), theirs[i], true, level, input, cases[i].program.input, tally);
    }
  }
}

TEST(Differential, RandomPrograms) {
  NEEDS_BPF();
  NEEDS_LLVM();
  test::stay_on_one_cpu();
  Tally tally;
  const test::Seeds seeds = test::seeds(1, 60);
  for (uint64_t seed = seeds.first; seed < seeds.end() && !HasFatalFailure(); seed += llvm_batch)
    compare_random(seed, std::min(seed + llvm_batch, seeds.end()), tally);
  report(tally);
  EXPECT_GE(tally.compared, seeds.count / 2);
}

// What differs from one run to the next.
bool is_deterministic(const std::string& script) {
  for (const char* word : {"nsecs", "elapsed", "rand", "stack", "jiffies", "strftime", "curtask", "reg(", "ctx"})
    if (script.find(word) != std::string::npos) return false;
  return true;
}

// All with SHRIKE_ALL_SCRIPTS=1.
TEST(Differential, ScriptsThatBpftraceRunsToo) {
  NEEDS_BPF();
  NEEDS_LLVM();
  test::stay_on_one_cpu();
  Tally tally;
  const std::vector<testing::ScriptCase> all = testing::read_script_cases("tests/compat/scripts.txt");
  ASSERT_GE(all.size(), 300u);
  const char* every = getenv("SHRIKE_ALL_SCRIPTS");
  for (size_t i = 0; i < all.size() && !HasFatalFailure(); i += every ? 1 : 5) {
    SCOPED_TRACE(all[i].name);
    if (!is_deterministic(all[i].text)) continue;
    CheckOptions options;
    options.positionals = {"1", "two", "3"};
    options.unsafe = true;
    CheckedScript script(all[i].text, options);
    if (script.program == nullptr) continue;  // some have mistakes on purpose
    mir::Module module = lower(*script.program);
    Diagnostics diagnostics;
    if (!run_pipeline(module, passes::PipelineOptions{}, diagnostics)) continue;
    make_raw_tracepoints(module);
    constexpr int llvm_level = 3;
    const test::LlvmObject theirs = test::compile_by_llvm(module, llvm_level);
    compare(std::move(module), theirs, false, llvm_level, {}, {}, tally);
  }
  report(tally);
  EXPECT_GE(tally.compared, 40u);
}

}  // namespace
}  // namespace shrike
