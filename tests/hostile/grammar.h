// Scripts by chance from the language's grammar: nearly all parse, few type-check, and every form comes up.
#pragma once

#include <cstdint>
#include <string>

namespace shrike::testing {

std::string script_by_grammar(uint64_t seed);

}  // namespace shrike::testing
