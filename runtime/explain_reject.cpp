// A log of level 1 is a walk: lines "12: (85) call bpf_get_current_comm#16 ; R0=..." with states between them. The
// verdict stands after the last instruction line, before the statistics ("processed 14 insns ...").
#include "runtime/explain_reject.h"

#include <charconv>

#include "runtime/files.h"

namespace shrike {

namespace {

// "12: (85) call" gives 12; lines of other shape give nothing.
bool read_insn_line(std::string_view line, uint32_t& insn) {
  const char* end = line.data() + line.size();
  auto read = std::from_chars(line.data(), end, insn);
  return read.ec == std::errc() && std::string_view(read.ptr, static_cast<size_t>(end - read.ptr)).starts_with(": (");
}

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
      out.sentence.clear();
    } else if (!is_state_line(line)) {
      if (!out.sentence.empty()) out.sentence += "; ";
      out.sentence += line;
    }
  }
  return out;
}

Span span_of(const bpf::Program& program, uint32_t insn) {
  Span span;
  for (const bpf::LineEntry& entry : program.lines) {
    if (entry.insn > insn) break;
    span = entry.span;
  }
  return span;
}

namespace {

// Limits of the verifier's own walk: the code is sound, there is only too much of it.
bool is_too_complex(std::string_view sentence) {
  for (std::string_view sign : {"is too complex", "program is too large", "infinite loop detected", "too many states"})
    if (sentence.find(sign) != std::string_view::npos) return true;
  return false;
}

}  // namespace

void explain_reject(const bpf::Program& program, std::string_view log, int error, Diagnostics& diagnostics) {
  Rejection rejection = read_rejection(log);
  if (rejection.sentence.empty()) rejection.sentence = describe_errno(error);
  Span span = span_of(program, rejection.insn);
  if (is_too_complex(rejection.sentence)) {
    diagnostics.report(Diag::program_too_complex, span, {program.name, rejection.sentence})
        .with_hint("the verifier walks every round of `while` and `unroll`; `for ($i : 0..N)` is walked once");
    return;
  }
  diagnostics.report(Diag::verifier_rejected, span, {program.name, std::to_string(rejection.insn), rejection.sentence})
      .with_hint("this is a bug in shrike, not in the script: please report the script and the output of `shrike -v`");
}

}  // namespace shrike
