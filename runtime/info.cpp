// Each answer is found by trying: a two-instruction program that calls the helper, a look at the file or PMU. Versions
// are not compared, because distributions backport.
#include "runtime/info.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "frontend/probes.h"
#include "mir/btf.h"
#include "runtime/attach_bulk.h"
#include "runtime/btf_file.h"
#include "runtime/perf_event.h"
#include "runtime/privileges.h"

namespace shrike {

namespace {

class Report {
 public:
  void section(const char* name) {
    if (!text_.empty()) text_ += "\n";
    text_.append(name).append("\n");
  }
  void text(std::string_view label, std::string_view value) {
    text_.append("  ").append(label).append(": ").append(value).append("\n");
  }
  void row(std::string_view label, bool value) { text(label, value ? "yes" : "no"); }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

bool has_helper(bpf_prog_type type, bpf_func_id helper) {
  return libbpf_probe_bpf_helper(type, helper, nullptr) == 1;
}

bool has_map(bpf_map_type type) {
  return libbpf_probe_bpf_map_type(type, nullptr) == 1;
}

bool has_program(bpf_prog_type type) {
  return libbpf_probe_bpf_prog_type(type, nullptr) == 1;
}

// A loop of ten rounds that the verifier must walk (Linux 5.3).
bool has_loops() {
  const bpf_insn insns[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 10},
      {.code = BPF_ALU64 | BPF_SUB | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 1},
      {.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = 0, .src_reg = 0, .off = -2, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
  };
  Fd program(bpf_prog_load(BPF_PROG_TYPE_TRACEPOINT, nullptr, "GPL", insns, std::size(insns), nullptr));
  return program.is_open();
}

void describe_helpers(Report& report) {
  struct Row {
    const char* label;
    bpf_func_id helper;
  };
  constexpr Row rows[] = {
      {"probe_read", BPF_FUNC_probe_read},
      {"probe_read_str", BPF_FUNC_probe_read_str},
      {"probe_read_user", BPF_FUNC_probe_read_user},
      {"probe_read_user_str", BPF_FUNC_probe_read_user_str},
      {"probe_read_kernel", BPF_FUNC_probe_read_kernel},
      {"probe_read_kernel_str", BPF_FUNC_probe_read_kernel_str},
      {"get_current_cgroup_id", BPF_FUNC_get_current_cgroup_id},
      {"send_signal", BPF_FUNC_send_signal},
      {"override_return", BPF_FUNC_override_return},
      {"get_boot_ns", BPF_FUNC_ktime_get_boot_ns},
      {"get_ktime_ns", BPF_FUNC_ktime_get_ns},
      {"get_tai_ns", BPF_FUNC_ktime_get_tai_ns},
      {"get_func_ip", BPF_FUNC_get_func_ip},
      {"lookup_percpu_elem", BPF_FUNC_map_lookup_percpu_elem},
      {"for_each_map_elem", BPF_FUNC_for_each_map_elem},
      {"loop", BPF_FUNC_loop},
  };
  report.section("Kernel helpers");
  for (const Row& row : rows) report.row(row.label, has_helper(BPF_PROG_TYPE_KPROBE, row.helper));
}

// Loaded and not attached. Trampolines may be forbidden even to the privileged.
bool has_fentry(const Btf& types) {
  const std::optional<uint32_t> function = types.find(Btf::Kind::function, "vfs_read");
  if (!function) return false;
  const bpf_insn insns[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
  };
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_FENTRY, .attach_btf_id = *function);
  const Fd program(bpf_prog_load(BPF_PROG_TYPE_TRACING, nullptr, "GPL", insns, std::size(insns), &options));
  return program.is_open();
}

}  // namespace

std::string describe_system(Tracefs& tracefs) {
  Report report;
  utsname names{};
  uname(&names);
  report.section("System");
  report.text("OS", std::string(names.sysname) + " " + names.release + " " + names.version);
  report.text("Arch", names.machine);
  report.row("may trace", missing_privileges().empty());

  report.section("Build");
  report.text("version", "v0.1.0");
  report.text("LLVM", "none");
  report.row("libdw (DWARF support)", true);
  report.row("bcc library path resolution", true);  // `uprobe:libc:malloc` finds its file, if without bcc

  describe_helpers(report);

  BtfFile btf;
  btf.open();
  const std::optional<Btf> types = btf.bytes().empty() ? std::nullopt : Btf::open(btf.bytes());
  report.row("dpath", types && types->find_enum_value("BPF_FUNC_d_path"));
  report.section("Kernel features");
  report.row("Loop support", has_loops());
  report.row("btf", types.has_value());
  report.row("tracefs", tracefs.directory() >= 0);

  report.section("Map types");
  report.row("hash", has_map(BPF_MAP_TYPE_HASH));
  report.row("percpu hash", has_map(BPF_MAP_TYPE_PERCPU_HASH));
  report.row("array", has_map(BPF_MAP_TYPE_ARRAY));
  report.row("percpu array", has_map(BPF_MAP_TYPE_PERCPU_ARRAY));
  report.row("ringbuf", has_map(BPF_MAP_TYPE_RINGBUF));

  report.section("Probe types");
  report.row("kprobe", pmu_type("kprobe").has_value());
  report.row("uprobe", pmu_type("uprobe").has_value());
  report.row("tracepoint", has_program(BPF_PROG_TYPE_TRACEPOINT) && tracefs.has("events"));
  report.row("rawtracepoint", has_program(BPF_PROG_TYPE_RAW_TRACEPOINT));
  report.row("perf_event", has_program(BPF_PROG_TYPE_PERF_EVENT));
  report.row("fentry", types && has_fentry(*types));
  report.row("iter", types && types->find(Btf::Kind::function, std::string(iterator_function) + "task"));
  for (std::string_view feature : bulk_features()) report.row(feature, has_bulk_link(feature));
  return report.take();
}

}  // namespace shrike
