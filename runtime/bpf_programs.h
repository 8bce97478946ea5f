// BPF programs that others have loaded, as something to trace: their functions, types and descriptors.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "frontend/kernel_facts.h"
#include "runtime/fd.h"

namespace shrike {

// The id in `bpf:ID`, the target of attach points at programs.
std::optional<uint32_t> traced_program(std::string_view target);

// Functions that a glob over their whole names matches, of program `id` or, for 0, of all that tell their functions. Sorted by
// program.
Answer<std::vector<ProbeTarget>> match_program_functions(uint64_t id, std::string_view function);

// The BTF that the program was loaded with; empty if there is none.
std::vector<uint8_t> program_types(uint32_t id);

// What programs that trace a function of `target` are loaded with: the program of `bpf:ID`, or the types of a module. Closed for
// the kernel's own functions, and if it has gone.
Fd open_traced(std::string_view target);

}  // namespace shrike
