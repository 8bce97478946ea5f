// iter: a link (Linux 5.8) and a file whose reading runs the program on each object. With a pid the kernel's iterators over
// tasks visit that process alone (6.1).
#include <cerrno>

#include "runtime/attach.h"
#include "runtime/bpf_call.h"
#include "runtime/files.h"

namespace shrike {

namespace {

// union bpf_iter_link_info as far as tasks go.
struct TaskFilter {
  uint32_t thread = 0;
  uint32_t process = 0;
  uint32_t process_fd = 0;
  uint32_t padding = 0;
};

}  // namespace

AttachResult attach_iterator(const mir::AttachPoint& probe, int program, AttachContext& context, Links& links) {
  TaskFilter filter{.process = context.pid};
  bool is_filtered = context.pid != 0 && (probe.function == "task" || probe.function.starts_with("task_"));
  bpf_attr attr{};
  attr.link_create.prog_fd = static_cast<uint32_t>(program);
  attr.link_create.attach_type = BPF_TRACE_ITER;
  if (is_filtered) {
    attr.link_create.iter_info = bpf_pointer(&filter);
    attr.link_create.iter_info_len = sizeof filter;
  }
  int made = bpf_call(BPF_LINK_CREATE, attr);
  int error = made < 0 ? -made : 0;
  if (error == 0) {
    Fd link(made);
    bpf_attr open{};
    open.iter_create.link_fd = static_cast<uint32_t>(link.get());
    int iterator = bpf_call(BPF_ITER_CREATE, open);
    if (iterator < 0) return AttachError{describe_errno(-iterator), "", false};
    links.add(std::move(link), Release::quick);
    links.add_iterator(Fd(iterator));
    return {};
  }
  if (error == EPERM) return AttachError{describe_errno(error), "run as root, or with CAP_BPF and CAP_PERFMON", false};
  if (error == EINVAL && is_filtered)
    return AttachError{"this kernel cannot choose a process for it", "filtering by -p needs Linux 6.1 or later", false};
  if (error == EINVAL || error == EBADF)
    return AttachError{"the kernel wants to be told whose objects to visit", "iterators over the elements of one map do", false};
  return AttachError{describe_errno(error), "", false};
}

}  // namespace shrike
