// Written with write(2): stderr is never buffered behind the trace.
#include "runtime/messages.h"

#include <unistd.h>

#include <string>

namespace shrike {

void Messages::show() {
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
