// Makes and refreshes what this folder records. tests/verdicts/README.md tells when to run it.
//   verdicts collect          programs from the compiler, their mutants, random ones and hand-written faults, as text
//   verdicts load FILE        what the running kernel says of each program in FILE
//   verdicts log FILE         its whole log for each
//   verdicts trace FILE KERNEL    the model's log for each
//   verdicts gaps FILE KERNEL VERDICTS    where the model falls short of recorded verdicts
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <set>

#include "runtime/explain_reject.h"
#include "runtime/judge.h"
#include "tests/support/compiled_scripts.h"
#include "tests/verdicts/faults.h"
#include "tests/verdicts/programs.h"
#include "tests/verifier-sim/generator.h"
#include "tests/verifier-sim/live_kernel.h"
#include "tests/verifier-sim/mutate.h"
#include "verifier-sim/sentences.h"

namespace shrike::sim::test {
namespace {

constexpr uint32_t most_entries = 64;  // of recorded maps: creating large ones would cost more than loading
constexpr size_t mutants_a_program = 3;
constexpr uint64_t random_programs = 900;

class Collection {
 public:
  void add(std::string name, ProgramInput input) {
    for (MapShape& map : input.maps) {
      if (map.type != MapType::ringbuf) map.max_entries = std::min(map.max_entries, most_entries);
      else map.max_entries = 4096;
      map.name.clear();
    }
    std::vector<RecordedProgram> one{{"", std::move(input)}};
    if (!seen_.insert(print_programs(one)).second) return;
    if (size_t count = ++named_[name]; count > 1) name += "~" + std::to_string(count);
    one[0].name = std::move(name);
    programs_.push_back(std::move(one[0]));
  }
  std::vector<RecordedProgram>& programs() { return programs_; }

 private:
  std::set<std::string> seen_;  // programs as text without name
  std::map<std::string, size_t> named_;
  std::vector<RecordedProgram> programs_;
};

void add_compiled(Collection& all, const testing::ScriptCase& script) {
  std::optional<bpf::Object> object = compiled(script.text, script.arguments);
  if (!object) return;
  size_t number = 0;
  for (const bpf::Program& program : object->programs) {
    all.add("own/" + script.name + "/" + std::to_string(number++), judged_input(*object, program));
  }
}

int collect() {
  Collection all;
  for (auto& [name, program] : fault_cases()) all.add("fault/" + name, program);
  for (const testing::ScriptCase& script : scripts_with_contexts()) add_compiled(all, script);
  for (const char* file : {"/tests/compat/scripts.txt", "/tests/qemu/cases.txt", "/tests/qemu/loads.txt"}) {
    for (const testing::ScriptCase& script : testing::read_script_cases(std::string(SHRIKE_SOURCE_DIR) + file))
      add_compiled(all, script);
  }
  std::vector<RecordedProgram> own = all.programs();
  uint64_t seed = 1;
  for (const RecordedProgram& program : own) {
    if (!program.name.starts_with("own/")) continue;
    for (size_t i = 0; i < mutants_a_program; i++, seed++) {
      all.add("mutant/" + std::to_string(seed) + program.name.substr(3), mutate(program.input, seed));
    }
  }
  static constexpr ProgramType types[] = {ProgramType::raw_tracepoint, ProgramType::tracepoint, ProgramType::kprobe,
                                          ProgramType::perf_event};
  for (uint64_t i = 1; i <= random_programs; i++) all.add("random/" + std::to_string(i), generate(i, types[i % 4]));
  fputs(print_programs(all.programs()).c_str(), stdout);
  return 0;
}

int load(const char* path) {
  LiveKernel kernel;
  if (!kernel.why_not().empty()) {
    fprintf(stderr, "%s\n", kernel.why_not().c_str());
    return 1;
  }
  for (const RecordedProgram& program : parse_programs(read_text(path))) {
    LiveKernel::Answer answer = kernel.load(program.input, 1);
    RecordedVerdict verdict{answer.accepted, answer.error, "", answer.processed};
    std::string sentence = read_rejection(answer.log).sentence;
    if (!answer.accepted) verdict.reject_class = name_of(class_of(sentence));
    fputs(print_verdict(program.name, verdict).c_str(), stdout);
    if (verdict.reject_class == "other") fprintf(stderr, "%s: %s\n", program.name.c_str(), sentence.c_str());
  }
  return 0;
}

// The whole level-2 log of each program, to see where a kernel and the model part.
int log(const char* path) {
  LiveKernel kernel;
  for (const RecordedProgram& program : parse_programs(read_text(path))) {
    printf("==== %s\n%s\n", program.name.c_str(), kernel.load(program.input, 2).log.c_str());
  }
  return 0;
}

int trace(const char* path, const char* kernel) {
  auto profile = profile_of_record(kernel);
  if (!profile) return 1;
  for (const RecordedProgram& program : parse_programs(read_text(path))) {
    printf("==== %s\n%s\n", program.name.c_str(), verify(program.input, *profile, {true, 60'000}).log.c_str());
  }
  return 0;
}

// Lines of known-gaps.txt: accepted programs that the model does not accept. Others that differ go to standard error.
int gaps(const char* path, const char* kernel, const char* recorded) {
  auto profile = profile_of_record(kernel);
  if (!profile) return 1;
  std::map<std::string, RecordedVerdict> verdicts = parse_verdicts(read_text(recorded));
  for (const RecordedProgram& program : parse_programs(read_text(path))) {
    Verdict verdict = verify(program.input, *profile);
    bool kernel_accepts = verdicts[program.name].accepted;
    if (kernel_accepts && verdict.answer != Answer::accept) {
      printf("%s %s %s %s\n", kernel, program.name.c_str(), verdict.answer == Answer::unknown ? "unknown" : "refused",
             verdict.message.c_str());
    } else if (!kernel_accepts && verdict.answer == Answer::accept) {
      fprintf(stderr, "FALSE ACCEPT on %s of %s\n", kernel, program.name.c_str());
    }
  }
  return 0;
}

}  // namespace
}  // namespace shrike::sim::test

int main(int count, char** words) {
  using namespace shrike::sim::test;
  std::string command = count > 1 ? words[1] : "";
  if (command == "collect") return collect();
  if (command == "load" && count == 3) return load(words[2]);
  if (command == "log" && count == 3) return log(words[2]);
  if (command == "trace" && count == 4) return trace(words[2], words[3]);
  if (command == "gaps" && count == 5) return gaps(words[2], words[3], words[4]);
  fprintf(stderr, "usage: verdicts collect | load FILE | log FILE | trace FILE KERNEL | gaps FILE KERNEL VERDICTS\n");
  return 1;
}
