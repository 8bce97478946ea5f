// The kernel's sentences by reject class, so that verdicts of kernels and of the model can be compared although the words
// changed from version to version.
#pragma once

#include <string_view>

#include "verifier-sim/verdict.h"

namespace shrike::sim {

// The class of what a log says in the end; `other` if no row knows the sentence.
RejectClass class_of(std::string_view sentence);

}  // namespace shrike::sim
