// Names and kernel numbers of what programs and user space share. Facts: the kernel's include/uapi/linux/bpf.h.
#include "mir/interface.h"

#include <algorithm>
#include <array>
#include <unordered_set>
#include <utility>

namespace shrike::mir {

namespace {

struct MapKindRow {
  const char* name;
  uint32_t number;
  bool is_per_cpu;
};
// In the order of MapKind.
constexpr MapKindRow map_kinds[] = {
    {"array", 2, false},    {"percpu_array", 6, true},     {"hash", 1, false},  {"percpu_hash", 5, true},
    {"lru_hash", 9, false}, {"lru_percpu_hash", 10, true}, {"ring", 27, false}, {"perf_events", 4, false},
};

struct ProgramTypeRow {
  const char* name;
  uint32_t number;
};
// In the order of ProgramType.
constexpr ProgramTypeRow program_types[] = {
    {"kprobe", 2}, {"tracepoint", 5}, {"raw_tracepoint", 17}, {"perf_event", 7}, {"tracing", 26}};

// In the order of the enums.
constexpr const char* map_roles[] = {"user", "ring", "globals", "scratch", "zeros", "packets", "table", "pages"};
constexpr const char* event_kinds[] = {"printf", "errorf", "warnf",   "print_value",  "print_map", "print_element",
                                       "clear",  "zero",   "exit",    "time",         "system",    "cat",
                                       "join",   "packet", "unwatch", "runtime_error"};
constexpr const char* probe_kinds[] = {"begin",     "end",        "kprobe",     "kretprobe",     "uprobe",
                                       "uretprobe", "usdt",       "tracepoint", "rawtracepoint", "profile",
                                       "interval",  "software",   "hardware",   "fentry",        "fexit",
                                       "iter",      "watchpoint", "self",       "test",          "bench"};

template <class Enum, size_t n>
std::optional<Enum> find(const char* const (&names)[n], std::string_view name) {
  for (size_t i = 0; i < n; i++)
    if (name == names[i]) return static_cast<Enum>(i);
  return std::nullopt;
}

template <class Enum, class Row, size_t n>
std::optional<Enum> find(const Row (&rows)[n], std::string_view name) {
  for (size_t i = 0; i < n; i++)
    if (name == rows[i].name) return static_cast<Enum>(i);
  return std::nullopt;
}

constexpr uint32_t most_page_slots = 80;  // with a key and what the kernel adds they fill 2 KiB, which is what it allocates

}  // namespace

bool has_pages(const Type& value, bool is_keyed, MapKind kind) {
  constexpr uint32_t most_slots = 1024, most_inserted_slots = 40;
  const bool is_made_when_inserted = is_keyed && kind == MapKind::percpu_hash;
  return value.is(TypeKind::tseries) && value.count > (is_made_when_inserted ? most_inserted_slots : most_slots);
}

uint32_t even_page_slots(const Type& series) {
  const uint32_t pages = page_count(series, most_page_slots);
  return (series.count + pages - 1) / pages;
}

uint32_t page_count(const Type& series, uint32_t slots) {
  return (series.count + slots - 1) / slots;
}

bool is_per_cpu(MapKind kind) {
  return map_kinds[static_cast<size_t>(kind)].is_per_cpu;
}
const char* name_of(MapKind kind) {
  return map_kinds[static_cast<size_t>(kind)].name;
}
uint32_t kernel_number(MapKind kind) {
  return map_kinds[static_cast<size_t>(kind)].number;
}
std::optional<MapKind> find_map_kind(std::string_view name) {
  return find<MapKind>(map_kinds, name);
}

const char* name_of(MapRole role) {
  return map_roles[static_cast<size_t>(role)];
}
std::optional<MapRole> find_map_role(std::string_view name) {
  return find<MapRole>(map_roles, name);
}

const char* name_of(EventKind kind) {
  return event_kinds[static_cast<size_t>(kind)];
}
EventRank rank_of(EventKind kind) {
  switch (kind) {
    case EventKind::print_map:
    case EventKind::clear:
    case EventKind::zero:
    case EventKind::unwatch:
    case EventKind::exit: return EventRank::control;
    case EventKind::errorf:
    case EventKind::warnf:
    case EventKind::runtime_error: return EventRank::error;
    default: return EventRank::data;
  }
}

uint32_t reserve_of(EventRank rank, uint32_t ring_bytes) {
  uint32_t reserve = std::max(least_reserve, ring_bytes / 16);
  return rank == EventRank::data ? reserve : rank == EventRank::error ? reserve / 2 : 0;
}

std::optional<EventKind> find_event_kind(std::string_view name) {
  return find<EventKind>(event_kinds, name);
}

const char* name_of(ProbeKind kind) {
  return probe_kinds[static_cast<size_t>(kind)];
}
std::optional<ProbeKind> find_probe_kind(std::string_view name) {
  return find<ProbeKind>(probe_kinds, name);
}

const char* name_of(ProgramType type) {
  return program_types[static_cast<size_t>(type)].name;
}
uint32_t kernel_number(ProgramType type) {
  return program_types[static_cast<size_t>(type)].number;
}
std::optional<ProgramType> find_program_type(std::string_view name) {
  return find<ProgramType>(program_types, name);
}

namespace {

// `seen` ends the walk where text that was not made by shrike has records hold each other.
struct HeldTypes {
  const TypePool& types;
  std::unordered_set<const Type*> seen;
  std::vector<const Type*> held;

  void visit(const Type* type) {
    if (type == nullptr || !seen.insert(type).second) return;
    if (type->is(TypeKind::array)) visit(type->element);
    for (const TupleElement& element : type->elements) visit(element.type);
    if (type->is(TypeKind::record)) {
      if (const RecordLayout* layout = types.layout(type))
        for (const RecordField& field : layout->fields) visit(field.type);
    }
    if (type->is(TypeKind::record) || type->is(TypeKind::enumeration)) held.push_back(type);
  }
};

}  // namespace

std::vector<const Type*> Interface::held_types() const {
  HeldTypes walk{types, {}, {}};
  for (const MapDecl& map : maps) walk.visit(map.key), walk.visit(map.value);
  for (const EventDecl& event : events)
    for (const EventField& field : event.fields) walk.visit(field.type);
  return std::move(walk.held);
}

std::string initial_value(const MapDecl& map) {
  std::string bytes(map.value_size, '\0');
  size_t row_size = map.rows.empty() ? 0 : map.value_size / map.rows.size();
  for (size_t i = 0; i < map.rows.size() && row_size != 0; i++) map.rows[i].copy(bytes.data() + i * row_size, row_size - 1);
  if (map.constants.size() <= bytes.size()) map.constants.copy(bytes.data() + bytes.size() - map.constants.size(), bytes.size());
  return bytes;
}

uint32_t Interface::value_slots(const MapDecl& map) const {
  return map.pages.is_valid() ? maps[map.pages].value_size / series_slot : map.value->count;
}

MapId Interface::find_map(std::string_view name) const {
  for (uint32_t i = 0; i < maps.size(); i++)
    if (maps[MapId(i)].name == name) return MapId(i);
  return {};
}

}  // namespace shrike::mir
