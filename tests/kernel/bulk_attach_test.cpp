// One program in many places: exact counts through the kernel's links for many uprobes, and what is said where it has none.
#include <chrono>

#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

// Some attach one by one, and what does so waits for whoever still detaches.
class BulkAttach : public LiveTest {
 protected:
  void TearDown() override { wait_for_detaching(); }
};

const std::string many = SHRIKE_MANY;

Result trace_many(const std::string& script, int rounds, std::vector<std::string> options = {}) {
  options.insert(options.end(), {"-e", script, "-c", many + " " + std::to_string(rounds)});
  return shrike(options);
}

TEST_F(BulkAttach, ThousandUprobesCountExactly) {
  const Result t = trace_many("uprobe:" + many + ":many_* { @all = count(); @[func] = count(); }", 3, {"-v"});
  EXPECT_EQ(number_of(t.out, "@all"), 3000) << t.err;
  EXPECT_EQ(number_of(t.out, "@[many_000]"), 3) << t.out.substr(0, 500);
  EXPECT_EQ(number_of(t.out, "@[many_999]"), 3) << t.out.substr(0, 500);
  EXPECT_EQ(count_text(t.out, "@["), 1000u);
  EXPECT_EQ(count_text(t.err, "one of 1000 in bulk"), 1000u) << t.err.substr(0, 2000);
}

TEST_F(BulkAttach, ThousandUretprobesKnowTheirFunction) {
  const Result t = trace_many("uretprobe:" + many + ":many_* { @[func] = count(); }", 2);
  EXPECT_EQ(number_of(t.out, "@[many_123]"), 2) << t.err;
  EXPECT_EQ(count_text(t.out, "]: 2\n"), 1000u);
}

TEST_F(BulkAttach, ProbeIsTheExactPlace) {
  const Result t = trace_many("uprobe:" + many + ":many_00* { @[probe] = count(); }", 2);
  EXPECT_EQ(number_of(t.out, "@[uprobe:" + many + ":many_007]"), 2) << t.err;
  EXPECT_EQ(count_text(t.out, "]: 2\n"), 10u);
}

// One program learns from the kernel which place it is at, whichever way it is attached.
TEST_F(BulkAttach, ManyPlacesThatNameThemselvesShareAProgram) {
  for (const std::vector<std::string>& options : {std::vector<std::string>{"-v"}, {"-v", "--no-feature", "uprobe_multi"}}) {
    const Result t = trace_many("uprobe:" + many + ":many_0[01][01234567] { @[probe] = count(); } uretprobe:" + many +
                                    ":many_00* /probe == \"uretprobe:" + many + ":many_003\"/ { @three = count(); }",
                                2, options);
    EXPECT_EQ(number_of(t.out, "@[uprobe:" + many + ":many_017]"), 2) << t.err.substr(0, 2000);
    EXPECT_EQ(count_text(t.out, "]: 2\n"), 16u);
    EXPECT_EQ(number_of(t.out, "@three"), 2) << t.out;
    EXPECT_EQ(count_text(t.err, "program `"), 2u + count_text(t.err, "log of `program `"));
  }
}

TEST_F(BulkAttach, TracepointsThatNameThemselvesShareAProgram) {
  const Trace t = trace("tracepoint:syscalls:sys_enter_get* { @[probe] = count(); }", {"getppid", "9"}, {"-p", "PID"});
  EXPECT_EQ(number_of(t.out, "@[tracepoint:syscalls:sys_enter_getppid]"), 9) << t.out << t.err;
}

// One program, two files: a link for each.
TEST_F(BulkAttach, PlacesInTwoFiles) {
  const Result t = trace_many("uprobe:" + many + ":many_00*, uprobe:" SHRIKE_WORKLOAD ":target_* { @ = count(); }", 5, {"-v"});
  EXPECT_EQ(number_of(t.out, "@"), 50) << t.err;
  EXPECT_GT(count_text(t.err, "in bulk"), 10u) << t.err;
}

TEST_F(BulkAttach, OnlyTheProcessAskedFor) {
  Process other({SHRIKE_WORKLOAD, "wait", "add", "7", "1", "1"}, {.hold_stdin = true});
  const Trace t =
      trace("uprobe:WORKLOAD:target_add, uprobe:WORKLOAD:target_six { @ = count(); }", {"add", "11", "1", "1"}, {"-p", "PID"});
  EXPECT_EQ(number_of(t.out, "@"), 11) << t.out;
  other.release();
}

// Ten times a thousand places are armed and given back in a second: singly each costs the kernel a wait.
TEST_F(BulkAttach, IsQuick) {
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 10; ++i) {
    const Result t = shrike({"--dry-run", "-e", "uprobe:" + many + ":many_* { @ = count(); }"});
    EXPECT_EQ(t.status, 0) << t.err;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(15));
}

// An event for each place takes a file for each. Whoever may not raise the limit is told of it.
TEST_F(BulkAttach, MorePlacesThanFilesOneByOne) {
  const Result t =
      run({"setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource", "prlimit", "--nofile=20:60", SHRIKE_BINARY,
           "--no-feature", "uprobe_multi", "--dry-run", "-e", "uprobe:" + many + ":many_* { @ = count(); }"},
          {}, patience_ms);
  EXPECT_EQ(t.status, 1);
  EXPECT_EQ(count_text(t.err, "ERROR: "), 1u) << t.err;
  EXPECT_TRUE(has(t.err, "the process may have no more than 60 files open")) << t.err;
}

TEST_F(BulkAttach, KernelWithoutKprobesSaysSo) {
  if (has_kprobes()) return;  // tests/qemu counts them there
  const Result t = shrike_script("kprobe:vfs_read, kprobe:vfs_write { @ = count(); }");
  EXPECT_EQ(t.status, 1);
  EXPECT_EQ(count_text(t.err, "ERROR: "), 1u) << t.err;
  EXPECT_TRUE(has(t.err, "this kernel has no kprobes")) << t.err;
}

TEST_F(BulkAttach, IsNotDoneWhereItIsHidden) {
  const std::string script = std::string("uprobe:") + SHRIKE_MANY + ":many_00* { @ = count(); }";
  const Result other = shrike({"-v", "--dry-run", "--no-feature", "kprobe_multi", "-e", script});
  EXPECT_EQ(count_text(other.err, "one of 10 in bulk"), 10u) << other.err;
  const Result hidden = shrike({"-v", "--dry-run", "--no-feature", "kprobe_multi,uprobe_multi", "-e", script});
  EXPECT_EQ(hidden.status, 0) << hidden.err;
  EXPECT_EQ(count_text(hidden.err, "in bulk"), 0u) << hidden.err;
  EXPECT_EQ(count_text(hidden.err, "attached `"), 10u) << hidden.err;
}

}  // namespace
}  // namespace shrike::testing
