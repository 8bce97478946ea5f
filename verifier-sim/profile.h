// A kernel as data: what it has, what it limits, how far it deduces. The version number only picks a default; a
// distribution's kernel differs from the number's and gets a profile of its own. To add a kernel, add a file to kernels/.
// Helpers carry their first version in mir/helpers.def; which program types may call them, and since when there are which
// types of programs and maps, is here.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "verifier-sim/program.h"
#include "verifier-sim/scalar_bounds.h"

namespace shrike::sim {

struct Version {
  uint16_t major = 0, minor = 0;
  auto operator<=>(const Version&) const = default;
};

struct Profile {
  std::string_view name;
  Version version;
  unsigned isa = 4;       // 2: jmp32; 3: atomics with fetch (5.12); 4: sdiv, movsx, ldsx, bswap, gotol (6.6)
  bool far_jumps = true;  // gotol's encoding is taken; by stable kernels older than isa 4, too
  unsigned nr_cpus = 1;   // possible CPUs; bounds the result of get_smp_processor_id where that is tracked
  bool jit = true;
  bool writes_user_memory = true;  // bpf_probe_write_user: not locked down; an answer that needs it says so
  bool overrides_returns = true;   // CONFIG_BPF_KPROBE_OVERRIDE; likewise

  uint32_t processed_limit = 1'000'000;
  uint32_t pending_limit = 8192;
  uint32_t frames = 8;
  uint32_t stack_bytes = 512;
  uint32_t stack_rounding = 32;  // per frame, in the sum over a call chain
  bool private_stack = false;    // no sum over the chain for kprobe, tracepoint, perf_event, raw_tracepoint

  uint32_t hash_key_bytes = UINT32_MAX;  // the largest key of a hash map

  bool reads_uninit_stack = true;       // privileged programs may read stack bytes never written
  bool reads_past_frame = true;         // also below all that was written
  bool variable_stack_access = true;    // loads and stores at a stack offset that is not a constant
  bool tracks_stored_constants = true;  // *(u64 *)(r10 - 8) = 5 is remembered
  bool spills_every_scalar = true;      // also unbounded and zero ones
  bool spills_bounded_scalars = true;   // not only constants
  bool links_copies = true;             // r1 = r2: what is learned of one is known of the other
  bool narrow_fills = true;             // the low bytes of a spilled number keep its bounds
  bool loops_need_same_stack = true;    // a loop is endless only if the stack, too, is as it was
  bool constant_deltas = true;          // r1 = r2; r1 += 8 stays linked to r2
  bool known_cpu_range = true;
  bool nonnull_array_lookup = true;     // constant key inside an array: the lookup cannot fail
  bool helper_reads_keep_stack = true;  // a helper that only reads leaves spills and zeros as they are
  bool refines_both_registers = true;   // reg-reg comparisons of two unknowns
  bool equality_by_ranges = true;       // jeq and jne are decided by ranges that do not meet
  bool unequal_trims_edges = true;      // jne against a bound moves the bound
  bool callbacks_repeat = true;         // callbacks are verified until their states converge
  bool compares_after_calls = false;    // states are compared after every call, not only where paths meet
  bool references_renamed = true;       // states may differ in the numbers of their references
  bool forgets_numbers_of_functions =
      true;                             // numbers that decide nothing are not compared in programs with functions either (6.5)
  bool releases_moved_records = false;  // a ring record may be given back by any pointer into it (up to 5.10)
  bool register_with_itself = false;    // r1 < r1 is decided (7.0)
  Deductions deductions;
};

Profile profile_6_1();
Profile profile_6_12();
Profile profile_6_18();
std::vector<Profile> all_profiles();                         // oldest first
std::optional<Profile> find_profile(std::string_view name);  // "6.18"
std::optional<Version> parse_version(std::string_view text);

// First kernel with this type; no answer: a type not known to the model.
struct TypeRow {
  std::string_view name;
  Version since;
};
const TypeRow* row_of(ProgramType type);
const TypeRow* row_of(MapType type);

// May programs of this type call helper `number` on this kernel? no answer: not known to the model.
std::optional<bool> type_may_call(const Profile& profile, ProgramType type, AttachType attach, uint32_t number);

}  // namespace shrike::sim
