// --time-start: where the time of a start goes, stage by stage, with the system calls and page faults of each, then call by
// call. Off, a lap is one test.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/call_clock.h"

namespace shrike {

class StartClock {
 public:
  StartClock();  // the first stage begins

  void enable();
  // Ends a stage; the next one begins.
  void lap(std::string_view stage) {
    if (is_enabled_) record(stage);
  }
  // The table on stderr, once.
  void show();

 private:
  void record(std::string_view stage);

  struct Row {
    std::string_view stage;
    uint64_t nanoseconds;
    CallTime calls;
    uint64_t faults;
  };
  void append_row(std::string& out, const Row& row) const;
  bool is_enabled_ = false;
  uint64_t last_ns_;
  uint64_t faults_ = 0;  // since exec
  std::vector<Row> rows_;
  std::unique_ptr<CallClock> calls_;
  CallTimes all_calls_;
};

}  // namespace shrike
