// Which functions of the kernel (kfuncs) programs may call. No list of them can be read: the verifier is asked.
#pragma once

#include <cstdint>

#include "frontend/kernel_facts.h"

namespace shrike {

// `function` and `traced` by their numbers in the kernel's types; `traced` only for programs that trace a function.
Answer<bool> try_kfunc(uint32_t function, mir::ProgramType program, uint32_t traced);

}  // namespace shrike
