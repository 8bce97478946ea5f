// /proc is read as text. Records are those of perf_event_open(2): PERF_RECORD_MMAP2 and PERF_RECORD_FORK, in one ring of 128 KiB
// a CPU.
#include "runtime/mapping_watch.h"

#include <bpf/libbpf.h>
#include <dirent.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <iterator>

#include "runtime/files.h"

namespace shrike {

namespace {

constexpr size_t page = 4096, ring_bytes = 32 * page;
constexpr size_t most_processes = 16384;  // then all are forgotten, to stay small
constexpr size_t most_present = 4096;     // of which /proc is asked
constexpr int most_ancestors = 8;

template <class T>
T load(const uint8_t* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

bool take_number(std::string_view& line, uint64_t& value, int base, char separator) {
  auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value, base);
  if (error != std::errc() || end == line.data() + line.size() || *end != separator) return false;
  line.remove_prefix(static_cast<size_t>(end - line.data()) + 1);
  return true;
}

}  // namespace

std::vector<Mapping> executable_mappings(uint32_t pid) {
  const std::string text = read_file(("/proc/" + std::to_string(pid) + "/maps").c_str()).text;
  std::vector<Mapping> mappings;
  // begin-end perms offset major:minor inode    path
  for (size_t at = 0; at < text.size();) {
    size_t stop = std::min(text.find('\n', at), text.size());
    std::string_view line(text.data() + at, stop - at);
    at = stop + 1;
    Mapping mapping;
    uint64_t major = 0, minor = 0;
    if (!take_number(line, mapping.begin, 16, '-') || !take_number(line, mapping.end, 16, ' ')) continue;
    if (line.size() < 5 || line[2] != 'x') continue;
    line.remove_prefix(5);
    if (!take_number(line, mapping.offset, 16, ' ') || !take_number(line, major, 16, ':')) continue;
    if (!take_number(line, minor, 16, ' ') || !take_number(line, mapping.file.inode, 10, ' ')) continue;
    mapping.file.device = makedev(major, minor);
    size_t name = line.find_first_not_of(' ');
    if (name != std::string_view::npos) mapping.path = line.substr(name);
    mappings.push_back(std::move(mapping));
  }
  return mappings;
}

MappingWatch::MappingWatch() {
  for (int cpu = 0, count = libbpf_num_possible_cpus(); cpu < count; cpu++) open_ring(cpu);
  if (rings_.empty()) return;
  stop_ = Fd(eventfd(0, EFD_CLOEXEC));
  thread_ = std::thread([this] { run(); });
  present_ = std::thread([this] { read_present(); });
}

MappingWatch::~MappingWatch() {
  is_stopping_ = true;
  wait_for_present();
  if (thread_.joinable()) {
    eventfd_write(stop_.get(), 1);
    thread_.join();
  }
  for (Ring& ring : rings_) munmap(ring.base, page + ring_bytes);
}

void MappingWatch::wait_for_present() {
  if (present_.joinable()) present_.join();
}

// What is told meanwhile is newer: it stays behind, where find() looks first.
void MappingWatch::read_present() {
  DIR* const listing = opendir("/proc");
  size_t count = 0;
  while (const dirent* entry = listing != nullptr && count < most_present && !is_stopping_ ? readdir(listing) : nullptr) {
    const auto pid = static_cast<uint32_t>(strtoul(entry->d_name, nullptr, 10));
    std::vector<Mapping> mappings = pid != 0 ? executable_mappings(pid) : std::vector<Mapping>();
    if (mappings.empty()) continue;
    count++;
    std::lock_guard guard(lock_);
    std::vector<Mapping>& known = process(pid).mappings;
    mappings.insert(mappings.end(), std::make_move_iterator(known.begin()), std::make_move_iterator(known.end()));
    known = std::move(mappings);
  }
  if (listing != nullptr) closedir(listing);
}

void MappingWatch::open_ring(int cpu) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_DUMMY;
  attributes.mmap = 1;
  attributes.mmap2 = 1;
  attributes.task = 1;
  attributes.exclude_kernel = 1;
  attributes.watermark = 1;
  attributes.wakeup_watermark = ring_bytes / 4;
  Ring ring;
  ring.fd = Fd(static_cast<int>(syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
  if (!ring.fd.is_open()) return;  // offline, or not allowed
  ring.base = mmap(nullptr, page + ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd.get(), 0);
  if (ring.base != MAP_FAILED) rings_.push_back(std::move(ring));
}

void MappingWatch::run() {
  std::vector<pollfd> waits{{stop_.get(), POLLIN, 0}};
  for (const Ring& ring : rings_) waits.push_back({ring.fd.get(), POLLIN, 0});
  while (waits[0].revents == 0) {
    if (poll(waits.data(), waits.size(), -1) <= 0) continue;
    std::lock_guard guard(lock_);
    drain();
  }
}

void MappingWatch::drain() {
  for (Ring& ring : rings_) drain(ring);
}

void MappingWatch::drain(Ring& ring) {
  auto* control = static_cast<perf_event_mmap_page*>(ring.base);
  const uint8_t* data = static_cast<const uint8_t*>(ring.base) + page;
  uint64_t tail = control->data_tail, head = __atomic_load_n(&control->data_head, __ATOMIC_ACQUIRE);
  while (tail < head) {
    auto copy = [&](size_t size) {  // a record may go around the end
      size_t at = tail % ring_bytes, first = std::min(size, ring_bytes - at);
      record_.resize(size);
      std::memcpy(record_.data(), data + at, first);
      std::memcpy(record_.data() + first, data, size - first);
    };
    copy(sizeof(perf_event_header));
    size_t size = load<perf_event_header>(record_.data()).size;
    if (size < sizeof(perf_event_header)) break;
    copy(size);
    take(record_.data(), size);
    tail += size;
  }
  __atomic_store_n(&control->data_tail, head, __ATOMIC_RELEASE);
}

MappingWatch::Process& MappingWatch::process(uint32_t pid) {
  if (processes_.size() >= most_processes && !processes_.contains(pid)) processes_.clear();
  return processes_[pid];
}

// mmap2: u32 pid, tid; u64 address, length, file offset; u32 major, minor; u64 inode, generation; u32 protection, flags;
// file name. fork: u32 pid, parent, tid, parent's tid.
void MappingWatch::take(const uint8_t* record, size_t size) {
  uint32_t type = load<perf_event_header>(record).type;
  const uint8_t* at = record + sizeof(perf_event_header);
  if (type == PERF_RECORD_FORK && size >= 16) {
    uint32_t pid = load<uint32_t>(at), parent = load<uint32_t>(at + 4);
    // What it has mapped stays: the ring of another CPU may have told that first.
    if (pid != parent) process(pid).parent = parent;
  } else if (type == PERF_RECORD_MMAP2 && size > 72) {
    if ((load<uint32_t>(at + 56) & PROT_EXEC) == 0) return;
    Mapping mapping;
    mapping.begin = load<uint64_t>(at + 8);
    mapping.end = mapping.begin + load<uint64_t>(at + 16);
    mapping.offset = load<uint64_t>(at + 24);
    mapping.file = {makedev(load<uint32_t>(at + 32), load<uint32_t>(at + 36)), load<uint64_t>(at + 40)};
    const char* name = reinterpret_cast<const char*>(at + 64);
    mapping.path.assign(name, strnlen(name, size - 72));
    process(load<uint32_t>(at)).mappings.push_back(std::move(mapping));
  }
}

bool MappingWatch::find(uint32_t pid, uint64_t address, Mapping& found) {
  std::lock_guard guard(lock_);
  drain();
  for (int depth = 0; depth < most_ancestors && pid != 0; depth++) {
    auto known = processes_.find(pid);
    if (known == processes_.end()) return false;
    const std::vector<Mapping>& mappings = known->second.mappings;
    auto last = std::find_if(mappings.rbegin(), mappings.rend(),
                             [&](const Mapping& mapping) { return address >= mapping.begin && address < mapping.end; });
    if (last != mappings.rend()) {
      found = *last;
      return true;
    }
    pid = known->second.parent;
  }
  return false;
}

uint32_t MappingWatch::parent_of(uint32_t pid) {
  std::lock_guard guard(lock_);
  auto known = processes_.find(pid);
  return known == processes_.end() ? 0 : known->second.parent;
}

}  // namespace shrike
