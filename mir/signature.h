// The signature column of opcodes.def, parsed at compile time. Printer, parser, validator and Builder walk these
// items instead of knowing operations one by one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "mir/module.h"

namespace shrike::mir {

enum class OpResult : uint8_t { none, integer, same, stack_pointer, map_pointer, row };

enum class SigItem : uint8_t {
  integer,   // i: operand, an integer
  pointer,   // p: operand, a pointer that is not null
  nullable,  // p?: operand, a pointer that may be null
  imm,       // #imm in Inst::imm
  offset,    // #off in Inst::imm
  length,    // #len in Inst::length
  slot,      // $slot
  map,       // @map
  callee,    // &fn: Inst::callee, a sub-program
  operands,  // *: operands as the helper row (call), the parameters (call_fn) or the map's value type (agg_update) say
  target,    // ^b: the next of Inst::targets
};

struct Signature {
  OpResult result = OpResult::none;
  std::array<SigItem, 4> items{};
  uint8_t count = 0;

  constexpr const SigItem* begin() const { return items.data(); }
  constexpr const SigItem* end() const { return items.data() + count; }
};

const Signature& signature_of(Opcode op);

}  // namespace shrike::mir
