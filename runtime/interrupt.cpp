// Handlers only set a flag and write to an eventfd; what the signal means is decided where the descriptor is read.
#include "runtime/interrupt.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace shrike {

namespace {

volatile sig_atomic_t interrupts = 0;
int interrupt_fd = -1;
int user_signal_fd = -1;

void on_signal(int number) {
  int saved = errno;
  if (interrupts != 0) _exit(128 + number);
  interrupts = 1;
  uint64_t one = 1;
  [[maybe_unused]] ssize_t written = write(interrupt_fd, &one, sizeof one);
  errno = saved;
}

void on_user_signal(int) {
  int saved = errno;
  uint64_t one = 1;
  [[maybe_unused]] ssize_t written = write(user_signal_fd, &one, sizeof one);
  errno = saved;
}

}  // namespace

int catch_user_signal() {
  user_signal_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct sigaction action{};
  action.sa_handler = on_user_signal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, nullptr);
  return user_signal_fd;
}

int catch_interrupts() {
  if (interrupt_fd >= 0) return interrupt_fd;
  interrupt_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct sigaction action{};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return interrupt_fd;
}

void ignore_closed_pipes() {
  signal(SIGPIPE, SIG_IGN);
}

bool is_interrupted() {
  return interrupts != 0;
}

}  // namespace shrike
