// What a comparison of two numbers decides, and what each outcome teaches about both. Pure functions of bounds.
#pragma once

#include <cstdint>

#include "verifier-sim/profile.h"
#include "verifier-sim/scalar_bounds.h"

namespace shrike::sim {

// The relation that holds on a branch: operation codes of bpf::jmp, and `no_bits` for the failing side of jset.
enum class Relation : uint8_t {
  equal,
  unequal,
  any_bit,
  no_bits,
  greater,
  greater_equal,
  less,
  less_equal,
  s_greater,
  s_greater_equal,
  s_less,
  s_less_equal
};

Relation relation_of(uint8_t operation);
Relation negated(Relation r);

enum class Decided : uint8_t { no, yes, open };

// `same_register`: both operands are one register.
Decided decide(Relation r, bool is32, const ScalarBounds& a, const ScalarBounds& b, bool same_register, const Profile& profile);

// Narrows both to the values for which the relation holds. A contradiction makes both unknown, as the kernel does.
void refine(Relation r, bool is32, ScalarBounds& a, ScalarBounds& b, const Profile& profile);

}  // namespace shrike::sim
