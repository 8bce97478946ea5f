// fentry and fexit as far as any kernel with types can show them; tests/qemu counts what they see where they can be attached.
#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

using Fentry = LiveTest;

// By what the function tracer offers; without it no kernel attaches them.
bool can_attach() {
  return shrike({"--dry-run", "-e", "fentry:vfs_read { @ = count(); }"}).status == 0;
}

TEST_F(Fentry, KernelThatCannotSaysSo) {
  if (can_attach()) return;
  for (const char* provider : {"fentry", "fexit", "kfunc", "kretfunc", "f", "fr"}) {
    const Result t = shrike_script(std::string(provider) + ":vfs_read { @ = count(); }");
    EXPECT_EQ(t.status, 1);
    EXPECT_EQ(count_text(t.err, "ERROR: "), 1u) << t.err;
    EXPECT_TRUE(has(t.err, "this kernel attaches no programs to functions by fentry and fexit")) << t.err;
  }
}

TEST_F(Fentry, NamesOfArgumentsAreChecked) {
  const Result t = shrike_script("fentry:vfs_read { @ = args.cuont; }");
  EXPECT_TRUE(has(t.err, "`fentry:vmlinux:vfs_read` has no argument `cuont`")) << t.err;
  EXPECT_TRUE(has(t.err, "did you mean `count`?")) << t.err;
}

TEST_F(Fentry, WhatReturnsNothingHasNoRetval) {
  const Result t = shrike_script("fexit:wake_up_new_task { @ = retval; }");
  EXPECT_EQ(t.status, 1);
  EXPECT_TRUE(has(t.err, "it returns nothing that fits a register")) << t.err;
  EXPECT_TRUE(has(shrike_script("fentry:vfs_read { @ = retval; }").err, "`retval` is not available in fentry probes"));
}

TEST_F(Fentry, UnknownFunctionIsToldWithASuggestion) {
  const Result t = shrike_script("fentry:vfs_raed { @ = count(); }");
  EXPECT_EQ(t.status, 1);
  EXPECT_TRUE(has(t.err, "did you mean `vfs_read`?")) << t.err;
  EXPECT_TRUE(has(shrike_script("fentry:nosuchmodule:vfs_read { @ = count(); }").err, "no module `nosuchmodule` is loaded"));
}

TEST_F(Fentry, LocksAreWarnedOf) {
  const Result t = shrike({"--emit=checked", "-e", "fentry:_raw_spin_lock { @ = count(); }"});
  EXPECT_EQ(t.status, 0);
  EXPECT_TRUE(has(t.err, "`_raw_spin_lock` is a lock that tracing takes too")) << t.err;
}

// Tracing these hangs kernels that allow it.
TEST_F(Fentry, WhatRunsProgramsIsRefused) {
  for (const char* function : {"__rcu_read_lock", "migrate_disable"}) {
    const Result t = shrike_script(std::string("fentry:") + function + " { @ = count(); }");
    EXPECT_EQ(t.status, 1);
    EXPECT_TRUE(has(t.err, "cannot be traced: the kernel calls it to run a program")) << t.err;
  }
}

// A wildcard is a program for each function, checked and compiled by itself.
TEST_F(Fentry, WildcardIsEveryFunctionThatTypesDescribe) {
  const Result t = shrike({"--emit=checked", "-e", "fexit:vfs_rea* { @[probe] = count(); }"});
  EXPECT_EQ(t.status, 0) << t.err;
  EXPECT_TRUE(has(t.out, "fexit:vmlinux:vfs_read")) << t.out;
  EXPECT_TRUE(has(t.out, "fexit:vmlinux:vfs_readlink")) << t.out;
}

TEST_F(Fentry, ListsArgumentsAndResult) {
  const Result t = shrike({"-lv", "fexit:vfs_read"});
  EXPECT_EQ(
      t.out,
      "fexit:vmlinux:vfs_read\n    struct file* file\n    uint8* buf\n    uint64 count\n    int64* pos\n    int64 retval\n");
  EXPECT_EQ(shrike({"-l", "kfunc:vfs_read"}).out, "fentry:vmlinux:vfs_read\n");
  const TemporaryFile script("fentry:vfs_read { @ = args.count; }");
  EXPECT_TRUE(has(shrike({"-lv", script.path()}).out, "    uint64 count\n"));
}

// A program that has callbacks is loaded with types, which tell its functions.
TEST_F(Fentry, ListsFunctionsOfPrograms) {
  const std::string script = std::string("begin { for $i : 0..(cpu >= 0 ? 3 : 2) { @ = $i; } system(\"") + shrike_binary() +
                             " -lv 'fentry:bpf:begin*'\"); exit(); }";
  const Result t = shrike({"--unsafe", "-e", script});
  EXPECT_EQ(count_text(t.out, "fentry:bpf:"), 2u) << t.out << t.err;
  EXPECT_TRUE(has(t.out, ":begin\n    void* ctx\n")) << t.out;
  EXPECT_TRUE(has(t.out, ":begin_for\n")) << t.out;
  const Result none = shrike_script("fentry:bpf:no_such_program_is_loaded { @ = count(); }");
  EXPECT_TRUE(has(none.err, "functions of programs that were loaded without types cannot be traced")) << none.err;
}

}  // namespace
}  // namespace shrike::testing
