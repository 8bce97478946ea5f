// The steps between select and emit, each a function over LIR; allocate() runs them in this order.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "backend-bpf/lir.h"
#include "mir/base/diagnostic.h"

namespace shrike::bpf {

// Block parameters become moves: at the end of a predecessor, at the start of a block with one, or in a new block on
// the edge between them. Establishes: no params and no target args.
void lower_block_params(lir::Function& function);

struct AllocationOptions {
  bool spill_everything = false;  // every virtual register lives in the frame; for debugging and as a reference
};
// Establishes: physical registers only; spill slots hold what did not fit.
void allocate_registers(lir::Function& function, const AllocationOptions& options);

// Numbers the instructions for check_allocation; allocation keeps the numbers.
void set_origins(lir::Function& function);
// Proves that `allocated` reads at each place the value that `original` does. Returns what it cannot prove; empty: all.
std::vector<std::string> check_allocation(const lir::Function& original, const lir::Function& allocated);

// Spill slots that are never needed at the same time become one.
void share_spill_slots(lir::Function& function);
// Gives each slot that is used its place below r10. False and a diagnostic if they need more than 512 bytes.
bool layout_frame(lir::Function& function, Diagnostics& diagnostics);
// False and a diagnostic if a program's frame and those of what it calls or has called back need more than 512 together. Needs
// frames that are laid out.
bool fit_chains(const lir::Module& module, Diagnostics& diagnostics);

// Local clean-up to a fixed point, shorten_jumps included.
void peephole(lir::Function& function);
// Ends that blocks have in common become a block of their own.
void merge_tails(lir::Function& function);
// Jumps to jumps, branches with equal targets, blocks that nothing reaches. True if something changed.
bool shorten_jumps(lir::Function& function);

// Orders blocks so that most jumps go to the next one. False and a diagnostic if a jump spans more than the ISA level can
// express.
bool layout_blocks(lir::Function& function, int isa_level, Diagnostics& diagnostics);

}  // namespace shrike::bpf
