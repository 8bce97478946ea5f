// Runs MIR on the host, as opcodes.def defines it, for comparison with what the kernel computes. Pointers are host
// addresses. Of helpers it knows probe_read_kernel.
#pragma once

#include <vector>

#include "mir/module.h"

namespace shrike::test {

using MapValues = std::vector<std::vector<uint8_t>>;  // the only value of each (array) map

// The return value of the function, which must be a program. Writes to `maps`.
uint64_t evaluate(const mir::Module& module, mir::FunctionId function, MapValues& maps);
uint64_t evaluate_binary(mir::Opcode op, uint64_t a, uint64_t b);
uint64_t evaluate_unary(mir::Opcode op, uint64_t a);

}  // namespace shrike::test
