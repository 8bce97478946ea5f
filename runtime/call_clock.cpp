// Two perf events that share a ring. A record of it is a header, the time, and what the tracepoint says: its id, eight bytes in
// all with what is common to all tracepoints, then the number of the call.
#include "runtime/call_clock.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "runtime/tracefs.h"

namespace shrike {

namespace {

constexpr size_t page = 4096;
constexpr size_t data_bytes = 128 * page;  // some three thousand calls between two stages
constexpr size_t ring_bytes = page + data_bytes;

struct Record {
  perf_event_header header;
  uint64_t time;
  uint32_t raw_size;
  uint16_t event_id;
  uint16_t flags;
  uint32_t pid;
  uint64_t number;
} __attribute__((packed));

Fd watch(uint64_t event_id) {
  perf_event_attr attr{};
  attr.type = PERF_TYPE_TRACEPOINT;
  attr.size = sizeof attr;
  attr.config = event_id;
  attr.sample_period = 1;
  attr.sample_type = PERF_SAMPLE_TIME | PERF_SAMPLE_RAW;
  attr.use_clockid = 1;
  attr.clockid = CLOCK_MONOTONIC;
  return Fd(static_cast<int>(syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC)));
}

}  // namespace

CallClock::~CallClock() {
  if (ring_ != nullptr) munmap(ring_, ring_bytes);
}

bool CallClock::open() {
  Tracefs tracefs;
  int error = 0;
  if (tracefs.directory() < 0) return false;
  const auto enter = tracefs.event_id("raw_syscalls", "sys_enter", error),
             leave = tracefs.event_id("raw_syscalls", "sys_exit", error);
  if (!enter || !leave) return false;
  enter_id_ = *enter;
  enter_ = watch(*enter);
  exit_ = watch(*leave);
  if (!enter_.is_open() || !exit_.is_open()) return false;
  void* ring = mmap(nullptr, ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, enter_.get(), 0);
  if (ring == MAP_FAILED) return false;
  ring_ = ring;
  return ioctl(exit_.get(), PERF_EVENT_IOC_SET_OUTPUT, enter_.get()) == 0;
}

CallTimes CallClock::take() {
  CallTimes out;
  if (ring_ == nullptr) return out;
  auto* control = static_cast<perf_event_mmap_page*>(ring_);
  const auto* data = static_cast<const uint8_t*>(ring_) + page;
  uint64_t at = control->data_tail;
  const uint64_t end = __atomic_load_n(&control->data_head, __ATOMIC_ACQUIRE);
  while (at < end) {
    Record record{};
    uint8_t bytes[sizeof record];
    for (size_t i = 0; i < sizeof record; i++) bytes[i] = data[(at + i) % data_bytes];
    memcpy(&record, bytes, sizeof record);
    at += std::max<uint64_t>(record.header.size, sizeof record.header);
    if (record.header.type != PERF_RECORD_SAMPLE) continue;
    if (record.event_id == enter_id_) {
      entered_ns_ = record.time;
    } else if (entered_ns_ != 0) {
      out[record.number].add({1, record.time - entered_ns_});
      entered_ns_ = 0;
    }
  }
  __atomic_store_n(&control->data_tail, end, __ATOMIC_RELEASE);
  return out;
}

}  // namespace shrike
