// MIR as LLVM IR text: `--emit-llvm FILE`, and the second opinion of tests/differential. Nothing of LLVM is needed to write it.
#pragma once

#include <string>

#include "mir/module.h"

namespace shrike::bpf {

// The symbols that stand for what the loader has to fill in, followed by the number of the map or function.
inline constexpr std::string_view llvm_map_symbol = "map.";          // the map itself: BPF_PSEUDO_MAP_FD
inline constexpr std::string_view llvm_value_symbol = "map_value.";  // the value of an array: BPF_PSEUDO_MAP_VALUE
inline constexpr std::string_view llvm_function_symbol = "fn.";

// The module for `llc -march=bpf`: each program in a section of its own, callbacks in .text. The module must be one
// that `select` takes: no high operation is left. Means exactly what opcodes.def says, where LLVM's own instructions leave
// results undefined (division by zero, wide shifts) by inline assembly of the BPF instruction.
std::string print_llvm(const mir::Module& module, int isa_level);

}  // namespace shrike::bpf
