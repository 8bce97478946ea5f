// A log of level 1 is a walk: lines "12: (85) call bpf_get_current_comm#16 ; R0=..." with states between them. The
// verdict stands after the last instruction line, before the statistics ("processed 14 insns ...").
#include "runtime/explain_reject.h"

#include <algorithm>
#include <charconv>

#include "runtime/explain_path.h"
#include "runtime/files.h"
#include "runtime/judge.h"
#include "runtime/machine.h"
#include "verifier-sim/requirements.h"

namespace shrike {

bool read_insn_line(std::string_view line, uint32_t& insn) {
  const char* end = line.data() + line.size();
  auto read = std::from_chars(line.data(), end, insn);
  return read.ec == std::errc() && std::string_view(read.ptr, static_cast<size_t>(end - read.ptr)).starts_with(": (");
}

namespace {

bool is_state_line(std::string_view line) {
  return line.empty() || line.front() == ';' || line.starts_with("from ") || line.starts_with("mark_precise:") ||
         line.starts_with("verification time") || line.starts_with("stack depth") || line.starts_with("processed ") ||
         line.starts_with("func#") || line.starts_with("Validating ") || line.starts_with("0: R") ||
         (line.front() >= '0' && line.front() <= '9' && line.find(": R") != std::string_view::npos);
}

}  // namespace

Rejection read_rejection(std::string_view log) {
  Rejection out;
  while (!log.empty()) {
    size_t newline = log.find('\n');
    std::string_view line = log.substr(0, newline);
    log.remove_prefix(newline == std::string_view::npos ? log.size() : newline + 1);
    uint32_t insn = 0;
    if (read_insn_line(line, insn)) {
      out.insn = insn;
      out.is_of_code = true;
      out.sentence.clear();
    } else if (!is_state_line(line)) {
      if (!out.sentence.empty()) out.sentence += "; ";
      out.sentence += line;
    }
  }
  return out;
}

Span span_of(const std::vector<bpf::LineEntry>& lines, uint32_t insn) {
  Span span;
  for (const bpf::LineEntry& entry : lines) {
    if (entry.insn > insn) break;
    span = entry.span;
  }
  return span;
}

namespace {

// Limits of the verifier's own walk: the code is sound, there is only too much of it. The sign may stand behind the
// instruction, on its line.
struct WalkLimit {
  std::string_view sign;
  std::string_view meaning;
};
constexpr WalkLimit walk_limits[] = {
    {"program is too large", "it follows 1000000 instructions, counting each path and round, and gave up then"},
    {"jumps is too complex", "it keeps 8192 branches in mind that are still to be followed"},
    {"infinite loop detected", "it sees a loop come back to where it was"},
};

const WalkLimit* find_walk_limit(std::string_view log) {
  constexpr size_t verdict_room = 4096;  // the verdict ends the log
  log.remove_prefix(log.size() - std::min(log.size(), verdict_room));
  for (const WalkLimit& limit : walk_limits)
    if (log.find(limit.sign) != std::string_view::npos) return &limit;
  return nullptr;
}

// The name in "program of this type cannot use helper bpf_x#1" (6.12) or "unknown func bpf_x#1"; empty in other sentences.
std::string_view refused_helper(std::string_view sentence) {
  if (sentence.find("helper call is not allowed in probe") != std::string_view::npos) return "bpf_d_path";
  bool is_refusal = sentence.find("cannot use helper ") != std::string_view::npos || sentence.starts_with("unknown func ");
  size_t begin = sentence.find("bpf_"), end = sentence.find('#');
  if (!is_refusal || begin == std::string_view::npos || end == std::string_view::npos || end < begin) return {};
  return sentence.substr(begin, end - begin);
}

}  // namespace

Span span_of_probe(const bpf::Object& object, size_t program) {
  for (const mir::AttachPoint& probe : object.interface.probes)
    if (object.program_of[probe.program.index] == program) return probe.span;
  return {};
}

bool explain_by_version(const bpf::Object& object, size_t index, uint32_t kernel_version, Diagnostics& diagnostics) {
  const bpf::Program& program = object.programs[index];
  const std::vector<sim::Requirement> requirements = sim::requirements_of(judged_input(object, program));
  if (requirements.empty()) return false;
  const sim::Requirement& newest = requirements.front();
  if (make_kernel_version(newest.since.major, newest.since.minor, 0) <= kernel_version) return false;
  const sim::Version running{static_cast<uint16_t>(kernel_version >> 16), static_cast<uint16_t>(kernel_version >> 8 & 0xff)};
  diagnostics.report(Diag::kernel_too_old, span_of(program, newest.insn),
                     {program.name, sim::to_text(newest.since), newest.what, sim::to_text(running)});
  return true;
}

void explain_reject(const bpf::Object& object, size_t index, std::string_view log, int error, Diagnostics& diagnostics,
                    CodeBy by) {
  const bpf::Program& program = object.programs[index];
  Rejection rejection = read_rejection(log);
  Span span = span_of(program, rejection.insn);
  if (const WalkLimit* limit = find_walk_limit(log)) {
    diagnostics.report(Diag::program_too_complex, span_of_probe(object, index), {program.name, std::string(limit->meaning)})
        .label(span, "the verifier stopped here")
        .with_hint(
            "it walks every round of `while` and `unroll`, and `for ($i : 0..N)` once; what is long can be two probes of the "
            "same place");
    return;
  }
  if (std::string_view helper = refused_helper(rejection.sentence); !helper.empty()) {
    diagnostics.report(Diag::helper_refused, span, {std::string(helper), program.name})
        .with_hint("it is older, built without it, or locked down (see /sys/kernel/security/lockdown)");
    return;
  }
  if (rejection.sentence.empty()) rejection.sentence = describe_errno(error);
  Diagnostic& refusal =
      diagnostics.report(Diag::verifier_rejected, span, {program.name, std::to_string(rejection.insn), rejection.sentence});
  add_causes(refusal, program.insns, program.lines, log, rejection.sentence);
  if (by == CodeBy::user) {
    if (refusal.hint.empty())
      refusal.with_hint(
          "the instructions of a .lir file are loaded as they stand: `shrike check --log FILE` shows what is known "
          "before each of them");
    return;
  }
  refusal.with_hint("this is a bug in shrike, not in the script: please report the script and the output of `shrike -v`");
}

}  // namespace shrike
