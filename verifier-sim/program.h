// What the model is given: bytes, the maps they name, and where subprograms begin. Nothing of the compiler that made
// them, so that the judge cannot share the mistakes of the accused. Numbers mirror the kernel's UAPI enumerations.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backend-bpf/isa.h"
#include "verifier-sim/kernel_types.h"

namespace shrike::sim {

enum class ProgramType : uint8_t {
  socket_filter = 1,
  kprobe = 2,
  tracepoint = 5,
  perf_event = 7,
  raw_tracepoint = 17,
  tracing = 26,
};

// What a tracing program is loaded for.
enum class AttachType : uint8_t { none = 0, raw_tp = 23, fentry = 24, fexit = 25, iter = 28 };

enum class MapType : uint8_t {
  hash = 1,
  array = 2,
  prog_array = 3,
  perf_event_array = 4,
  percpu_hash = 5,
  percpu_array = 6,
  stack_trace = 7,
  cgroup_array = 8,
  lru_hash = 9,
  lru_percpu_hash = 10,
  lpm_trie = 11,
  array_of_maps = 12,
  hash_of_maps = 13,
  ringbuf = 27,
  task_storage = 29,
};

struct MapShape {
  std::string name;
  MapType type = MapType::array;
  uint32_t key_size = 0;
  uint32_t value_size = 0;
  uint32_t max_entries = 0;
  bool frozen = false;            // read-only to programs and to user space: contents are constants
  std::vector<uint8_t> contents;  // of a frozen array's only element
  int32_t inner = -1;             // of a map of maps: which of the program's maps is like those inside
};

// The ld_imm64 at `insn` (source field map_fd or map_value) names maps[map].
struct MapReference {
  uint32_t insn = 0;
  uint32_t map = 0;
};

// A function that the kernel checks by itself, for every argument of these kinds; its callers then know nothing of its result.
struct GlobalFunction {
  enum class Kind : uint8_t { number, context, memory };
  struct Argument {
    Kind kind = Kind::number;
    uint32_t size = 0;        // of memory
    bool is_nonnull = false;  // tagged so; older kernels take no notice
  };
  uint32_t insn = 0;
  std::string name;
  std::vector<Argument> arguments;
  bool returns_number = true;
};

// The kernel's function that the call at `insn` names.
struct KernelFunction {
  uint32_t insn = 0;
  std::string name;
};

struct ProgramInput {
  std::vector<bpf::Insn> insns;
  ProgramType type = ProgramType::kprobe;
  AttachType attach = AttachType::none;  // of tracing programs
  std::vector<MapShape> maps;
  std::vector<MapReference> references;
  std::vector<uint32_t> subprogram_starts;  // may be empty: starts are also found from calls and callback addresses
  std::vector<GlobalFunction> global_functions;
  std::vector<KernelFunction> kernel_functions;
  std::shared_ptr<const KernelTypes> types;  // null: objects of the kernel are not modelled
  std::string function;                      // of the kernel, that a tracing program is for
  std::vector<TypedValue> context;           // its words: what the function is given
  bool gpl = true;
  bool has_function_types = false;  // its loader tells the kernel the types of its functions
  std::string assumed;              // what the maker of this input took to be so
  std::string not_modelled;         // what the maker of this input knows the model lacks; the answer is then `unknown`
};

}  // namespace shrike::sim
