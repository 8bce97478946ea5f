// Makes scripts that are well typed, of every kind of value that the language has, to be compiled and loaded.
#pragma once

#include <cstdint>
#include <string>

namespace shrike::testing {

std::string generated_script(uint64_t seed);

}  // namespace shrike::testing
