// One trace from load to last line: load, begin, attach, wait, detach, end, drain, print.
//
// Needs a compiled object and an Output's options; owns everything in the kernel while it runs. Sleeps until the ring, a
// signal or the end of the traced process wakes it. Nothing stays attached when it returns, error or not.
// Deliberately does not format anything: Output does.
#pragma once

#include <cstdint>
#include <optional>

#include "backend-bpf/object.h"
#include "frontend/frontend.h"
#include "runtime/child.h"
#include "runtime/load.h"
#include "runtime/messages.h"
#include "runtime/output.h"
#include "runtime/tracefs.h"

namespace shrike {

struct SessionOptions {
  Config config;
  OutputOptions output;
  LoadOptions load;
  uint32_t pid = 0;                                             // -p: traced alone, and its end ends the trace
  Child* child = nullptr;                                       // -c: started, waiting for release
  std::function<std::string(const mir::AttachPoint&)> suggest;  // see AttachContext
  std::string hidden_features;                                  // --no-feature: see bulk_attach_types
  bool dry_run = false;                                         // load, run begin, attach, and leave
  Mode mode = Mode::trace;                                      // tests and benchmarks are run instead of attaching
  bool ends_process = false;                                    // the process is over with the trace: see Session::run
  std::optional<std::string> notify_line;                       // printed once everything is attached
};

// The exit status: exit(n)'s n, 0 without one, 1 after an error (in `messages`, shown or not).
int run_session(const bpf::Object& object, const SessionOptions& options, Tracefs& tracefs, Messages& messages);

}  // namespace shrike
