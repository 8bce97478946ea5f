// Runs the passes of passes.def over a module, in order: the middle of the compiler.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "mir/base/diagnostic.h"
#include "mir/module.h"
#include "mir/stack.h"

namespace shrike::passes {

// What the passes may assume of the kernel the program is for. Filled by the runtime or by a test.
struct KernelLimits {
  uint32_t stack_bytes = mir::max_stack_bytes;  // per frame and per call chain
  uint32_t on_stack_limit = 64;                 // larger slots move to scratch first when the budget is tight
  uint32_t max_scratch_bytes = 1u << 22;        // of one run: what a value of an array may have (KMALLOC_MAX_SIZE)
  uint32_t max_instructions = 120000;           // of one function, at the least: more takes seconds and gigabytes to compile
  uint32_t max_maps = 64;                       // that one program may use
  // Asked where scratch is too big for per-CPU values.
  std::function<uint32_t()> possible_cpus = [] { return 1u; };
  // Asked where a loop could use one of the kernel's iterators over numbers.
  std::function<bool()> has_number_iterators = [] { return false; };
};

// What happened to the bounds of one function.
struct BoundCounts {
  uint32_t added = 0;    // by clamp-bounds
  uint32_t removed = 0;  // by drop-proved-checks, the script's own masks among them
};

struct PassTime {
  std::string_view pass;
  uint64_t nanoseconds = 0;
};

struct PipelineOptions {
  KernelLimits limits;
  std::vector<std::string> print_after;  // pass names in text form ("clamp-bounds"), or "all"
  std::string stop_after;                // run up to and including this pass; empty: all
  std::vector<std::string> skip;         // optional passes (level >= 1) to leave out
  std::vector<std::string> passes;       // given: these instead of the rows of passes.def, in this order
  // Given: asked before an optional pass changes a function.
  std::function<bool(std::string_view pass, const std::string& function)> admits;
  bool validate = false;  // after every pass: validate, and parse(print(x)) == x
  std::function<void(std::string_view pass, const std::string& text)> on_print;
  std::vector<PassTime>* times = nullptr;                                  // appended to, if given
  std::function<void(std::string_view pass, const mir::Module&)> on_done;  // told of what each pass made
  SideTable<mir::FunctionId, BoundCounts>* bounds = nullptr;               // added to, if given
};

// Errors (budget exceeded, passes of the caller's choice that leave the program unfinished) go to `diagnostics` at source spans.
// Returns false after errors.
bool run_pipeline(mir::Module& module, const PipelineOptions& options, Diagnostics& diagnostics);

// Runs one pass by its text name. False if there is no such pass or it reported errors.
bool run_pass(std::string_view name, mir::Module& module, const PipelineOptions& options, Diagnostics& diagnostics);

std::vector<std::string_view> pass_names();  // text form, pipeline order, without repeats
bool is_optional(std::string_view pass);

}  // namespace shrike::passes
