// Static probes of programs and libraries (USDT): the notes that the macros of sys/sdt.h leave in .note.stapsdt, with the
// place of each argument taken apart.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/kernel_facts.h"
#include "runtime/symbol_options.h"

namespace shrike {

struct StaticProbes {
  std::vector<StaticProbe> probes;
  std::string why;  // the file cannot be read; empty: it can
};

StaticProbes read_static_probes(const std::string& path, const DebugDirectories& directories);

// One argument, such as `-4@%eax`, `8@-16(%rbp,%rax,8)`, `-1@$5` or `8@counter+8(%rip)`. `instruction` is the address of the
// probe as linked, `address_of` gives that of a symbol.
StaticArgument parse_static_argument(std::string_view text, uint64_t instruction,
                                     const std::function<std::optional<uint64_t>(std::string_view)>& address_of);

// The files whose code a process has mapped; below its root directory where our name leads elsewhere.
std::vector<std::string> files_run_by(uint64_t pid);
// Those of all processes, each file once.
std::vector<std::string> files_run();

}  // namespace shrike
