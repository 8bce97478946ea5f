// The command: options, the run they ask for, and the messages it left.
#include "runtime/run.h"

int main(int argc, char** argv) {
  shrike::StartClock clock;
  shrike::Messages messages;
  std::optional<shrike::Options> options = shrike::parse_options({argv + 1, argv + argc}, messages.diagnostics);
  int status = 1;
  if (options) {
    if (options->time_start) clock.enable();
    messages.hide_warnings = options->hide_warnings;
    status = shrike::run(*options, messages, clock);
  }
  messages.show();
  return status;
}
