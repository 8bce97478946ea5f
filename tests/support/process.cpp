// fork, exec and pipes for the tests; see process.h.
#include "tests/support/process.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

namespace shrike::testing {
namespace {

constexpr unsigned nobody = 65534;

int64_t now_ms() {
  timespec ts{};
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void hide_tracefs_paths() {
  if (unshare(CLONE_NEWNS) != 0) _exit(126);
  mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  mount("none", "/sys/kernel/tracing", "tmpfs", 0, nullptr);
  mount("none", "/sys/kernel/debug", "tmpfs", 0, nullptr);
}

// Between fork and exec: only what the options ask for.
void restrict_self(const ProcessOptions& options) {
  if (options.hide_tracefs) hide_tracefs_paths();
  // Root regains at exec what its bounding set still holds.
  if (options.without_admin && prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0) != 0) _exit(126);
  if (options.as_nobody) {
    if (setgroups(0, nullptr) != 0 || setgid(nobody) != 0 || setuid(nobody) != 0) _exit(126);
  }
}

}  // namespace

Process::Process(const std::vector<std::string>& args, const ProcessOptions& options) {
  int in[2];
  int out[2];
  int err[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) return;
  fcntl(out[1], F_SETPIPE_SZ, options.pipe_bytes);
  fcntl(err[1], F_SETPIPE_SZ, options.pipe_bytes);
  // Opened before privileges go: the build folder need not be open to everybody.
  const int program = args[0].find('/') == std::string::npos ? -1 : open(args[0].c_str(), O_RDONLY | O_CLOEXEC);
  pid_ = fork();
  if (pid_ == 0) {
    dup2(in[0], 0);
    dup2(out[1], 1);
    dup2(err[1], 2);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    for (const auto& [name, value] : options.env) setenv(name.c_str(), value.c_str(), 1);
    std::vector<char*> argv;
    for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
    argv.push_back(nullptr);
    restrict_self(options);
    if (program >= 0) fexecve(program, argv.data(), environ);
    else execvp(argv[0], argv.data());
    _exit(127);
  }
  if (program >= 0) close(program);
  close(in[0]);
  close(out[1]);
  close(err[1]);
  in_ = in[1];
  out_fd_ = out[0];
  err_fd_ = err[0];
  fcntl(out_fd_, F_SETFL, O_NONBLOCK);
  fcntl(err_fd_, F_SETFL, O_NONBLOCK);
  ::signal(SIGPIPE, SIG_IGN);
  std::string_view rest = options.input;
  while (!rest.empty()) {
    const ssize_t n = write(in_, rest.data(), rest.size());
    if (n <= 0) break;
    rest.remove_prefix(static_cast<size_t>(n));
  }
  if (!options.hold_stdin) {
    close(in_);
    in_ = -1;
  }
}

Process::~Process() {
  if (pid_ > 0 && !reaped_) {
    kill(pid_, SIGKILL);
    waitpid(pid_, &wait_status_, 0);
  }
  for (int fd : {in_, out_fd_, err_fd_}) {
    if (fd >= 0) close(fd);
  }
}

void Process::release() {
  if (in_ < 0) return;
  [[maybe_unused]] const ssize_t n = write(in_, "\n", 1);
  close(in_);
  in_ = -1;
}

void Process::signal(int number) {
  if (!reaped_) kill(pid_, number);
}

void Process::reap() {
  if (!reaped_ && waitpid(pid_, &wait_status_, WNOHANG) == pid_) reaped_ = true;
}

bool Process::has_ended() {
  reap();
  return reaped_;
}

bool Process::pump(int timeout_ms) {
  pollfd fds[2] = {{out_fd_, POLLIN, 0}, {err_fd_, POLLIN, 0}};
  if (out_fd_ < 0 && err_fd_ < 0) return false;
  poll(fds, 2, timeout_ms);
  char buffer[65536];
  for (int i = 0; i < 2; ++i) {
    int& fd = i == 0 ? out_fd_ : err_fd_;
    if (fd < 0 || !(fds[i].revents & (POLLIN | POLLHUP | POLLERR))) continue;
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n > 0) {
      (i == 0 ? result_.out : result_.err).append(buffer, static_cast<size_t>(n));
    } else if (n == 0) {
      close(fd);
      fd = -1;
    }
  }
  return out_fd_ >= 0 || err_fd_ >= 0;
}

bool Process::wait_for(const std::string& stream, std::string_view text, int timeout_ms) {
  const int64_t end = now_ms() + timeout_ms;
  while (stream.find(text) == std::string::npos) {
    const int64_t left = end - now_ms();
    if (left <= 0) return false;
    if (!pump(static_cast<int>(std::min<int64_t>(left, 100)))) return stream.find(text) != std::string::npos;
  }
  return true;
}

bool Process::wait_for_out(std::string_view text, int timeout_ms) {
  return wait_for(result_.out, text, timeout_ms);
}
bool Process::wait_for_err(std::string_view text, int timeout_ms) {
  return wait_for(result_.err, text, timeout_ms);
}

Result Process::finish(int timeout_ms) {
  const int64_t end = now_ms() + timeout_ms;
  // A grandchild may hold the pipes open after the process itself has gone: its end is what counts.
  while (!has_ended() && now_ms() < end) {
    if (!pump(20)) usleep(1000);
  }
  if (!reaped_) {
    result_.timed_out = true;
    kill(pid_, SIGKILL);
    waitpid(pid_, &wait_status_, 0);
    reaped_ = true;
  }
  size_t before = 0;
  do {
    before = result_.out.size() + result_.err.size();
    pump(0);
  } while (result_.out.size() + result_.err.size() != before);
  result_.status = WIFEXITED(wait_status_) ? WEXITSTATUS(wait_status_) : 128 + WTERMSIG(wait_status_);
  return result_;
}

Result run(const std::vector<std::string>& args, const ProcessOptions& options, int timeout_ms) {
  Process process(args, options);
  return process.finish(timeout_ms);
}

TemporaryFile::TemporaryFile(std::string_view text) {
  const char* folder = getenv("TMPDIR");
  path_ = std::string(folder ? folder : "/tmp") + "/shrike-test-XXXXXX";
  const int fd = mkstemp(path_.data());
  while (fd >= 0 && !text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n <= 0) break;
    text.remove_prefix(static_cast<size_t>(n));
  }
  if (fd >= 0) close(fd);
}

TemporaryFile::~TemporaryFile() {
  unlink(path_.c_str());
}

const char* shrike_binary() {
  const char* const other = getenv("SHRIKE_BINARY");
  return other ? other : SHRIKE_BINARY;
}

std::string explain_refusal(const Result& result, const std::vector<std::string>& args) {
  if (result.err.find("the kernel's verifier refused") == std::string::npos) return {};
  constexpr int time_limit_ms = 10000;
  std::string text = "a program of ours was refused:\n" + result.err;
  const std::vector<std::vector<std::string>> views = {{"--emit=mir"}, {"--emit=asm"}, {"-d", "verifier", "--dry-run"}};
  for (const std::vector<std::string>& view : views) {
    std::vector<std::string> command = {shrike_binary()};
    command.insert(command.end(), view.begin(), view.end());
    command.insert(command.end(), args.begin(), args.end());
    const Result shown = run(command, {}, time_limit_ms);
    text += "\n--- " + view.back() + "\n" + shown.out + shown.err;
  }
  return text;
}

std::string read_file(const std::string& path) {
  std::string text;
  FILE* file = fopen(path.c_str(), "rb");
  if (!file) return text;
  char buffer[65536];
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, file)) > 0;) text.append(buffer, n);
  fclose(file);
  return text;
}

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    out.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return out;
}

std::string replace_all(std::string text, std::string_view what, std::string_view with) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

}  // namespace shrike::testing
