// What a compiled program shares with user space: its maps, the records it sends, the places it is
// attached to. Every IR below the checked program carries one Interface unchanged, in memory and in
// text, so that a program read from a .mir or .lir file runs and prints like the script it came from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mir/base/id.h"
#include "mir/base/source.h"
#include "mir/base/table.h"
#include "mir/type.h"

namespace shrike::mir {

using MapId = Id<struct MapTag>;
using EventId = Id<struct EventTag>;
using FunctionId = Id<struct FunctionTag>;

// How the kernel keeps a map. One row in map_kinds (interface.cpp) per kind.
enum class MapKind : uint8_t {
  array,            // BPF_MAP_TYPE_ARRAY; values may be addressed directly (map_value_addr)
  percpu_array,     // BPF_MAP_TYPE_PERCPU_ARRAY
  hash,             // BPF_MAP_TYPE_HASH
  percpu_hash,      // BPF_MAP_TYPE_PERCPU_HASH
  lru_hash,         // BPF_MAP_TYPE_LRU_HASH
  lru_percpu_hash,  // BPF_MAP_TYPE_LRU_PERCPU_HASH
  ring,             // BPF_MAP_TYPE_RINGBUF; max_entries is its size in bytes, a power of two, at least a page
  perf_events,      // BPF_MAP_TYPE_PERF_EVENT_ARRAY; an entry a CPU
};
bool is_per_cpu(MapKind kind);
const char* name_of(MapKind kind);
uint32_t kernel_number(MapKind kind);  // BPF_MAP_TYPE_*
std::optional<MapKind> find_map_kind(std::string_view name);

// What the map is for; user maps are the script's `@name`, the others are shrike's own.
enum class MapRole : uint8_t {
  user,     // `@name`
  ring,     // event records, one per program set
  globals,  // array of one value, see GlobalSlot; writable by programs, read by the runtime
  scratch,  // per-CPU array, or array for what is too big for one: objects too big for the stack, see mir/scratch.h
  zeros,    // array of one value, all zero: source for first insertion of big values
  packets,  // perf_events: what skb_output() sends, an event of kind `packet` and then bytes of the packet
  table,    // array of one value: MapDecl::rows, which the runtime writes and programs read
  pages,    // hash: what is in the tseries of a user map that names it, see MapDecl::pages
};
const char* name_of(MapRole role);
std::optional<MapRole> find_map_role(std::string_view name);

// A user map is keyed or scalar. A scalar map's value is followed by a u64 that is 1 once the script has assigned
// it (`present`), at offset align8(value->size):
//   scalar, value of at most 8 bytes, not an aggregate  array of one value
//   scalar aggregate                                    percpu_array of one value
//   other scalar                                        hash with the u64 key 0; no present word
//   keyed                                               hash or percpu_hash (aggregates), or as declared
//   tseries with pages (see has_pages)                  hash, scalar or keyed, that tells which keys there are
struct MapDecl {
  std::string name;  // with the @; shrike's own start with a dot: ".ring", ".globals"
  MapRole role = MapRole::user;
  MapKind kind = MapKind::hash;
  bool is_keyed = false;        // the script writes `@m[...]`
  const Type* key = nullptr;    // user maps that are keyed; a tuple for several keys
  const Type* value = nullptr;  // user maps
  uint32_t key_size = 4;        // bytes given to the kernel
  uint32_t value_size = 8;      // bytes given to the kernel, a multiple of 8; includes the present word
  uint32_t max_entries = 1;
  bool is_preallocated = false;   // hashes: room for every entry is made with the map, see Lower::note_insertion
  std::vector<std::string> rows;  // tables: equal parts of the value, each NUL-terminated
  std::string constants;          // globals: the end of the value, which programs only read
  // Where the intervals of a tseries are whose values would be too big. Its keys are this map's, zeros up to a multiple of 8, and
  // a u64: the number of a page, and in the high half that of the processor whose page it is. Its values have equal numbers of
  // intervals: with n of them, place p of the series is place p mod n of page p / n. A key is there if this map has it: it is
  // inserted after its first page and deleted before its pages. The loader makes room for the pages of each processor.
  MapId pages;
  bool has_initial_value() const { return !rows.empty() || !constants.empty(); }
  bool has_present_word() const {
    return role == MapRole::user && !is_keyed && (kind == MapKind::array || kind == MapKind::percpu_array);
  }
};

// Whether a user map of this kind would have the intervals of such a tseries in pages. A value of each processor's own has at
// most 32 KiB, and what a program inserts of such values the kernel makes from memory that it has at hand for each processor,
// which is little; pages are made from what there is for all. What is made with its map, or forgets keys by itself, stays whole.
bool has_pages(const Type& value, bool is_keyed, MapKind kind);
// Intervals of each page, as even as they come.
uint32_t even_page_slots(const Type& series);
uint32_t page_count(const Type& series, uint32_t slots);

// The value that an array of one value has before programs run: of a table its rows, of globals their constants.
std::string initial_value(const MapDecl& map);

// Offsets into the value of the globals map.
namespace globals {
inline constexpr uint32_t zeros = 0;  // u64 x 2: always zero, the key or first value of what is small
inline constexpr uint32_t zeros_bytes = 16;
inline constexpr uint32_t start_ns = 16;    // u64: boot-time clock when tracing began, for `elapsed`; set by the runtime
inline constexpr uint32_t exit_code = 24;   // u64: 1 + the code of the first exit(); 0 while running
inline constexpr uint32_t target_pid = 32;  // u64: -p or -c process (cpid); 0 if none; set by the runtime
inline constexpr uint32_t tai_offset = 40;  // u64: nanoseconds that TAI is ahead of boot time; set by the runtime
inline constexpr uint32_t stopped =
    48;  // u64: not zero when probes are to do nothing any more, see lower_body; set by the runtime
inline constexpr uint32_t processors = 56;  // u64: how many numbers processors may have; set by the runtime if there are pages
inline constexpr uint32_t losses = 64;      // records that found no room, by CPU (a slot each) and EventRank (a u64 each)
inline constexpr uint32_t loss_slots = 16;  // CPUs beyond share them: counting is atomic, sharing only slower
inline constexpr uint32_t loss_slot_bytes = 64;
// By MapId two u64: insertions that were refused, and the error of the last one: -ENOMEM, or another where the map was full.
inline constexpr uint32_t per_map = losses + loss_slots * loss_slot_bytes;
inline constexpr uint32_t map_refusals(MapId map) {
  return per_map + 16 * map.index;
}
inline constexpr uint32_t map_error(MapId map) {
  return map_refusals(map) + 8;
}
// Bytes of the value when maps up to number `count` - 1 are counted.
inline constexpr uint32_t size(size_t count) {
  return per_map + 16 * static_cast<uint32_t>(count);
}
}  // namespace globals

// A record in the ring: u32 event id, u32 zero, then the fields at their offsets.
enum class EventKind : uint8_t {
  printf,         // format with fields
  errorf,         // like printf, to stderr with the source location
  warnf,          // the same
  print_value,    // one field: its default text and a newline
  print_map,      // the whole map, read when the record arrives; fields: int64 top, int64 div (0: not given)
  print_element,  // fields: key, value of `map`; printed as `@map[key]: value`
  clear,          // forget every entry of the map
  zero,           // set every value of the map to zero
  exit,           // field: int64 code. Stops the trace.
  time,           // strftime `format` of the local time when printed
  system,         // format with fields, run by sh -c (--unsafe)
  cat,            // format with fields names a file to print
  join,           // field: array of strings, printed with `format` between them up to the first empty one
  packet,         // fields: uint64 nanoseconds since boot, offset, bytes wanted, bytes it has; `format` is the file it goes to
  unwatch,        // field: int64 address whose watchpoints are given back
  runtime_error,  // `format` is the sentence, without fields; reported as a warning at the span
};
// Bytes of a packet that are sent at most: what a record of a perf buffer can hold beside its own fields.
inline constexpr uint32_t longest_packet = 65000;

// Who gets through while the ring is full. Data leaves the last of the ring to the others, errors leave half of that to
// what controls the trace, so that no flood of output keeps exit(), print(@map), clear() or zero() from user space.
enum class EventRank : uint8_t { data, error, control };
EventRank rank_of(EventKind kind);
// Bytes of a ring that records of this rank leave free.
uint32_t reserve_of(EventRank rank, uint32_t ring_bytes);
inline constexpr uint32_t least_reserve = 16384;

const char* name_of(EventKind kind);
std::optional<EventKind> find_event_kind(std::string_view name);

struct EventField {
  const Type* type = nullptr;
  uint32_t offset = 0;  // in the record, at least 8, naturally aligned; from the record's size on: in EventDecl::constants
};

struct EventDecl {
  EventKind kind = EventKind::printf;
  std::string format;
  std::vector<EventField> fields;
  uint32_t size = 8;      // whole record, a multiple of 8
  MapId map;              // print_map, print_element, clear, zero
  Span span;              // errorf, warnf, runtime_error
  std::string constants;  // bytes of the fields that are the same in every record, which has none of them
  // Another event in the same record: its fields' offsets count from 8 bytes before this one's end, for it has no header.
  EventId next;

  const uint8_t* bytes_of(const EventField& field, const uint8_t* record) const {
    if (field.offset < size) return record + field.offset;
    return reinterpret_cast<const uint8_t*>(constants.data()) + (field.offset - size);
  }
};

enum class ProbeKind : uint8_t {
  begin,
  end,
  kprobe,
  kretprobe,
  uprobe,
  uretprobe,
  usdt,
  tracepoint,
  rawtracepoint,
  profile,
  interval,
  software,
  hardware,
  fentry,
  fexit,
  iter,
  watchpoint,
  self,
  test,
  bench,
};
const char* name_of(ProbeKind kind);
std::optional<ProbeKind> find_probe_kind(std::string_view name);

// Programs that end at once when globals::stopped is set: those of tracepoints and kprobes, where a script has `end`. The
// kernel runs them with preemption disabled, so that none is left half run on a CPU that has run something else since.
constexpr bool stops_by_flag(ProbeKind kind) {
  return kind == ProbeKind::tracepoint || kind == ProbeKind::kprobe || kind == ProbeKind::kretprobe;
}

// The BPF program type a function is loaded as. Rows in interface.cpp give the kernel's number.
enum class ProgramType : uint8_t {
  kprobe,          // BPF_PROG_TYPE_KPROBE: kprobe, kretprobe, uprobe, uretprobe, usdt; ctx is pt_regs
  tracepoint,      // BPF_PROG_TYPE_TRACEPOINT
  raw_tracepoint,  // BPF_PROG_TYPE_RAW_TRACEPOINT: rawtracepoint; begin, end, self, test and bench, run by BPF_PROG_TEST_RUN
  perf_event,      // BPF_PROG_TYPE_PERF_EVENT: profile, interval, software, hardware, watchpoint
  tracing,         // BPF_PROG_TYPE_TRACING: fentry, fexit, iter; loaded for the one function it is attached to
};
const char* name_of(ProgramType type);
uint32_t kernel_number(ProgramType type);  // BPF_PROG_TYPE_*
std::optional<ProgramType> find_program_type(std::string_view name);

// One place a program is attached to. Several may share a function.
// The address of a function that its file does not have: the program can be loaded, attaching it fails.
inline constexpr uint64_t nowhere = UINT64_MAX;

struct AttachPoint {
  ProbeKind kind = ProbeKind::begin;
  std::string name;        // as shown by `probe`: "tracepoint:syscalls:sys_enter_read"
  std::string target;      // tracepoint category; module; path of the binary; iter: where it is pinned
  std::string function;    // event of a tracepoint; kernel function; ELF symbol; usdt provider:name; perf event name; iter: type;
                           // watchpoint: mode; test, bench: the name that was given
  uint64_t address = 0;    // uprobe, usdt: file offset (resolved); kprobe by address; watchpoint
  uint64_t offset = 0;     // kprobe: `+off`; uprobe: already part of address; watchpoint: its length
  uint64_t semaphore = 0;  // usdt: file offset of the count of those who watch the probe; 0: it has none
  uint64_t period = 0;     // profile, interval: nanoseconds, or hertz if in_hertz; software, hardware: event count
  uint64_t cookie = 0;     // what get_attach_cookie answers there; 0: nobody asks
  bool in_hertz = false;
  bool is_pattern = false;      // kprobe, kretprobe: target and function are wildcards, whose places are looked up to attach
  bool is_alternative = false;  // a pattern that is one of several ways to write a probe: that it matches nothing is no error
  bool is_unique = false;       // kprobe, kretprobe: found by a pattern, which leaves out names that several functions bear
  FunctionId program;
  Span span;
};

struct Interface {
  TypePool types;
  Table<MapId, MapDecl> maps;
  Table<EventId, EventDecl> events;
  std::vector<AttachPoint> probes;
  std::vector<std::string> strings;  // formats and filters referred to by values

  MapId find_map(std::string_view name) const;  // invalid id if there is none
  // Intervals of a map's tseries that are in one value, of its own or of its pages.
  uint32_t value_slots(const MapDecl& map) const;
  // The records and enumerations that values in maps and events hold, each once, inner ones first.
  std::vector<const Type*> held_types() const;
};

}  // namespace shrike::mir
