// Written with write(2): stderr is never buffered behind the trace.
#include "runtime/messages.h"

#include <unistd.h>

#include <cstdlib>
#include <string>

namespace shrike {

bool is_stderr_colored() {
  const char* choice = getenv("BPFTRACE_COLOR");
  if (choice != nullptr && std::string_view(choice) == "always") return true;
  if (choice != nullptr && std::string_view(choice) == "never") return false;
  return isatty(STDERR_FILENO) != 0;
}

void Messages::show() {
  if (shown == diagnostics.all().size()) return;
  const RenderOptions options{.color = is_stderr_colored()};
  std::string text;
  const std::vector<Diagnostic>& all = diagnostics.all();
  for (; shown < all.size(); shown++)
    if (!hide_warnings || row_of(all[shown].id).severity == Severity::error) text += render(all[shown], sources, options);
  for (size_t done = 0; done < text.size();) {
    ssize_t written = write(STDERR_FILENO, text.data() + done, text.size() - done);
    if (written <= 0) return;
    done += static_cast<size_t>(written);
  }
}

}  // namespace shrike
