// The stages from virtual to physical registers, in order, each timed, printed and checked as the options ask.
#include <chrono>

#include "backend-bpf/backend.h"
#include "backend-bpf/lir_text.h"
#include "backend-bpf/lir_validate.h"
#include "backend-bpf/stages.h"

namespace shrike::bpf {

namespace {

uint64_t now() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count());
}

bool prints(const BackendOptions& options, std::string_view stage) {
  for (const std::string& name : options.print_after)
    if (name == stage || name == "all") return true;
  return false;
}

// What is due after a stage. True if compilation goes on.
bool finish_stage(std::string_view stage, uint64_t begun, const lir::Module& module, const BackendOptions& options) {
  if (options.times) options.times->push_back({stage, now() - begun});
  if (options.on_done) options.on_done(stage, module);
  if (options.on_print && prints(options, stage)) options.on_print(stage, lir::print(module));
  if (options.validate) {
    std::vector<lir::Violation> violations = lir::validate(module);
    if (!violations.empty()) {
      CheckContext context([&] { return lir::print(module); });
      UNREACHABLE("after " + std::string(stage) + ": " + violations[0].message);
    }
  }
  return options.stop_after != stage;
}

void allocate_and_check(lir::Module& module, mir::FunctionId id, const BackendOptions& options) {
  lir::Function& function = module.functions[id];
  AllocationOptions allocation{options.spill_everything};
  if (!options.validate) return allocate_registers(function, allocation);
  set_origins(function);
  lir::Function original = function;
  allocate_registers(function, allocation);
  std::vector<std::string> problems = check_allocation(original, function);
  CheckContext context([&] {
    std::string after = lir::print(module, id);
    std::swap(function, original);
    return "before allocation:\n" + lir::print(module, id) + "after:\n" + after;
  });
  CHECK(problems.empty(), "allocation of " + function.name + ": " + problems[0]);
}

}  // namespace

bool allocate(lir::Module& module, const BackendOptions& options, Diagnostics& diagnostics) {
  uint64_t begun = now();
  if (options.stop_after == "select") return true;
  for (lir::Function& function : module.functions) lower_block_params(function);
  if (!finish_stage("lower-block-params", begun, module, options)) return true;

  begun = now();
  for (uint32_t i = 0; i < module.functions.size(); i++) allocate_and_check(module, mir::FunctionId(i), options);
  if (!finish_stage("allocate-registers", begun, module, options)) return true;

  begun = now();
  for (lir::Function& function : module.functions) {
    if (!options.admits || options.admits("peephole", function.name)) peephole(function);
    share_spill_slots(function);
  }
  if (!finish_stage("peephole", begun, module, options)) return true;

  begun = now();
  for (lir::Function& function : module.functions)
    if (!options.admits || options.admits("merge-tails", function.name)) merge_tails(function);
  if (!finish_stage("merge-tails", begun, module, options)) return true;

  begun = now();
  bool fits = true;
  for (lir::Function& function : module.functions) fits &= layout_frame(function, diagnostics);
  fits = fits && fit_chains(module, diagnostics);
  if (!fits) return false;
  if (!finish_stage("layout-frame", begun, module, options)) return true;

  begun = now();
  for (lir::Function& function : module.functions) fits &= layout_blocks(function, module.isa_level, diagnostics);
  if (!fits) return false;
  finish_stage("layout-blocks", begun, module, options);
  return true;
}

}  // namespace shrike::bpf
