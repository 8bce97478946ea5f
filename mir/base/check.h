// CHECK guards what only a bug in shrike can break. It prints where and why, then whatever the
// innermost CheckContext knows (the IR at hand), and aborts. It is never compiled out: a wrong
// program in the kernel costs more than the branch. Mistakes of the user are Diagnostics instead.
#pragma once

#include <functional>
#include <string>

namespace shrike {

[[noreturn]] void check_failed(const char* file, int line, const char* condition, const std::string& message);

// While alive, `describe` is called by a failing CHECK and its text printed after the message.
class CheckContext {
 public:
  explicit CheckContext(std::function<std::string()> describe);
  ~CheckContext();
  CheckContext(const CheckContext&) = delete;
  CheckContext& operator=(const CheckContext&) = delete;

 private:
  friend void check_failed(const char*, int, const char*, const std::string&);
  std::function<std::string()> describe_;
  CheckContext* outer_;
};

}  // namespace shrike

#define CHECK(condition, message)                                                      \
  do {                                                                                 \
    if (!(condition)) ::shrike::check_failed(__FILE__, __LINE__, #condition, message); \
  } while (false)
#define UNREACHABLE(message) ::shrike::check_failed(__FILE__, __LINE__, "unreachable", message)
