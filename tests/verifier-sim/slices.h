// How much of an exhaustive check a test run goes through. Every run takes a slice; SHRIKE_SIM_EXHAUSTIVE=1 takes all.
#pragma once

#include <cstdlib>

namespace shrike::sim {

// Builds with sanitizers look for other faults, and take ten times as long.
#ifdef __SANITIZE_ADDRESS__
inline constexpr int slice_factor = 16;
#else
inline constexpr int slice_factor = 1;
#endif

inline bool is_exhaustive() {
  return std::getenv("SHRIKE_SIM_EXHAUSTIVE") != nullptr;
}

// Every how many-th case is taken.
inline int slice(int step) {
  return is_exhaustive() ? 1 : step * slice_factor;
}

}  // namespace shrike::sim
