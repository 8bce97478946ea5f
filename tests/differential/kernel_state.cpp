// Entries come in the order of their keys: the kernel's depends on a random seed of each map. The layout of a ring's records is
// that of the kernel's UAPI (include/uapi/linux/bpf.h, BPF_RINGBUF_*).
#include "tests/differential/kernel_state.h"

#include <linux/bpf.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>

namespace shrike::test {

namespace {

constexpr size_t page = 4096;

std::string hex(const uint8_t* bytes, size_t size) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < size; i++) {
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

long call(int command, int map, const void* key, const void* out) {
  bpf_attr attr{};
  attr.map_fd = static_cast<uint32_t>(map);
  attr.key = reinterpret_cast<uint64_t>(key);
  attr.value = reinterpret_cast<uint64_t>(out);
  return syscall(SYS_bpf, command, &attr, sizeof attr);
}

std::string entries_of(int fd, const mir::MapDecl& map) {
  auto cpus = static_cast<size_t>(sysconf(_SC_NPROCESSORS_CONF));
  size_t bytes = mir::is_per_cpu(map.kind) ? ((map.value_size + 7) & ~size_t{7}) * cpus : map.value_size;
  std::vector<uint8_t> key(map.key_size), next(map.key_size), value(bytes);
  std::map<std::string, std::string> entries;
  for (const void* from = nullptr; call(BPF_MAP_GET_NEXT_KEY, fd, from, next.data()) == 0; from = key.data()) {
    key = next;
    if (call(BPF_MAP_LOOKUP_ELEM, fd, key.data(), value.data()) != 0) continue;
    entries[hex(key.data(), key.size())] = hex(value.data(), value.size());
  }
  std::string text;
  for (const auto& [at, what] : entries) text += "  " + at + ": " + what + "\n";
  return text;
}

// Reads, and leaves them there: the ring is of one test only.
std::string records_of(int fd, size_t bytes) {
  void* positions = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  void* data = mmap(nullptr, page + 2 * bytes, PROT_READ, MAP_SHARED, fd, page);
  if (positions == MAP_FAILED || data == MAP_FAILED) return "  cannot map the ring\n";
  uint64_t end = 0;
  memcpy(&end, data, sizeof end);
  const uint8_t* records = static_cast<const uint8_t*>(data) + page;
  std::string text;
  for (uint64_t at = 0; at < end;) {
    uint32_t length = 0;
    memcpy(&length, records + at % bytes, sizeof length);
    bool is_discarded = length & BPF_RINGBUF_DISCARD_BIT;
    length &= ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
    if (!is_discarded) text += "  " + hex(records + at % bytes + BPF_RINGBUF_HDR_SZ, length) + "\n";
    at += (length + BPF_RINGBUF_HDR_SZ + 7) & ~uint64_t{7};
  }
  munmap(positions, page);
  munmap(data, page + 2 * bytes);
  return text;
}

}  // namespace

std::string kernel_state(const LoadedObject& loaded, const Table<mir::MapId, mir::MapDecl>& maps) {
  std::string text;
  for (uint32_t m = 0; m < maps.size(); m++) {
    const mir::MapDecl& map = maps[mir::MapId(m)];
    int fd = loaded.map_fd(mir::MapId(m));
    text += map.name + "\n" + (map.kind == mir::MapKind::ring ? records_of(fd, map.max_entries) : entries_of(fd, map));
  }
  return text;
}

void stay_on_one_cpu() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(static_cast<size_t>(sched_getcpu()), &cpus);
  sched_setaffinity(0, sizeof cpus, &cpus);
}

}  // namespace shrike::test
