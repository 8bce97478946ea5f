// MIR to BPF bytes. The only header of this folder that the driver needs besides object.h.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "backend-bpf/lir.h"
#include "backend-bpf/object.h"
#include "mir/base/diagnostic.h"
#include "mir/module.h"

namespace shrike::bpf {

struct BackendOptions {
  int isa_level = 3;              // v1 to v4: which instructions the kernel knows
  bool spill_everything = false;  // debugging: --regalloc=spill-everything
  bool validate = false;          // check LIR after every stage, and the allocation
  // Given: asked before an optional stage (peephole, merge_tails) changes a function.
  std::function<bool(std::string_view stage, const std::string& function)> admits;
  std::vector<std::string> print_after;
  std::string stop_after;
  std::function<void(std::string_view stage, const std::string& text)> on_print;
  std::vector<std::pair<std::string_view, uint64_t>>* times = nullptr;      // stage, nanoseconds
  std::function<void(std::string_view stage, const lir::Module&)> on_done;  // told of what each stage of allocate() made
};

// select: MIR to LIR over virtual registers. Takes the Interface out of the module.
lir::Module select(mir::Module module, const BackendOptions& options);
// lower_block_params, allocate_registers, peephole, merge_tails, layout_frame, layout_blocks: to physical registers.
// Errors (frame too big) go to diagnostics; false after errors.
bool allocate(lir::Module& module, const BackendOptions& options, Diagnostics& diagnostics);
// Bytes, relocations, line table.
Object emit(lir::Module module);

}  // namespace shrike::bpf
