// Which bytes of its context a program of each type may read.
#pragma once

#include <cstdint>
#include <optional>

#include "verifier-sim/profile.h"

namespace shrike::sim {

// No answer: the rules of this type are not modelled (BTF-typed contexts, packets) or depend on configuration.
std::optional<bool> may_access_ctx(const Profile& profile, ProgramType type, int64_t offset, unsigned size, bool writes);

}  // namespace shrike::sim
