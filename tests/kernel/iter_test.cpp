// Iterators: each object of a process of ours exactly once, beside what /proc says of it.
#include <signal.h>
#include <stdlib.h>

#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

using Iter = LiveTest;

size_t count_file_lines(const std::string& path) {
  return split_lines(read_file(path)).size();
}

// A process that stays as it is while it is looked at.
class Sleeper {
 public:
  Sleeper() : process_({SHRIKE_WORKLOAD, "pid", "wait"}, {.hold_stdin = true}) {
    EXPECT_TRUE(process_.wait_for_out("pid ", patience_ms));
  }
  ~Sleeper() { process_.release(); }
  std::string pid() const { return std::to_string(process_.pid()); }

 private:
  Process process_;
};

TEST_F(Iter, TaskIsVisitedOnce) {
  const Sleeper sleeper;
  const Result t = shrike_script("iter:task /ctx->task->tgid == " + sleeper.pid() +
                                 R"(/ { @n = count(); printf("%s %d\n", ctx->task->comm, ctx->task->pid); })");
  EXPECT_EQ(t.status, 0) << t.err;
  EXPECT_EQ(number_of(t.out, "@n"), 1) << t.out;
  EXPECT_EQ(count_lines(t.out, "workload " + sleeper.pid()), 1u) << t.out;
}

TEST_F(Iter, TaskChosenByPid) {
  const Sleeper sleeper;
  const Result t = shrike({"-p", sleeper.pid(), "-e", "it:task { @[ctx->task->tgid] = count(); }"});
  EXPECT_EQ(number_of(t.out, "@[" + sleeper.pid() + "]"), 1) << t.out << t.err;
  EXPECT_EQ(count_text(t.out, "@["), 1u) << t.out;
}

TEST_F(Iter, FilesOfATask) {
  const Sleeper sleeper;
  const Result t = shrike({"-p", sleeper.pid(), "-e", R"(iter:task_file { @ = count(); printf("fd %d\n", ctx->fd); })"});
  const Result listed = run({"ls", "/proc/" + sleeper.pid() + "/fd"}, {}, patience_ms);
  EXPECT_EQ(number_of(t.out, "@"), static_cast<int64_t>(split_lines(listed.out).size())) << t.out << t.err;
  EXPECT_EQ(count_lines(t.out, "fd 0"), 1u) << t.out;
}

TEST_F(Iter, MappingsOfATask) {
  const Sleeper sleeper;
  const Result t = shrike({"-p", sleeper.pid(), "-e", "iter:task_vma /ctx->vma->vm_start < ctx->vma->vm_end/ { @ = count(); }"});
  // [vsyscall] is no mapping of the process's own.
  const std::string maps = "/proc/" + sleeper.pid() + "/maps";
  EXPECT_EQ(number_of(t.out, "@"), static_cast<int64_t>(count_file_lines(maps) - count_text(read_file(maps), "[vsyscall]")))
      << t.out << t.err;
}

// Many times what the ring holds: the program waits for its reader, and nothing is counted twice for it.
TEST_F(Iter, MoreRecordsThanTheRingHolds) {
  const Result t = shrike_script(R"(iter:ksym { @ = count(); printf("s %s\n", ctx->ksym->name); })");
  EXPECT_EQ(t.status, 0) << t.err;
  EXPECT_FALSE(has(t.err, "Lost")) << t.err;
  const std::optional<int64_t> count = number_of(t.out, "@");
  ASSERT_TRUE(count.has_value()) << t.out.substr(0, 500);
  EXPECT_GT(*count, 10000);
  EXPECT_EQ(static_cast<int64_t>(count_text(t.out, "\ns ")) + (t.out.starts_with("s ") ? 1 : 0), *count);
  EXPECT_EQ(count_lines(t.out, "s vfs_read"), 1u);
}

TEST_F(Iter, BesideOtherProbes) {
  const Result t = shrike_script(R"(begin { printf("begin\n"); } iter:task { @ = count(); }
                                    interval:ms:10 { printf("tick\n"); exit(); } end { printf("end\n"); })");
  EXPECT_TRUE(has(t.out, "begin\ntick\nend\n")) << t.out << t.err;
  EXPECT_GT(number_of(t.out, "@").value_or(0), 1) << t.out;
}

constexpr const char* pin = "/sys/fs/bpf/shrike_iter_test";

// What a pinned iterator lists, twice, for it begins anew each time; then it is gone with its pin.
class PinnedIter : public LiveTest {
 protected:
  void SetUp() override { run({"rm", "-f", pin}, {}, patience_ms); }
  void TearDown() override { SetUp(); }
};

TEST_F(PinnedIter, PrintsToWhoReadsThePin) {
  const Sleeper sleeper;
  const Result t = shrike_script(std::string("iter:task:") + pin + " /ctx->task->pid == " + sleeper.pid() +
                                 R"(/ { printf("%s %d|%-4u|%4d|%x %p\n", ctx->task->comm, ctx->task->tgid, 7, -7, 255,
                                          (void *)16); })");
  EXPECT_EQ(t.status, 0) << t.err;
  EXPECT_TRUE(has(t.err, std::string("Program pinned to ") + pin)) << t.err;
  const std::string line = "workload " + sleeper.pid() + "|7   |  -7|ff 0x10\n";
  for (int i = 0; i < 2; i++) EXPECT_EQ(run({"cat", pin}, {}, patience_ms).out, line);
}

// Strings that fit, that are cut, and that are longer than what the kernel formats.
TEST_F(PinnedIter, PrintsWhatASessionWould) {
  const Sleeper sleeper;
  for (const std::string config : {"", "config = { max_strlen = 5 } "}) {
    const auto script = [&](const std::string& probe) {
      return config + probe + " /ctx->task->pid == " + sleeper.pid() + R"(/ {
               $c = (uint64)ctx->task + offsetof(struct task_struct, comm);
               printf("%s|%s|%s|%-12s|%9s|%d%%\n", str($c), str($c, 3), ctx->task->comm, str($c, 10), "end", -1);
               printf("%c%c%X %+d %u %s %s %lx %hu %hhd\n", 65, 66, (int16)-1, 7, (int32)-1, (uint8)200, -5, -1, -1, 200);
               printf("Ende, schön\n"); })";
    };
    const Result plain = shrike_script(script("iter:task"));
    EXPECT_EQ(shrike_script(script(std::string("iter:task:") + pin)).status, 0);
    EXPECT_EQ(run({"cat", pin}, {}, patience_ms).out, plain.out.substr(0, plain.out.find("\n\n") + 1)) << plain.err;
    EXPECT_EQ(count_lines(plain.out, "Ende, schön"), 1u) << plain.out;
    SetUp();
  }
}

TEST_F(PinnedIter, RelativeNamesAreBelowTheUsualMount) {
  const Sleeper sleeper;
  const std::string name = std::string(pin).substr(std::string(pin).rfind('/') + 1);
  const Result t =
      shrike_script("iter:task:" + name + " /ctx->task->pid == " + sleeper.pid() + R"(/ { printf("%d\n", ctx->task->pid); })");
  EXPECT_EQ(t.status, 0) << t.err;
  EXPECT_EQ(run({"cat", pin}, {}, patience_ms).out, sleeper.pid() + "\n");
}

TEST_F(PinnedIter, OfAProcessAlone) {
  const Sleeper sleeper;
  const Result t =
      shrike({"-p", sleeper.pid(), "-e", std::string("iter:task:") + pin + R"( { printf("%d\n", ctx->task->tgid); })"});
  EXPECT_EQ(t.status, 0) << t.err;
  EXPECT_EQ(run({"cat", pin}, {}, patience_ms).out, sleeper.pid() + "\n");
}

TEST_F(PinnedIter, ErrorsLeaveNothing) {
  const std::string other = std::string(pin) + "_other";
  const std::string both = std::string("iter:task:") + pin + R"( { printf("1"); } iter:task_vma:)";
  EXPECT_TRUE(has(shrike_script(both + pin + R"( { printf("2"); })").err, "exists already"));
  EXPECT_TRUE(has(shrike_script(both + "no/folder { }").err, "the folder of `/sys/fs/bpf/no/folder` does not exist"));
  EXPECT_TRUE(has(shrike_script(both + "with.dot { }").err, "names on a BPF file system have no dots"));
  EXPECT_TRUE(has(shrike_script(both + "/tmp/pin { }").err, "`/tmp/pin` is not on a BPF file system"));
  EXPECT_EQ(shrike({"--dry-run", "-e", both + other + " { }"}).status, 0);
  EXPECT_NE(run({"ls", pin}, {}, patience_ms).status, 0);
  EXPECT_NE(run({"ls", other}, {}, patience_ms).status, 0);
}

TEST_F(Iter, UnknownTypeIsToldWithASuggestion) {
  const Result t = shrike_script("iter:tsak { }");
  EXPECT_EQ(t.status, 1);
  EXPECT_TRUE(has(t.err, "`iter:tsak` does not exist on this machine")) << t.err;
  EXPECT_TRUE(has(t.err, "did you mean `task`?")) << t.err;
}

TEST_F(Iter, WhatNeedsAMapIsTold) {
  const Result t = shrike_script("iter:bpf_map_elem { @ = count(); }");
  EXPECT_EQ(t.status, 1);
  EXPECT_TRUE(has(t.err, "the kernel wants to be told whose objects to visit")) << t.err;
}

TEST_F(Iter, ListsTypesWithTheirContext) {
  EXPECT_EQ(shrike({"-lv", "iter:task_file"}).out,
            "iter:task_file\n    struct bpf_iter_meta* ctx->meta\n    struct task_struct* ctx->task\n    uint32 ctx->fd\n"
            "    struct file* ctx->file\n");
}

// Every iterator of this kernel loads.
TEST_F(Iter, EveryTypeLoads) {
  for (const std::string& name : split_lines(shrike({"-l", "iter:*"}).out)) {
    const Result t = shrike({"-e", name + " { @ = count(); @m[ctx->meta->session_id] = count(); }"});
    EXPECT_FALSE(has(t.err, "did not load")) << name << t.err;
  }
}

}  // namespace
}  // namespace shrike::testing
