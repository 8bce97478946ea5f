// Which seeds the tests of random cases go through: few as a rule, others and more with SHRIKE_SEEDS=first:count, as scripts/fuzz
// runs them.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace shrike::test {

struct Seeds {
  uint64_t first = 1;
  uint64_t count = 0;

  uint64_t end() const { return first + count; }
};

// Sanitizers see the same code at work in fewer cases, each of which takes them ten times as long.
#ifdef __SANITIZE_ADDRESS__
inline constexpr uint64_t fewer = 4;
#else
inline constexpr uint64_t fewer = 1;
#endif

inline Seeds seeds(uint64_t usual_first, uint64_t usual_count) {
  Seeds out{usual_first, (usual_count + fewer - 1) / fewer};
  if (const char* asked = getenv("SHRIKE_SEEDS")) {
    char* rest = nullptr;
    out.first = strtoull(asked, &rest, 10);
    out.count = *rest == ':' ? strtoull(rest + 1, nullptr, 10) : 1;
  }
  return out;
}

}  // namespace shrike::test
