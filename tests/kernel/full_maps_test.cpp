// What is said where a map takes no new keys: it is full, or the kernel had no memory for them. For the second, maps are made
// inside a control group whose memory is then limited to little more than is used; shrike itself leaves it before that.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

// A group of the memory controller, in the older hierarchy or the unified one.
class MemoryGroup {
 public:
  MemoryGroup() {
    is_old_ = access("/sys/fs/cgroup/memory/memory.limit_in_bytes", F_OK) == 0;
    root_ = is_old_ ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup";
    folder_ = root_ + "/shrike_test_" + std::to_string(getpid());
    mkdir(folder_.c_str(), 0755);
    is_usable_ = access((folder_ + limit()).c_str(), W_OK) == 0;
  }
  ~MemoryGroup() { rmdir(folder_.c_str()); }
  MemoryGroup(const MemoryGroup&) = delete;
  MemoryGroup& operator=(const MemoryGroup&) = delete;

  bool is_usable() const { return is_usable_; }
  const std::string& folder() const { return folder_; }
  void let_go(pid_t pid) const { std::ofstream(root_ + "/cgroup.procs") << pid; }
  void allow_no_more_than(long bytes) const {
    const std::string used = read_file(folder_ + (is_old_ ? "/memory.usage_in_bytes" : "/memory.current"));
    std::ofstream(folder_ + limit()) << atol(used.c_str()) + bytes;
  }

 private:
  const char* limit() const { return is_old_ ? "/memory.limit_in_bytes" : "/memory.max"; }
  bool is_old_ = false, is_usable_ = false;
  std::string root_, folder_;
};

using FullMaps = LiveTest;

TEST_F(FullMaps, AreTold) {
  const Trace done = trace(
      "config = { print_maps_on_exit = false; max_map_keys = 3 } "
      "tracepoint:syscalls:sys_enter_getppid /pid == PID/ { @x[@n++] = 1; @c[@n] = count(); @g[@n] = 1; @g[@n + 100] = 2; }",
      {"getppid", "10"});
  EXPECT_EQ(count_text(done.err, "WARNING: Map full: `@x` takes no new keys; raise max_map_keys or declare it larger\n"), 1u);
  EXPECT_EQ(count_text(done.err, "WARNING: Map full: `@c` takes no new keys"), 1u) << done.err;
  EXPECT_EQ(count_text(done.err, "WARNING: Map full: `@g` takes no new keys"), 1u) << done.err;
  EXPECT_FALSE(has(done.err, "No memory")) << done.err;
}

TEST_F(FullMaps, WantOfMemoryIsSomethingElse) {
  const MemoryGroup group;
  if (!group.is_usable()) {
    fprintf(stderr, "WARNING: no memory controller: what is said where the kernel has no memory for keys is not tested\n");
    GTEST_SKIP();
  }
  ProcessOptions held;
  held.hold_stdin = true;
  Process workload({SHRIKE_WORKLOAD, "pid", "wait", "getppid", "1"}, held);
  ASSERT_TRUE(workload.wait_for_out("pid ", patience_ms));
  const std::string script =
      "config = { print_maps_on_exit = false } let @x = hash(2000000); let @c = percpuhash(2000000); let @g = hash(2000000); "
      "tracepoint:syscalls:sys_enter_getppid /pid == " +
      std::to_string(workload.pid()) +
      "/ { for $i : 0..300000 { @x[$i] = 1; @c[$i] = count(); @g[$i] = 1; @g[$i + 1000000] = 2; } printf(\"%d\\n\", len(@x)); "
      "exit(); }";
  ProcessOptions options;
  options.env = {{"__BPFTRACE_NOTIFY_PROBES_ATTACHED", "1"}};
  Process tracer(
      {"/bin/sh", "-c", "echo $$ > " + group.folder() + "/cgroup.procs; exec \"$0\" \"$@\"", shrike_binary(), "-e", script},
      options);
  ASSERT_TRUE(tracer.wait_for_out("__BPFTRACE_NOTIFY_PROBES_ATTACHED", patience_ms));
  group.let_go(tracer.pid());
  group.allow_no_more_than(1 << 20);
  workload.release();
  const Result result = tracer.finish(patience_ms);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(has(result.err,
                  "WARNING: No memory: the kernel had none at hand for new keys of `@x`; `let @x = lruhash(N)` has its "
                  "memory from the start\n"))
      << result.out << result.err;
  EXPECT_TRUE(has(result.err, "new keys of `@c`; `let @c = percpulruhash(N)` has its memory from the start\n")) << result.err;
  EXPECT_TRUE(has(result.err, "WARNING: No memory: the kernel had none at hand for new keys of `@g`")) << result.err;
  EXPECT_FALSE(has(result.err, "Map full")) << result.err;
  workload.finish(patience_ms);
}

}  // namespace
}  // namespace shrike::testing
