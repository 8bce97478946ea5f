// The floor of any start: what the kernel itself charges for the least a tracer must do. Creates a per-CPU hash and a ring
// buffer, loads a program of two instructions, and either runs it once (`floor run`) or attaches it to one tracepoint and
// prints the word that harnesses wait for (`floor armed`), then sleeps until killed.
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/mount.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace {

int bpf(int command, union bpf_attr& attr) {
  return static_cast<int>(syscall(SYS_bpf, command, &attr, sizeof attr));
}

int create_map(uint32_t type, uint32_t key, uint32_t value, uint32_t entries, uint32_t flags) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.map_type = type;
  attr.key_size = key;
  attr.value_size = value;
  attr.max_entries = entries;
  attr.map_flags = flags;
  return bpf(BPF_MAP_CREATE, attr);
}

int load_program(uint32_t type) {
  const bpf_insn insns[] = {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.prog_type = type;
  attr.insns = reinterpret_cast<uint64_t>(insns);
  attr.insn_cnt = 2;
  attr.license = reinterpret_cast<uint64_t>("GPL");
  return bpf(BPF_PROG_LOAD, attr);
}

// tracefs need not be mounted: a mount of our own serves.
int event_id() {
  int context = static_cast<int>(syscall(SYS_fsopen, "tracefs", 1));
  syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0);
  int tracefs = static_cast<int>(syscall(SYS_fsmount, context, 1, 0));
  int file = openat(tracefs, "events/syscalls/sys_enter_openat/id", O_RDONLY);
  char text[16] = {};
  return file >= 0 && read(file, text, sizeof text - 1) > 0 ? atoi(text) : -1;
}

}  // namespace

int main(int argc, char** argv) {
  const bool is_armed = argc > 1 && strcmp(argv[1], "armed") == 0;
  const int ring = create_map(BPF_MAP_TYPE_RINGBUF, 0, 0, 256 * 1024, 0);
  const int hash = create_map(BPF_MAP_TYPE_PERCPU_HASH, 16, 8, 4096, BPF_F_NO_PREALLOC);
  const int program = load_program(is_armed ? BPF_PROG_TYPE_TRACEPOINT : BPF_PROG_TYPE_RAW_TRACEPOINT);
  if (ring < 0 || hash < 0 || program < 0) return 1;
  if (!is_armed) {
    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.test.prog_fd = static_cast<uint32_t>(program);
    return bpf(BPF_PROG_TEST_RUN, attr) == 0 ? 0 : 1;
  }
  perf_event_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.type = PERF_TYPE_TRACEPOINT;
  attr.size = sizeof attr;
  attr.config = static_cast<uint64_t>(event_id());
  attr.sample_period = 1;
  const int event = static_cast<int>(syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC));
  if (event < 0 || ioctl(event, PERF_EVENT_IOC_SET_BPF, program) != 0) return 1;
  const char word[] = "__BPFTRACE_NOTIFY_PROBES_ATTACHED\n";
  if (write(1, word, sizeof word - 1) < 0) return 1;
  pause();
  return 0;
}
