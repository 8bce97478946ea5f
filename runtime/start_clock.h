// --time-start: where the time of a start goes, stage by stage, with the page faults of each. Off, a lap is one test.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shrike {

class StartClock {
 public:
  StartClock();  // the first stage begins

  void enable() { is_enabled_ = true; }
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
    uint64_t faults;
  };
  bool is_enabled_ = false;
  uint64_t last_ns_;
  uint64_t faults_ = 0;  // since exec
  std::vector<Row> rows_;
};

}  // namespace shrike
