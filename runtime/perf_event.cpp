// Events are opened disabled, so that nothing fires before its program is set.
#include "runtime/perf_event.h"

#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <charconv>

#include "runtime/files.h"

namespace shrike {

int arm_perf_event(perf_event_attr& attr, PerfTarget target, int program, Release release, Links& links) {
  attr.size = sizeof(attr);
  attr.disabled = 1;
  Fd event(static_cast<int>(syscall(SYS_perf_event_open, &attr, target.pid, target.cpu, -1, PERF_FLAG_FD_CLOEXEC)));
  if (!event.is_open()) return errno;
  if (ioctl(event.get(), PERF_EVENT_IOC_SET_BPF, program) != 0) return errno;
  if (ioctl(event.get(), PERF_EVENT_IOC_ENABLE, 0) != 0) return errno;
  links.add(std::move(event), release);
  return 0;
}

std::optional<uint32_t> pmu_type(const char* name) {
  FileText file = read_file((std::string("/sys/bus/event_source/devices/") + name + "/type").c_str());
  uint32_t type = 0;
  if (file.error != 0 || std::from_chars(file.text.data(), file.text.data() + file.text.size(), type).ec != std::errc())
    return {};
  return type;
}

uint64_t pmu_return_bit(const char* name) {
  // "config:0"
  std::string text = read_file((std::string("/sys/bus/event_source/devices/") + name + "/format/retprobe").c_str()).text;
  size_t colon = text.find(':');
  uint32_t bit = 0;
  if (colon != std::string::npos) std::from_chars(text.data() + colon + 1, text.data() + text.size(), bit);
  return uint64_t{1} << (bit & 63);
}

AttachError perf_permission_error(int error) {
  return {describe_errno(error),
          "run as root, or with CAP_PERFMON; `sysctl kernel.perf_event_paranoid` of 2 and less allows more", false};
}

}  // namespace shrike
