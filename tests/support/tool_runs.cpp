// What is expected of each script, and the reader of run-tools' text; see tool_runs.h.
#include "tests/support/tool_runs.h"

#include <dirent.h>
#include <gtest/gtest.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <iterator>

namespace shrike::testing {
namespace {

// A text that a script prints of the workload's deeds; scripts that are not here only start.
const std::map<std::string, std::string> seen = {
    {"bashreadline.bt", "echo \"a line\""},
    {"capable.bt", " busybox "},
    {"cpuwalk.bt", "@cpu:"},
    {"dcsnoop.bt", " busybox "},
    {"execsnoop.bt", "busybox cat /etc/passwd"},
    {"gethostlatency.bt", "localhost"},
    {"killsnoop.bt", " busybox "},
    {"loads.bt", "load averages: "},
    {"opensnoop.bt", "/etc/passwd"},
    {"pidpersec.bt", "PIDs/sec: @: "},
    {"runqlat.bt", "@usecs:"},
    {"runqlen.bt", "@runqlen:"},
    {"setuids.bt", "uid=65534 (0)"},
    {"statsnoop.bt", "/copy"},
    {"syncsnoop.bt", "tracepoint:syscalls:sys_enter_sync"},
    {"syscount.bt", "@syscall["},
    {"tcpaccept.bt", " 7411 "},
    {"tcpconnect.bt", " 7411"},
    {"tcplife.bt", " 7411 "},
    {"tcpsynbl.bt", "@backlog["},
    {"vfscount.bt", "@[vfs_read]: "},
    {"vfsstat.bt", "@[vfs_write]: "},
};

// Attach points of a script as its lines have them; a wildcard stands for one at least.
struct Places {
  size_t least = 0;
  bool has_wildcard = false;
};

Places places_of(const std::string& script) {
  Places places;
  for (const std::string& line : split_lines(read_file(script))) {
    constexpr std::string_view types[] = {"BEGIN",     "END",     "interval:",   "kprobe:",    "kretprobe:", "profile:",
                                          "software:", "uprobe:", "tracepoint:", "uretprobe:", "usdt:"};
    if (std::none_of(std::begin(types), std::end(types), [&](std::string_view type) { return line.starts_with(type); })) continue;
    places.least++;
    places.has_wildcard |= line.substr(0, line.find_first_of(" \t{")).find('*') != std::string::npos;
  }
  return places;
}

size_t attached(const Result& result) {
  const size_t at = result.err.find("Attached ");
  return at == std::string::npos ? 0 : strtoul(result.err.c_str() + at + strlen("Attached "), nullptr, 10);
}

size_t count(std::string_view text, std::string_view part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) found++;
  return found;
}

}  // namespace

std::vector<std::string> tool_names() {
  std::vector<std::string> names;
  DIR* const listing = opendir(tools_folder);
  while (const dirent* entry = listing ? readdir(listing) : nullptr) {
    const std::string name = entry->d_name;
    if (name.ends_with(".bt")) names.push_back(name);
  }
  if (listing) closedir(listing);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names.size(), 38u) << "the package bpftrace is not installed: scripts/install-test-deps does that";
  return names;
}

std::map<std::string, Result> tool_results(std::string_view text) {
  std::map<std::string, Result> results;
  while (text.starts_with("=== ")) {
    char name[64];
    int status = 0;
    size_t out_size = 0;
    size_t err_size = 0;
    const size_t line_end = text.find('\n');
    if (line_end == std::string_view::npos) break;
    const std::string line(text.substr(0, line_end));
    if (sscanf(line.c_str(), "=== %63s %d %zu %zu", name, &status, &out_size, &err_size) != 4) break;
    text.remove_prefix(line_end + 1);
    if (text.size() < out_size + err_size) break;
    Result& result = results[name];
    result.status = status;
    result.out = std::string(text.substr(0, out_size));
    result.err = std::string(text.substr(out_size, err_size));
    text.remove_prefix(out_size + err_size);
  }
  return results;
}

void expect_tool_ran(const std::string& name, const Result& result, size_t left_out, const std::string& kernel) {
  const std::string about =
      name + " on Linux " + kernel + "\n--- stdout\n" + result.out.substr(0, 3000) + "\n--- stderr\n" + result.err;
  EXPECT_EQ(result.status, 0) << about;
  const Places places = places_of(tools_folder + name);
  EXPECT_GE(attached(result) + left_out, places.least) << about;
  if (!places.has_wildcard) {
    EXPECT_EQ(attached(result) + left_out, places.least) << about;
  }
  EXPECT_EQ(result.err.find("ERROR"), std::string::npos) << about;
  EXPECT_EQ(count(result.err, "is left out: ") + count(result.err, "does not exist on this machine"), left_out) << about;
  const auto text = seen.find(name);
  if (text == seen.end()) return;
  EXPECT_NE(result.out.find(text->second), std::string::npos) << "nothing of " << text->second << ": " << about;
}

}  // namespace shrike::testing
