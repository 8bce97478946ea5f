// What the kernel's verifier must be able to prove at each instruction, as data: passes establish it, tests and debug
// builds ask what is missing. Types already guarantee that pointers are not null (validate, invariant 6).
// Deliberately does not model initialised stack bytes, program types' context layouts, or instruction limits.
#pragma once

#include <string>
#include <vector>

#include "mir/analysis/value_ranges.h"
#include "mir/module.h"

namespace shrike::mir {

enum class ObligationKind : uint8_t {
  in_bounds,     // [offset, offset + bytes) from `pointer` lies in its object
  sized_buffer,  // `size` bytes from `pointer` lie in its object, for every value of `size`
  not_zero,      // `size` is at least 1
  sane_offset,   // ptr_add: `size` is between -2^29 and 2^29
  aligned,       // the address is a multiple of `bytes`
};

struct Obligation {
  ObligationKind kind = ObligationKind::in_bounds;
  BlockId block;
  uint32_t inst = 0;   // index in the block
  ValueId pointer;     // all but not_zero
  ValueId size;        // sized_buffer, not_zero, sane_offset
  int64_t offset = 0;  // in_bounds, aligned
  uint64_t bytes = 0;  // in_bounds, aligned
};

std::vector<Obligation> obligations(const Module& module, FunctionId function);
bool is_proved(const Obligation& obligation, const ValueRanges& ranges);
// Those of the function that do not follow from its ranges; none of one that no program comes to. Establishing passes leave
// this empty.
std::vector<Obligation> unproved(const Module& module, FunctionId function);

// How far from the start of its object the pointer of an in_bounds obligation may be: what its offset must be clamped
// to. 0 if nothing fits.
uint64_t greatest_offset(const Obligation& obligation, const ValueRanges& ranges);

// One sentence for messages.
std::string text_of(const Obligation& obligation, const Function& function);

}  // namespace shrike::mir
