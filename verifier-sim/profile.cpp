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
      {MapType::cgroup_array, {"cgroup_array", {4, 8}}},
      {MapType::lpm_trie, {"lpm_trie", {4, 11}}},
      {MapType::array_of_maps, {"array_of_maps", {4, 12}}},
      {MapType::hash_of_maps, {"hash_of_maps", {4, 12}}},
      {MapType::ringbuf, {"ringbuf", {5, 8}}},
      {MapType::task_storage, {"task_storage", {5, 11}}},
  };
  for (const auto& [each, row] : rows) {
    if (each == type) return &row;
  }
  return nullptr;
}

namespace {

// Sets of program types.
constexpr uint8_t kprobe = 1, tracepoint = 2, perf_event = 4, raw_tracepoint = 8, typed_tracepoint = 16, trampoline = 32,
                  iter = 64, tracers = 127, socket_filter = 128, everyone = 255;

uint8_t bit_of(ProgramType type, AttachType attach) {
  switch (type) {
    case ProgramType::socket_filter: return socket_filter;
    case ProgramType::kprobe: return kprobe;
    case ProgramType::tracepoint: return tracepoint;
    case ProgramType::perf_event: return perf_event;
    case ProgramType::raw_tracepoint: return raw_tracepoint;
    case ProgramType::tracing: break;
  }
  switch (attach) {
    case AttachType::raw_tp: return typed_tracepoint;
    case AttachType::fentry:
    case AttachType::fexit: return trampoline;
    case AttachType::iter: return iter;
    default: return 0;
  }
}

// Where a type got a helper later than it came to be, the version is that of the type. Measured: tests/verdicts.
struct CallerRow {
  uint16_t helper;
  uint8_t types;
  Version since;
};
constexpr CallerRow callers[] = {
    {17, tracers, {6, 16}},
    {36, tracers, {}},
    {46, trampoline | typed_tracepoint | iter, {5, 12}},
    {26, socket_filter, {}},
    {46, socket_filter, {}},
    {47, socket_filter, {}},
    {68, socket_filter, {}},
    {56, perf_event, {}},
    {126, iter, {}},
    {127, iter, {}},
    {58, kprobe, {}},
    {122, 0, {}},
    {123, tracers, {5, 15}},
    {160, 0, {}},
    {147, trampoline | typed_tracepoint, {}},  // of some functions only: check_call
    {147, iter, {5, 12}},
    {173, kprobe | trampoline, {}},
    {174, trampoline, {5, 19}},
    {174, kprobe | tracepoint | perf_event, {}},
    {174, raw_tracepoint | typed_tracepoint, {6, 10}},
};
// Socket filters got most helpers late. Between `lacks` and `since` no kernel was asked; before `lacks` none had it.
struct PacketRow {
  uint16_t helper;
  Version lacks, since;
};
constexpr Version never{UINT16_MAX, 0};
constexpr PacketRow of_packets[] = {
    {4, {6, 18}, never},    {6, {}, {6, 1}},         {14, {6, 1}, {6, 12}},  {15, {6, 12}, {6, 18}},  {16, {6, 12}, {6, 18}},
    {17, {6, 12}, {6, 18}}, {22, {6, 12}, {6, 18}},  {25, {}, {6, 1}},       {26, {}, {6, 1}},        {27, {6, 18}, never},
    {35, {}, {6, 1}},       {37, {6, 12}, {6, 18}},  {45, {6, 18}, never},   {47, {}, {6, 1}},        {55, {6, 12}, {6, 18}},
    {67, {6, 18}, never},   {68, {}, {6, 1}},        {80, {6, 1}, {6, 12}},  {109, {6, 12}, {6, 18}}, {111, {6, 18}, never},
    {112, {}, {6, 1}},      {113, {}, {6, 1}},       {114, {}, {6, 1}},      {115, {}, {6, 1}},       {117, {6, 12}, {6, 18}},
    {120, {6, 1}, {6, 12}}, {122, {6, 12}, {6, 18}}, {123, {6, 1}, {6, 12}}, {158, {}, {6, 1}},       {160, {}, {6, 1}},
    {177, {}, {6, 1}},      {195, {}, {6, 1}},
};

std::optional<bool> packets_may_call(const Profile& profile, const PacketRow& row) {
  if (profile.version >= row.since) return true;
  if (profile.version <= row.lacks) return false;
  return std::nullopt;
}

// Helpers of every privileged program, and of the tracing types.
constexpr uint16_t of_everyone[] = {1, 2, 3, 5, 7, 8, 12, 42, 118, 125, 130, 131, 132, 133, 134, 164, 181, 182, 208};
constexpr uint16_t of_tracers[] = {4,  6,   14,  15,  16,  22,  25,  27,  35,  37,  45,  55,  67,
                                   80, 109, 112, 113, 114, 115, 117, 120, 156, 157, 158, 177, 195};

}  // namespace

std::optional<bool> type_may_call(const Profile& profile, ProgramType type, AttachType attach, uint32_t number) {
  const uint8_t bit = bit_of(type, attach);
  auto in = [number](const auto& list) { return std::find(std::begin(list), std::end(list), number) != std::end(list); };
  if (in(of_everyone)) return true;
  if (type == ProgramType::socket_filter) {
    const auto* row = std::find_if(std::begin(of_packets), std::end(of_packets),
                                   [number](const PacketRow& each) { return each.helper == number; });
    if (row != std::end(of_packets)) return packets_may_call(profile, *row);
  } else if (in(of_tracers)) {
    return true;
  }
  std::optional<bool> may;
  for (const CallerRow& row : callers) {
    if (row.helper != number || bit == 0) continue;
    may = may.value_or(false) || ((row.types & bit) != 0 && row.since <= profile.version);
  }
  return may;
}

}  // namespace shrike::sim
