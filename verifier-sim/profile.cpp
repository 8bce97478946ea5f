// The kernels known by default. Differences are measured or taken from the version matrix of docs/verifier.md; where a
// date of a deduction is in doubt the older, weaker behaviour is chosen: a false reject is a nuisance, a false accept a lie.
#include "verifier-sim/profile.h"

#include <algorithm>
#include <charconv>
#include <iterator>

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

Profile profile_6_1() {
  Profile p = profile_6_12();
  p.name = "6.1";
  p.version = {6, 1};
  p.isa = 3;
  p.stack_rounding = 32;
  p.spills_every_scalar = false;
  p.narrow_fills = false;
  p.loops_need_same_stack = false;
  p.constant_deltas = false;
  p.known_cpu_range = false;
  p.refines_both_registers = false;
  p.equality_by_ranges = false;
  p.compares_after_calls = true;
  p.references_renamed = false;
  p.unequal_trims_edges = false;
  p.deductions.between_halves = false;
  p.deductions.signed_from_bitops = false;
  p.deductions.unknown_operand = false;
  return p;
}

std::vector<Profile> all_profiles() {
  return {profile_6_1(), profile_6_12(), profile_6_18()};
}

std::optional<Profile> find_profile(std::string_view name) {
  for (Profile& p : all_profiles()) {
    if (p.name == name) return p;
  }
  return std::nullopt;
}

std::optional<Version> parse_version(std::string_view text) {
  Version v;
  const char* end = text.data() + text.size();
  auto [dot, error] = std::from_chars(text.data(), end, v.major);
  if (error != std::errc() || dot == end || *dot != '.') return std::nullopt;
  auto [rest, error2] = std::from_chars(dot + 1, end, v.minor);
  if (error2 != std::errc()) return std::nullopt;
  return v;
}

std::optional<bool> type_may_call(ProgramType type, uint32_t number) {
  // Helpers every privileged program has.
  static constexpr uint16_t everyone[] = {1, 2, 3, 5, 7, 118, 125, 130, 131, 132, 133, 164, 181, 182, 208};
  // Helpers of the five tracing types.
  static constexpr uint16_t tracers[] = {4, 6, 8, 14, 15, 16, 25, 27, 35, 42, 45, 67, 80, 109, 112, 113, 114, 115, 120, 195};
  auto in = [number](const auto& list) { return std::find(std::begin(list), std::end(list), number) != std::end(list); };
  if (in(everyone)) return true;
  bool tracer = type != ProgramType::socket_filter;
  if (tracer && type != ProgramType::tracing && in(tracers)) return true;
  if (number == 173) {
    if (type == ProgramType::kprobe) return true;
    if (type == ProgramType::tracing) return std::nullopt;
    return false;
  }
  return std::nullopt;
}

}  // namespace shrike::sim
