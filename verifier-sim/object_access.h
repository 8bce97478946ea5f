// Objects of the kernel: the arguments of traced functions, and where reads through them by type lead.
#pragma once

#include <string_view>

#include "verifier-sim/walk.h"

namespace shrike::sim {

struct ObjectReach {
  unsigned reg;
  int64_t offset;  // of the access, with the pointer's own
  unsigned size;
  bool writes;
};

// A word of a tracing program's context.
bool load_argument(Walk& w, int offset, unsigned size, Register& into);
bool load_from_object(Walk& w, const Register& pointer, const ObjectReach& a, Register* into);

// Does this register point to the beginning of an object of this type, without doubt?
bool is_trusted_object(const Walk& w, unsigned n, std::string_view type);

// What a helper wants as an argument: an object of this type, which may lie inside another.
struct ObjectWanted {
  std::string_view type;
  const char* kinds;  // of pointers, as the kernel lists them
  bool may_be_null = false;
};
bool check_object_argument(Walk& w, unsigned n, const ObjectWanted& wanted);

// A pointer to an object of this type as arguments of tracepoints and iterators are: the kernel vouches for it.
Register trusted_object(Walk& w, uint32_t type);

}  // namespace shrike::sim
