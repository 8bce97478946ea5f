// iter: a link (Linux 5.8) and a file whose reading runs the program on each object. With a pid the kernel's iterators over
// tasks visit that process alone (6.1). A link that is pinned has files of its own: each opening of the pin visits all objects.
#include <sys/mount.h>
#include <sys/vfs.h>

#include <cerrno>
#include <string_view>

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

constexpr const char* usual_mount = "/sys/fs/bpf";

// Where no BPF file system is in the usual place, one is put there, as other tools do. 0, or an errno.
int mount_usual(std::string_view path) {
  constexpr auto bpf_magic = 0xcafe4a11u;
  struct statfs status{};
  if (!path.starts_with(usual_mount)) return 0;
  if (statfs(usual_mount, &status) == 0 && static_cast<uint32_t>(status.f_type) == bpf_magic) return 0;
  return mount("bpf", usual_mount, "bpf", 0, "mode=0700") == 0 ? 0 : errno;
}

AttachError pin_error(int error, const std::string& path) {
  const std::string quoted = "`" + path + "`";
  const size_t name = path.rfind('/') + 1;
  if (error == EEXIST) return {quoted + " exists already", "`rm " + path + "` gives back what is pinned there"};
  if (error == ENOENT) return {"the folder of " + quoted + " does not exist", "`mkdir -p " + path.substr(0, name) + "` makes it"};
  if (error == EPERM && path.find('.', name) != std::string::npos)
    return {quoted + " cannot be pinned: names on a BPF file system have no dots", ""};
  if (error == EPERM)
    return {quoted + " is not on a BPF file system", "a name without a folder is pinned in " + std::string(usual_mount)};
  return {quoted + " cannot be pinned: " + describe_errno(error), ""};
}

AttachResult pin(int link, const std::string& path, Links& links) {
  if (int error = mount_usual(path); error != 0)
    return AttachError{"no BPF file system is mounted at " + std::string(usual_mount) + ": " + describe_errno(error),
                       "`mount -t bpf bpf " + std::string(usual_mount) + "` mounts one"};
  bpf_attr attr{};
  attr.pathname = bpf_pointer(path.c_str());
  attr.bpf_fd = static_cast<uint32_t>(link);
  if (int error = bpf_call(BPF_OBJ_PIN, attr); error < 0) return pin_error(-error, path);
  links.add_pin(path);
  return {};
}

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
    if (!probe.target.empty()) return context.is_dry_run ? AttachResult() : pin(link.get(), probe.target, links);
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
