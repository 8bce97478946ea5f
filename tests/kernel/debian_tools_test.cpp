// The scripts that Debian's bpftrace package installs are real programs by people who never saw shrike: each compiles and
// every program of it loads. What may stand in the way is this machine, for reasons that the message tells.
#include <dirent.h>

#include <algorithm>

#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

const std::string folder = "/usr/sbin/";

std::vector<std::string> tool_names() {
  std::vector<std::string> names;
  DIR* const listing = opendir(folder.c_str());
  while (const dirent* entry = listing ? readdir(listing) : nullptr) {
    const std::string name = entry->d_name;
    if (name.ends_with(".bt")) names.push_back(name);
  }
  if (listing) closedir(listing);
  std::sort(names.begin(), names.end());
  return names;
}

// Reasons that lie in the machine: the rest of the error is a name that changed between kernels or libraries.
bool is_about_this_machine(const std::string& error) {
  const std::vector<std::string> reasons = {
      "this kernel has no kprobes",
      "does not exist on this machine",
      "the kernel does not list it",
      "no field `nr_running` in `struct cfs_rq`",  // renamed to h_nr_queued in 6.14; runqlen.bt of 0.17 is older
      "unknown name `TASK_RUNNING`",               // a #define of a header: shrike reads types, not headers
  };
  return std::any_of(reasons.begin(), reasons.end(), [&](const std::string& reason) { return has(error, reason); });
}

using DebianTools = LiveTest;

TEST_F(DebianTools, CompileAndLoad) {
  const std::vector<std::string> names = tool_names();
  ASSERT_GE(names.size(), 30u) << "the package bpftrace is not installed: scripts/install-test-deps does that";
  size_t attached = 0;
  for (const std::string& name : names) {
    const Result result = shrike({"--dry-run", folder + name});
    attached += result.status == 0;
    for (const std::string& line : split_lines(result.err)) {
      if (has(line, "ERROR: ")) EXPECT_TRUE(is_about_this_machine(line)) << line;
    }
    if (result.status != 0) EXPECT_TRUE(has(result.err, "ERROR: ")) << name << "\n" << result.err;
  }
  EXPECT_GE(attached, 12u);
}

}  // namespace
}  // namespace shrike::testing
