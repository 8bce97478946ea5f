// Runs programs for the tests that look at shrike from outside: start, wait for a text, signal, collect. Every wait has an
// end; a process that outlives its test is killed by its own pid. Not for product code.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shrike::testing {

struct Result {
  int status = -1;  // exit status, or 128 + signal as a shell says it
  bool timed_out = false;
  std::string out;
  std::string err;
};

struct ProcessOptions {
  std::vector<std::pair<std::string, std::string>> env;  // added to the test's own
  std::string input;                                     // written to stdin at once
  bool hold_stdin = false;                               // stdin stays open until release()
  bool as_nobody = false;                                // runs without any privilege
  bool without_admin = false;                            // keeps root's user id but not CAP_SYS_ADMIN
  bool hide_tracefs = false;                             // in a mount namespace where the usual paths lead nowhere
  int pipe_bytes = 1 << 20;                              // room in stdout before shrike must wait for its reader
};

class Process {
 public:
  Process(const std::vector<std::string>& args, const ProcessOptions& options);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  // False if the text did not come in time or the process ended without it.
  bool wait_for_out(std::string_view text, int timeout_ms);
  bool wait_for_err(std::string_view text, int timeout_ms);
  void release();  // one line on stdin, then its end
  void signal(int number);
  bool has_ended();
  // Waits for the end; kills at the time limit.
  Result finish(int timeout_ms);

 private:
  bool wait_for(const std::string& stream, std::string_view text, int timeout_ms);
  bool pump(int timeout_ms);  // reads what is there; false when both streams have ended
  void reap();

  pid_t pid_ = -1;
  int in_ = -1;
  int out_fd_ = -1;
  int err_fd_ = -1;
  bool reaped_ = false;
  int wait_status_ = 0;
  Result result_;
};

Result run(const std::vector<std::string>& args, const ProcessOptions& options, int timeout_ms);

// Writes `text` to a file of its own that is removed at the end.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view text);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The program under test: SHRIKE_BINARY of the environment, if set, else the one of this build.
const char* shrike_binary();

// What is needed to mend a program of ours that the verifier refused: the script's MIR, bytes and the verifier's log. Empty if
// `result` tells of no refusal. Every program that the tests run must load, so callers fail with this text.
std::string explain_refusal(const Result& result, const std::vector<std::string>& args);

std::string read_file(const std::string& path);
std::vector<std::string> split_lines(std::string_view text);
std::string replace_all(std::string text, std::string_view what, std::string_view with);

}  // namespace shrike::testing
