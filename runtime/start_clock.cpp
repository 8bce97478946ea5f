// Times by the clock of the wall, which holds what the kernel does for us as well; faults by getrusage.
#include "runtime/start_clock.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>

namespace shrike {

namespace {

uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec);
}

void append_row(std::string& out, std::string_view stage, uint64_t nanoseconds, uint64_t faults) {
  char row[96];
  snprintf(row, sizeof row, "%8.1f us %5llu faults  %.*s\n", static_cast<double>(nanoseconds) / 1000,
           static_cast<unsigned long long>(faults), static_cast<int>(stage.size()), stage.data());
  out += row;
}

}  // namespace

StartClock::StartClock() : last_ns_(now_ns()) {}

void StartClock::record(std::string_view stage) {
  uint64_t now = now_ns();
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  uint64_t faults = static_cast<uint64_t>(used.ru_minflt + used.ru_majflt);
  rows_.push_back({stage, now - last_ns_, faults - faults_});
  faults_ = faults;
  last_ns_ = now_ns();  // what the question cost belongs to nobody
}

void StartClock::show() {
  if (!is_enabled_) return;
  is_enabled_ = false;
  std::string text;
  uint64_t nanoseconds = 0, faults = 0;
  for (const Row& row : rows_) {
    append_row(text, row.stage, row.nanoseconds, row.faults);
    nanoseconds += row.nanoseconds;
    faults += row.faults;
  }
  append_row(text, "total", nanoseconds, faults);
  [[maybe_unused]] ssize_t written = write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace shrike
