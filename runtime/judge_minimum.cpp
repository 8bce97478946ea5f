// The oldest kernel for a program. Profiles are few, facts have versions: where the next older profile lacks something that
// came between the two, the minimum is that version.
#include <optional>

#include "runtime/explain_reject.h"
#include "runtime/judge.h"
#include "verifier-sim/requirements.h"

namespace shrike {

namespace {

struct Minimum {
  sim::Verdict verdict;                        // of the newest kernel that does not load the program
  sim::Version version;                        // the oldest that does
  std::string_view profile;                    // the oldest profile that does; empty: none
  std::string_view refusing;                   // the next older one; empty: every profile loads the program
  std::string what;                            // the construct that needs it
  uint32_t insn = 0;                           // its first instruction
  const JudgedProgram* code = nullptr;         // of which that is one: what the refusing kernel would be given
  std::vector<sim::Requirement> requirements;  // of that code, the newest first
};

bool is_lack(sim::RejectClass c) {
  using enum sim::RejectClass;
  return c == opcode || c == helper || c == map_type || c == program_type;
}

Minimum minimum_of(const JudgedProgram& program, const std::vector<sim::Profile>& kernels) {
  Minimum minimum;
  for (size_t i = kernels.size(); i-- > 0;) {
    minimum.code = &program.on(kernels[i]);
    minimum.verdict = sim::verify(minimum.code->input, kernels[i]);
    if (minimum.verdict.answer != sim::Answer::accept) {
      minimum.refusing = kernels[i].name;
      minimum.what = minimum.verdict.message;
      minimum.insn = minimum.verdict.insn;
      break;
    }
    minimum.version = kernels[i].version;
    minimum.profile = kernels[i].name;
  }
  minimum.requirements = sim::requirements_of(minimum.code->input);
  if (minimum.profile.empty() || minimum.refusing.empty() || minimum.requirements.empty()) return minimum;
  const sim::Requirement& newest = minimum.requirements.front();
  bool explains = newest.since > sim::find_profile(minimum.refusing)->version && newest.since <= minimum.version;
  if (explains && is_lack(minimum.verdict.reject_class)) {
    minimum.version = newest.since;
    minimum.what = newest.what;
    minimum.insn = newest.insn;
  }
  return minimum;
}

// What would need the most if the newest requirement were gone.
std::string hint_of(const std::vector<sim::Requirement>& requirements, sim::Version minimum) {
  for (const sim::Requirement& r : requirements) {
    if (r.since < minimum) return "the next is Linux " + sim::to_text(r.since) + ": " + r.what;
  }
  return {};
}

void report_highest(const std::optional<Minimum>& highest, Diagnostics& diagnostics) {
  if (!highest) return;
  Diagnostic& note = diagnostics.report(Diag::raises_minimum, span_of(highest->code->lines, highest->insn),
                                        {sim::to_text(highest->version), highest->code->name, highest->what});
  const std::string hint = hint_of(highest->requirements, highest->version);
  if (!hint.empty()) note.with_hint(hint);
}

// What the column `needs` says.
std::string needed(const Minimum& minimum) {
  if (minimum.profile.empty()) return minimum.verdict.answer == sim::Answer::reject ? "none" : "unknown";
  return minimum.refusing.empty() ? std::string(minimum.profile) : sim::to_text(minimum.version);
}

}  // namespace

int judge_minimum(const std::vector<JudgedProgram>& programs, const AnswerOutput& output, Diagnostics& diagnostics) {
  const std::vector<sim::Profile> kernels = sim::all_profiles();
  std::vector<std::vector<std::string>> rows = {{"program", "needs", "because of"}};
  bool is_refused = false, is_unknown = false;
  std::optional<Minimum> highest;
  for (const JudgedProgram& program : programs) {
    const Minimum minimum = minimum_of(program, kernels);
    const std::string needs = needed(minimum);
    if (output.json_places != nullptr)
      output.print(
          json_of_minimum({*minimum.code, minimum.profile.empty() ? "" : needs, minimum.verdict, minimum.what, minimum.insn},
                          *output.json_places));
    rows.push_back({program.name, needs, minimum.refusing.empty() ? "the oldest that is known" : minimum.what});
    if (minimum.profile.empty()) {
      const bool refused = minimum.verdict.answer == sim::Answer::reject;
      (refused ? is_refused : is_unknown) = true;
      if (refused)
        diagnostics.report(Diag::model_refuses, span_of(minimum.code->lines, minimum.insn),
                           {std::string(minimum.refusing), program.name, minimum.what});
      continue;
    }
    const bool is_higher = !highest || minimum.version > highest->version;
    if (!minimum.refusing.empty() && is_higher) highest = minimum;
  }
  if (output.json_places == nullptr) print_table(rows, output.print);
  report_highest(highest, diagnostics);
  return is_refused ? 1 : is_unknown ? 2 : 0;
}

}  // namespace shrike
