// The program of -c, started stopped so that probes are armed before its first instruction, and the process of -p.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "mir/base/diagnostic.h"
#include "runtime/fd.h"

namespace shrike {

// Words of a command line, split at white space as bpftrace does: no shell, no quotes.
std::vector<std::string> split_words(std::string_view command);

class Child {
 public:
  Child() = default;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { terminate(); }

  // Forks a process that waits for release() before it executes the command. The kernel sends it SIGTERM when we die.
  bool start(std::string_view command, Diagnostics& diagnostics);
  // Returns once the process does nothing but wait, so that none of its preparations are traced.
  void await_ready();
  // Lets it execute. False if the exec failed.
  bool release(Diagnostics& diagnostics);
  void terminate();  // SIGTERM, if it still runs, and reap

  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
  bool is_ready_ = false;
  std::string path_;
  Fd gate_;    // written by release()
  Fd report_;  // first a 0 when ready, then the errno of a failed exec; closed by a successful one
};

// A descriptor that becomes readable when the process ends; not open, with errno, if there is no such process.
Fd open_pidfd(pid_t pid);

}  // namespace shrike
