// The scripts of Debian's bpftrace package on kernels with kprobes, all at once in one guest beside what they watch for: each
// attaches to what its kernel has, sees the workload, and ends when asked to.
#include <gtest/gtest.h>

#include "tests/qemu/guest.h"
#include "tests/support/tool_runs.h"

namespace shrike::testing {
namespace {

constexpr int limit_ms = 240000;
constexpr const char* library_folder = "/lib/x86_64-linux-gnu/";

// Places of each script that a kernel or the machine does not have: functions renamed or inlined, without anything to attach
// to, in modules; and functions that a library does not tell the names of.
std::map<std::string, size_t> places_left_out(const std::string& series) {
  std::map<std::string, size_t> places = {
      {"biolatency.bt", 4},  {"biosnoop.bt", 4},  {"biostacks.bt", 3},   {"dcsnoop.bt", 1}, {"mdflush.bt", 1},
      {"ssllatency.bt", 14}, {"sslsnoop.bt", 14}, {"threadsnoop.bt", 1}, {"xfsdist.bt", 8},
  };
  if (series != "6.1") places["swapin.bt"] = 1;
  return places;
}

std::vector<GuestFile> guest_files() {
  std::vector<GuestFile> files = {
      {"/bin/run-tools", read_file(SHRIKE_SOURCE_DIR "/tests/support/run-tools"), true},
      {"/etc/hosts", "127.0.0.1 localhost\n"},
      {"/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"},
      {"/etc/group", "root:x:0:\nnogroup:x:65534:\n"},
  };
  const auto append = [&](std::vector<GuestFile> more) {
    files.insert(files.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  };
  append(program_with_libraries("/bin/bash"));
  append(program_with_libraries("/usr/bin/getent"));
  for (const char* library : {"libssl.so.3", "libcrypto.so.3", "libpthread.so.0"})
    files.push_back({std::string(library_folder) + library, read_file(std::string(library_folder) + library), true});
  for (const std::string& name : tool_names()) files.push_back({tools_folder + name, read_file(tools_folder + name)});
  return files;
}

class DebianTools : public ::testing::TestWithParam<const char*> {};

TEST_P(DebianTools, RunBesideWhatTheyWatch) {
  const std::string version = kernel_of(GetParam());
  if (version.empty()) GTEST_SKIP() << "no Linux " << GetParam();
  const std::string command =
      std::string("export BPFTRACE_MISSING_PROBES=warn; exec busybox sh /bin/run-tools /bin/shrike ") + tools_folder + "*.bt";
  const GuestRun guest = run_in_guest(image_of(version), {{"tools", command}}, limit_ms, guest_files());
  ASSERT_TRUE(guest.ended) << guest.console;
  const std::map<std::string, Result> results = tool_results(guest.results.at("tools").out);
  ASSERT_EQ(results.size(), tool_names().size()) << guest.results.at("tools").err;
  printf("  Linux %s: %zu scripts in %.0f s\n", version.c_str(), results.size(), guest.seconds.at("tools"));
  std::map<std::string, size_t> left_out = places_left_out(GetParam());
  for (const auto& [name, result] : results) expect_tool_ran(name, result, left_out[name], version);
}

INSTANTIATE_TEST_SUITE_P(, DebianTools, ::testing::Values("6.1", "6.12"), name_of_series);

}  // namespace
}  // namespace shrike::testing
