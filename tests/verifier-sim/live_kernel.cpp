// bpf(2) by hand: the tests must not depend on the code that the product loads programs with.
#include "tests/verifier-sim/live_kernel.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace shrike::sim::test {
namespace {

long bpf_call(int command, bpf_attr& attributes) {
  return syscall(SYS_bpf, command, &attributes, sizeof attributes);
}

int create_map(const MapShape& shape) {
  bpf_attr a{};
  a.map_type = static_cast<uint32_t>(shape.type);
  a.key_size = shape.key_size;
  a.value_size = shape.value_size;
  a.max_entries = shape.max_entries;
  return static_cast<int>(bpf_call(BPF_MAP_CREATE, a));
}

}  // namespace

LiveKernel::LiveKernel(const std::vector<MapShape>& maps) {
  for (const MapShape& m : maps) {
    int fd = create_map(m);
    if (fd < 0) {
      why_not_ = std::string("cannot create a map: ") + strerror(errno);
      return;
    }
    maps_.push_back(fd);
  }
}

LiveKernel::~LiveKernel() {
  for (int fd : maps_) close(fd);
}

unsigned LiveKernel::possible_cpus() const {
  unsigned last = 0;
  if (FILE* f = fopen("/sys/devices/system/cpu/possible", "r")) {
    unsigned first = 0;
    int n = fscanf(f, "%u-%u", &first, &last);
    if (n == 1) last = first;
    fclose(f);
  }
  return last + 1;
}

LiveKernel::Answer LiveKernel::load(const ProgramInput& program, unsigned log_level) {
  std::vector<bpf::Insn> insns = program.insns;
  for (const MapReference& r : program.references) insns[r.insn].imm = maps_[r.map];
  if (log_level && log_.empty()) log_.resize(1 << 22);
  bpf_attr a{};
  a.prog_type = static_cast<uint32_t>(program.type);
  a.insn_cnt = static_cast<uint32_t>(insns.size());
  a.insns = reinterpret_cast<uint64_t>(insns.data());
  a.license = reinterpret_cast<uint64_t>("GPL");
  a.log_level = log_level;
  if (log_level) {
    a.log_buf = reinterpret_cast<uint64_t>(log_.data());
    a.log_size = static_cast<uint32_t>(log_.size());
    log_[0] = 0;
  }
  Answer answer;
  int fd = static_cast<int>(bpf_call(BPF_PROG_LOAD, a));
  answer.accepted = fd >= 0;
  answer.error = fd < 0 ? errno : 0;
  if (fd >= 0) close(fd);
  if (log_level) {
    answer.log = log_.data();
    size_t at = answer.log.rfind("processed ");
    if (at != std::string::npos) answer.processed = static_cast<uint32_t>(strtoul(answer.log.c_str() + at + 10, nullptr, 10));
  }
  return answer;
}

std::string running_version() {
  utsname u{};
  uname(&u);
  unsigned major = 0, minor = 0;
  if (sscanf(u.release, "%u.%u", &major, &minor) != 2) return "";
  return std::to_string(major) + "." + std::to_string(minor);
}

}  // namespace shrike::sim::test
