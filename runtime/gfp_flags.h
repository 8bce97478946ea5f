// How an allocation's flags (gfp_t) are written: the kernel's names for what they say together, then for each that is left.
#pragma once

#include <cstdint>
#include <string>

namespace shrike {

void append_gfp_flags(std::string& out, uint32_t flags);

}  // namespace shrike
