// Whether this process may trace, asked before anything is tried, so that the answer is one sentence.
#pragma once

#include <string>
#include <vector>

#include "mir/base/diagnostic.h"

namespace shrike {

// Names of the capabilities that are missing ("CAP_BPF"); empty if tracing is allowed.
std::vector<std::string> missing_privileges();
// Reports what is missing and how to get it. False if anything is.
bool check_privileges(Diagnostics& diagnostics);

}  // namespace shrike
