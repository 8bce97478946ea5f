// The system calls of this thread, each with its number and how long it took: what --time-start shows. The kernel writes them
// into a ring by its own tracepoints; nothing here is done without that option.
#pragma once

#include <cstdint>
#include <map>

#include "runtime/fd.h"

namespace shrike {

struct CallTime {
  uint64_t count = 0;
  uint64_t nanoseconds = 0;

  void add(const CallTime& other) {
    count += other.count;
    nanoseconds += other.nanoseconds;
  }
};
using CallTimes = std::map<uint64_t, CallTime>;  // by number

class CallClock {
 public:
  CallClock() = default;
  CallClock(const CallClock&) = delete;
  CallClock& operator=(const CallClock&) = delete;
  ~CallClock();

  // False where the kernel does not let us watch.
  bool open();
  bool is_open() const { return ring_ != nullptr; }
  // The calls that ended since the last time.
  CallTimes take();

 private:
  Fd enter_, exit_;
  uint64_t enter_id_ = 0;
  void* ring_ = nullptr;
  uint64_t entered_ns_ = 0;  // the call that has begun
};

}  // namespace shrike
