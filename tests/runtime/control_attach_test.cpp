// Each way to attach, with a program of six instructions that counts, and a known number of events.
#include <gtest/gtest.h>

#include <bpf/bpf.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/attach.h"
#include "runtime/elf_symbols.h"
#include "runtime/load.h"
#include "runtime/ring.h"
#include "tests/runtime/hand_made.h"

namespace shrike {
namespace {

using test::counting_object;
using test::probe_at;

struct Attached {
  explicit Attached(bpf::Object made) : object(std::move(made)) {}

  bool start(uint32_t pid = 0) {
    loaded = load(object, sources, {}, diagnostics);
    if (!loaded) return false;
    AttachContext context{tracefs, {}, pid};
    const mir::AttachPoint& probe = object.interface.probes[0];
    error = attach(probe, program_fd(*loaded, object, probe.program), context, links);
    return !error.has_value();
  }
  uint64_t count() {
    uint64_t value = 0;
    uint32_t key = 0;
    bpf_map_lookup_elem(loaded->maps[0].get(), &key, &value);
    return value;
  }
  std::string why() const {
    std::string out = error ? error->reason + " / " + error->hint : "";
    for (const Diagnostic& diagnostic : diagnostics.all()) out += diagnostic.message;
    return out;
  }

  bpf::Object object;
  SourceMap sources;
  Diagnostics diagnostics;
  Tracefs tracefs;
  std::optional<LoadedObject> loaded;
  AttachResult error;
  Links links;
};

class ControlAttach : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::can_load_programs()) GTEST_SKIP() << "needs the privilege to load BPF programs";
  }
};

void spin_for_ms(int ms) {
  timespec start{}, now{};
  clock_gettime(CLOCK_MONOTONIC, &start);
  do {
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < ms);
}

// No one else on the machine calls it: the count must be exact.
void rare_system_call() {
  syscall(SYS_getpgid, 0);
}

TEST_F(ControlAttach, TracepointCountsExactly) {
  Attached trace(
      counting_object(mir::ProgramType::tracepoint, probe_at(mir::ProbeKind::tracepoint, "syscalls", "sys_enter_getpgid")));
  rare_system_call();
  ASSERT_TRUE(trace.start()) << trace.why();
  for (int i = 0; i < 7; i++) rare_system_call();
  EXPECT_EQ(trace.count(), 7u);
  trace.links.close();
  rare_system_call();
  EXPECT_EQ(trace.count(), 7u);
}

TEST_F(ControlAttach, MissingTracepointIsNamed) {
  Attached trace(
      counting_object(mir::ProgramType::tracepoint, probe_at(mir::ProbeKind::tracepoint, "syscalls", "sys_enter_opena")));
  ASSERT_FALSE(trace.start());
  EXPECT_TRUE(trace.error->is_missing);
  EXPECT_EQ(trace.error->reason, "there is no tracepoint `syscalls:sys_enter_opena`");
  EXPECT_EQ(trace.links.count(), 0u);
}

TEST_F(ControlAttach, RawTracepointSeesEverySystemCall) {
  Attached trace(counting_object(mir::ProgramType::raw_tracepoint, probe_at(mir::ProbeKind::rawtracepoint, "", "sys_enter")));
  ASSERT_TRUE(trace.start()) << trace.why();
  for (int i = 0; i < 100; i++) rare_system_call();
  EXPECT_GE(trace.count(), 100u);
  Attached missing(counting_object(mir::ProgramType::raw_tracepoint, probe_at(mir::ProbeKind::rawtracepoint, "", "sys_entry")));
  ASSERT_FALSE(missing.start());
  EXPECT_EQ(missing.error->reason, "there is no raw tracepoint `sys_entry`");
}

TEST_F(ControlAttach, IntervalTicksOnOneCpu) {
  mir::AttachPoint probe = probe_at(mir::ProbeKind::interval, "ms", "20");
  probe.period = 20'000'000;
  Attached trace(counting_object(mir::ProgramType::perf_event, probe));
  ASSERT_TRUE(trace.start()) << trace.why();
  EXPECT_EQ(trace.links.count(), 1u);
  usleep(210'000);
  EXPECT_GE(trace.count(), 7u);
  EXPECT_LE(trace.count(), 12u);
}

TEST_F(ControlAttach, ProfileOfOneProcessSamplesOnlyIt) {
  pid_t child = fork();
  if (child == 0) {
    spin_for_ms(300);
    _exit(0);
  }
  mir::AttachPoint probe = probe_at(mir::ProbeKind::profile, "hz", "1000");
  probe.period = 1000;
  probe.in_hertz = true;
  Attached trace(counting_object(mir::ProgramType::perf_event, probe));
  ASSERT_TRUE(trace.start(static_cast<uint32_t>(child))) << trace.why();
  waitpid(child, nullptr, 0);
  uint64_t while_alive = trace.count();
  spin_for_ms(30);
  EXPECT_GT(while_alive, 50u);
  EXPECT_EQ(trace.count(), while_alive);
}

TEST_F(ControlAttach, ProfileFrequencyBeyondTheLimitIsExplained) {
  mir::AttachPoint probe = probe_at(mir::ProbeKind::profile, "hz", "100000000");
  probe.period = 100'000'000;
  probe.in_hertz = true;
  Attached trace(counting_object(mir::ProgramType::perf_event, probe));
  ASSERT_FALSE(trace.start());
  EXPECT_EQ(trace.error->reason, "the frequency is higher than the kernel allows");
}

TEST_F(ControlAttach, SoftwareEventFiresAtItsPeriod) {
  mir::AttachPoint probe = probe_at(mir::ProbeKind::software, "", "faults");
  probe.period = 1;
  Attached trace(counting_object(mir::ProgramType::perf_event, probe));
  ASSERT_TRUE(trace.start(static_cast<uint32_t>(getpid()))) << trace.why();
  constexpr size_t pages = 64;
  auto* memory = static_cast<volatile char*>(aligned_alloc(4096, pages * 4096));
  for (size_t i = 0; i < pages; i++) memory[i * 4096] = 1;
  EXPECT_GE(trace.count(), pages / 2);
  free(const_cast<char*>(memory));
}

TEST_F(ControlAttach, UnknownCounterIsNamed) {
  Attached trace(counting_object(mir::ProgramType::perf_event, probe_at(mir::ProbeKind::hardware, "", "no-such-counter")));
  ASSERT_FALSE(trace.start());
  EXPECT_EQ(trace.error->reason, "there is no counter `no-such-counter`");
}

extern "C" __attribute__((noinline)) int control_attach_marker(int n) {
  asm volatile("" : "+r"(n));
  return n + 1;
}

TEST_F(ControlAttach, UprobeAndUretprobeCountCalls) {
  for (mir::ProbeKind kind : {mir::ProbeKind::uprobe, mir::ProbeKind::uretprobe}) {
    mir::AttachPoint probe = probe_at(kind, "/proc/self/exe", "control_attach_marker");
    std::optional<ElfSymbol> symbol = find_symbol(probe.target, {}, probe.function);
    ASSERT_TRUE(symbol.has_value());
    probe.address = symbol->file_offset;
    Attached trace(counting_object(mir::ProgramType::kprobe, probe));
    ASSERT_TRUE(trace.start(static_cast<uint32_t>(getpid()))) << trace.why();
    for (int i = 0; i < 5; i++) control_attach_marker(i);
    EXPECT_EQ(trace.count(), 5u) << mir::name_of(kind);
  }
}

TEST_F(ControlAttach, UprobeInMissingFileIsExplained) {
  Attached trace(counting_object(mir::ProgramType::kprobe, probe_at(mir::ProbeKind::uprobe, "/no/such/file", "f")));
  ASSERT_FALSE(trace.start());
  EXPECT_EQ(trace.error->reason, "there is no file `/no/such/file`");
}

TEST_F(ControlAttach, KprobeCountsOrSaysWhatTheKernelLacks) {
  Attached trace(counting_object(mir::ProgramType::kprobe, probe_at(mir::ProbeKind::kprobe, "", "ksys_read")));
  if (trace.start()) {
    char byte;
    int zero = open("/dev/zero", O_RDONLY);
    for (int i = 0; i < 5; i++) ASSERT_EQ(read(zero, &byte, 1), 1);
    close(zero);
    EXPECT_GE(trace.count(), 5u);
  } else {
    EXPECT_EQ(trace.error->reason, "this kernel has no kprobes");
    EXPECT_NE(trace.error->hint.find("CONFIG_KPROBES"), std::string::npos);
  }
}

TEST_F(ControlAttach, HandlersOfOneEventKeepScriptOrder) {
  std::vector<mir::AttachPoint> probes = {probe_at(mir::ProbeKind::uprobe, "a", "1"), probe_at(mir::ProbeKind::begin, "", ""),
                                          probe_at(mir::ProbeKind::tracepoint, "a", "2"),
                                          probe_at(mir::ProbeKind::kprobe, "", "3"),
                                          probe_at(mir::ProbeKind::interval, "s", "4")};
  EXPECT_EQ(attach_order(probes), (std::vector<uint32_t>{2, 4, 3, 0}));
}

TEST_F(ControlAttach, RingGivesRecordsInOrderAcrossItsEnd) {
  Attached trace(test::sending_object(mir::ProgramType::tracepoint,
                                      probe_at(mir::ProbeKind::tracepoint, "syscalls", "sys_enter_getpgid"), 3));
  ASSERT_TRUE(trace.start()) << trace.why();
  Ring ring;
  ASSERT_EQ(ring.open(trace.loaded->maps[0].get(), 4096), 0);
  size_t records = 0;
  // 24 bytes each with their header: 600 of them pass the end of 4096 bytes three times.
  for (int round = 0; round < 6; round++) {
    for (int i = 0; i < 100; i++) rare_system_call();
    records += ring.drain([](std::span<const uint8_t> record) {
      ASSERT_EQ(record.size(), 16u);
      EXPECT_EQ(record[0], 3);
      EXPECT_EQ(record[8], 42);
    });
  }
  EXPECT_EQ(records, 600u);
}

TEST_F(ControlAttach, RejectionPointsAtTheSource) {
  SourceMap sources;
  uint32_t begin = sources.add("t.bt", "begin { print(@a); }\n");
  Diagnostics diagnostics;
  EXPECT_FALSE(load(test::refused_object({begin + 8, begin + 17}), sources, {}, diagnostics));
  ASSERT_EQ(diagnostics.all().size(), 1u);
  const Diagnostic& diagnostic = diagnostics.all()[0];
  EXPECT_EQ(diagnostic.id, Diag::verifier_rejected);
  EXPECT_EQ(diagnostic.span, (Span{begin + 8, begin + 17}));
  EXPECT_NE(diagnostic.message.find("at instruction 6: R0 invalid mem access 'map_value_or_null'"), std::string::npos)
      << diagnostic.message;
  EXPECT_NE(diagnostic.hint.find("bug in shrike"), std::string::npos);
}

}  // namespace
}  // namespace shrike
