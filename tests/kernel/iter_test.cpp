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
