// Checks every invariant of MIR that later stages rely on; validate.cpp opens with the numbered list.
#pragma once

#include <string>
#include <vector>

#include "mir/module.h"

namespace shrike::mir {

struct Violation {
  FunctionId function;
  BlockId block;
  uint32_t inst = 0;    // index in the block
  std::string message;  // "invariant 4: ..."
};

// `finished` lists passes already run: operations legal only until one of them are violations.
std::vector<Violation> validate(const Module& module, const std::vector<std::string_view>& finished = {});

}  // namespace shrike::mir
