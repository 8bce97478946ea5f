// What the kernel's verifier allows of its stack (check_max_stack_depth() of kernel/bpf/verifier.c): passes plan with these
// numbers, the back end judges by them what came out.
#pragma once

#include <cstdint>

namespace shrike::mir {

inline constexpr uint32_t max_stack_bytes = 512;  // of a frame, and of all frames of a chain of calls and callbacks
// What each frame of such a chain is rounded up to: by kernels up to 6.1; later ones take 16.
inline constexpr uint32_t frame_rounding = 32;

inline constexpr uint32_t max_call_frames = 8;  // of such a chain; MAX_CALL_FRAMES of include/linux/bpf_verifier.h

inline constexpr uint32_t rounded_frame(uint32_t bytes) {
  return (bytes + frame_rounding - 1) / frame_rounding * frame_rounding;
}

}  // namespace shrike::mir
