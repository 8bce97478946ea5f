// Maps, helpers and aggregates of the reference interpreter. Results and error numbers are the kernel's.
#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "mir/interpret.h"

namespace shrike::mir {

namespace {

constexpr int64_t not_found = -2, too_big = -7, bad_address = -14, exists = -17,
                  invalid = -22;                           // ENOENT E2BIG EFAULT EEXIST EINVAL
constexpr uint64_t update_no_exist = 1, update_exist = 2;  // BPF_NOEXIST BPF_EXIST
constexpr uint64_t user_stack_flag = 256;                  // BPF_F_USER_STACK
constexpr uint64_t largest_buffer = 1u << 24;              // what no sensible program passes
constexpr uint64_t most_loops = 1u << 23;
constexpr uint64_t iterator_ended = 0xdeaddeaddeaddead;  // in its slot

bool is_array(MapKind kind) {
  return kind == MapKind::array || kind == MapKind::percpu_array;
}
bool is_lru(MapKind kind) {
  return kind == MapKind::lru_hash || kind == MapKind::lru_percpu_hash;
}

uint64_t error(int64_t number) {
  return static_cast<uint64_t>(number);
}

std::string text_of(std::span<const uint8_t> bytes) {
  return {bytes.begin(), bytes.end()};
}

// The definitions of type.h, by plain search.
uint32_t hist_bucket(int64_t n, uint32_t bits) {
  if (n < 0) return 0;
  auto value = static_cast<uint64_t>(n);
  if (value < uint64_t{1} << bits) return 1 + static_cast<uint32_t>(value);
  auto exponent = static_cast<uint32_t>(std::bit_width(value) - 1);
  uint64_t part = (value - (uint64_t{1} << exponent)) >> (exponent - bits);
  return 1 + ((exponent - bits + 1) << bits) + static_cast<uint32_t>(part);
}

uint32_t lhist_bucket(int64_t n, const Type& type) {
  uint32_t last = lhist_bucket_count(type.lhist_min, type.lhist_max, type.lhist_step) - 1;
  if (n < type.lhist_min) return 0;
  if (n >= type.lhist_max) return last;
  uint64_t above = static_cast<uint64_t>(n) - static_cast<uint64_t>(type.lhist_min);
  return 1 + static_cast<uint32_t>(above / static_cast<uint64_t>(type.lhist_step));
}

}  // namespace

std::optional<uint64_t> Machine::lookup(MapId map, std::span<const uint8_t> key) {
  const MapDecl& decl = interface_.maps[map];
  std::map<std::string, std::vector<uint64_t>>& entries = maps_[map.index].entries;
  std::string bytes = text_of(key);
  auto found = entries.find(bytes);
  if (found == entries.end()) {
    uint32_t index = 0;
    if (!is_array(decl.kind) || key.size() != sizeof index) return std::nullopt;
    std::memcpy(&index, key.data(), sizeof index);
    if (index >= decl.max_entries) return std::nullopt;
    std::vector<uint64_t> values;
    for (uint32_t i = 0; i < (is_per_cpu(decl.kind) ? state.cpu_count : 1); i++)
      values.push_back(allocate(std::vector<uint8_t>(decl.value_size)));
    if (decl.has_initial_value()) write(values.front(), initial_value(decl).data(), decl.value_size);
    found = entries.emplace(std::move(bytes), std::move(values)).first;
  }
  return found->second[is_per_cpu(decl.kind) ? state.cpu : 0];
}

int64_t Machine::update(MapId map, std::span<const uint8_t> key, std::span<const uint8_t> value, uint64_t flags) {
  const MapDecl& decl = interface_.maps[map];
  std::optional<uint64_t> found = lookup(map, key);
  if (is_array(decl.kind) && !found) return too_big;
  if (flags > update_exist) return invalid;
  if (found && flags == update_no_exist) return exists;
  if (!found && flags == update_exist) return not_found;
  if (!found) {
    MapState& entries = maps_[map.index];
    if (entries.entries.size() >= decl.max_entries) {
      if (!is_lru(decl.kind)) return too_big;
      entries.entries.erase(entries.entries.begin());
    }
    std::vector<uint64_t> values;
    for (uint32_t i = 0; i < (is_per_cpu(decl.kind) ? state.cpu_count : 1); i++)
      values.push_back(allocate(std::vector<uint8_t>(decl.value_size)));
    found = values[is_per_cpu(decl.kind) ? state.cpu : 0];
    entries.entries.emplace(text_of(key), std::move(values));
  }
  if (!write(*found, value.data(), std::min<size_t>(value.size(), decl.value_size))) fail("map value of another size");
  return 0;
}

int64_t Machine::remove(MapId map, const std::string& key) {
  if (is_array(interface_.maps[map].kind)) return invalid;
  return maps_[map.index].entries.erase(key) == 1 ? 0 : not_found;  // pointers to the value stay usable, as in the kernel
}

std::vector<Machine::Entry> Machine::entries(MapId map) const {
  std::vector<Entry> out;
  uint32_t size = interface_.maps[map].value_size;
  for (const auto& [key, addresses] : maps_[map.index].entries) {
    Entry& entry = out.emplace_back(Entry{{key.begin(), key.end()}, {}});
    for (uint64_t address : addresses) read(address, entry.values.emplace_back(size).data(), size);
  }
  return out;
}

uint64_t Machine::call_helper(const Inst& inst, const std::vector<uint64_t>& args) {
  const auto bytes = [&](uint64_t address, size_t size) {
    std::string text = bytes_at(address, size);
    return std::vector<uint8_t>(text.begin(), text.end());
  };
  const auto map = [&]() -> const MapDecl& { return interface_.maps[inst.map]; };
  switch (inst.helper) {
    case HelperId::map_lookup_elem: return lookup(inst.map, bytes(args[0], map().key_size)).value_or(0);
    case HelperId::map_lookup_percpu_elem: {
      if (args[1] >= state.cpu_count) return 0;
      uint32_t cpu = std::exchange(state.cpu, static_cast<uint32_t>(args[1]));
      uint64_t value = lookup(inst.map, bytes(args[0], map().key_size)).value_or(0);
      state.cpu = cpu;
      return value;
    }
    case HelperId::map_update_elem:
      return error(update(inst.map, bytes(args[0], map().key_size), bytes(args[1], map().value_size), args[2]));
    case HelperId::map_delete_elem: return error(remove(inst.map, bytes_at(args[0], map().key_size)));
    case HelperId::probe_read:
    case HelperId::probe_read_user:
    case HelperId::probe_read_kernel: return read_traced(args);
    case HelperId::probe_read_str:
    case HelperId::probe_read_user_str:
    case HelperId::probe_read_kernel_str: return read_string(args);
    case HelperId::ktime_get_ns:
    case HelperId::ktime_get_boot_ns:
    case HelperId::ktime_get_tai_ns:
    case HelperId::ktime_get_coarse_ns:
    case HelperId::jiffies64: return state.nanoseconds++;
    case HelperId::get_prandom_u32: return random_();
    case HelperId::get_smp_processor_id: return state.cpu;
    case HelperId::ringbuf_query:  // read at once
    case HelperId::get_numa_node_id: return 0;
    case HelperId::get_current_pid_tgid: return state.pid_tgid;
    case HelperId::get_current_uid_gid: return state.uid_gid;
    case HelperId::get_current_task: return state.task;
    case HelperId::get_current_cgroup_id: return state.cgroup;
    case HelperId::get_func_ip: return state.func_ip;
    case HelperId::get_current_comm: {
      if (args[1] == 0 || args[1] > largest_buffer) return fail("get_current_comm with an odd size");
      std::string padded(args[1], '\0');
      std::copy_n(state.comm.begin(), std::min<size_t>(state.comm.size(), args[1] - 1), padded.begin());
      if (!write(args[0], padded.data(), padded.size())) fail("get_current_comm outside of every object");
      return 0;
    }
    case HelperId::get_ns_current_pid_tgid: {
      const uint32_t ids[2] = {static_cast<uint32_t>(state.pid_tgid), static_cast<uint32_t>(state.pid_tgid >> 32)};
      if (args[3] != sizeof ids) return error(invalid);
      if (!write(args[2], ids, sizeof ids)) fail("get_ns_current_pid_tgid outside of every object");
      return 0;
    }
    case HelperId::perf_event_output: records.push_back(bytes(args[2], args[3])); return 0;
    case HelperId::ringbuf_output:
      if (records.size() + reserved_ >= state.ring_records) return error(-11);  // EAGAIN
      records.push_back(bytes(args[0], args[1]));
      return 0;
    case HelperId::ringbuf_reserve:
      if (args[0] > largest_buffer || records.size() + reserved_ >= state.ring_records) return 0;
      reserved_++;
      return allocate(std::vector<uint8_t>(args[0], 0xa5));
    case HelperId::ringbuf_submit:
    case HelperId::ringbuf_discard: {
      auto found = memory_.find(args[0]);
      if (found == memory_.end()) return fail("ring record submitted or discarded twice");
      if (inst.helper == HelperId::ringbuf_submit) records.push_back(found->second);
      memory_.erase(found);
      reserved_--;
      return 0;
    }
    case HelperId::get_stack: return get_stack(args);
    case HelperId::get_stackid: return error(bad_address);
    case HelperId::send_signal_thread:
    case HelperId::send_signal: signals.push_back(args[0]); return 0;
    case HelperId::trace_printk:
    case HelperId::override_return: return 0;
    case HelperId::skb_output:
    case HelperId::get_socket_cookie:
    case HelperId::d_path:
      return error(invalid);  // there are no files
    // Of programs that shrike does not make.
    case HelperId::tail_call:
    case HelperId::get_cgroup_classid:
    case HelperId::perf_event_read:
    case HelperId::perf_event_read_value:
    case HelperId::perf_prog_read_value:
    case HelperId::skb_load_bytes:
    case HelperId::skb_load_bytes_relative:
    case HelperId::get_socket_uid:
    case HelperId::get_netns_cookie:
    case HelperId::current_task_under_cgroup:
    case HelperId::get_current_ancestor_cgroup_id:
    case HelperId::get_attach_cookie:
    case HelperId::seq_printf:
    case HelperId::seq_write:
    case HelperId::task_storage_get:
    case HelperId::task_storage_delete:
    case HelperId::get_current_task_btf:
    case HelperId::trace_vprintk: return error(invalid);
    case HelperId::probe_write_user: {
      std::string written = bytes_at(args[1], args[2]);
      return write(args[0], written.data(), written.size()) ? 0 : error(bad_address);
    }
    case HelperId::for_each_map_elem: return for_each(inst, args);
    case HelperId::loop: return loop(inst, args);
    case HelperId::iter_num_new: return begin_iterator(args);
    case HelperId::iter_num_next: return step_iterator(args[0]);
    case HelperId::iter_num_destroy: checked_store(args[0], iterator_ended, 8); return 0;
    case HelperId::strncmp: return compare_strings(args);
  }
  UNREACHABLE("helper");
}

uint64_t Machine::read_traced(const std::vector<uint64_t>& args) {
  if (args[1] > largest_buffer) return fail("read of an odd size");
  std::string bytes(args[1], '\0');
  bool is_mapped = read(args[2], bytes.data(), bytes.size());
  if (!is_mapped) std::fill(bytes.begin(), bytes.end(), '\0');
  if (!write(args[0], bytes.data(), bytes.size())) fail("read to outside of every object");
  return is_mapped ? 0 : error(bad_address);
}

uint64_t Machine::read_string(const std::vector<uint64_t>& args) {
  uint64_t size = args[1];
  if (size == 0) return 0;
  if (size > largest_buffer) return fail("string of an odd size");
  std::string bytes;
  for (char c = 0; bytes.size() + 1 < size; bytes += c) {
    if (!read(args[2] + bytes.size(), &c, 1)) {
      std::string zeros(size, '\0');
      if (!write(args[0], zeros.data(), zeros.size())) fail("string to outside of every object");
      return error(bad_address);
    }
    if (c == '\0') break;
  }
  if (!write(args[0], bytes.c_str(), bytes.size() + 1)) fail("string to outside of every object");
  return bytes.size() + 1;
}

uint64_t Machine::get_stack(const std::vector<uint64_t>& args) {
  uint64_t size = args[2];
  if (size > largest_buffer) return fail("stack of an odd size");
  const std::vector<uint64_t>& all = (args[3] & user_stack_flag) != 0 ? state.user_stack : state.kernel_stack;
  uint64_t skipped = std::min<uint64_t>(args[3] & 255, all.size());
  uint64_t frames = std::min<uint64_t>(size / 8, all.size() - skipped);
  std::vector<uint8_t> bytes(size);
  if (frames != 0) std::memcpy(bytes.data(), all.data() + skipped, frames * 8);
  if (!write(args[1], bytes.data(), bytes.size())) fail("stack to outside of every object");
  return frames * 8;
}

uint64_t Machine::for_each(const Inst& inst, const std::vector<uint64_t>& args) {
  const MapDecl& decl = interface_.maps[inst.map];
  if (args[1] != 0) return error(invalid);
  for (uint32_t i = 0; is_array(decl.kind) && i < decl.max_entries; i++) {
    uint8_t index[4];
    std::memcpy(index, &i, sizeof index);
    lookup(inst.map, index);
  }
  auto entries = maps_[inst.map.index].entries;  // a copy: the callback may change the map
  uint64_t visited = 0;
  for (const auto& [key, values] : entries) {
    visited++;
    uint64_t key_address = allocate({key.begin(), key.end()});
    uint64_t stop = call_function(inst.callee, {0, key_address, values[is_per_cpu(decl.kind) ? state.cpu : 0], args[0]});
    memory_.erase(key_address);
    if (stop != 0 || !fault_.empty()) break;
  }
  return visited;
}

uint64_t Machine::loop(const Inst& inst, const std::vector<uint64_t>& args) {
  if (args[2] != 0) return error(invalid);
  if (args[0] > most_loops) return error(too_big);
  for (uint64_t i = 0; i < args[0]; i++)
    if (call_function(inst.callee, {i, args[1]}) != 0 || !fault_.empty()) return i + 1;
  return args[0];
}

// As the kernel keeps it: what it is at, then where it ends. It begins before the first number, and is at its end after an error.
uint64_t Machine::begin_iterator(const std::vector<uint64_t>& args) {
  const auto start = static_cast<int32_t>(args[1]), end = static_cast<int32_t>(args[2]);
  checked_store(args[0], 0, 8);
  if (start > end) return error(invalid);
  if (int64_t{end} - start > static_cast<int64_t>(most_loops)) return error(too_big);
  checked_store(args[0], static_cast<uint32_t>(start) - 1, 4);
  checked_store(args[0] + 4, static_cast<uint32_t>(end), 4);
  return 0;
}

uint64_t Machine::step_iterator(uint64_t iterator) {
  if (checked_load(iterator, 8) == iterator_ended) return fail("an iterator that has not begun");
  const auto next = static_cast<int32_t>(static_cast<uint32_t>(checked_load(iterator, 4)) + 1);
  if (next >= static_cast<int32_t>(checked_load(iterator + 4, 4))) {
    checked_store(iterator, 0, 8);
    return 0;
  }
  checked_store(iterator, static_cast<uint32_t>(next), 4);
  return iterator;
}

uint64_t Machine::compare_strings(const std::vector<uint64_t>& args) {
  for (uint64_t i = 0; i < args[1] && fault_.empty(); i++) {
    uint64_t a = checked_load(args[0] + i, 1);
    uint64_t b = checked_load(args[2] + i, 1);
    if (a != b) return error(a < b ? -1 : 1);
    if (a == 0) break;
  }
  return 0;
}

uint64_t Machine::series_now() {
  uint64_t now = state.nanoseconds++;
  MapId shared = interface_.find_map(".globals");
  const uint8_t first[4] = {};
  if (std::optional<uint64_t> at = shared.is_valid() ? lookup(shared, first) : std::nullopt)
    now += checked_load(*at + globals::tai_offset, 8);
  return now;
}

void Machine::fold_into_series(const MapDecl& map, uint64_t value, uint64_t now, uint64_t n) {
  const Type& type = *map.value;
  uint64_t interval = now / static_cast<uint64_t>(type.interval);
  uint64_t slot = value + series_slot * (interval % type.count % interface_.value_slots(map));
  uint64_t current = checked_load(slot, 8), is_new = checked_load(slot + 16, 8) != interval;
  bool is_less = type.is_signed ? static_cast<int64_t>(n) < static_cast<int64_t>(current) : n < current;
  bool stays = (type.fold == SeriesFold::min && !is_less) || (type.fold == SeriesFold::max && (is_less || n == current));
  bool adds = type.fold == SeriesFold::sum || type.fold == SeriesFold::avg;
  if (is_new || !stays) checked_store(slot, adds && !is_new ? current + n : n, 8);
  if (type.fold == SeriesFold::avg) checked_store(slot + 8, is_new ? 1 : checked_load(slot + 8, 8) + 1, 8);
  else if (is_new || type.fold == SeriesFold::last) checked_store(slot + 8, now, 8);
  checked_store(slot + 16, interval, 8);
}

std::optional<uint64_t> Machine::find_or_insert(MapId map, std::span<const uint8_t> key, int64_t& refusal) {
  std::optional<uint64_t> value = lookup(map, key);
  if (value) return value;
  refusal = update(map, key, std::vector<uint8_t>(interface_.maps[map].value_size), update_no_exist);
  return refusal == 0 ? lookup(map, key) : std::nullopt;
}

// See MapDecl::pages.
std::optional<uint64_t> Machine::page_of(MapId map, std::span<const uint8_t> key, uint64_t now, int64_t& refusal) {
  const MapDecl& decl = interface_.maps[map];
  const uint64_t place = now / static_cast<uint64_t>(decl.value->interval) % decl.value->count;
  const uint64_t page = place / interface_.value_slots(decl) | uint64_t{state.cpu} << 32;
  std::string whole(key.begin(), key.end());
  whole.resize(interface_.maps[decl.pages].key_size);
  std::memcpy(whole.data() + whole.size() - sizeof page, &page, sizeof page);
  const std::vector<uint8_t> page_key(whole.begin(), whole.end());
  const bool is_new = !lookup(decl.pages, page_key);
  std::optional<uint64_t> value = find_or_insert(decl.pages, page_key, refusal);
  if (!is_new || !value || find_or_insert(map, key, refusal)) return value;
  remove(decl.pages, whole);
  return std::nullopt;
}

// agg_update: finds or makes the entry, then folds the operand in.
void Machine::aggregate(const Inst& inst, const std::vector<uint64_t>& args) {
  const MapDecl& decl = interface_.maps[inst.map];
  const Type& type = *decl.value;
  std::string key = decl.is_keyed ? bytes_at(args[0], decl.key_size) : std::string(decl.key_size, '\0');
  std::vector<uint8_t> key_bytes(key.begin(), key.end());
  if (!fault_.empty()) return;
  const bool has_pages = decl.pages.is_valid();
  const uint64_t page_time = has_pages ? series_now() : 0;
  int64_t refusal = 0;
  std::optional<uint64_t> value =
      has_pages ? page_of(inst.map, key_bytes, page_time, refusal) : find_or_insert(inst.map, key_bytes, refusal);
  if (!value) {
    MapId counters = interface_.find_map(".globals");
    const uint8_t first[4] = {};
    std::optional<uint64_t> at = counters.is_valid() ? lookup(counters, first) : std::nullopt;
    if (!at) return;
    const uint64_t counter = *at + globals::map_refusals(inst.map);
    checked_store(counter, checked_load(counter, 8) + 1, 8);
    return checked_store(*at + globals::map_error(inst.map), error(refusal), 8);
  }
  const auto add = [&](uint64_t offset, uint64_t n) { checked_store(*value + offset, checked_load(*value + offset, 8) + n, 8); };
  if (decl.has_present_word()) checked_store(*value + (uint64_t{type.size} + 7) / 8 * 8, 1, 8);
  uint64_t n = type.is(TypeKind::count) ? 1 : args.back();
  switch (type.kind) {
    case TypeKind::count:
    case TypeKind::sum: return add(0, n);
    case TypeKind::min:
    case TypeKind::max:
      n ^= extreme_mask(type);
      if (n > checked_load(*value, 8)) checked_store(*value, n, 8);
      return checked_store(*value + 8, 1, 8);
    case TypeKind::avg:
    case TypeKind::stats: add(0, n); return add(8, 1);
    case TypeKind::hist: return add(uint64_t{8} * hist_bucket(static_cast<int64_t>(n), type.count), 1);
    case TypeKind::lhist: return add(uint64_t{8} * lhist_bucket(static_cast<int64_t>(n), type), 1);
    case TypeKind::tseries: return fold_into_series(decl, *value, has_pages ? page_time : series_now(), n);
    default: UNREACHABLE("agg_update of a map whose value is no aggregate");
  }
}

}  // namespace shrike::mir
