// CAP_SYS_ADMIN alone suffices on every kernel. From 5.8 on, CAP_BPF loads, CAP_PERFMON traces, and the two CAP_DAC
// ones open what tracefs and other processes' files keep from others.
#include "runtime/privileges.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace shrike {

namespace {

struct CapabilityRow {
  uint32_t number;
  const char* name;
};
constexpr CapabilityRow needed[] = {
    {CAP_BPF, "CAP_BPF"},
    {CAP_PERFMON, "CAP_PERFMON"},
    {CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH"},
};

uint64_t effective_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct words[2] = {};
  if (syscall(SYS_capget, &header, words) != 0) return 0;
  return words[0].effective | uint64_t{words[1].effective} << 32;
}

}  // namespace

bool is_administrator() {
  return effective_capabilities() >> CAP_SYS_ADMIN & 1;
}

std::vector<std::string> missing_privileges() {
  std::vector<std::string> missing;
  uint64_t has = effective_capabilities();
  if (has >> CAP_SYS_ADMIN & 1) return missing;
  for (const CapabilityRow& row : needed)
    if (!(has >> row.number & 1)) missing.emplace_back(row.name);
  return missing;
}

bool check_privileges(Diagnostics& diagnostics) {
  std::vector<std::string> missing = missing_privileges();
  if (missing.empty()) return true;
  std::string list;
  for (const std::string& name : missing) list.append(list.empty() ? "" : ", ").append(name);
  // A container's root has no capabilities beyond those its runtime left it.
  diagnostics.report(Diag::missing_privileges, {}, {list})
      .with_hint(geteuid() == 0 ? "this root is confined, as in a container: grant them to it (docker run --privileged)"
                                : "run as root (sudo), or grant them: setcap cap_bpf,cap_perfmon,cap_dac_read_search=ep shrike");
  return false;
}

bool may_access(int directory, const std::string& path, int mode) {
  return faccessat(directory, path.c_str(), mode, AT_EACCESS) == 0;
}

}  // namespace shrike
