// Partial writes and a terminal or pipe in non-blocking mode are handled here and nowhere else.
#include "runtime/write_buffer.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace shrike {

bool WriteBuffer::wants_write() {
  switch (buffering_) {
    case Buffering::none: return !text_.empty();
    case Buffering::full: return false;
    case Buffering::line: break;
  }
  bool has_line = std::memchr(text_.data() + scanned_, '\n', text_.size() - scanned_) != nullptr;
  scanned_ = text_.size();
  return has_line;
}

void WriteBuffer::release() {
  is_held_ = false;
  if (buffering_ != Buffering::full) flush();
}

void WriteBuffer::flush() {
  size_t done = 0;
  while (done < text_.size() && !is_closed_) {
    ssize_t written = write(fd_, text_.data() + done, text_.size() - done);
    if (written >= 0) {
      done += static_cast<size_t>(written);
    } else if (errno == EAGAIN) {
      pollfd wait{fd_, POLLOUT, 0};
      poll(&wait, 1, -1);
    } else if (errno != EINTR) {
      is_closed_ = true;
      if (errno != EPIPE) dprintf(STDERR_FILENO, "ERROR: failed to write output: %s\n", strerror(errno));
    }
  }
  text_.clear();
  scanned_ = 0;
}

}  // namespace shrike
