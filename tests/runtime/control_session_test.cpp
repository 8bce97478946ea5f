// Whole traces by objects written by hand: what a session shares with its programs, prints, and returns.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/files.h"
#include "runtime/info.h"
#include "runtime/session.h"
#include "tests/runtime/hand_made.h"

namespace shrike {
namespace {

class ControlSession : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::can_load_programs()) GTEST_SKIP() << "needs the privilege to load BPF programs";
    out_ = Fd(memfd_create("out", MFD_CLOEXEC));
    err_ = Fd(memfd_create("err", MFD_CLOEXEC));
    options_.output.out_fd = out_.get();
    options_.output.err_fd = err_.get();
  }
  int run(const bpf::Object& object) { return run_session(object, options_, tracefs_, messages_); }
  static std::string text_of(const Fd& fd) {
    lseek(fd.get(), 0, SEEK_SET);
    return read_all(fd.get()).text;
  }

  Fd out_, err_;
  SessionOptions options_;
  Tracefs tracefs_;
  Messages messages_;
};

// Event 0 of sending_object: an exit with the code 42.
bpf::Object exiting_object(mir::ProgramType type, mir::AttachPoint probe) {
  bpf::Object object = test::sending_object(type, std::move(probe), 0);
  mir::EventDecl event;
  event.kind = mir::EventKind::exit;
  event.fields = {{object.interface.types.parse("int64"), 8}};
  event.size = 16;
  object.interface.events.add(std::move(event));
  return object;
}

TEST_F(ControlSession, BeginRunsAndItsExitCodeIsTheStatus) {
  EXPECT_EQ(run(exiting_object(mir::ProgramType::raw_tracepoint, test::probe_at(mir::ProbeKind::begin, "", ""))), 42);
  EXPECT_EQ(text_of(err_), "Attached 1 probe\n");
  EXPECT_EQ(text_of(out_), "\n\n");
}

TEST_F(ControlSession, AnEventEndsTheTrace) {
  mir::AttachPoint probe = test::probe_at(mir::ProbeKind::interval, "ms", "5");
  probe.period = 5'000'000;
  EXPECT_EQ(run(exiting_object(mir::ProgramType::perf_event, probe)), 42);
}

TEST_F(ControlSession, NotifyLineTellsThatAllIsAttached) {
  options_.notify_line = "__BPFTRACE_NOTIFY_PROBES_ATTACHED";
  options_.output.quiet = true;
  run(exiting_object(mir::ProgramType::raw_tracepoint, test::probe_at(mir::ProbeKind::begin, "", "")));
  EXPECT_EQ(text_of(out_), "__BPFTRACE_NOTIFY_PROBES_ATTACHED\n\n\n");
  EXPECT_EQ(text_of(err_), "");
}

TEST_F(ControlSession, DryRunPrintsNothing) {
  options_.dry_run = true;
  EXPECT_EQ(run(exiting_object(mir::ProgramType::raw_tracepoint, test::probe_at(mir::ProbeKind::begin, "", ""))), 0);
  EXPECT_EQ(text_of(out_) + text_of(err_), "");
}

TEST_F(ControlSession, AProbeThatDoesNotAttachEndsTheRun) {
  options_.output.quiet = true;
  mir::AttachPoint probe = test::probe_at(mir::ProbeKind::tracepoint, "no_such", "event");
  EXPECT_EQ(run(exiting_object(mir::ProgramType::tracepoint, probe)), 1);
  ASSERT_EQ(messages_.diagnostics.all().size(), 1u);
  EXPECT_EQ(messages_.diagnostics.all()[0].id, Diag::probe_not_attached);
}

TEST_F(ControlSession, MissingProbesAreSkippedOnRequest) {
  options_.config.missing_probes = "warn";
  bpf::Object object = exiting_object(mir::ProgramType::raw_tracepoint, test::probe_at(mir::ProbeKind::end, "", ""));
  mir::AttachPoint missing = test::probe_at(mir::ProbeKind::rawtracepoint, "", "no_such_event");
  missing.program = mir::FunctionId(0u);
  object.interface.probes.push_back(missing);
  options_.dry_run = true;
  EXPECT_EQ(run(object), 0);
  ASSERT_EQ(messages_.diagnostics.all().size(), 1u);
  EXPECT_EQ(messages_.diagnostics.all()[0].id, Diag::probe_skipped);
}

TEST_F(ControlSession, AProcessThatIsGoneIsNamed) {
  options_.pid = 4194303;
  EXPECT_EQ(run(exiting_object(mir::ProgramType::raw_tracepoint, test::probe_at(mir::ProbeKind::begin, "", ""))), 1);
  EXPECT_EQ(messages_.diagnostics.all()[0].id, Diag::no_such_process);
}

TEST_F(ControlSession, InfoHasTheLabelsThatHarnessesLookFor) {
  std::string text = describe_system(tracefs_);
  for (const char* label :
       {"btf", "dpath", "iter", "kprobe_multi", "uprobe_multi", "kprobe_session", "get_func_ip", "lookup_percpu_elem",
        "Loop support", "get_ktime_ns", "get_tai_ns", "libdw (DWARF support)", "bcc library path resolution"}) {
    size_t at = text.find("  " + std::string(label) + ": ");
    ASSERT_NE(at, std::string::npos) << label;
    std::string value = text.substr(at + 4 + std::string(label).size(), 2);
    EXPECT_TRUE(value == "ye" || value == "no") << label << " " << value;
  }
}

}  // namespace
}  // namespace shrike
