// perf_event_open(2) and the two ioctls that make an event run a program.
#pragma once

#include <linux/perf_event.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "runtime/attach.h"
#include "runtime/fd.h"

namespace shrike {

struct PerfTarget {
  int pid = -1;         // a thread, or -1 for all
  int cpu = -1;         // -1 for all; not both
  uint64_t cookie = 0;  // mir::AttachPoint::cookie
};

// Opens the event, sets the program on it, enables it and hands it to `links`. 0 or errno of what failed.
int arm_perf_event(perf_event_attr& attr, PerfTarget target, int program, Release release, Links& links);

// Type number of a dynamic PMU ("uprobe", "kprobe"); nothing if the kernel has none of that name. Read once.
std::optional<uint32_t> pmu_type(const char* name);
// The config bit that makes a uprobe or kprobe event a return probe.
uint64_t pmu_return_bit(const char* name);

// Counters of the kernel and the processor by their names in the language.
struct CounterRow {
  mir::ProbeKind kind;  // software or hardware
  std::string_view name;
  std::string_view alias;  // may be empty
  uint64_t config;
};
std::span<const CounterRow> counters();

// What EACCES and EPERM mean for perf events.
// For what a mechanism has no words of its own: too many open files, or else the error's name.
AttachError other_perf_error(int error);
AttachError perf_permission_error(int error);

}  // namespace shrike
