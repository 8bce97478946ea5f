// What shrike noted of the programs it loaded (runtime/judge_loads.h). Linked into suites that load programs: all are judged by
// the model of the verifier, too, and the suite fails where model and kernel differ.
#pragma once

#include <string_view>

namespace shrike::testing {

// Fails for each program of which model and kernel say different things, and if the model does not foretell at the median what
// the kernel walks; prints the median and what the model does not know.
void expect_agreement(std::string_view lines);

}  // namespace shrike::testing
