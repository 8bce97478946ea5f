// The bytes waiting to be written to one file descriptor. Callers append to text() and say end_call() when a record is
// complete; when that leads to write(2) depends on the buffering mode and on hold(). A reader that went away (EPIPE)
// silences the buffer for good; any other failure is reported once on stderr and silences it too.
#pragma once

#include <string>

#include "runtime/output.h"

namespace shrike {

class WriteBuffer {
 public:
  WriteBuffer(int fd, Buffering buffering) : fd_(fd), buffering_(buffering) {}
  ~WriteBuffer() { flush(); }
  WriteBuffer(const WriteBuffer&) = delete;
  WriteBuffer& operator=(const WriteBuffer&) = delete;

  std::string& text() { return text_; }
  int fd() const { return fd_; }
  bool is_closed() const { return is_closed_; }

  void end_call() {
    if (text_.size() >= limit || (!is_held_ && wants_write())) flush();
  }
  void hold() { is_held_ = true; }
  void release();
  void flush();

 private:
  static constexpr size_t limit = 64 * 1024;
  bool wants_write();

  int fd_;
  Buffering buffering_;
  bool is_held_ = false;
  bool is_closed_ = false;
  size_t scanned_ = 0;  // bytes of text_ known to hold no newline
  std::string text_;
};

}  // namespace shrike
