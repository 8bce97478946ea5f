// kprobe and kretprobe: an event of the kernel's kprobe PMU (Linux 4.17), or, where there is none, a line in tracefs'
// kprobe_events and a tracepoint event on what it creates.
#include <unistd.h>

#include <cerrno>

#include "runtime/attach.h"
#include "runtime/perf_event.h"

namespace shrike {

namespace {

AttachResult explain(const mir::AttachPoint& probe, int error) {
  switch (error) {
    case 0: return {};
    case EACCES:
    case EPERM: return perf_permission_error(error);
    case ENOENT:
      return AttachError{"the kernel has no function `" + probe.function + "`",
                         "it may be inlined, renamed or in a module that is not loaded", true};
    case EADDRNOTAVAIL:
      return AttachError{"`" + probe.function + "` is a name of several functions", "give the module: kprobe:module:function",
                         true};
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

AttachResult attach_by_tracefs(const mir::AttachPoint& probe, int program, AttachContext& context, Links& links) {
  if (!context.tracefs.has("kprobe_events"))
    return AttachError{"this kernel has no kprobes",
                       "it needs CONFIG_KPROBES and CONFIG_KPROBE_EVENTS; tracepoints and uprobes may still serve", false};
  bool is_return = probe.kind == mir::ProbeKind::kretprobe;
  std::string event = "shrike_" + std::to_string(getpid()) + "_" + std::to_string(links.count());
  char place[32];
  if (probe.function.empty()) snprintf(place, sizeof place, "0x%llx", static_cast<unsigned long long>(probe.address));
  else snprintf(place, sizeof place, "+%llu", static_cast<unsigned long long>(probe.offset));
  std::string line = std::string(is_return ? "r:" : "p:") + "kprobes/" + event + " " +
                     (probe.function.empty() ? std::string(place) : symbol_of(probe) + (is_return ? "" : place)) + "\n";
  if (int error = context.tracefs.append("kprobe_events", line)) return explain(probe, error);

  Tracefs& tracefs = context.tracefs;
  links.on_close([&tracefs, event] { tracefs.append("kprobe_events", "-:kprobes/" + event + "\n"); });
  int error = 0;
  std::optional<uint64_t> id = tracefs.event_id("kprobes", event, error);
  if (!id) return explain(probe, error);
  perf_event_attr attr{};
  attr.type = PERF_TYPE_TRACEPOINT;
  attr.config = *id;
  attr.sample_period = 1;
  return explain(probe,
                 arm_perf_event(attr, {.pid = -1, .cpu = 0, .cookie = probe.cookie}, program, slow_release(probe.kind), links));
}

}  // namespace

AttachResult attach_kprobe(const mir::AttachPoint& probe, int program, AttachContext& context, Links& links) {
  std::optional<uint32_t> type = pmu_type("kprobe");
  if (!type) return attach_by_tracefs(probe, program, context, links);
  std::string symbol = symbol_of(probe);
  perf_event_attr attr{};
  attr.type = *type;
  attr.config = probe.kind == mir::ProbeKind::kretprobe ? pmu_return_bit("kprobe") : 0;
  if (probe.function.empty()) {
    attr.kprobe_addr = probe.address;
  } else {
    attr.kprobe_func = reinterpret_cast<uint64_t>(symbol.c_str());
    attr.probe_offset = probe.offset;
  }
  return explain(probe,
                 arm_perf_event(attr, {.pid = -1, .cpu = 0, .cookie = probe.cookie}, program, slow_release(probe.kind), links));
}

}  // namespace shrike
