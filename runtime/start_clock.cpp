// Times by the clock of the wall, which holds what the kernel does for us as well; faults by getrusage; calls by call_clock.
#include "runtime/start_clock.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "frontend/names.h"

namespace shrike {

namespace {

uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

StartClock::StartClock() : last_ns_(now_ns()) {}

// What the processor spent before `main` is what it has spent, less the time since.
void StartClock::enable() {
  is_enabled_ = true;
  timespec spent{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  const uint64_t so_far = static_cast<uint64_t>(spent.tv_sec) * 1000000000u + static_cast<uint64_t>(spent.tv_nsec);
  const uint64_t since = now_ns() - last_ns_;
  rows_.push_back({"before main", so_far - std::min(so_far, since), {}, 0});
  record("options");
  calls_ = std::make_unique<CallClock>();
  if (!calls_->open()) calls_.reset();
  else calls_->take();  // what that asked for
  last_ns_ = now_ns();
}

void StartClock::record(std::string_view stage) {
  Row row{stage, now_ns() - last_ns_, {}, 0};
  if (calls_) {
    for (const auto& [number, time] : calls_->take()) {
      row.calls.add(time);
      all_calls_[number].add(time);
    }
  }
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto faults = static_cast<uint64_t>(used.ru_minflt + used.ru_majflt);
  row.faults = faults - faults_;
  faults_ = faults;
  rows_.push_back(row);
  if (calls_) calls_->take();
  last_ns_ = now_ns();  // what the questions cost belongs to nobody
}

void StartClock::append_row(std::string& out, const Row& row) const {
  char text[128];
  const double us = 1000;
  if (calls_)
    snprintf(text, sizeof text, "%8.1f us %8.1f us in %4llu calls %5llu faults  %.*s\n",
             static_cast<double>(row.nanoseconds) / us, static_cast<double>(row.calls.nanoseconds) / us,
             static_cast<unsigned long long>(row.calls.count), static_cast<unsigned long long>(row.faults),
             static_cast<int>(row.stage.size()), row.stage.data());
  else
    snprintf(text, sizeof text, "%8.1f us %5llu faults  %.*s\n", static_cast<double>(row.nanoseconds) / us,
             static_cast<unsigned long long>(row.faults), static_cast<int>(row.stage.size()), row.stage.data());
  out += text;
}

void StartClock::show() {
  if (!is_enabled_) return;
  is_enabled_ = false;
  std::string text;
  Row total{"total", 0, {}, 0};
  for (const Row& row : rows_) {
    append_row(text, row);
    total.nanoseconds += row.nanoseconds;
    total.calls.add(row.calls);
    total.faults += row.faults;
  }
  append_row(text, total);
  std::vector<std::pair<uint64_t, CallTime>> calls(all_calls_.begin(), all_calls_.end());
  std::sort(calls.begin(), calls.end(), [](const auto& a, const auto& b) { return a.second.nanoseconds > b.second.nanoseconds; });
  for (const auto& [number, time] : calls) {
    char row[96];
    const std::string name = syscall_names().name_of(number);
    snprintf(row, sizeof row, "%8.1f us in %4llu calls of %.*s\n", static_cast<double>(time.nanoseconds) / 1000,
             static_cast<unsigned long long>(time.count), static_cast<int>(name.size()), name.data());
    text += row;
  }
  [[maybe_unused]] ssize_t written = write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace shrike
