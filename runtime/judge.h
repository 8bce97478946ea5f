// `shrike check`: would other kernels load this program? The verifier's model answers for each of its kernel profiles;
// nothing is given to the kernel of this machine and no privilege is needed.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backend-bpf/object.h"
#include "mir/base/diagnostic.h"
#include "verifier-sim/verdict.h"

namespace shrike {

// What the model sees of one program of the object.
sim::ProgramInput judged_input(const bpf::Object& object, const bpf::Program& program);

// This machine's kernel types for programs that are for one function of the kernel; read when the first one asks.
class KernelTypesOnce {
 public:
  void give(const bpf::Object& object, const bpf::Program& program, sim::ProgramInput& input);

 private:
  std::shared_ptr<const sim::KernelTypes> types_;
};

// What shrike emits is for kernels from this one on; older ones may lack what it uses.
inline constexpr sim::Version oldest_target{6, 1};
std::vector<sim::Profile> target_kernels();

// The profiles named by `kernels`, a list separated by commas, "all", or nothing for the targets. Reports a name that no profile
// has.
std::vector<sim::Profile> chosen_kernels(std::string_view kernels, Diagnostics& diagnostics);

// One program to judge, of a script or of an object file.
struct JudgedProgram {
  std::string name;
  sim::ProgramInput input;
  std::vector<bpf::LineEntry> lines;  // where its instructions come from
  // What kernels from a version on are given instead; none: the same.
  std::shared_ptr<const JudgedProgram> for_newer;
  sim::Version newer_from;

  const JudgedProgram& on(const sim::Profile& kernel) const {
    return for_newer == nullptr || kernel.version < newer_from ? *this : for_newer->on(kernel);
  }
};
std::vector<JudgedProgram> judged_programs(const bpf::Object& object);

// Of what kernels from a version on are given, what depends on the version.
struct CodeTarget {
  sim::Version from;
  int isa_level;
  bool has_iterators;
};
// Without repeats, oldest first: all that these kernels, of which there is one at least, are given.
std::vector<CodeTarget> code_targets(std::vector<sim::Profile> kernels);
// The programs of one script, which was compiled for each of the targets.
std::vector<JudgedProgram> judged_programs(const std::vector<CodeTarget>& targets, const std::vector<bpf::Object>& objects);

using Print = std::function<void(std::string_view)>;

// Where answers go: a table, or with `json_places` a line of JSON for each, whose places are those of these sources.
struct AnswerOutput {
  Print print;
  const SourceMap* json_places = nullptr;
};

// Prints a line a program and kernel; a refusal is reported at its place in the script. The exit status: 0 all accepted, 1 some
// refused, 2 some unknown and none refused.
int judge(const std::vector<JudgedProgram>& programs, const std::vector<sim::Profile>& kernels, const AnswerOutput& output,
          Diagnostics& diagnostics);

// `--min-kernel`: the oldest kernel that would load each program, and every newer one; the construct that raises the minimum
// is reported at its place. Exit status as above.
int judge_minimum(const std::vector<JudgedProgram>& programs, const AnswerOutput& output, Diagnostics& diagnostics);

// A program and what of it the answer is about, as lines of JSON have them.
struct AnswerLine {
  const JudgedProgram& program;
  std::string_view kernel;
  const sim::Verdict& verdict;
  std::string_view reason;  // empty: nothing is against it
  uint32_t insn = 0;        // that the reason speaks of
};
std::string json_of_verdict(const AnswerLine& answer, const SourceMap& sources);
std::string json_of_minimum(const AnswerLine& answer, const SourceMap& sources);

// `--log`: what the walk knows before every instruction, in the notation of the kernel's log, with the source between.
void judge_log(const std::vector<JudgedProgram>& programs, const std::vector<sim::Profile>& kernels, const SourceMap& sources,
               const Print& print);

// "accepted", "refused" or "unknown".
const char* word_of(sim::Answer answer);

// Rows of a table, columns as wide as what stands in them.
void print_table(const std::vector<std::vector<std::string>>& rows, const Print& print);

}  // namespace shrike
