// --info: what this kernel and this build can do, in the labels that harnesses written for bpftrace look for.
#pragma once

#include <string>

#include "runtime/tracefs.h"

namespace shrike {

std::string describe_system(Tracefs& tracefs);

}  // namespace shrike
