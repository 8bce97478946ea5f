// What versions decide alone: types of programs and maps, and which helpers a type of program may call.
#include "verifier-sim/profile.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

namespace shrike::sim {

std::optional<Version> parse_version(std::string_view text) {
  Version v;
  const char* end = text.data() + text.size();
  auto [dot, error] = std::from_chars(text.data(), end, v.major);
  if (error != std::errc() || dot == end || *dot != '.') return std::nullopt;
  auto [rest, error2] = std::from_chars(dot + 1, end, v.minor);
  if (error2 != std::errc()) return std::nullopt;
  return v;
}

const TypeRow* row_of(ProgramType type) {
  static constexpr std::pair<ProgramType, TypeRow> rows[] = {
      {ProgramType::socket_filter, {"socket_filter", {3, 19}}},   {ProgramType::kprobe, {"kprobe", {4, 1}}},
      {ProgramType::tracepoint, {"tracepoint", {4, 7}}},          {ProgramType::perf_event, {"perf_event", {4, 9}}},
      {ProgramType::raw_tracepoint, {"raw_tracepoint", {4, 17}}}, {ProgramType::tracing, {"tracing", {5, 5}}},
  };
  for (const auto& [each, row] : rows) {
    if (each == type) return &row;
  }
  return nullptr;
}

const TypeRow* row_of(MapType type) {
  static constexpr std::pair<MapType, TypeRow> rows[] = {
      {MapType::hash, {"hash", {3, 19}}},
      {MapType::array, {"array", {3, 19}}},
      {MapType::prog_array, {"prog_array", {4, 2}}},
      {MapType::perf_event_array, {"perf_event_array", {4, 3}}},
      {MapType::percpu_hash, {"percpu_hash", {4, 6}}},
      {MapType::percpu_array, {"percpu_array", {4, 6}}},
      {MapType::stack_trace, {"stack_trace", {4, 6}}},
      {MapType::lru_hash, {"lru_hash", {4, 10}}},
      {MapType::lru_percpu_hash, {"lru_percpu_hash", {4, 10}}},
      {MapType::ringbuf, {"ringbuf", {5, 8}}},
  };
  for (const auto& [each, row] : rows) {
    if (each == type) return &row;
  }
  return nullptr;
}

std::optional<bool> type_may_call(ProgramType type, AttachType attach, uint32_t number) {
  // Helpers every privileged program has.
  static constexpr uint16_t everyone[] = {1, 2, 3, 5, 7, 118, 125, 130, 131, 132, 133, 134, 164, 181, 182, 208};
  // Helpers of the five tracing types.
  static constexpr uint16_t tracers[] = {4, 6, 8, 14, 15, 16, 25, 27, 35, 42, 45, 67, 80, 109, 112, 113, 114, 115, 117, 120, 195};
  auto in = [number](const auto& list) { return std::find(std::begin(list), std::end(list), number) != std::end(list); };
  if (in(everyone)) return true;
  bool tracer = type != ProgramType::socket_filter;
  if (tracer && in(tracers)) return true;
  if (number == 58 && type != ProgramType::kprobe) return false;  // else a matter of configuration
  if (number == 173) {
    if (type == ProgramType::kprobe) return true;
    // Only where a trampoline knows the function.
    return type == ProgramType::tracing && (attach == AttachType::fentry || attach == AttachType::fexit);
  }
  return std::nullopt;
}

}  // namespace shrike::sim
