// system(): one command by /bin/sh -c, waited for.
#pragma once

#include <string>

namespace shrike {

// The command's stdout is `out_fd`, or is appended to `captured` if that is not null. Signals that shrike ignores or
// blocks have their usual effect in the command. 0, or the errno of what failed.
int run_command(const std::string& command, int out_fd, std::string* captured);

}  // namespace shrike
