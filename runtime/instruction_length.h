// How long machine instructions of x86-64 are, to tell whether a place in a function is where one begins: a breakpoint inside of
// one makes the traced program do something else. Knows where opcode, addressing bytes and constants end, and nothing of meaning.
#pragma once

#include <cstdint>
#include <span>

#include "frontend/kernel_facts.h"

namespace shrike {

// Of the instruction that `code` begins with; 0 if it is none that is known, or is cut off.
uint32_t instruction_length(std::span<const uint8_t> code);

// What is `offset` bytes after the start of a function; `code` is all of it.
CodePlace place_in_code(std::span<const uint8_t> code, uint64_t offset);

}  // namespace shrike
