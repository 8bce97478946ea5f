// Facts from sysfs and uname.
#include "runtime/machine.h"

#include <fcntl.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "runtime/files.h"

namespace shrike {

std::vector<uint32_t> parse_cpu_list(std::string_view text) {
  std::vector<uint32_t> out;
  while (!text.empty()) {
    size_t comma = text.find(',');
    std::string_view part = text.substr(0, comma);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    const char* end = part.data() + part.size();
    uint32_t first = 0;
    auto read = std::from_chars(part.data(), end, first);
    if (read.ec != std::errc()) continue;
    uint32_t last = first;
    if (read.ptr != end && *read.ptr == '-') std::from_chars(read.ptr + 1, end, last);
    for (uint32_t cpu = first; cpu <= last && last - first < 65536; cpu++) out.push_back(cpu);
  }
  return out;
}

std::vector<uint32_t> online_cpus() {
  std::vector<uint32_t> cpus = parse_cpu_list(read_line_at(AT_FDCWD, "/sys/devices/system/cpu/online").text);
  if (cpus.empty()) cpus.push_back(0);
  return cpus;
}

namespace {

// A mask of the size that sched_setaffinity(2) takes, for any number of CPUs.
class CpuMask {
 public:
  explicit CpuMask(uint32_t cpus) : words_(cpus / bits + 1) {}
  void set(uint32_t cpu) { words_[cpu / bits] |= 1ul << cpu % bits; }
  bool get() { return syscall(SYS_sched_getaffinity, 0, words_.size() * sizeof words_[0], words_.data()) > 0; }
  bool use() const { return syscall(SYS_sched_setaffinity, 0, words_.size() * sizeof words_[0], words_.data()) == 0; }

 private:
  static constexpr uint32_t bits = 64;
  std::vector<unsigned long> words_;
};

}  // namespace

bool await_running_programs() {
  const std::vector<uint32_t> cpus = online_cpus();
  const uint32_t mask_bits = std::max(cpus.back() + 1, possible_cpu_count());
  CpuMask own(mask_bits);
  bool is_everywhere = own.get();
  for (size_t i = 0; i < cpus.size() && is_everywhere; i++) {
    CpuMask one(mask_bits);
    one.set(cpus[i]);
    is_everywhere = one.use();
  }
  own.use();
  return is_everywhere || syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0;
}

uint32_t possible_cpu_count() {
  std::vector<uint32_t> cpus = parse_cpu_list(read_line_at(AT_FDCWD, "/sys/devices/system/cpu/possible").text);
  // Per-CPU maps are indexed by CPU number, so a hole in the list still takes its place.
  return cpus.empty() ? 1 : cpus.back() + 1;
}

uint32_t parse_kernel_version(std::string_view release) {
  uint32_t parts[3] = {};
  const char* at = release.data();
  const char* end = at + release.size();
  for (uint32_t& part : parts) {
    auto read = std::from_chars(at, end, part);
    if (read.ec != std::errc() || read.ptr == end) break;
    at = read.ptr + (*read.ptr == '.' ? 1 : 0);
  }
  return make_kernel_version(parts[0], parts[1], parts[2]);
}

int isa_level_of(uint32_t kernel_version) {
  if (kernel_version >= make_kernel_version(6, 6, 0)) return 4;
  if (kernel_version >= make_kernel_version(5, 12, 0)) return 3;
  return kernel_version >= make_kernel_version(4, 14, 0) ? 2 : 1;
}

uint32_t running_kernel_version() {
  static const uint32_t version = [] {
    utsname names{};
    return uname(&names) == 0 ? parse_kernel_version(names.release) : 0;
  }();
  return version;
}

}  // namespace shrike
