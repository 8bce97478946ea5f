// What passes share that put a function's body where it is called.
#pragma once

#include <cstdint>
#include <vector>

#include "mir/module.h"

namespace shrike::passes {

// What selection makes of it, about.
uint32_t weight_of(const mir::Inst& inst);
uint32_t weight_of(const mir::Function& function);

// Copies the blocks and slots of `callee` to the end of `function`, with `arguments` for its parameters; the first of the new
// blocks is its entry. What they return with `ret` is left for the caller to turn into jumps.
std::vector<mir::BlockId> copy_body(mir::Function& function, const mir::Function& callee,
                                    const std::vector<mir::ValueId>& arguments);

// Removes functions that nobody calls any more. The numbers of later ones change.
void drop_functions(mir::Module& module, const std::vector<bool>& is_dropped);

}  // namespace shrike::passes
