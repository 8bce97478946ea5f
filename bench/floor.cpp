// The floor of any start: what the kernel itself charges for the least a tracer must do. Creates a per-CPU hash and a ring
// buffer, loads a program of two instructions, and then, by its argument
//   run     runs it once
//   hello   runs one that sends a line through the ring, and prints the line
//   armed   attaches it to one tracepoint, prints the word that harnesses wait for, and sleeps until killed
//   exit    the same, but closes the event after a millisecond
//   uprobe  like armed, at an instruction of the C library
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/mount.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <span>
#include <string_view>

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

int load_program(uint32_t type, std::span<const bpf_insn> insns) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.prog_type = type;
  attr.insns = reinterpret_cast<uint64_t>(insns.data());
  attr.insn_cnt = static_cast<uint32_t>(insns.size());
  attr.license = reinterpret_cast<uint64_t>("GPL");
  return bpf(BPF_PROG_LOAD, attr);
}

constexpr bpf_insn return_zero[] = {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
constexpr uint32_t ring_bytes = 256 * 1024;

// NOLINTBEGIN(misc-redundant-expression): BPF_LD and BPF_IMM are both zero
int load_hello(int ring) {
  int64_t text = 0;
  memcpy(&text, "hello\n", 6);
  const bpf_insn insns[] = {
      {BPF_LD | BPF_DW | BPF_IMM, 1, 0, 0, static_cast<int32_t>(text)},
      {0, 0, 0, 0, static_cast<int32_t>(text >> 32)},
      {BPF_STX | BPF_MEM | BPF_DW, 10, 1, -8, 0},
      {BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, ring},
      {0, 0, 0, 0, 0},
      {BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0},
      {BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -8},
      {BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 8},
      {BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, 0},
      {BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ringbuf_output},
      {BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0},
      {BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
  };
  return load_program(BPF_PROG_TYPE_RAW_TRACEPOINT, insns);
}
// NOLINTEND(misc-redundant-expression)

bool run_once(int program) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.test.prog_fd = static_cast<uint32_t>(program);
  return bpf(BPF_PROG_TEST_RUN, attr) == 0;
}

// The one record of the ring; its reader would have to tell the kernel how far it read, had it more to do.
bool print_line(int ring) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const void* at = mmap(nullptr, page + 2 * ring_bytes, PROT_READ, MAP_SHARED, ring, static_cast<off_t>(page));
  if (at == MAP_FAILED) return false;
  const char* record = static_cast<const char*>(at) + page + BPF_RINGBUF_HDR_SZ;
  return write(1, record, 6) == 6;
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

int attach(int program) {
  perf_event_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.type = PERF_TYPE_TRACEPOINT;
  attr.size = sizeof attr;
  attr.config = static_cast<uint64_t>(event_id());
  attr.sample_period = 1;
  const int event = static_cast<int>(syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC));
  return event >= 0 && ioctl(event, PERF_EVENT_IOC_SET_BPF, program) == 0 ? event : -1;
}

// What the C library holds there does not matter: every file begins with readable bytes, and a uprobe needs no more.
int attach_to_library(int program) {
  constexpr uint64_t code_offset = 0x30000;
  perf_event_attr attr;
  memset(&attr, 0, sizeof attr);
  int type_file = open("/sys/bus/event_source/devices/uprobe/type", O_RDONLY);
  char text[16] = {};
  if (type_file < 0 || read(type_file, text, sizeof text - 1) <= 0) return -1;
  attr.type = static_cast<uint32_t>(atoi(text));
  attr.size = sizeof attr;
  attr.uprobe_path = reinterpret_cast<uint64_t>("/lib/x86_64-linux-gnu/libc.so.6");
  attr.probe_offset = code_offset;
  const int event = static_cast<int>(syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC));
  return event >= 0 && ioctl(event, PERF_EVENT_IOC_SET_BPF, program) == 0 ? event : -1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc > 1 ? argv[1] : "run";
  const int ring = create_map(BPF_MAP_TYPE_RINGBUF, 0, 0, ring_bytes, 0);
  const int hash = create_map(BPF_MAP_TYPE_PERCPU_HASH, 16, 8, 4096, BPF_F_NO_PREALLOC);
  if (ring < 0 || hash < 0) return 1;
  if (mode == "run") return run_once(load_program(BPF_PROG_TYPE_RAW_TRACEPOINT, return_zero)) ? 0 : 1;
  if (mode == "hello") return run_once(load_hello(ring)) && print_line(ring) ? 0 : 1;
  const int event = mode == "uprobe" ? attach_to_library(load_program(BPF_PROG_TYPE_KPROBE, return_zero))
                                     : attach(load_program(BPF_PROG_TYPE_TRACEPOINT, return_zero));
  if (event < 0) return 1;
  const char word[] = "__BPFTRACE_NOTIFY_PROBES_ATTACHED\n";
  if (write(1, word, sizeof word - 1) < 0) return 1;
  if (mode == "exit") {
    usleep(1000);
    close(event);
    return 0;
  }
  pause();
  return 0;
}
