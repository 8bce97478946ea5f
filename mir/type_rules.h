// What each instruction's signature asks of its operands and result. The validator and the text parser share these
// rules, so that text read back is held to the same ones as code made in memory.
#pragma once

#include <string>

#include "mir/module.h"

namespace shrike::mir {

// Why `inst`, whose ids all exist, does not fit the row of its op or helper; empty if it does. Does not look at blocks,
// control flow or other instructions.
std::string operand_error(const Module& module, const Function& function, const Inst& inst);
std::string result_error(const Function& function, const Inst& inst);
// Why the arguments of target `index` do not fit the parameters of its block; empty if they do.
std::string target_error(const Function& function, const Inst& inst, size_t index);

// The parameters that a function of this kind has; sub-programs have any, which entry_error() judges.
std::vector<ValueType> entry_types(FunctionKind kind);
inline constexpr size_t most_parameters = 5;  // of a sub-program, in r1 to r5
// Why the entry block's parameters are none for a function of its kind; empty if they are.
std::string entry_error(const Function& function);

}  // namespace shrike::mir
