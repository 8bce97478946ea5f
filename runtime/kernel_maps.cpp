// MapReader over the kernel's maps: whole maps by BPF_MAP_LOOKUP_BATCH where the kernel has it (5.6), else key by key.
#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/machine.h"
#include "runtime/output.h"

namespace shrike {

using mir::MapDecl;
using mir::MapKind;

namespace {

bool is_array(const MapDecl& map) {
  return map.kind == MapKind::array || map.kind == MapKind::percpu_array;
}

constexpr size_t most_chunk_bytes = 8 << 20;  // room is made, and filled with zeros, for a chunk of entries more than there are

// False if the kernel cannot: nothing is kept then.
bool read_batches(int fd, const MapDecl& map, MapContents& contents) {
  size_t value_bytes = static_cast<size_t>(map.value_size) * contents.copies;
  const uint64_t fitting = std::min<uint64_t>(map.max_entries, most_chunk_bytes / value_bytes);
  uint32_t chunk = static_cast<uint32_t>(std::clamp<uint64_t>(fitting, 16, 512));
  uint64_t cursor[2] = {};  // the kernel's: a bucket number, or a key for other kinds than hashes
  bool has_cursor = false;
  for (;;) {
    uint32_t count = chunk;
    contents.keys.resize((contents.count + chunk) * map.key_size);
    contents.values.resize((contents.count + chunk) * value_bytes);
    int error =
        bpf_map_lookup_batch(fd, has_cursor ? cursor : nullptr, cursor, contents.keys.data() + contents.count * map.key_size,
                             contents.values.data() + contents.count * value_bytes, &count, nullptr);
    if (error == -ENOSPC && chunk < 1U << 20) {  // a bucket holds more entries than a chunk
      chunk *= 4;
      continue;
    }
    if (error != 0 && error != -ENOENT) {
      contents.count = 0;
      return false;
    }
    contents.count += count;
    has_cursor = true;
    if (error == -ENOENT) return true;
  }
}

void read_one_by_one(int fd, const MapDecl& map, MapContents& contents) {
  size_t value_bytes = static_cast<size_t>(map.value_size) * contents.copies;
  std::vector<uint8_t> key(map.key_size), next(map.key_size);
  const void* previous = nullptr;
  // An entry deleted meanwhile sends the walk back to the first key; the bound ends it.
  for (uint32_t steps = 0; steps <= 2 * map.max_entries && bpf_map_get_next_key(fd, previous, next.data()) == 0; steps++) {
    key = next;
    previous = key.data();
    contents.values.resize((contents.count + 1) * value_bytes);
    if (bpf_map_lookup_elem(fd, key.data(), contents.values.data() + contents.count * value_bytes) != 0) continue;
    contents.keys.insert(contents.keys.end(), key.begin(), key.end());
    contents.count++;
  }
}

}  // namespace

KernelMaps::KernelMaps(const mir::Interface& interface, std::vector<int> fds) : interface_(interface), fds_(std::move(fds)) {}

// Asked when a map is read, which is after the probes are armed.
uint32_t KernelMaps::copies_of(const MapDecl& map) {
  if (!is_per_cpu(map.kind)) return 1;
  if (cpu_count_ == 0) cpu_count_ = possible_cpu_count();
  return cpu_count_;
}

MapContents KernelMaps::read(mir::MapId id) {
  const MapDecl& map = interface_.maps[id];
  MapContents contents;
  contents.copies = copies_of(map);
  int fd = id.index < fds_.size() ? fds_[id.index] : -1;
  if (fd < 0) return contents;
  if (is_array(map)) {
    uint32_t zero = 0;
    contents.keys.assign(map.key_size, 0);
    contents.values.resize(static_cast<size_t>(map.value_size) * contents.copies);
    contents.count = bpf_map_lookup_elem(fd, &zero, contents.values.data()) == 0 ? 1 : 0;
  } else if (!read_batches(fd, map, contents)) {
    read_one_by_one(fd, map, contents);
  }
  return contents;
}

// Keys go before their pages, see MapDecl::pages.
void KernelMaps::clear(mir::MapId id) {
  forget(id);
  if (interface_.maps[id].pages.is_valid()) forget(interface_.maps[id].pages);
}

void KernelMaps::forget(mir::MapId id) {
  const MapDecl& map = interface_.maps[id];
  MapContents contents = read(id);
  if (contents.count == 0) return;
  int fd = fds_[id.index];
  if (is_array(map)) {
    std::fill(contents.values.begin(), contents.values.end(), 0);
    bpf_map_update_elem(fd, contents.keys.data(), contents.values.data(), BPF_ANY);
    return;
  }
  uint32_t count = static_cast<uint32_t>(contents.count);
  if (bpf_map_delete_batch(fd, contents.keys.data(), &count, nullptr) == 0) return;
  // Not supported, or stopped at an entry that a program deleted meanwhile.
  for (size_t i = 0; i < contents.count; i++) bpf_map_delete_elem(fd, contents.keys.data() + i * map.key_size);
}

void KernelMaps::zero(mir::MapId id) {
  if (interface_.maps[id].pages.is_valid()) return zero(interface_.maps[id].pages);
  const MapDecl& map = interface_.maps[id];
  MapContents contents = read(id);
  size_t value_bytes = static_cast<size_t>(map.value_size) * contents.copies;
  for (size_t i = 0; i < contents.count; i++) {
    uint8_t* value = contents.values.data() + i * value_bytes;
    for (uint32_t copy = 0; copy < contents.copies; copy++) {
      size_t present = map.has_present_word() ? 8 : 0;  // at the end of the value; stays
      std::memset(value + copy * map.value_size, 0, map.value_size - present);
    }
    bpf_map_update_elem(fds_[id.index], contents.keys.data() + i * map.key_size, value, BPF_EXIST);
  }
}

}  // namespace shrike
