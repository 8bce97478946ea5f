// Builtins whose true answer this machine tells elsewhere: its processors and clocks, the user and group of a process, what a
// function was called with.
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <functional>

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

int64_t nanoseconds_of(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return now.tv_sec * 1000000000 + now.tv_nsec;
}

// What the kernel keeps of its tick count in /proc/timer_list.
int64_t ticks() {
  for (const std::string& line : split_lines(read_file("/proc/timer_list")))
    if (line.starts_with("jiffies: ")) return atoll(line.c_str() + 9);
  return 0;
}

// Each reading lies between what the machine's own clock says before and after.
TEST_F(Values, ClocksReadWhatTheMachineReads) {
  struct Clock {
    std::string name;
    std::function<int64_t()> read;
    int64_t tolerance = 0;
  };
  const auto clock = [](clockid_t id) { return [id] { return nanoseconds_of(id); }; };
  const Clock clocks[] = {{"nsecs", clock(CLOCK_BOOTTIME)},
                          {"nsecs()", clock(CLOCK_BOOTTIME)},
                          {"nsecs(boot)", clock(CLOCK_BOOTTIME)},
                          {"nsecs(monotonic)", clock(CLOCK_MONOTONIC)},
                          {"nsecs(tai)", clock(CLOCK_TAI)},
                          {"nsecs(sw_tai)", clock(CLOCK_TAI), 10000000},
                          {"jiffies", ticks}};
  std::string script;
  std::vector<int64_t> before, after;
  for (const Clock& each : clocks) {
    script += "print(" + each.name + "); ";
    before.push_back(each.read());
  }
  const std::vector<std::string> lines = lines_of("begin { " + script + "print(elapsed); }");
  for (const Clock& each : clocks) after.push_back(each.read());
  ASSERT_EQ(lines.size(), std::size(clocks) + 1);
  for (size_t i = 0; i < std::size(clocks); i++) {
    EXPECT_GE(atoll(lines[i].c_str()), before[i] - clocks[i].tolerance) << clocks[i].name;
    EXPECT_LE(atoll(lines[i].c_str()), after[i] + clocks[i].tolerance) << clocks[i].name;
  }
  EXPECT_GT(atoll(lines.back().c_str()), 0);
  EXPECT_LT(atoll(lines.back().c_str()), after[0] - before[0]);
}

TEST_F(Values, TheTimeOfDay) {
  const time_t before = time(nullptr);
  const std::vector<std::string> lines = lines_of("begin { time(\"%s\\n\"); time(); time(\"%F\\n\"); }");
  const time_t after = time(nullptr);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_GE(atoll(lines[0].c_str()), before);
  EXPECT_LE(atoll(lines[0].c_str()), after);
  bool is_time = false, is_date = false;
  for (time_t second = before; second <= after; second++) {
    char text[32];
    tm parts{};
    localtime_r(&second, &parts);
    strftime(text, sizeof text, "%H:%M:%S", &parts);
    is_time |= lines[1] == text;
    strftime(text, sizeof text, "%Y-%m-%d", &parts);
    is_date |= lines[2] == text;
  }
  EXPECT_TRUE(is_time) << lines[1];
  EXPECT_TRUE(is_date) << lines[2];
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

// A number tells by its size which of the two it is, whatever it went through.
TEST_F(Values, DatesOfNumbersThatWereKept) {
  const std::vector<std::string> lines = lines_of(
      R"(begin { $tai = nsecs(tai); $boot = nsecs; @t[1] = $tai; print(strftime("%s.%k", $tai)); print(strftime("%s.%k", $boot));
                 print(strftime("%s.%k", @t[1] - 1h)); print($tai); print($boot); print(strftime("%k %f %l", $tai)); clear(@t); })");
  ASSERT_EQ(lines.size(), 6u);
  const auto nanoseconds = [](const std::string& date) {
    return atoll(date.c_str()) * 1000000000 + atoll(date.c_str() + date.find('.') + 1);
  };
  const int64_t wall = nanoseconds_of(CLOCK_REALTIME), tolerance = 100000000;
  const int64_t tai = atoll(lines[3].c_str()) - nanoseconds_of(CLOCK_TAI) + wall;
  const int64_t boot = atoll(lines[4].c_str()) - nanoseconds_of(CLOCK_BOOTTIME) + wall;
  EXPECT_LE(llabs(nanoseconds(lines[0]) - tai), tolerance) << lines[0];
  EXPECT_LE(llabs(nanoseconds(lines[1]) - boot), tolerance) << lines[1];
  EXPECT_LE(llabs(nanoseconds(lines[2]) - tai + 3600000000000), tolerance) << lines[2];
  const std::string nano = lines[5].substr(0, 9);  // 9, 6 and 3 digits of one second
  EXPECT_EQ(lines[5], nano + " " + nano.substr(0, 6) + " " + nano.substr(0, 3));
}

TEST_F(Values, TheControlGroupOfAProcess) {
  const std::string folder = "/sys/fs/cgroup/unified";
  const std::string root = access(folder.c_str(), F_OK) == 0 ? folder : "/sys/fs/cgroup";
  const std::vector<std::string> lines =
      lines_of("begin { print(cgroup); print(cgroup_path(cgroup)); print(cgroupid(\"" + root + "\")); }");
  ASSERT_EQ(lines.size(), 3u);
  struct stat folder_status{};
  ASSERT_EQ(stat(root.c_str(), &folder_status), 0);
  EXPECT_EQ(lines[2], std::to_string(folder_status.st_ino));
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

std::string hexadecimal_in(const std::string& text) {
  const size_t at = text.find("0x");
  return at == std::string::npos ? "" : text.substr(at + 2, text.find_first_not_of("0123456789abcdef", at + 2) - at - 2);
}

TEST_F(Values, SymbolsAreThoseOfKallsyms) {
  std::string address;
  for (const std::string& line : split_lines(read_file("/proc/kallsyms")))
    if (line.ends_with(" T vfs_read")) address = line.substr(0, line.find(' '));
  ASSERT_EQ(address.size(), 16u);
  const std::vector<std::string> lines = lines_of(R"(begin { printf("%p\n", kaddr("vfs_read")); print(ksym(0x)" + address +
                                                  R"()); print(ksym(0x)" + address + R"( + 4)); })");
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(hexadecimal_in(lines[0]), address);
  EXPECT_EQ(lines[1], "vfs_read");
  EXPECT_EQ(lines[2], "vfs_read");
}

TEST_F(Values, MembersOfMembersArePrinted) {
  const std::vector<std::string> lines = lines_of("begin { print(curtask->se); @ = curtask->se; }");
  ASSERT_EQ(lines.size(), 2u);
  for (const std::string& line : lines)
    EXPECT_TRUE(has(line, "{ .load = { .weight = 1048576, .inv_weight = 4194304 }, ")) << line;
}

}  // namespace
}  // namespace shrike::testing
