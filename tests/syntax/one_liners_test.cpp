// The one-liners every newcomer tries first, whole.
#include <gtest/gtest.h>

#include "tests/syntax/parse_text.h"

namespace shrike {

TEST(OneLiners, CountBySyscall) {
  Parsed parsed = parse_text("tracepoint:syscalls:sys_enter_openat { @[comm] = count(); }");
  EXPECT_EQ(parsed.messages, "");
  EXPECT_EQ(parsed.tree,
            "probe 1:1 tracepoint:syscalls:sys_enter_openat\n"
            "  assign 1:40 @[comm] = (call count)\n");
}

TEST(OneLiners, PredicateAndCast) {
  Parsed parsed =
      parse_text("kprobe:vfs_open /pid == 42/ { printf(\"%s\\n\", str(((struct path *)arg0)->dentry->d_name.name)); }");
  EXPECT_EQ(parsed.messages, "");
  EXPECT_EQ(parsed.tree,
            "probe 1:1 kprobe:vfs_open\n"
            "  predicate 1:18 (== pid 42)\n"
            "  expr 1:31 (call printf \"%s\\n\" (call str (. (-> (-> (cast struct path* arg0) dentry) d_name) name)))\n");
}

class OneLiner : public testing::TestWithParam<const char*> {};

TEST_P(OneLiner, ParsesWithoutAMessage) {
  Parsed parsed = parse_text(GetParam());
  EXPECT_EQ(parsed.messages, "") << GetParam();
  EXPECT_NE(parsed.tree, "");
}

INSTANTIATE_TEST_SUITE_P(
    All, OneLiner,
    testing::Values(
        "BEGIN { printf(\"hello world\\n\"); }",
        "tracepoint:syscalls:sys_enter_openat { printf(\"%s %s\\n\", comm, str(args->filename)); }",
        "tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }",
        "tracepoint:syscalls:sys_exit_read /args->ret/ { @[comm] = sum(args->ret); }",
        "tracepoint:syscalls:sys_exit_read { @[comm] = hist(args->ret); }",
        "tracepoint:syscalls:sys_exit_read /pid == 18644/ { @bytes = hist(args->ret); }",
        "kretprobe:vfs_read { @bytes = lhist(retval, 0, 2000, 200); }",
        "kprobe:vfs_read { @start[tid] = nsecs; } kretprobe:vfs_read /@start[tid]/ { @ns[comm] = hist(nsecs - @start[tid]); "
        "delete(@start[tid]); }",
        "tracepoint:sched:sched* { @[probe] = count(); } interval:s:5 { exit(); }", "profile:hz:99 { @[kstack] = count(); }",
        "profile:hz:99 { @[ustack] = count(); }", "tracepoint:sched:sched_switch { @[kstack] = count(); }",
        "tracepoint:block:block_rq_issue { @ = hist(args->bytes); }",
        "profile:hz:99 /pid == 189/ { @[ustack(perf, 5)] = count(); }", "interval:s:1 { print(@); clear(@); }",
        "software:faults:1 { @[comm] = count(); }", "hardware:cache-misses:1000000 { @[comm, pid] = count(); }",
        "uretprobe:/bin/bash:readline { printf(\"%s\\n\", str(retval)); }",
        "tracepoint:syscalls:sys_enter_* { @[func, probe] = count(); }",
        "profile:hz:99 /cgroup == cgroupid(\"/sys/fs/cgroup/unified/mycg\")/ { @[comm] = count(); }", "BEGIN{@=1}END{print(@)}",
        "k:f,kr:f/pid/{@++}"));

}  // namespace shrike
