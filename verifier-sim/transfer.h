// Instructions that only touch registers: moves, arithmetic on numbers and on pointers, ld_imm64.
#pragma once

#include "verifier-sim/walk.h"

namespace shrike::sim {

bool transfer_alu(Walk& w);
bool transfer_ld_imm64(Walk& w);  // both halves; leaves w.insn on the first

// Before a copy of `r` is made: gives a number that is not a constant an id, so that the copies learn together.
void link_before_copy(Walk& w, Register& r);

}  // namespace shrike::sim
