// Whether this process may trace, asked before anything is tried, so that the answer is one sentence; and what it may open.
#pragma once

#include <string>
#include <vector>

#include "mir/base/diagnostic.h"

namespace shrike {

// Names of the capabilities that are missing ("CAP_BPF"); empty if tracing is allowed.
std::vector<std::string> missing_privileges();
// Reports what is missing and how to get it. False if anything is.
bool check_privileges(Diagnostics& diagnostics);
// Holds CAP_SYS_ADMIN, which a few deeds take beyond the capabilities that suffice for the rest.
bool is_administrator();
// Whether `path` (below `directory`, or AT_FDCWD) may be reached, read or executed (F_OK, R_OK, X_OK), as open(2) would judge
// it. access(2) judges by the real user instead, whom the capabilities of the executable (setcap) do not serve.
bool may_access(int directory, const std::string& path, int mode);

}  // namespace shrike
