// Makes begin scripts of integer arithmetic and control flow, and computes what they print by rules of its own: 64 bits, two's
// complement, shifts modulo 64, division by zero is 1, an operation is signed if an operand is, except that a constant that is
// not negative takes the other's sign. Shares no code with shrike.
#pragma once

#include <cstdint>
#include <string>

namespace shrike::testing {

struct EvaluatedScript {
  std::string text;
  std::string expected;  // all of stdout up to the maps
};

EvaluatedScript evaluated_script(uint64_t seed);

}  // namespace shrike::testing
