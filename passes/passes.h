// The passes as functions. Each has a file of its name, whose head tells what it needs, establishes and destroys.
#pragma once

#include "mir/base/diagnostic.h"
#include "mir/module.h"
#include "passes/pipeline.h"

namespace shrike::passes {

struct PassContext {
  const KernelLimits& limits;
  Diagnostics& diagnostics;
  SideTable<mir::FunctionId, BoundCounts>* bounds = nullptr;
  std::function<bool(const std::string& function)> admits;  // empty: all

  // What optional passes ask before they change a function.
  bool may_change(const mir::Function& function) const { return !admits || admits(function.name); }
};

#define PASS(name, level, establishes) void name(mir::Module& module, PassContext& context);
#include "passes/passes.def"
#undef PASS

}  // namespace shrike::passes
