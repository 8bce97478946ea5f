// The text form of LIR: prints exactly at every stage, parses back to the same module. README.md has the grammar.
#pragma once

#include <string>
#include <string_view>

#include "backend-bpf/lir.h"
#include "mir/base/diagnostic.h"

namespace shrike::lir {

// With `sources`, instructions get a `# line:column` comment.
std::string print(const Module& module, const SourceMap* sources = nullptr);
std::string print(const Module& module, mir::FunctionId function, const SourceMap* sources = nullptr);

// Reads what `print` gives. `begin` is the offset of `text` in its SourceMap, for messages and for the spans of the
// instructions. Errors go to `diagnostics`; the module is meaningful only without them, and then needs validate().
Module parse(std::string_view text, uint32_t begin, Diagnostics& diagnostics);

}  // namespace shrike::lir
