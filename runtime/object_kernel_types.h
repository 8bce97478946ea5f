// The kernel's types for the model of the verifier: what traced functions are given, and what lies where in a struct.
#pragma once

#include <memory>
#include <string>

#include "mir/btf.h"
#include "verifier-sim/program.h"

namespace shrike {

// Null: this machine's kernel has no types to read.
std::shared_ptr<const sim::KernelTypes> running_kernel_types();

// Of types that running_kernel_types() gave.
const Btf& btf_of(const sim::KernelTypes& types);

// Fills `input.context` and `input.types` for a tracing program of this section ("fentry/vfs_read", "tp_btf/sched_switch").
// Leaves them empty where the kernel does not have the function.
void set_kernel_types(const std::string& section, const std::shared_ptr<const sim::KernelTypes>& types, sim::ProgramInput& input);

}  // namespace shrike
