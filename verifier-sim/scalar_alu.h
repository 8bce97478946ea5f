// Arithmetic on ScalarBounds: what a kernel knows of `dst op src` from what it knows of the two. Needs both operands in
// sync; establishes an in-sync result, zero-extended for 32-bit operations. Pointers are not its business.
#pragma once

#include <cstdint>

#include "verifier-sim/scalar_bounds.h"

namespace shrike::sim {

// `operation` is the operation field of the opcode byte (bpf::alu); division and modulo give an unknown result.
ScalarBounds compute(uint8_t operation, bool is64, const ScalarBounds& dst, const ScalarBounds& src, const Deductions& d);

// The byte order instructions: swaps move known bits, the others cut the number to its lowest bytes.
ScalarBounds change_byte_order(const ScalarBounds& s, bool swaps, unsigned bytes, const Deductions& d);

// Pointer offsets add and subtract by the same rules, without the 32-bit half.
void add_ranges64(ScalarBounds& dst, const ScalarBounds& src, const Deductions& d);
void sub_ranges64(ScalarBounds& dst, const ScalarBounds& src, const Deductions& d);

// A linked copy: the bounds of the other plus a constant, without the deduction that follows arithmetic.
void add_constant(ScalarBounds& dst, int64_t constant, const Deductions& d);

}  // namespace shrike::sim
