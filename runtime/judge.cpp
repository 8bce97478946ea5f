// One table, programs by kernels, widths by what stands in it. Where the model cannot decide it says `unknown` and why.
#include "runtime/judge.h"

#include <algorithm>

#include "runtime/explain_path.h"
#include "runtime/explain_reject.h"
#include "runtime/machine.h"
#include "runtime/object_kernel_types.h"

namespace shrike {

void print_table(const std::vector<std::vector<std::string>>& rows, const Print& print) {
  std::vector<size_t> widths;
  for (const std::vector<std::string>& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); i++) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const std::vector<std::string>& row : rows) {
    for (size_t i = 0; i < row.size(); i++) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] - row[i].size() + 2, ' ');
    }
    out += "\n";
  }
  print(out);
}

namespace {

sim::AttachType attach_type_of(mir::ProbeKind kind) {
  switch (kind) {
    case mir::ProbeKind::fentry: return sim::AttachType::fentry;
    case mir::ProbeKind::fexit: return sim::AttachType::fexit;
    case mir::ProbeKind::iter: return sim::AttachType::iter;
    default: return sim::AttachType::none;
  }
}

// The place that a tracing program is for; null: none that says a function.
const mir::AttachPoint* probe_of(const bpf::Object& object, const bpf::Program& program) {
  for (const mir::AttachPoint& probe : object.interface.probes) {
    if (&object.programs[object.program_of[probe.program.index]] == &program &&
        attach_type_of(probe.kind) != sim::AttachType::none)
      return &probe;
  }
  return nullptr;
}

}  // namespace

sim::ProgramInput judged_input(const bpf::Object& object, const bpf::Program& program) {
  sim::ProgramInput input;
  input.insns = program.insns;
  input.type = static_cast<sim::ProgramType>(kernel_number(program.type));
  const mir::AttachPoint* probe = input.type == sim::ProgramType::tracing ? probe_of(object, program) : nullptr;
  if (probe != nullptr) input.attach = attach_type_of(probe->kind);
  for (const mir::MapDecl& map : object.interface.maps) {
    sim::MapShape shape;
    shape.name = map.name;
    shape.type = static_cast<sim::MapType>(kernel_number(map.kind));
    shape.key_size = map.key_size;
    shape.value_size = map.value_size;
    shape.max_entries = map.max_entries;
    input.maps.push_back(std::move(shape));
  }
  for (const bpf::Relocation& relocation : program.relocations) {
    input.references.push_back({relocation.insn, relocation.map.index});
    if (relocation.is_value) input.insns[relocation.insn + 1].imm = static_cast<int32_t>(relocation.offset);
  }
  for (const bpf::KernelCall& call : program.kernel_calls)
    input.kernel_functions.push_back({call.insn, mir::kernel_name_of(call.function)});
  for (const bpf::Subprogram& subprogram : program.subprograms) input.subprogram_starts.push_back(subprogram.insn);
  return input;
}

std::vector<sim::Profile> target_kernels() {
  std::vector<sim::Profile> targets = sim::all_profiles();
  std::erase_if(targets, [](const sim::Profile& profile) { return profile.version < oldest_target; });
  return targets;
}

std::vector<sim::Profile> chosen_kernels(std::string_view kernels, Diagnostics& diagnostics) {
  if (kernels == "all") return sim::all_profiles();
  if (kernels.empty()) return target_kernels();
  std::vector<sim::Profile> chosen;
  while (!kernels.empty()) {
    size_t comma = kernels.find(',');
    std::string_view name = kernels.substr(0, comma);
    kernels = comma == std::string_view::npos ? std::string_view() : kernels.substr(comma + 1);
    if (std::optional<sim::Profile> profile = sim::find_profile(name)) {
      chosen.push_back(*profile);
      continue;
    }
    std::string known;
    for (const sim::Profile& profile : sim::all_profiles()) known += (known.empty() ? "" : ", ") + std::string(profile.name);
    diagnostics.report(Diag::unknown_kernel, {}, {std::string(name)}).with_hint("known are " + known + "; `all` takes every one");
  }
  return chosen;
}

void KernelTypesOnce::give(const bpf::Object& object, const bpf::Program& program, sim::ProgramInput& input) {
  if (input.type != sim::ProgramType::tracing) return;
  if (types_ == nullptr) types_ = running_kernel_types();
  const mir::AttachPoint* probe = probe_of(object, program);
  if (probe != nullptr) set_kernel_types("/" + probe->function, types_, input);
}

std::vector<JudgedProgram> judged_programs(const bpf::Object& object) {
  std::vector<JudgedProgram> programs;
  KernelTypesOnce types;
  for (const bpf::Program& program : object.programs) {
    programs.push_back({program.name, judged_input(object, program), program.lines, nullptr, {}});
    types.give(object, program, programs.back().input);
  }
  return programs;
}

std::vector<CodeTarget> code_targets(std::vector<sim::Profile> kernels) {
  std::ranges::sort(kernels, {}, &sim::Profile::version);
  std::vector<CodeTarget> targets;
  for (const sim::Profile& kernel : kernels) {
    const uint32_t version = make_kernel_version(kernel.version.major, kernel.version.minor, 0);
    const CodeTarget target{kernel.version, isa_level_of(version), may_use_iterators(version)};
    if (targets.empty() || targets.back().isa_level != target.isa_level || targets.back().has_iterators != target.has_iterators)
      targets.push_back(target);
  }
  return targets;
}

std::vector<JudgedProgram> judged_programs(const std::vector<CodeTarget>& targets, const std::vector<bpf::Object>& objects) {
  CHECK(!targets.empty() && targets.size() == objects.size(), "an object for each target");
  std::vector<JudgedProgram> programs = judged_programs(objects.back());
  for (size_t t = objects.size() - 1; t-- > 0;) {
    std::vector<JudgedProgram> older = judged_programs(objects[t]);
    CHECK(programs.size() == older.size(), "a script has as many programs for each kernel");
    for (size_t i = 0; i < programs.size(); i++) {
      older[i].for_newer = std::make_shared<JudgedProgram>(std::move(programs[i]));
      older[i].newer_from = targets[t + 1].from;
    }
    programs = std::move(older);
  }
  return programs;
}

const char* word_of(sim::Answer answer) {
  switch (answer) {
    case sim::Answer::accept: return "accepted";
    case sim::Answer::reject: return "refused";
    default: return "unknown";
  }
}

namespace {

// What several kernels say alike of one program is one message.
struct Finding {
  std::string message;
  uint32_t insn;
  std::string kernels;         // "6.1, 6.6"
  const sim::Profile* kernel;  // the first of them
};

// Walks once more, with a log, to see where the value came from.
void explain(Diagnostic& refusal, const JudgedProgram& judged, const Finding& finding) {
  const JudgedProgram& program = judged.on(*finding.kernel);
  sim::Options options;
  options.log = true;
  options.budget = 20'000;
  const sim::Verdict verdict = sim::verify(program.input, *finding.kernel, options);
  if (verdict.answer == sim::Answer::reject)
    add_causes(refusal, program.input.insns, program.lines, verdict.log, finding.message);
}

void report_refusals(const JudgedProgram& program, const std::vector<Finding>& refusals, Diagnostics& diagnostics) {
  for (const Finding& each : refusals) {
    Diagnostic& refusal = diagnostics.report(Diag::model_refuses, span_of(program.on(*each.kernel).lines, each.insn),
                                             {each.kernels, program.name, each.message});
    explain(refusal, program, each);
  }
}

std::string reasons_of(const char* kind, const JudgedProgram& program, const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& each : findings) text += kind + program.name + " on " + each.kernels + ": " + each.message + "\n";
  return text;
}

void add_finding(std::vector<Finding>& findings, const sim::Verdict& verdict, const sim::Profile& kernel) {
  for (Finding& each : findings) {
    if (each.message != verdict.message || each.insn != verdict.insn) continue;
    each.kernels.append(", ").append(kernel.name);
    return;
  }
  findings.push_back({verdict.message, verdict.insn, std::string(kernel.name), &kernel});
}

}  // namespace

int judge(const std::vector<JudgedProgram>& programs, const std::vector<sim::Profile>& kernels, const AnswerOutput& output,
          Diagnostics& diagnostics) {
  std::vector<std::vector<std::string>> rows = {{"program", "kernel", "verdict", "instructions", "walked", "states", "stack"}};
  std::string reasons;
  bool is_refused = false, is_unknown = false;
  for (const JudgedProgram& program : programs) {
    std::vector<Finding> refusals, questions, assumptions;
    for (const sim::Profile& kernel : kernels) {
      const JudgedProgram& code = program.on(kernel);
      sim::Verdict verdict = sim::verify(code.input, kernel);
      if (output.json_places != nullptr)
        output.print(json_of_verdict({code, kernel.name, verdict, verdict.message, verdict.insn}, *output.json_places));
      rows.push_back({program.name, std::string(kernel.name), word_of(verdict.answer), std::to_string(code.input.insns.size()),
                      std::to_string(verdict.processed), std::to_string(verdict.peak_states),
                      std::to_string(verdict.stack_depth)});
      if (verdict.answer == sim::Answer::reject) add_finding(refusals, verdict, kernel);
      if (verdict.answer == sim::Answer::accept && !verdict.assumed.empty()) {
        verdict.message = verdict.assumed;
        add_finding(assumptions, verdict, kernel);
      }
      if (verdict.answer == sim::Answer::unknown) add_finding(questions, verdict, kernel);
    }
    report_refusals(program, refusals, diagnostics);
    reasons += reasons_of("assumed: ", program, assumptions) + reasons_of("unknown: ", program, questions);
    is_refused |= !refusals.empty();
    is_unknown |= !questions.empty();
  }
  if (output.json_places == nullptr) {
    print_table(rows, output.print);
    output.print(reasons);
  }
  return is_refused ? 1 : is_unknown ? 2 : 0;
}

namespace {

// As kernels do with line information: "; text @ file:line" before the first instruction of a place.
std::string with_sources(std::string_view log, const std::vector<bpf::LineEntry>& lines, const SourceMap& sources) {
  std::string out;
  Span last;
  while (!log.empty()) {
    const size_t newline = log.find('\n');
    const std::string_view line = log.substr(0, newline + 1);
    log.remove_prefix(line.size());
    uint32_t insn = 0;
    if (read_insn_line(line, insn)) {
      const Span span = span_of(lines, insn);
      if (span.is_known() && span != last) {
        const Location at = sources.locate(span.begin);
        std::string_view text = sources.line_at(span.begin);
        text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
        out.append("; ").append(text);
        out.append(" @ ").append(at.file).append(":" + std::to_string(at.line) + "\n");
      }
      last = span;
    }
    out.append(line);
  }
  return out;
}

}  // namespace

void judge_log(const std::vector<JudgedProgram>& programs, const std::vector<sim::Profile>& kernels, const SourceMap& sources,
               const Print& print) {
  sim::Options options;
  options.log = true;
  options.budget = 100'000;
  for (const JudgedProgram& program : programs) {
    for (const sim::Profile& kernel : kernels) {
      print("==== " + program.name + " on Linux " + std::string(kernel.name) + "\n");
      const JudgedProgram& code = program.on(kernel);
      print(with_sources(sim::verify(code.input, kernel, options).log, code.lines, sources));
    }
  }
}

}  // namespace shrike
