// The child waits on a pipe, not on a signal or ptrace, so that it can be traced by others and never runs early.
#include "runtime/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdlib>

#include "runtime/files.h"
#include "runtime/find_binary.h"
#include "runtime/privileges.h"

namespace shrike {

std::vector<std::string> split_words(std::string_view command) {
  constexpr std::string_view white = " \t\n\r\f\v";
  std::vector<std::string> words;
  for (size_t begin = command.find_first_not_of(white); begin != std::string_view::npos;) {
    size_t end = std::min(command.find_first_of(white, begin), command.size());
    words.emplace_back(command.substr(begin, end - begin));
    begin = command.find_first_not_of(white, end);
  }
  return words;
}

bool Child::start(std::string_view command, Diagnostics& diagnostics) {
  std::vector<std::string> words = split_words(command);
  if (words.empty()) {
    diagnostics.report(Diag::child_not_started, {}, {std::string(command), "the command is empty"});
    return false;
  }
  path_ = find_executable(words[0]);
  if (path_.empty()) {
    bool exists = words[0].find('/') != std::string::npos && may_access(AT_FDCWD, words[0], F_OK);
    diagnostics.report(Diag::child_not_started, {}, {words[0], exists ? "it cannot be executed" : "there is no such program"});
    return false;
  }
  int gate[2], report[2];
  if (pipe2(gate, O_CLOEXEC) != 0) {
    diagnostics.report(Diag::child_not_started, {}, {words[0], describe_errno(errno)});
    return false;
  }
  Fd gate_read(gate[0]), gate_write(gate[1]);
  if (pipe2(report, O_CLOEXEC) != 0) {
    diagnostics.report(Diag::child_not_started, {}, {words[0], describe_errno(errno)});
    return false;
  }
  Fd report_read(report[0]), report_write(report[1]);

  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid < 0) {
    diagnostics.report(Diag::child_not_started, {}, {words[0], describe_errno(errno)});
    return false;
  }
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(127);  // the parent died before the line above
    // Handlers are reset by exec; what is ignored or blocked would be inherited.
    signal(SIGPIPE, SIG_DFL);
    gate_write.close();
    int error = 0;
    [[maybe_unused]] ssize_t written = write(report_write.get(), &error, sizeof error);
    char byte;
    if (read(gate_read.get(), &byte, 1) != 1) _exit(127);
    execv(path_.c_str(), argv.data());
    error = errno;
    written = write(report_write.get(), &error, sizeof error);
    _exit(127);
  }
  pid_ = pid;
  gate_ = std::move(gate_write);
  report_ = std::move(report_read);
  return true;
}

void Child::await_ready() {
  if (is_ready_) return;
  int ready = 0;
  while (read(report_.get(), &ready, sizeof ready) < 0 && errno == EINTR) {}
  is_ready_ = true;
}

bool Child::release(Diagnostics& diagnostics) {
  await_ready();
  int error = 0;
  if (write(gate_.get(), "x", 1) != 1) error = errno;
  gate_.close();
  // Ends at once: the pipe closes when exec succeeds.
  if (error == 0) {
    ssize_t got = 0;
    while ((got = read(report_.get(), &error, sizeof error)) < 0 && errno == EINTR) {}
    if (got != sizeof error) error = 0;
  }
  report_.close();
  if (error != 0) diagnostics.report(Diag::child_not_started, {}, {path_, describe_errno(error)});
  return error == 0;
}

void Child::terminate() {
  if (pid_ == 0) return;
  kill(pid_, SIGTERM);
  gate_.close();
  // One that ignores SIGTERM is not waited for; it is then nobody's business but init's.
  for (int tries = 0; tries < 20 && waitpid(pid_, nullptr, WNOHANG) == 0; tries++) usleep(1000);
  pid_ = 0;
}

Fd open_pidfd(pid_t pid) {
  return Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

}  // namespace shrike
