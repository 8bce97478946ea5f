// The kprobes and the kretprobes of the same functions, two or more, can share one program and one link where the kernel has
// sessions (kprobe_session, Linux 6.10). The two stay programs of their own in the object: load.cpp joins them, and where the
// kernel refuses, loads each by itself.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "backend-bpf/object.h"

namespace shrike {

// Programs of an object, by position.
struct ProgramPair {
  uint32_t entry = 0;
  uint32_t exit = 0;
};

// `hidden`: see bulk_attach_types. None on kernels without sessions.
std::vector<ProgramPair> find_kprobe_pairs(const bpf::Object& object, std::string_view hidden);

}  // namespace shrike
