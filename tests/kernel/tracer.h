// What the live tests share: shrike run against this kernel beside a workload whose deeds are known. Where the kernel does
// not permit bpf the tests skip, and say so; nothing here skips for any other reason.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/process.h"

namespace shrike::testing {

// Why this machine cannot run live tests; empty if it can.
const std::string& why_no_bpf();
// The kernel can attach kprobes.
bool has_kprobes();

class LiveTest : public ::testing::Test {
 protected:
  void SetUp() override;
};

// Waits for the processes that give back what earlier traces attached one by one (Links::release). For each event the kernel
// waits for several grace periods under the lock that whoever attaches the next event needs: what follows would wait for them
// instead, for seconds on a slow machine. Fails the test after two minutes.
void wait_for_detaching();

constexpr int patience_ms = 30000;  // for anything that takes well under a second on an idle machine

// shrike, started with `args`; ready once every probe is attached.
class Tracer {
 public:
  explicit Tracer(std::vector<std::string> args, ProcessOptions options = {});
  // Fails the test, with shrike's own words, if it ends or hangs instead.
  bool wait_until_armed();
  Process& process() { return process_; }
  Result interrupt();  // SIGINT, then the end
  Result finish();     // waits for the end

 private:
  std::vector<std::string> args_;
  Process process_;
};

struct Trace {
  std::string out;
  std::string err;
  int status = -1;
  pid_t pid = 0;     // of the workload
  std::string name;  // its comm, that no other process bears
};

// Starts the workload, arms shrike with the script, lets the workload do `verbs`, waits for its end and interrupts shrike.
// In the script PID stands for the workload's pid, NAME for its comm, WORKLOAD for the path of its program.
Trace trace(std::string script, std::vector<std::string> verbs, const std::vector<std::string>& options = {});

// The same, but the workload lives until shrike has printed its maps: user addresses can be told by name.
Trace trace_living(std::string script, std::vector<std::string> verbs, const std::vector<std::string>& options = {});

// shrike from start to its own end.
Result shrike(const std::vector<std::string>& args, const ProcessOptions& options = {});
// The same, with -e.
Result shrike_script(const std::string& script);

// The number after `key: ` on a line of its own: number_of(out, "@reads").
std::optional<int64_t> number_of(std::string_view out, std::string_view key);
// The sum of the counts in the rows of the histogram printed as `key: `; -1 if there is none.
int64_t histogram_total(std::string_view out, std::string_view key);
size_t count_lines(std::string_view out, std::string_view line);
size_t count_text(std::string_view out, std::string_view text);
bool has(std::string_view out, std::string_view text);

}  // namespace shrike::testing
