// Memory for what is too big for the kernel's stack: maps of role `scratch`, one a function, of which a run has one value for
// itself while it lasts.
//
// The kernel keeps most tracing programs from running inside themselves on one CPU, but not those at uprobes: a process may be
// preempted in one, and the next on that CPU enters it too. Their map has several values a CPU, each begun by a word that counts
// who wants it: a run takes the first that nobody has and gives it back where it returns. One that finds none counts a lost
// event. No program leaves its CPU while it runs.
//
// Values of up to 32 KiB are in a per-CPU array. The kernel gives each CPU no more for one value; what needs more has an array
// with values for every CPU, which a run finds by the number of its own.
#pragma once

#include "mir/build.h"

namespace shrike::mir {

inline constexpr uint32_t longest_percpu_value = 1u << 15;  // PCPU_MIN_UNIT_SIZE

// Whether runs of the function may be under way on a CPU several at a time. Looks at where programs are attached.
bool may_be_preempted(const Module& module, FunctionId id);

// Of a value, before the bytes that the function may use.
uint32_t scratch_header(const Module& module, FunctionId id);

// A map named `.scratch.N`, or `name` and N, for `bytes` bytes with the header.
MapId add_scratch_map(Module& module, FunctionId id, const std::string& name, uint32_t bytes, uint32_t possible_cpus);

// What a run has taken, and the blocks where it has not.
struct Scratch {
  ValueId value;  // of the map, with its header
  std::vector<BlockId> without;
};
// Ends the builder's block; the function goes on in `body` with the value, and returns where there is none. Leaves at `key` (the
// address of a word on the stack) the key that finds the value again. The builder's span stays as it is.
Scratch take_scratch(Builder& builder, MapId map, ValueId key, BlockId body);
// Where the function, now complete, returns.
void give_back_scratch(Module& module, FunctionId id, const Scratch& scratch);

}  // namespace shrike::mir
