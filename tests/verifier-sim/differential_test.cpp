// The model against the running kernel on random near-miss programs and on mutants of compiled ones. A false accept fails;
// false rejects and abstentions are counted, printed and bounded. SHRIKE_SIM_PROGRAMS and SHRIKE_SIM_SEED widen the run;
// SHRIKE_SIM_SHOW prints cases.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <map>

#include "tests/verdicts/programs.h"
#include "tests/verifier-sim/generator.h"
#include "tests/verifier-sim/live_kernel.h"
#include "tests/verifier-sim/mutate.h"
#include "verifier-sim/verdict.h"

namespace shrike::sim::test {
namespace {

constexpr int not_supported = 524;

unsigned number_from(const char* name, unsigned otherwise) {
  const char* text = getenv(name);
  return text ? static_cast<unsigned>(strtoul(text, nullptr, 10)) : otherwise;
}

void show(const char* what, uint64_t seed, const ProgramInput& program, const Profile& profile, const LiveKernel::Answer& k) {
  Verdict v = verify(program, profile, {true, 60'000});
  printf("---- %s, seed %llu: %s insn %u: %s\n", what, static_cast<unsigned long long>(seed),
         std::string(name_of(v.reject_class)).c_str(), v.insn, v.message.c_str());
  for (size_t i = 0; i < program.insns.size(); i++) {
    const Insn* second = program.insns[i].opcode == bpf::ld_imm64 ? &program.insns[i + 1] : nullptr;
    printf("%3zu: %s\n", i, bpf::disassemble(program.insns[i], second).c_str());
    if (second) i++;
  }
  size_t from = k.log.size() > 20000 ? k.log.size() - 20000 : 0;
  printf("model log:\n%s\n", v.log.c_str());
  printf("kernel log:\n%s\n", k.log.c_str() + from);
}

struct Tally {
  unsigned same_sentence = 0, accepts = 0, rejects = 0, unknowns = 0, false_accepts = 0, false_rejects = 0,
           unknown_of_accepted = 0;
  std::map<std::string, unsigned> reasons;
};

// `make(n)` is the program number n.
void compare(const std::function<ProgramInput(unsigned)>& make) {
  LiveKernel kernel;
  if (!kernel.why_not().empty()) GTEST_SKIP() << "NOT RUN, the model is not compared with a kernel: " << kernel.why_not();
  auto profile = profile_of_record(running_version());
  if (!profile) GTEST_SKIP() << "NOT RUN, no profile for the running kernel " << running_version();
  profile->nr_cpus = kernel.possible_cpus();
  unsigned programs = number_from("SHRIKE_SIM_PROGRAMS", 1500), first = number_from("SHRIKE_SIM_SEED", 1);
  unsigned shown = number_from("SHRIKE_SIM_SHOW", 0);
  Options options;
  options.budget = 60'000;
  Tally t;
  for (unsigned i = 0; i < programs; i++) {
    ProgramInput program = make(first + i);
    Verdict v = verify(program, *profile, options);
    LiveKernel::Answer k = kernel.load(program);
    if (!k.accepted && k.error != EACCES && k.error != EINVAL && k.error != E2BIG && k.error != EPERM && k.error != EFAULT &&
        k.error != EPROTO && k.error != EBADF && k.error != not_supported) {
      FAIL() << "the kernel could not judge: errno " << k.error;
    }
    (k.accepted ? t.accepts : t.rejects)++;
    if (v.answer == Answer::unknown) {
      t.unknowns++;
      t.unknown_of_accepted += k.accepted;
      t.reasons["unknown: " + v.message]++;
    } else if (v.answer == Answer::accept && !k.accepted) {
      t.false_accepts++;
      show("FALSE ACCEPT", first + i, program, *profile, kernel.load(program, 2));
    } else if (v.answer == Answer::reject && !k.accepted) {
      std::string log = kernel.load(program, 1).log;
      bool same = log.find(v.message) != std::string::npos;
      t.same_sentence += same;
      if (!same && number_from("SHRIKE_SIM_SENTENCES", 0)) {
        size_t end = log.rfind("\nprocessed "), from = log.rfind('\n', end - 1);
        printf("SENTENCE %s | %s\n", v.message.c_str(), log.substr(from + 1, end - from - 1).c_str());
      }
    } else if (v.answer == Answer::reject && k.accepted) {
      t.false_rejects++;
      t.reasons["false reject: " + std::string(name_of(v.reject_class)) + ": " + v.message]++;
      if (shown) shown--, show("false reject", first + i, program, *profile, kernel.load(program, 2));
    }
  }
  printf(
      "programs %u: kernel accepts %u, rejects %u; model unknown %u (%u of accepted), false rejects %u, false accepts %u; same "
      "sentence %u\n",
      programs, t.accepts, t.rejects, t.unknowns, t.unknown_of_accepted, t.false_rejects, t.false_accepts, t.same_sentence);
  for (auto& [reason, count] : t.reasons) printf("%6u  %s\n", count, reason.c_str());
  EXPECT_EQ(t.false_accepts, 0u);
  EXPECT_LE(t.false_rejects, programs / 50);
  EXPECT_LE(t.unknowns, programs / 20);
}

TEST(Differential, RandomProgramIsNeverAcceptedAgainstTheKernel) {
  static constexpr ProgramType types[] = {ProgramType::raw_tracepoint, ProgramType::tracepoint, ProgramType::kprobe,
                                          ProgramType::perf_event, ProgramType::socket_filter};
  compare([](unsigned n) { return generate(n, types[n % std::size(types)]); });
}

TEST(Differential, MutantIsNeverAcceptedAgainstTheKernel) {
  std::vector<RecordedProgram> compiled = parse_programs(read_text(SHRIKE_SOURCE_DIR "/tests/verdicts/programs.txt"));
  std::erase_if(compiled, [](const RecordedProgram& program) { return !program.name.starts_with("own/"); });
  ASSERT_GT(compiled.size(), 300u);
  compare([&](unsigned n) { return mutate(compiled[n * 7 % compiled.size()].input, 1'000'000 + n); });
}

}  // namespace
}  // namespace shrike::sim::test
