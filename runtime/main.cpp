// The command: options, the run they ask for, and the messages it left.
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "runtime/run.h"

namespace {

// BPFTRACE_COLOR: auto (on a terminal), always, never.
bool wants_color() {
  const char* choice = getenv("BPFTRACE_COLOR");
  if (choice != nullptr && std::string_view(choice) == "always") return true;
  if (choice != nullptr && std::string_view(choice) == "never") return false;
  return isatty(STDERR_FILENO) != 0;
}

}  // namespace

int main(int argc, char** argv) {
  shrike::StartClock clock;
  shrike::Messages messages;
  messages.options.color = wants_color();
  std::optional<shrike::Options> options = shrike::parse_options({argv + 1, argv + argc}, messages.diagnostics);
  int status = 1;
  if (options) {
    if (options->time_start) clock.enable();
    clock.lap("options");
    messages.hide_warnings = options->hide_warnings;
    status = shrike::run(*options, messages, clock);
  }
  messages.show();
  return status;
}
