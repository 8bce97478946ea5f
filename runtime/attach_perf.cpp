// profile and interval: the CPU clock, on every CPU or on one. software and hardware: counters of the kernel and of
// the processor. watchpoint: the processor's breakpoints. With a pid they are opened on each of its threads and inherited by
// those it starts.
#include <dirent.h>
#include <linux/hw_breakpoint.h>

#include <cerrno>
#include <charconv>

#include "runtime/attach.h"
#include "runtime/machine.h"
#include "runtime/perf_event.h"

namespace shrike {

namespace {

// clang-format off
constexpr CounterRow counter_rows[] = {
    {mir::ProbeKind::software, "alignment-faults", "", PERF_COUNT_SW_ALIGNMENT_FAULTS},
    {mir::ProbeKind::software, "bpf-output", "", PERF_COUNT_SW_BPF_OUTPUT},
    {mir::ProbeKind::software, "context-switches", "cs", PERF_COUNT_SW_CONTEXT_SWITCHES},
    {mir::ProbeKind::software, "cpu-clock", "cpu", PERF_COUNT_SW_CPU_CLOCK},
    {mir::ProbeKind::software, "cpu-migrations", "", PERF_COUNT_SW_CPU_MIGRATIONS},
    {mir::ProbeKind::software, "dummy", "", PERF_COUNT_SW_DUMMY},
    {mir::ProbeKind::software, "emulation-faults", "", PERF_COUNT_SW_EMULATION_FAULTS},
    {mir::ProbeKind::software, "major-faults", "", PERF_COUNT_SW_PAGE_FAULTS_MAJ},
    {mir::ProbeKind::software, "minor-faults", "", PERF_COUNT_SW_PAGE_FAULTS_MIN},
    {mir::ProbeKind::software, "page-faults", "faults", PERF_COUNT_SW_PAGE_FAULTS},
    {mir::ProbeKind::software, "task-clock", "", PERF_COUNT_SW_TASK_CLOCK},
    {mir::ProbeKind::hardware, "backend-stalls", "", PERF_COUNT_HW_STALLED_CYCLES_BACKEND},
    {mir::ProbeKind::hardware, "branch-instructions", "branches", PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
    {mir::ProbeKind::hardware, "branch-misses", "", PERF_COUNT_HW_BRANCH_MISSES},
    {mir::ProbeKind::hardware, "bus-cycles", "", PERF_COUNT_HW_BUS_CYCLES},
    {mir::ProbeKind::hardware, "cache-misses", "", PERF_COUNT_HW_CACHE_MISSES},
    {mir::ProbeKind::hardware, "cache-references", "", PERF_COUNT_HW_CACHE_REFERENCES},
    {mir::ProbeKind::hardware, "cpu-cycles", "cycles", PERF_COUNT_HW_CPU_CYCLES},
    {mir::ProbeKind::hardware, "frontend-stalls", "", PERF_COUNT_HW_STALLED_CYCLES_FRONTEND},
    {mir::ProbeKind::hardware, "instructions", "", PERF_COUNT_HW_INSTRUCTIONS},
    {mir::ProbeKind::hardware, "ref-cycles", "", PERF_COUNT_HW_REF_CPU_CYCLES},
};
// clang-format on

std::vector<int> threads_of(uint32_t pid) {
  std::vector<int> out;
  DIR* listing = opendir(("/proc/" + std::to_string(pid) + "/task").c_str());
  if (listing == nullptr) return {static_cast<int>(pid)};
  while (dirent* entry = readdir(listing)) {
    int tid = 0;
    std::string_view name = entry->d_name;
    if (std::from_chars(name.data(), name.data() + name.size(), tid).ec == std::errc()) out.push_back(tid);
  }
  closedir(listing);
  return out;
}

std::vector<PerfTarget> targets(const AttachContext& context) {
  std::vector<PerfTarget> out;
  if (context.pid != 0)
    for (int tid : threads_of(context.pid)) out.push_back({.pid = tid, .cpu = -1});
  else
    for (uint32_t cpu : online_cpus()) out.push_back({.pid = -1, .cpu = static_cast<int>(cpu)});
  return out;
}

AttachResult arm_all(perf_event_attr attr, const std::vector<PerfTarget>& places, int program, Links& links) {
  for (PerfTarget place : places) {
    attr.inherit = place.pid != -1;
    int error = arm_perf_event(attr, place, program, Release::quick, links);
    if (error == 0 || (error == ESRCH && places.size() > 1)) continue;  // one thread of several may end meanwhile
    if (error == EACCES || error == EPERM) return perf_permission_error(error);
    if (error == ESRCH) return AttachError{"process " + std::to_string(place.pid) + " does not exist", "", false};
    if (error == ENOENT || error == EOPNOTSUPP || error == ENODEV)
      return AttachError{"this machine has no such counter", "virtual machines often hide the processor's counters", true};
    if (error == ENOSPC)
      return AttachError{"the processor watches no more places at once", "x86 has four for each thread", false};
    if (error == EINVAL && attr.type == PERF_TYPE_BREAKPOINT)
      return AttachError{"the kernel does not watch this address", "instructions of its own cannot be watched", false};
    if (error == EINVAL && attr.freq)
      return AttachError{"the frequency is higher than the kernel allows",
                         "`sysctl kernel.perf_event_max_sample_rate` shows and sets the limit", false};
    return AttachError{describe_errno(error), "", false};
  }
  return {};
}

}  // namespace

std::span<const CounterRow> counters() {
  return counter_rows;
}

AttachResult attach_timer(const mir::AttachPoint& probe, int program, AttachContext& context, Links& links) {
  perf_event_attr attr{};
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_CPU_CLOCK;
  attr.freq = probe.in_hertz;
  if (probe.in_hertz) attr.sample_freq = probe.period;
  else attr.sample_period = probe.period;
  if (probe.kind == mir::ProbeKind::profile) return arm_all(attr, targets(context), program, links);
  return arm_all(attr, {{.pid = -1, .cpu = static_cast<int>(online_cpus().front())}}, program, links);
}

AttachResult attach_watchpoint(const mir::AttachPoint& probe, int program, AttachContext& context, Links& links) {
  perf_event_attr attr{};
  attr.type = PERF_TYPE_BREAKPOINT;
  attr.bp_addr = probe.address;
  attr.bp_len = probe.offset;
  if (probe.function == "w") attr.bp_type = HW_BREAKPOINT_W;
  else if (probe.function == "rw") attr.bp_type = HW_BREAKPOINT_RW;
  else attr.bp_type = HW_BREAKPOINT_X;
  // The processor's word for the length of an instruction.
  if (attr.bp_type == HW_BREAKPOINT_X) attr.bp_len = sizeof(long);
  attr.sample_period = 1;
  return arm_all(attr, targets(context), program, links);
}

AttachResult attach_counter(const mir::AttachPoint& probe, int program, AttachContext& context, Links& links) {
  for (const CounterRow& row : counter_rows) {
    if (row.kind != probe.kind || (row.name != probe.function && (row.alias.empty() || row.alias != probe.function))) continue;
    perf_event_attr attr{};
    attr.type = row.kind == mir::ProbeKind::software ? PERF_TYPE_SOFTWARE : PERF_TYPE_HARDWARE;
    attr.config = row.config;
    attr.sample_period = probe.period;
    return arm_all(attr, targets(context), program, links);
  }
  return AttachError{"there is no counter `" + probe.function + "`", "", true};
}

}  // namespace shrike
