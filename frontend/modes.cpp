// Tests and benchmarks take begin and end with them and leave everything else out; a trace leaves them out.
#include "frontend/modes.h"

#include <algorithm>

namespace shrike {

using mir::ProbeKind;

namespace {

bool has_trial(const ast::Probe& probe) {
  return std::any_of(probe.attach_points.begin(), probe.attach_points.end(), [](const ast::AttachPoint& point) {
    const ProbeRow* row = find_probe(point.provider);
    return row != nullptr && is_trial(row->kind);
  });
}

}  // namespace

bool is_trial(ProbeKind kind) {
  return kind == ProbeKind::test || kind == ProbeKind::bench;
}

bool runs(const ProbeRow& row, const ast::AttachPoint& written, const CheckOptions& options) {
  if (options.mode == Mode::all) return true;
  if (options.mode == Mode::trace) return !is_trial(row.kind);
  if (row.kind == ProbeKind::begin || row.kind == ProbeKind::end) return true;
  if (row.kind != (options.mode == Mode::test ? ProbeKind::test : ProbeKind::bench)) return false;
  return !options.is_wanted || written.parts.empty() || options.is_wanted(written.parts[0]);
}

void report_nothing_run(const ast::Program& program, Mode mode, size_t places, size_t trials, Diagnostics& diagnostics) {
  bool is_trying = mode == Mode::test || mode == Mode::bench;
  if (is_trying && trials == 0) {
    diagnostics.report(Diag::nothing_to_try, {}, {mode == Mode::test ? "test" : "bench"});
  } else if (places == 0) {
    Diagnostic& said = diagnostics.report(Diag::nothing_to_attach, {});
    if (std::any_of(program.probes.begin(), program.probes.end(), has_trial))
      said.with_hint("tests run with --test, and benchmarks with --bench");
  }
}

}  // namespace shrike
