// bpf(2) itself, for what happens at every start. libbpf's own calls for maps and programs first load two or three little
// programs to learn whether the kernel knows names and how it charges memory; every kernel with ring buffers (5.8) knows
// names, and of the other thing EPERM tells.
#pragma once

#include <linux/bpf.h>

#include <cstdint>

namespace shrike {

// A descriptor or 0; below 0 an errno.
int bpf_call(int command, bpf_attr& attr);

inline uint64_t bpf_pointer(const void* address) {
  return reinterpret_cast<uintptr_t>(address);
}

}  // namespace shrike
