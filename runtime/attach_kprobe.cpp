// kprobe and kretprobe: an event of the kernel's kprobe PMU (Linux 4.17), which leaves nothing in tracefs.
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "runtime/attach.h"
#include "runtime/kernel_functions.h"
#include "runtime/perf_event.h"

namespace shrike {

namespace {

// How the one that is meant can be named: by its module if each module has one, else by its address.
std::string ways_out(const mir::AttachPoint& probe) {
  constexpr size_t most_shown = 4;
  const bool is_return = probe.kind == mir::ProbeKind::kretprobe;
  std::vector<ProbeTarget> places = places_of_kernel_name(probe.function);
  if (!probe.target.empty()) std::erase_if(places, [&](const ProbeTarget& place) { return place.target != probe.target; });
  auto is_alone = [&](const ProbeTarget& place) {
    return std::count_if(places.begin(), places.end(), [&](const auto& other) { return other.target == place.target; }) == 1;
  };
  const bool are_told_by_module = std::all_of(places.begin(), places.end(), is_alone);
  std::string out = are_told_by_module ? "name the module of the one that is meant: "
                                       : "name the one that is meant by its address, with --unsafe: ";
  for (size_t i = 0; i < std::min(places.size(), most_shown); i++) {
    char address[32];
    snprintf(address, sizeof address, "0x%llx", static_cast<unsigned long long>(places[i].address));
    out += (i == 0 ? "`" : ", `") + std::string(is_return ? "kretprobe:" : "kprobe:");
    out += (are_told_by_module ? places[i].target + ":" + probe.function : address) + "`";
  }
  if (places.size() > most_shown) out += " or " + std::to_string(places.size() - most_shown) + " more";
  return places.empty() ? "" : out;
}

AttachResult explain(const mir::AttachPoint& probe, int error) {
  switch (error) {
    case 0: return {};
    case EACCES:
    case EPERM: return perf_permission_error(error);
    case ENOENT:
      return AttachError{"the kernel has no function `" + probe.function + "`",
                         "it may be inlined, renamed or in a module that is not loaded", true};
    case EADDRNOTAVAIL: return AttachError{"`" + probe.function + "` is a name of several functions", ways_out(probe), true};
    case EILSEQ: return AttachError{"the offset is not the start of an instruction", "", false};
    case EINVAL:
      return AttachError{"the kernel does not allow a probe on `" + probe.function + "`",
                         "functions marked notrace or __kprobes cannot be probed", true};
    default: return other_perf_error(error);
  }
}

// The kernel looks for a module of the name that stands before the colon; `vmlinux` is our name for itself.
std::string symbol_of(const mir::AttachPoint& probe) {
  return probe.target.empty() || probe.target == "vmlinux" ? probe.function : probe.target + ":" + probe.function;
}

}  // namespace

// Asked at an offset that no function has: the kernel sees the name first, and makes nothing of it.
bool names_several_functions(const mir::AttachPoint& probe) {
  std::optional<uint32_t> type = pmu_type("kprobe");
  if (!type) return false;
  const std::string symbol = symbol_of(probe);
  perf_event_attr attr{};
  attr.size = sizeof attr;
  attr.type = *type;
  attr.disabled = 1;
  attr.kprobe_func = reinterpret_cast<uint64_t>(symbol.c_str());
  attr.probe_offset = INT32_MAX;
  const Fd event(static_cast<int>(syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC)));
  return !event.is_open() && errno == EADDRNOTAVAIL;
}

AttachResult attach_kprobe(const mir::AttachPoint& probe, int program, Links& links) {
  std::optional<uint32_t> type = pmu_type("kprobe");
  if (!type)
    return AttachError{"this kernel has no kprobes",
                       "it needs CONFIG_KPROBES and CONFIG_KPROBE_EVENTS; tracepoints and uprobes may still serve", false};
  const std::string symbol = symbol_of(probe);
  perf_event_attr attr{};
  attr.type = *type;
  attr.config = probe.kind == mir::ProbeKind::kretprobe ? pmu_return_bit("kprobe") : 0;
  const PerfTarget everywhere = {.pid = -1, .cpu = 0, .cookie = probe.cookie};
  auto arm_at = [&](uint64_t address) {
    attr.kprobe_func = 0;
    attr.kprobe_addr = address;
    return arm_perf_event(attr, everywhere, program, slow_release(probe.kind), links);
  };
  if (probe.function.empty()) return explain(probe, arm_at(probe.address));
  attr.kprobe_func = reinterpret_cast<uint64_t>(symbol.c_str());
  attr.probe_offset = probe.offset;
  int error = arm_perf_event(attr, everywhere, program, slow_release(probe.kind), links);
  // The kernel's own function of a name that modules have, too.
  if (error == EADDRNOTAVAIL && probe.target == "vmlinux") {
    const std::vector<uint64_t> address = find_kernel_functions({{probe.target, probe.function}});
    if (!address.empty()) error = arm_at(address.front() + probe.offset);
  }
  return explain(probe, error);
}

}  // namespace shrike
