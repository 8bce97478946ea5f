// Refuses functions that are too long whatever the rest of the compiler makes of them, before passes whose work grows faster
// than the program: scripts made by machine get their answer at once.
//
// Needs: remove_dead before it. Establishes: nothing. Destroys: nothing. Counts only what becomes at least one machine
// instruction; a program of that many has several times as many, and the kernel's verifier walks a million at most.
#include "mir/module.h"
#include "passes/passes.h"

namespace shrike::passes {

namespace {

using namespace mir;

// Constants, addresses and comparisons may become parts of other instructions.
bool is_at_least_one(const Inst& inst) {
  switch (inst.op) {
    case Opcode::store:
    case Opcode::call:
    case Opcode::call_fn:
    case Opcode::atomic_add:
    case Opcode::mul:
    case Opcode::add:
    case Opcode::sub: return true;
    default: return false;
  }
}

}  // namespace

void check_length(Module& module, PassContext& context) {
  for (const Function& function : module.functions) {
    uint32_t length = 0;
    for (const Block& block : function.blocks)
      for (const Inst& inst : block.insts) length += is_at_least_one(inst) ? 1 : 0;
    if (length <= context.limits.max_instructions) continue;
    context.diagnostics.report(Diag::program_far_too_long, function.span,
                               {function.name, std::to_string(length), std::to_string(context.limits.max_instructions)});
  }
}

}  // namespace shrike::passes
