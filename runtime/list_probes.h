// -l: what can be probed here, one a line, as a script would spell it; and the kernel's types ("struct task_struct").
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "frontend/kernel_facts.h"
#include "mir/base/diagnostic.h"
#include "mir/interface.h"
#include "runtime/tracefs.h"

namespace shrike {

struct ListOptions {
  bool with_arguments = false;  // -v
  std::function<void(std::string_view)> print;
  uint64_t pid = 0;  // -p: static probes of the files it runs may be listed
};

// `patterns`: attach points with wildcards, separated by commas; one without a colon is looked for in every provider.
// Empty: all that the kernel offers. False after errors.
bool list_probes(std::string_view patterns, Tracefs& tracefs, KernelFacts& facts, const ListOptions& options,
                 Diagnostics& diagnostics);

// One probe that a script attaches to, in the form of a listing.
void list_probe(const mir::AttachPoint& probe, KernelFacts& facts, const ListOptions& options);

}  // namespace shrike
