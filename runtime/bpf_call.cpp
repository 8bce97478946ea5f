// The kernel takes an attr longer than the one it knows as long as the rest is zero.
#include "runtime/bpf_call.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace shrike {

int bpf_call(int command, bpf_attr& attr) {
  // The verifier gives up with EAGAIN when a signal arrives; the handlers of ours do not end the process.
  for (int tries = 5;; tries--) {
    long result = syscall(SYS_bpf, command, &attr, sizeof attr);
    if (result >= 0) return static_cast<int>(result);
    if (errno != EAGAIN || tries == 0) return -errno;
  }
}

}  // namespace shrike
