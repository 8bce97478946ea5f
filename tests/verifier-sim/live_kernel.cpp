// bpf(2) by hand: the tests must not depend on the code that the product loads programs with.
#include "tests/verifier-sim/live_kernel.h"

#include <linux/bpf.h>
#include <linux/btf.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>

#include "mir/btf.h"

namespace shrike::sim::test {
namespace {

constexpr uint32_t most_preallocated = 1024;

long bpf_call(int command, bpf_attr& attributes) {
  return syscall(SYS_bpf, command, &attributes, sizeof attributes);
}

int create_map(const MapShape& shape) {
  bpf_attr a{};
  a.map_type = static_cast<uint32_t>(shape.type);
  a.key_size = shape.key_size;
  a.value_size = shape.value_size;
  a.max_entries = shape.max_entries;
  // Filling large tables in advance would cost more than the loads; small ones are filled, which perf_event programs of
  // kernels before 6.1 ask for.
  bool is_hash = shape.type == MapType::hash || shape.type == MapType::percpu_hash;
  if (is_hash && shape.max_entries > most_preallocated) a.map_flags = BPF_F_NO_PREALLOC;
  return static_cast<int>(bpf_call(BPF_MAP_CREATE, a));
}

// The name tells shapes apart for readers only.
bool same_shape(const MapShape& a, const MapShape& b) {
  return a.type == b.type && a.key_size == b.key_size && a.value_size == b.value_size && a.max_entries == b.max_entries;
}

// BTF with `count` static functions of the type `int f(void)`: type 1 is int, 2 the prototype, 3 + i function i.
std::vector<uint8_t> static_functions(size_t count) {
  std::vector<uint32_t> types = {1, uint32_t{BTF_KIND_INT} << 24,        4, BTF_INT_SIGNED << 24 | 32,  //
                                 0, uint32_t{BTF_KIND_FUNC_PROTO} << 24, 1};
  std::string names(1, '\0');
  names += std::string("int") + '\0';
  for (size_t i = 0; i < count; i++) {
    types.insert(types.end(), {static_cast<uint32_t>(names.size()), uint32_t{BTF_KIND_FUNC} << 24 | BTF_FUNC_STATIC, 2});
    names += "f" + std::to_string(i) + '\0';
  }
  btf_header header{};
  header.magic = BTF_MAGIC;
  header.version = BTF_VERSION;
  header.hdr_len = sizeof header;
  header.type_len = static_cast<uint32_t>(types.size() * sizeof(uint32_t));
  header.str_off = header.type_len;
  header.str_len = static_cast<uint32_t>(names.size());
  std::vector<uint8_t> blob(sizeof header + header.type_len + header.str_len);
  memcpy(blob.data(), &header, sizeof header);
  memcpy(blob.data() + sizeof header, types.data(), header.type_len);
  memcpy(blob.data() + sizeof header + header.type_len, names.data(), names.size());
  return blob;
}

// What a tracing program of a test is loaded for: an event and an iterator that every kernel has. 0: not known here.
uint32_t place_of(AttachType attach) {
  static const std::vector<uint8_t> bytes = [] {
    std::ifstream file("/sys/kernel/btf/vmlinux", std::ios::binary);
    return std::vector<uint8_t>(std::istreambuf_iterator<char>(file), {});
  }();
  const std::optional<Btf> btf = Btf::open(bytes);
  if (!btf) return 0;
  if (attach == AttachType::raw_tp) return btf->find(Btf::Kind::typedef_, "btf_trace_sched_switch").value_or(0);
  if (attach == AttachType::iter) return btf->find(Btf::Kind::function, "bpf_iter_task").value_or(0);
  return 0;
}

int load_types(const std::vector<uint8_t>& blob) {
  bpf_attr a{};
  a.btf = reinterpret_cast<uint64_t>(blob.data());
  a.btf_size = static_cast<uint32_t>(blob.size());
  return static_cast<int>(bpf_call(BPF_BTF_LOAD, a));
}

// First instructions of all subprograms, if the program hands one of them out as a callback; else nothing.
std::vector<uint32_t> functions_to_describe(const std::vector<bpf::Insn>& insns) {
  std::set<uint32_t> starts{0};
  bool hands_out = false;
  for (size_t i = 0; i < insns.size(); i++) {
    bool is_callback = insns[i].opcode == bpf::ld_imm64 && insns[i].src() == bpf::pseudo::func;
    bool is_call = insns[i].opcode == bpf::call_insn && insns[i].src() == bpf::pseudo::call;
    hands_out |= is_callback;
    if (is_callback || is_call) starts.insert(static_cast<uint32_t>(static_cast<int64_t>(i) + 1 + insns[i].imm));
    if (insns[i].opcode == bpf::ld_imm64) i++;
  }
  if (!hands_out) return {};
  return {starts.begin(), starts.end()};
}

}  // namespace

LiveKernel::LiveKernel() {
  // Before 5.11 maps and programs count against the memory that a process may lock.
  rlimit everything{RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_MEMLOCK, &everything);
  if (map_of({"probe", MapType::array, 4, 8, 1, false, {}}) < 0)
    why_not_ = std::string("cannot create a map: ") + strerror(errno);
}

LiveKernel::~LiveKernel() {
  for (const Made& made : maps_) close(made.fd);
  for (int fd : types_) {
    if (fd >= 0) close(fd);
  }
}

int LiveKernel::map_of(const MapShape& shape) {
  for (const Made& made : maps_) {
    if (same_shape(made.shape, shape)) return made.fd;
  }
  int fd = create_map(shape);
  if (fd >= 0) maps_.push_back({shape, fd});
  return fd;
}

int LiveKernel::types_for(size_t subprograms) {
  if (types_.size() <= subprograms) types_.resize(subprograms + 1, -1);
  if (types_[subprograms] < 0) types_[subprograms] = load_types(static_functions(subprograms));
  return types_[subprograms];
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
  Answer answer;
  std::vector<bpf::Insn> insns = program.insns;
  for (const MapReference& r : program.references) {
    int fd = map_of(program.maps[r.map]);
    if (fd < 0) {
      answer.error = errno;
      answer.log = "no maps of type " + std::to_string(static_cast<unsigned>(program.maps[r.map].type));
      return answer;
    }
    insns[r.insn].imm = fd;
  }
  if (log_level && log_.empty()) log_.resize(1 << 22);
  bpf_attr a{};
  a.prog_type = static_cast<uint32_t>(program.type);
  a.expected_attach_type = static_cast<uint32_t>(program.attach);
  if (program.type == ProgramType::tracing) a.attach_btf_id = place_of(program.attach);
  a.insn_cnt = static_cast<uint32_t>(insns.size());
  a.insns = reinterpret_cast<uint64_t>(insns.data());
  a.license = reinterpret_cast<uint64_t>("GPL");
  a.log_level = log_level;
  if (log_level) {
    a.log_buf = reinterpret_cast<uint64_t>(log_.data());
    a.log_size = static_cast<uint32_t>(log_.size());
    log_[0] = 0;
  }
  std::vector<bpf_func_info> functions;
  for (uint32_t start : functions_to_describe(program.insns)) {
    functions.push_back({start, static_cast<uint32_t>(3 + functions.size())});
  }
  if (!functions.empty()) {
    a.prog_btf_fd = static_cast<uint32_t>(types_for(functions.size()));
    a.func_info = reinterpret_cast<uint64_t>(functions.data());
    a.func_info_rec_size = sizeof(bpf_func_info);
    a.func_info_cnt = static_cast<uint32_t>(functions.size());
  }
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
