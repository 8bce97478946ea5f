// The text form of MIR: prints exactly, parses back to the same module.
#pragma once

#include <string>
#include <string_view>

#include "mir/base/diagnostic.h"
#include "mir/module.h"

namespace shrike::mir {

struct PrintOptions {
  const SourceMap* sources = nullptr;  // given: each instruction gets a `# line:column` comment
};
std::string print(const Module& module, PrintOptions options);
std::string print(const Module& module, FunctionId function, PrintOptions options);

// The Interface section alone, shared with the text form of LIR.
std::string print_interface(const Interface& interface, const std::vector<std::string>& function_names);

// Reads the text that `print` gives. `begin` is the offset of `text` in its SourceMap, for messages.
// Errors go to `diagnostics`; the module is meaningful only without them.
Module parse(std::string_view text, uint32_t begin, Diagnostics& diagnostics);

}  // namespace shrike::mir
