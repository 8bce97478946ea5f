// Reports a broken invariant and aborts.
#include "mir/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace shrike {

namespace {
thread_local CheckContext* innermost = nullptr;
}

CheckContext::CheckContext(std::function<std::string()> describe) : describe_(std::move(describe)), outer_(innermost) {
  innermost = this;
}

CheckContext::~CheckContext() {
  innermost = outer_;
}

void check_failed(const char* file, int line, const char* condition, const std::string& message) {
  std::fprintf(stderr, "shrike: internal error at %s:%d: %s (%s)\n", file, line, message.c_str(), condition);
  CheckContext* context = innermost;
  innermost = nullptr;  // a CHECK that fails while describing must not recurse
  if (context != nullptr) std::fprintf(stderr, "%s\n", context->describe_().c_str());
  std::fprintf(stderr, "This is a bug in shrike, not in the script. Please report it with the script and the text above.\n");
  std::abort();
}

}  // namespace shrike
