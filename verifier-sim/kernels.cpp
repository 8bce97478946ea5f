// The kernels known by default, each as its difference from the next newer one. Differences are measured (tests/verdicts) or
// taken from the version matrix of docs/verifier.md; where a date of a deduction is in doubt the older, weaker behaviour is
// chosen: a false reject is a nuisance, a false accept a lie.
#include "verifier-sim/profile.h"

namespace shrike::sim {

Profile profile_6_18() {
  Profile p;
  p.name = "6.18";
  p.version = {6, 18};
  p.stack_rounding = 16;
  p.private_stack = true;
  return p;
}

Profile profile_6_12() {
  Profile p = profile_6_18();
  p.name = "6.12";
  p.version = {6, 12};
  p.private_stack = false;
  p.nonnull_array_lookup = false;
  p.helper_reads_keep_stack = false;
  p.deductions.across_sign = false;
  p.deductions.across_sign32 = false;
  p.deductions.third_round = false;
  p.deductions.both_sums_wrap = false;
  p.deductions.signed_products = false;
  p.deductions.mul_by_union = false;
  p.deductions.negation = false;
  p.deductions.byte_swaps = false;
  p.deductions.overlapping_bits = false;
  return p;
}

namespace {

Profile profile_6_6() {
  Profile p = profile_6_12();
  p.name = "6.6";
  p.version = {6, 6};
  p.stack_rounding = 32;
  p.spills_every_scalar = false;
  p.narrow_fills = false;
  p.loops_need_same_stack = false;
  p.constant_deltas = false;
  p.known_cpu_range = false;
  p.refines_both_registers = false;
  p.equality_by_ranges = false;
  p.unequal_trims_edges = false;
  p.deductions.between_halves = false;
  p.deductions.signed_from_bitops = false;
  p.deductions.unknown_operand = false;
  return p;
}

}  // namespace

Profile profile_6_1() {
  Profile p = profile_6_6();
  p.name = "6.1";
  p.version = {6, 1};
  p.isa = 3;
  p.compares_after_calls = true;
  p.references_renamed = false;
  return p;
}

namespace {

Profile profile_5_15() {
  Profile p = profile_6_1();
  p.name = "5.15";
  p.version = {5, 15};
  p.far_jumps = false;
  p.reads_uninit_stack = false;
  p.tracks_stored_constants = false;
  return p;
}

Profile profile_5_10() {
  Profile p = profile_5_15();
  p.name = "5.10";
  p.version = {5, 10};
  p.isa = 2;
  p.hash_key_bytes = 512;
  p.reads_uninit_stack = true;  // as its stable releases have it: inside the frame written so far
  p.reads_past_frame = false;
  return p;
}

Profile profile_5_4() {
  Profile p = profile_5_10();
  p.name = "5.4";
  p.version = {5, 4};
  p.reads_uninit_stack = false;
  p.reads_past_frame = true;
  p.variable_stack_access = false;
  p.spills_bounded_scalars = false;
  p.links_copies = false;
  p.deductions.low_half_ranges = false;
  return p;
}

constexpr Profile (*kernels[])() = {profile_5_4, profile_5_10, profile_5_15, profile_6_1,
                                    profile_6_6, profile_6_12, profile_6_18};

}  // namespace

std::vector<Profile> all_profiles() {
  std::vector<Profile> all;
  for (Profile (*kernel)() : kernels) all.push_back(kernel());
  return all;
}

std::optional<Profile> find_profile(std::string_view name) {
  for (Profile& p : all_profiles()) {
    if (p.name == name) return p;
  }
  return std::nullopt;
}

}  // namespace shrike::sim
