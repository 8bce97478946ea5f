// Which of a script's probes are wanted: those that trace, or its tests or benchmarks, as the command line says.
#pragma once

#include "frontend/ast.h"
#include "frontend/frontend.h"
#include "frontend/probes.h"

namespace shrike {

// A test or a benchmark.
bool is_trial(mir::ProbeKind kind);

// Probes of another mode than that of the command line are left out unread.
bool runs(const ProbeRow& row, const ast::AttachPoint& written, const CheckOptions& options);

// Reports if none of `places`, of which so many are `trials`, are there to run.
void report_nothing_run(const ast::Program& program, Mode mode, size_t places, size_t trials, Diagnostics& diagnostics);

}  // namespace shrike
