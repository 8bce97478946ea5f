// The kernel measures a run from inside (BPF_ENABLE_STATS), so that the call that starts it does not count.
#include "runtime/trials.h"

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "runtime/fd.h"
#include "runtime/files.h"

namespace shrike {

namespace {

constexpr uint64_t long_enough_ns = 200000000;  // for a benchmark
constexpr uint64_t most_runs = 1000000;
constexpr uint64_t runs_between_drains = 64;  // few records find the ring full

uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec);
}

bool run_once(const TrialHost& host, const mir::AttachPoint& probe, int program) {
  LIBBPF_OPTS(bpf_test_run_opts, run);
  if (bpf_prog_test_run_opts(program, &run) == 0) return true;
  host.messages.diagnostics.report(Diag::probe_not_run, probe.span, {probe.name, describe_errno(errno)})
      .with_hint("tests and benchmarks need Linux 5.10 or later");
  return false;
}

// What a test says goes to the output; in JSON it is part of the test's record, and caught on its way.
bool run_test(const TrialHost& host, const mir::AttachPoint& probe, bool& is_passed) {
  bool is_caught = host.options.format == OutputFormat::json;
  Fd file(is_caught ? memfd_create("test", MFD_CLOEXEC) : -1);
  OutputOptions options = host.options;
  options.format = OutputFormat::text;
  options.is_colored = nullptr;
  options.out_fd = options.err_fd = file.get();
  std::unique_ptr<Output> caught;
  if (is_caught) caught = std::make_unique<Output>(host.object.interface, host.messages.sources, host.maps, options);
  Output& output = is_caught ? *caught : host.output;

  TestResult result{probe.function, 0, false, {}};
  size_t errors = output.errors();
  uint64_t start = now_ns();
  if (!run_once(host, probe, program_fd(host.loaded, host.object, probe.program))) return false;
  result.nanoseconds = now_ns() - start;
  int status = host.drain(&output);
  result.is_passed = is_passed = status == 0 && output.errors() == errors;
  if (is_caught) {
    output.write_everything();
    lseek(file.get(), 0, SEEK_SET);
    result.output = read_all(file.get()).text;
  }
  host.output.test(result);
  return true;
}

struct Account {
  uint64_t nanoseconds = 0;
  uint64_t runs = 0;
};

Account account_of(int program) {
  bpf_prog_info info{};
  uint32_t size = sizeof info;
  if (bpf_obj_get_info_by_fd(program, &info, &size) != 0) return {};
  return {info.run_time_ns, info.run_cnt};
}

bool run_benchmark(const TrialHost& host, const mir::AttachPoint& probe) {
  int program = program_fd(host.loaded, host.object, probe.program);
  Account before = account_of(program);
  uint64_t start = now_ns();
  uint64_t runs = 0;
  while (runs < most_runs && now_ns() - start < long_enough_ns) {
    for (uint64_t i = 0; i < runs_between_drains; i++)
      if (!run_once(host, probe, program)) return false;
    runs += runs_between_drains;
    host.drain(nullptr);
  }
  Account told = account_of(program);
  told.nanoseconds -= before.nanoseconds;
  told.runs -= before.runs;
  if (told.runs == 0) told = {now_ns() - start, runs};
  host.output.benchmark({probe.function, static_cast<double>(told.nanoseconds) / static_cast<double>(told.runs), told.runs});
  return true;
}

}  // namespace

void run_tests(const TrialHost& host) {
  size_t count = 0, failed = 0;
  for (const mir::AttachPoint& probe : host.object.interface.probes) {
    if (probe.kind != mir::ProbeKind::test) continue;
    bool is_passed = false;
    if (!run_test(host, probe, is_passed)) return;
    count++;
    failed += is_passed ? 0 : 1;
  }
  if (failed != 0) host.messages.diagnostics.report(Diag::tests_failed, {}, {std::to_string(failed), std::to_string(count)});
}

void run_benchmarks(const TrialHost& host) {
  Fd stats(bpf_enable_stats(BPF_STATS_RUN_TIME));
  for (const mir::AttachPoint& probe : host.object.interface.probes)
    if (probe.kind == mir::ProbeKind::bench && !run_benchmark(host, probe)) return;
}

}  // namespace shrike
