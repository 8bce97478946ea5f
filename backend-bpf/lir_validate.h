// Checks every invariant of LIR that later stages and the kernel rely on; lir_validate.cpp opens with the list.
#pragma once

#include <string>
#include <vector>

#include "backend-bpf/lir.h"

namespace shrike::lir {

struct Violation {
  mir::FunctionId function;
  BlockId block;
  uint32_t inst = 0;    // index in the block
  std::string message;  // "invariant 4: ..."
};

std::vector<Violation> validate(const Module& module);

}  // namespace shrike::lir
