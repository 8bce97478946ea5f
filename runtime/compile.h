// Text to loadable programs: every stage of the compiler, in order. What a stage made can be shown on the way, and the
// way can be left after any stage; entered, too: a .mir or .lir file starts where its text was printed.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend-bpf/object.h"
#include "frontend/frontend.h"
#include "runtime/messages.h"
#include "runtime/options.h"
#include "runtime/report.h"
#include "runtime/start_clock.h"

namespace shrike {

enum class SourceKind : uint8_t { script, mir, lir };

struct Source {
  SourceKind kind = SourceKind::script;
  uint32_t begin = 0;  // in messages.sources
};

struct CompileOptions {
  const Options& command_line;  // what to show, where to stop
  CheckOptions check;
  std::function<void(std::string_view)> show;                         // gets what --emit, -d and --print-after ask for
  StartClock* clock = nullptr;                                        // told of the stages, if given
  std::function<void(std::string_view)> tell;                         // gets the times, apart from what the trace prints
  Report* report = nullptr;                                           // filled, if given
  int isa_level = 3;                                                  // which instructions the kernel knows
  std::function<bool()> has_number_iterators = [] { return false; };  // asked where a loop could use them
};

struct Compiled {
  bpf::Object object;
  Config config;
  std::string llvm;  // --emit-llvm: what `select` was given, as LLVM IR text
};

// Nothing after errors, and after a stage that was asked to be the last.
std::optional<Compiled> compile(const Source& source, const CompileOptions& options, KernelFacts& facts, Messages& messages);

// --run-pass: one pass over a .mir file; what it made is shown.
bool compile_one_pass(const Source& source, const CompileOptions& options, Messages& messages);

}  // namespace shrike
