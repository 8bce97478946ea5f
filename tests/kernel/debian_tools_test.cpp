// The scripts that Debian's bpftrace package installs are real programs by people who never saw shrike: each compiles and
// every program of it loads, also those whose probes this kernel lacks, for only attaching needs the probe. Those whose probes
// it has run. The few that name something this machine truly does not have are listed with what is said about it. tests/qemu
// runs all on kernels with kprobes.
#include <algorithm>
#include <map>

#include "tests/kernel/tracer.h"
#include "tests/support/tool_runs.h"

namespace shrike::testing {
namespace {

const std::string folder = tools_folder;

// What stands in the way of a script: the first line of the message, after the script's path.
struct Obstacle {
  std::string place;  // LINE:COLUMNS
  std::string says;
};
const std::map<std::string, Obstacle> obstacles = {
    // The address of a variable that kernels without CONFIG_KALLSYMS_ALL do not list.
    {"loads.bt", {"31:19-28", "no symbol `avenrun`: the kernel does not list it"}},
    // Renamed to h_nr_queued in Linux 6.14.
    {"runqlen.bt", {"37:16-26", "no field `nr_running` in `struct cfs_rq`"}},
};

using DebianTools = LiveTest;

TEST_F(DebianTools, AllLoad) {
  for (const std::string& name : tool_names()) {
    const std::string path = folder + name;
    const Result result = shrike({"--stop-after=load", path});
    const auto obstacle = obstacles.find(name);
    if (obstacle == obstacles.end()) {
      EXPECT_EQ(result.status, 0) << name << "\n" << result.err;
      continue;
    }
    EXPECT_EQ(result.status, 1) << name << " loads now: take it from the list";
    EXPECT_TRUE(has(result.err, path + ":" + obstacle->second.place + ": ERROR: " + obstacle->second.says)) << result.err;
  }
}

// All at once beside what they watch for: each sees it, and ends when asked to.
TEST_F(DebianTools, RunWhereTheirProbesExist) {
  // Static functions of a library that Debian strips, and a library that moved into libc in glibc 2.34.
  const std::map<std::string, size_t> left_out = {{"ssllatency.bt", 14}, {"sslsnoop.bt", 14}, {"threadsnoop.bt", 1}};
  std::vector<std::string> names;
  std::vector<std::string> command = {"/bin/busybox", "sh", SHRIKE_SOURCE_DIR "/tests/support/run-tools", shrike_binary()};
  for (const std::string& name : tool_names()) {
    if (obstacles.contains(name) || has(read_file(folder + name), "kprobe:") || has(read_file(folder + name), "kretprobe:"))
      continue;
    names.push_back(name);
    command.push_back(folder + name);
  }
  const Result run_of_all = run(command, {.env = {{"BPFTRACE_MISSING_PROBES", "warn"}}}, 120000);
  const std::map<std::string, Result> results = tool_results(run_of_all.out);
  ASSERT_EQ(results.size(), names.size()) << run_of_all.out << run_of_all.err;
  EXPECT_EQ(names.size(), 19u);
  for (const std::string& name : names)
    expect_tool_ran(name, results.at(name), left_out.contains(name) ? left_out.at(name) : 0, "of this machine");
}

// So is attaching where a function is told that its library does not have.
TEST_F(DebianTools, AttachingTellsOfMissingFunctions) {
  const Result result = shrike({"--dry-run", folder + "threadsnoop.bt"});
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(has(result.err,
                  "threadsnoop.bt:21:1-33: ERROR: cannot attach `uprobe:libpthread:pthread_create`: `libpthread` has "
                  "no such function"))
      << result.err;
}

// Attaching is where the lack of kprobes is told, at the probe.
TEST_F(DebianTools, AttachingTellsOfMissingKprobes) {
  if (has_kprobes()) {
    fprintf(stderr, "SKIPPED: this kernel has kprobes\n");
    GTEST_SKIP();
  }
  const Result result = shrike({"--dry-run", folder + "capable.bt"});
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(has(result.err, "capable.bt:64:1-19: ERROR: cannot attach `kprobe:cap_capable`: this kernel has no kprobes"))
      << result.err;
}

TEST_F(DebianTools, ObjectFilesNeedNoProbes) {
  const Result result = shrike({"--emit-elf", "/dev/null", folder + "biosnoop.bt"});
  EXPECT_EQ(result.status, 0) << result.err;
}

}  // namespace
}  // namespace shrike::testing
