// Names of the kernel's functions, for wildcards, listing and kaddr(). Symbolising addresses is the output's business.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/kernel_facts.h"
#include "runtime/tracefs.h"

namespace shrike {

// One line of available_filter_functions ("name" or "name [module]") or of /proc/kallsyms ("addr type name [module]").
ProbeTarget parse_filter_function(std::string_view line);

// Functions that can carry a kprobe and match: available_filter_functions, or, where that is unreadable, the text
// symbols of kallsyms, some of which the kernel may refuse later. Compiler-made clones (name.part.0) are left out.
Answer<std::vector<ProbeTarget>> list_kernel_functions(Tracefs& tracefs, std::string_view module, std::string_view function);

// Their addresses by /proc/kallsyms, in the order of `functions`; empty if any has none, or several.
std::vector<uint64_t> find_kernel_functions(const std::vector<ProbeTarget>& functions);

// Where the functions of this name are, by /proc/kallsyms: module (the kernel's own: "vmlinux") and address.
std::vector<ProbeTarget> places_of_kernel_name(std::string_view name);

// Address of a symbol by /proc/kallsyms; unreadable if the kernel hides addresses from us.
Answer<uint64_t> find_kernel_symbol(std::string_view name);

}  // namespace shrike
