// Scripts through the whole compiler, against the fixtures' kernel: what tests that judge programs start from.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "backend-bpf/object.h"
#include "tests/support/script_cases.h"

namespace shrike {

// Scripts with probes whose contexts are used in every way.
std::vector<testing::ScriptCase> scripts_with_contexts();

// Nothing if the script has mistakes, as some for comparison have. `has_iterators`: for kernels with iterators over numbers.
std::optional<bpf::Object> compiled(const std::string& text, const std::vector<std::string>& positionals,
                                    bool has_iterators = false);

}  // namespace shrike
