// Two finished programs in one, for a link that the kernel runs at entry and at return of a function (kprobe_session, Linux
// 6.10). A few instructions ask the kernel at which of them they run, and call the one program or the other.
#pragma once

#include <cstdint>

#include "backend-bpf/object.h"

namespace shrike::bpf {

// `is_return`: the number, in the kernel's types, of its function bpf_session_is_return.
Program join_session(const Program& entry, const Program& exit, int32_t is_return);

}  // namespace shrike::bpf
