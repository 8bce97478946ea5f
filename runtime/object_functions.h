// What the types of a BPF object say of its global functions, which the kernel checks by themselves.
#pragma once

#include <string>

#include "mir/btf.h"
#include "verifier-sim/program.h"

namespace shrike {

// The arguments of function `out.name` for programs of this type. Empty: done; else why it cannot be judged.
std::string describe_function(const Btf& types, sim::ProgramType type, sim::GlobalFunction& out);

}  // namespace shrike
