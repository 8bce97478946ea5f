// What LLVM makes of a MIR module: print_llvm, then opt and llc for BPF, then their ELF file back as a bpf::Object, so that
// everything that takes our own objects takes LLVM's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "backend-bpf/object.h"
#include "mir/module.h"

namespace shrike::test {

// Empty if opt and llc are installed, else what is missing.
std::string missing_llvm();

struct LlvmObject {
  std::optional<bpf::Object> object;
  std::string error;  // what a tool said; LLVM has no BPF instructions for everything
  std::string text;   // the LLVM IR
};

// Optimised by -O2, for instruction set v`isa_level`. The programs are in the order of the module's.
LlvmObject compile_by_llvm(const mir::Module& module, int isa_level);
// Several in one run of the tools, which take most of their time to begin.
std::vector<LlvmObject> compile_by_llvm(const std::vector<const mir::Module*>& modules, int isa_level);

}  // namespace shrike::test
