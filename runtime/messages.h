// The diagnostics of one run together with the sources they point into, shown on stderr in the order they were made.
#pragma once

#include "mir/base/diagnostic.h"

namespace shrike {

// BPFTRACE_COLOR: auto (if stderr is a terminal), always, never. Asks for the terminal, so only for what is about to be said.
bool is_stderr_colored();

struct Messages {
  SourceMap sources;
  Diagnostics diagnostics;
  bool hide_warnings = false;  // --no-warnings
  size_t shown = 0;

  // Writes those that were not shown yet.
  void show();
};

}  // namespace shrike
