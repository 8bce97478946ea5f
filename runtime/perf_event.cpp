// Events are opened disabled, so that nothing fires before its program is set.
#include "runtime/perf_event.h"

#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <map>
#include <string_view>

#include "runtime/bpf_call.h"
#include "runtime/files.h"

namespace shrike {

namespace {

// Linux 5.15; only a link can give the program a cookie. It keeps the event.
int set_program_by_link(Fd& event, int program, uint64_t cookie) {
  bpf_attr attr{};
  attr.link_create.prog_fd = static_cast<uint32_t>(program);
  attr.link_create.target_fd = static_cast<uint32_t>(event.get());
  attr.link_create.attach_type = BPF_PERF_EVENT;
  attr.link_create.perf_event.bpf_cookie = cookie;
  int link = bpf_call(BPF_LINK_CREATE, attr);
  if (link < 0) return -link;
  if (ioctl(event.get(), PERF_EVENT_IOC_ENABLE, 0) != 0) {
    int error = errno;
    close(link);
    return error;
  }
  event = Fd(link);
  return 0;
}

int set_program(const Fd& event, int program) {
  if (ioctl(event.get(), PERF_EVENT_IOC_SET_BPF, program) != 0) return errno;
  return ioctl(event.get(), PERF_EVENT_IOC_ENABLE, 0) != 0 ? errno : 0;
}

}  // namespace

int arm_perf_event(perf_event_attr& attr, PerfTarget target, int program, Release release, Links& links) {
  attr.size = sizeof(attr);
  attr.disabled = 1;
  Fd event(static_cast<int>(syscall(SYS_perf_event_open, &attr, target.pid, target.cpu, -1, PERF_FLAG_FD_CLOEXEC)));
  if (!event.is_open()) return errno;
  int error = target.cookie != 0 ? set_program_by_link(event, program, target.cookie) : set_program(event, program);
  if (error != 0) return error;
  links.add(std::move(event), release);
  return 0;
}

std::optional<uint32_t> pmu_type(const char* name) {
  static std::map<std::string_view, std::optional<uint32_t>> known;
  auto [entry, is_new] = known.try_emplace(name);
  if (!is_new) return entry->second;
  FileText file = read_file((std::string("/sys/bus/event_source/devices/") + name + "/type").c_str());
  uint32_t type = 0;
  bool is_number = std::from_chars(file.text.data(), file.text.data() + file.text.size(), type).ec == std::errc();
  if (file.error == 0 && is_number) entry->second = type;
  return entry->second;
}

uint64_t pmu_return_bit(const char* name) {
  static std::map<std::string_view, uint64_t> known;
  auto [entry, is_new] = known.try_emplace(name);
  if (!is_new) return entry->second;
  // "config:0"
  std::string text = read_file((std::string("/sys/bus/event_source/devices/") + name + "/format/retprobe").c_str()).text;
  size_t colon = text.find(':');
  uint32_t bit = 0;
  if (colon != std::string::npos) std::from_chars(text.data() + colon + 1, text.data() + text.size(), bit);
  entry->second = uint64_t{1} << (bit & 63);
  return entry->second;
}

AttachError other_perf_error(int error) {
  if (error != EMFILE) return {describe_errno(error), "", false};
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return {"the process may have no more than " + std::to_string(limit.rlim_cur) + " files open, and each place takes one",
          "raise the limit with `ulimit -n`, or trace fewer places", false};
}

AttachError perf_permission_error(int error) {
  return {describe_errno(error),
          "run as root, or with CAP_PERFMON (CAP_SYS_ADMIN for single uprobes on newer kernels); "
          "`sysctl kernel.perf_event_paranoid` of 2 and less allows more",
          false};
}

}  // namespace shrike
