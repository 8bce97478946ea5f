// tracepoint: a perf event on the event's id, read from tracefs. rawtracepoint: by name, without any file.
#include <bpf/bpf.h>

#include <cerrno>

#include "runtime/attach.h"
#include "runtime/perf_event.h"

namespace shrike {

AttachResult attach_tracepoint(const mir::AttachPoint& probe, int program, AttachContext& context, Links& links) {
  if (context.tracefs.directory() < 0) return AttachError{context.tracefs.why_not(), "", false};
  int error = 0;
  std::optional<uint64_t> id = context.tracefs.event_id(probe.target, probe.function, error);
  if (!id && error == ENOENT)
    return AttachError{"there is no tracepoint `" + probe.target + ":" + probe.function + "`",
                       "`shrike -l 'tracepoint:" + probe.target + ":*'` lists those of this category", true};
  if (!id)
    return AttachError{"its id in tracefs cannot be read: " + describe_errno(error), "run as root, or with CAP_DAC_READ_SEARCH",
                       false};

  perf_event_attr attr{};
  attr.type = PERF_TYPE_TRACEPOINT;
  attr.config = *id;
  attr.sample_period = 1;
  // A program sees a tracepoint on every CPU, whichever the event is opened on; -p is a test in the program.
  error = arm_perf_event(attr, {.pid = -1, .cpu = 0, .cookie = probe.cookie}, program, slow_release(probe.kind), links);
  if (error == 0) return {};
  if (error == EACCES || error == EPERM) return perf_permission_error(error);
  if (error == E2BIG) return AttachError{"the kernel runs at most 64 programs on one tracepoint", "", false};
  if (error == ENOENT || error == ENODEV) return AttachError{describe_errno(error), "", true};
  return other_perf_error(error);
}

AttachResult attach_raw_tracepoint(const mir::AttachPoint& probe, int program, Links& links) {
  int link = bpf_raw_tracepoint_open(probe.function.c_str(), program);
  int error = errno;
  if (link >= 0) {
    links.add(Fd(link), Release::quick);
    return {};
  }
  if (error == ENOENT)
    return AttachError{"there is no raw tracepoint `" + probe.function + "`", "`shrike -l 'rawtracepoint:*'` lists them", true};
  if (error == EINVAL) return AttachError{"`" + probe.function + "` has fewer arguments than the program reads", "", false};
  return AttachError{describe_errno(error), error == EPERM ? "run as root, or with CAP_BPF and CAP_PERFMON" : "", false};
}

}  // namespace shrike
