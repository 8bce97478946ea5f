// The few facts of the machine that loading and attaching depend on: CPUs and the kernel's version.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace shrike {

// The list form of sysfs: "0-3,8,10-11". Malformed parts are left out.
std::vector<uint32_t> parse_cpu_list(std::string_view text);
// CPUs that run now: perf events are opened on each.
std::vector<uint32_t> online_cpus();
// Waits until what runs with preemption disabled has ended on every CPU: programs of tracepoints and kprobes that began before
// the call. Microseconds a CPU: the thread runs on each in turn, or, where it may not (a cpuset), asks membarrier(2), which takes
// tens of milliseconds. False if neither is possible.
bool await_running_programs();
// Copies of a value the kernel keeps in a per-CPU map.
uint32_t possible_cpu_count();

// (major << 16) | (minor << 8) | min(patch, 255), from a release such as "6.1.0-18-amd64".
constexpr uint32_t make_kernel_version(uint32_t major, uint32_t minor, uint32_t patch) {
  return (major << 16) | (minor << 8) | (patch > 255 ? 255 : patch);
}
uint32_t parse_kernel_version(std::string_view release);
uint32_t running_kernel_version();
// The level of the instruction set that kernels of that version have: v2 (all jumps by less) came with 4.14, v3 was whole with
// 5.12 (atomics that tell what was there), v4 came with 6.6, its verifier and its compilers for the processors that shrike runs
// on at once. No kernel that says so lacks it; one with it in an older version is given the level below.
int isa_level_of(uint32_t kernel_version);
// Whether that version's verifier is right about loops of open-coded iterators, if the kernel has those at all: they came
// with 6.4, but until 6.7 it took states for equal that were not, and removed what only later rounds reach.
constexpr bool may_use_iterators(uint32_t kernel_version) {
  return kernel_version >= make_kernel_version(6, 7, 0);
}

}  // namespace shrike
