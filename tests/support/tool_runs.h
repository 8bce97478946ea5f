// The scripts of Debian's bpftrace package, all at once beside a workload that they watch (run-tools), here or in a guest: what
// each must have said where all its probes can be attached. The callers know which probes their kernel lacks.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/process.h"

namespace shrike::testing {

constexpr const char* tools_folder = "/usr/sbin/";

// The scripts, without their folder, by name.
std::vector<std::string> tool_names();

// The text that run-tools writes, by script.
std::map<std::string, Result> tool_results(std::string_view text);

// Fails the running test for a script that did not run to its end, left out other probes than `left_out` many, or did not see
// what the workload does. `kernel` stands in the message.
void expect_tool_ran(const std::string& name, const Result& result, size_t left_out, const std::string& kernel);

}  // namespace shrike::testing
