// uprobe, uretprobe and usdt: an event of the kernel's uprobe PMU (Linux 4.17) at a file offset.
#include <cerrno>

#include "runtime/archive_member.h"
#include "runtime/attach.h"
#include "runtime/perf_event.h"

namespace shrike {

AttachResult attach_uprobe(const mir::AttachPoint& probe, int program, AttachContext& context, Links& links) {
  std::optional<uint32_t> type = pmu_type("uprobe");
  if (!type) return AttachError{"this kernel has no uprobes", "it needs CONFIG_UPROBE_EVENTS and Linux 4.17 or later", false};
  const BinaryPlace binary = place_of_binary(probe.target);
  perf_event_attr attr{};
  attr.type = *type;
  attr.config = probe.kind == mir::ProbeKind::uretprobe ? pmu_return_bit("uprobe") : 0;
  // While the event is there the kernel keeps the probe's semaphore raised in every process that maps it (Linux 4.20).
  constexpr int reference_count_shift = 32;
  if (probe.semaphore != 0) attr.config |= (binary.offset + probe.semaphore) << reference_count_shift;
  attr.uprobe_path = reinterpret_cast<uint64_t>(binary.path.c_str());
  attr.probe_offset = binary.offset + probe.address;
  // An event opened for a process fires in all of its threads.
  PerfTarget place =
      context.pid != 0 ? PerfTarget{static_cast<int>(context.pid), -1, probe.cookie} : PerfTarget{-1, 0, probe.cookie};
  int error = arm_perf_event(attr, place, program, slow_release(probe.kind), links);
  switch (error) {
    case 0: return {};
    case EACCES:
    case EPERM: return perf_permission_error(error);
    case ENOENT: return AttachError{"there is no file `" + probe.target + "`", "", true};
    case ESRCH: return AttachError{"process " + std::to_string(context.pid) + " does not exist", "", false};
    case EINVAL:
    case EIO:
    case ENOTSUP:
      return AttachError{"the kernel cannot place a breakpoint at this offset of `" + probe.target + "`",
                         "the offset must be the start of an instruction in a regular file that can be mapped executable", false};
    default: return other_perf_error(error);
  }
}

}  // namespace shrike
