// Loads, stores and atomics: alignment, bounds of the object, and what the destination then holds.
#pragma once

#include "verifier-sim/walk.h"

namespace shrike::sim {

enum class Access : uint8_t { read, write };

// What a store stores: a register, an immediate, or bytes nobody knows (helpers, atomics).
struct Stored {
  Register* reg = nullptr;
  bool is_immediate = false;
  int32_t immediate = 0;

  bool is_zero() const { return reg ? reg->is_zero() : is_immediate && immediate == 0; }
};

bool transfer_load(Walk& w);
bool transfer_store(Walk& w);

// Is the pointer to the context in register `n` as the program got it?
bool check_unmoved_ctx(Walk& w, unsigned n);

// Memory handed to a helper: `size` bytes from register `n`. `fills`: the helper writes all of it, unseen before.
struct HelperMemory {
  unsigned reg = 0;
  uint64_t size = 0;
  bool zero_allowed = false;
  bool writes = false;
  bool exact = true;  // the size is a constant
};
bool check_helper_memory(Walk& w, const HelperMemory& m);

// Map values, map keys and ring memory: is [offset, offset + size) inside, for every value of the unknown part?
bool check_region(Walk& w, unsigned n, int64_t offset, uint64_t size, bool zero_allowed);

}  // namespace shrike::sim
