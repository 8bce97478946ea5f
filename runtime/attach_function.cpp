// fentry and fexit: the program was loaded for its function, so that a link needs no place to be named (Linux 5.5).
#include <bpf/bpf.h>

#include <cerrno>

#include "runtime/attach.h"
#include "runtime/files.h"

namespace shrike {

AttachResult attach_function(const mir::AttachPoint& probe, int program, Links& links) {
  int link = bpf_raw_tracepoint_open(nullptr, program);
  int error = errno;
  if (link >= 0) {
    links.add(Fd(link), Release::slow);
    return {};
  }
  switch (error) {
    case EPERM: return AttachError{describe_errno(error), "run as root, or with CAP_BPF and CAP_PERFMON", false};
    case E2BIG: return AttachError{"the kernel runs at most 38 programs on one function", "", false};
    case EBUSY: return AttachError{"`" + probe.function + "` is being patched or replaced", "", false};
    default:
      return AttachError{"the kernel does not allow fentry and fexit on `" + probe.function + "`: " + describe_errno(error),
                         "functions marked notrace cannot be traced", true};
  }
}

}  // namespace shrike
