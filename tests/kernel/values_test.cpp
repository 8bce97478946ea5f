// Builtins whose true answer this machine tells elsewhere: its processors and clocks, the user and group of a process, what a
// function was called with.
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

using Values = LiveTest;

std::vector<std::string> lines_of(const std::string& script, const std::vector<std::string>& options = {}) {
  std::vector<std::string> command = {"-q", "-e", script};
  command.insert(command.end(), options.begin(), options.end());
  const Result result = shrike(command);
  EXPECT_EQ(result.status, 0) << script << "\n" << result.err;
  std::vector<std::string> lines = split_lines(result.out);
  std::erase(lines, "");
  return lines;
}

TEST_F(Values, Processors) {
  // possible processors are 0 to one less than their number, on every machine there is
  const std::string possible = read_file("/sys/devices/system/cpu/possible");
  const size_t dash = possible.find('-');
  const long count = dash == std::string::npos ? 1 : atol(possible.c_str() + dash + 1) + 1;
  const std::vector<std::string> lines = lines_of("begin { print(ncpus); print(cpu < ncpus); print(cpu); print(numaid); }");
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0], std::to_string(count));
  EXPECT_EQ(lines[1], "true");
  EXPECT_EQ(access(("/sys/devices/system/cpu/cpu" + lines[2]).c_str(), F_OK), 0);
  EXPECT_EQ(access(("/sys/devices/system/cpu/cpu" + lines[2] + "/node" + lines[3]).c_str(), F_OK), 0);
}

// On the processor that a program is bound to.
TEST_F(Values, TheProcessorOfAnEvent) {
  const std::vector<std::string> lines = lines_of("tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { @[cpu] = count(); }",
                                                  {"-c", std::string("/usr/bin/taskset -c 1 ") + SHRIKE_WORKLOAD + " getppid 7"});
  if (sysconf(_SC_NPROCESSORS_ONLN) < 2) GTEST_SKIP() << "one processor";
  EXPECT_EQ(lines, std::vector<std::string>{"@[1]: 7"});
}

TEST_F(Values, UserAndGroup) {
  const std::string as_others = std::string("/usr/bin/setpriv --reuid=54321 --regid=12345 --clear-groups ") + SHRIKE_WORKLOAD;
  EXPECT_EQ(lines_of("tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { print((uid, gid, username)); }",
                     {"-c", as_others + " getppid 1"}),
            std::vector<std::string>{"(54321, 12345, 54321)"});  // a user without a name is its number
  EXPECT_EQ(lines_of("begin { print((uid, gid, username)); }"), std::vector<std::string>{"(0, 0, root)"});
}

// Clocks and the tick agree on how long a sleep was.
TEST_F(Values, TimeGoesByOnEveryClock) {
  const std::vector<std::string> lines = lines_of(R"(
      begin { @boot = nsecs; @mono = nsecs(monotonic); @tai = nsecs(tai); @soft = nsecs(sw_tai); @tick = jiffies; @own = elapsed; }
      interval:ms:500 { $t = (nsecs - @boot) / 1000000; print($t);
        print((int64)((nsecs(monotonic) - @mono) / 1000000) - (int64)$t);
        print((int64)((nsecs(tai) - @tai) / 1000000) - (int64)$t); print((int64)((nsecs(sw_tai) - @soft) / 1000000) - (int64)$t);
        print((int64)((elapsed - @own) / 1000000) - (int64)$t); print(jiffies - @tick); exit(); }
      end { clear(@boot); clear(@mono); clear(@tai); clear(@soft); clear(@tick); clear(@own); })");
  ASSERT_EQ(lines.size(), 6u);
  EXPECT_GE(atol(lines[0].c_str()), 450);
  for (size_t i = 1; i < 5; i++) EXPECT_LE(labs(atol(lines[i].c_str())), 5) << i;
  // CONFIG_HZ is 100 to 1000
  EXPECT_GE(atol(lines[5].c_str()), 40);
  EXPECT_LE(atol(lines[5].c_str()), atol(lines[0].c_str()) + 10);
}

TEST_F(Values, RandomNumbersDiffer) {
  const std::vector<std::string> lines =
      lines_of("begin { for $i : 0..200 { @[rand] = 1; } print(len(@)); print(rand < 1 << 32); clear(@); }");
  EXPECT_EQ(lines, (std::vector<std::string>{"200", "true"}));
}

// Dates of every clock are what the clock on the wall says.
TEST_F(Values, DatesOfEveryClock) {
  const std::vector<std::string> lines = lines_of(
      R"(begin { print(strftime("%s", nsecs)); print(strftime("%s", nsecs(boot))); print(strftime("%s", nsecs(tai)));
                 print(strftime("%s", nsecs(sw_tai))); })");
  ASSERT_EQ(lines.size(), 4u);
  for (const std::string& line : lines) EXPECT_LE(labs(atol(line.c_str()) - time(nullptr)), 3) << line;
}

TEST_F(Values, TheControlGroupOfAProcess) {
  const std::string folder = "/sys/fs/cgroup/unified";
  const std::string root = access(folder.c_str(), F_OK) == 0 ? folder : "/sys/fs/cgroup";
  const std::vector<std::string> lines = lines_of("begin { print(cgroup); print(cgroup_path(cgroup)); }");
  ASSERT_EQ(lines.size(), 2u);
  // /proc/self/cgroup has the group of the unified hierarchy as 0::PATH; its number is that of its folder.
  for (const std::string& line : split_lines(read_file("/proc/self/cgroup"))) {
    if (!line.starts_with("0::")) continue;
    EXPECT_TRUE(has(lines[1], "unified:" + line.substr(3))) << lines[1];
    struct stat status{};
    if (stat((root + line.substr(3)).c_str(), &status) == 0 && status.st_ino != 0) {
      EXPECT_EQ(lines[0], std::to_string(status.st_ino));
    }
  }
}

TEST_F(Values, MembersOfMembersArePrinted) {
  const std::vector<std::string> lines = lines_of("begin { print(curtask->se); @ = curtask->se; }");
  ASSERT_EQ(lines.size(), 2u);
  for (const std::string& line : lines)
    EXPECT_TRUE(has(line, "{ .load = { .weight = 1048576, .inv_weight = 4194304 }, ")) << line;
}

}  // namespace
}  // namespace shrike::testing
