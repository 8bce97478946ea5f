// Shrinks a script or MIR text that fails a check to a small one that still fails: parts are left out, and values of MIR become
// constants and branches jumps, as long as the check fails alike. Only texts that parse, and MIR that the validator takes, are
// tried.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace shrike::test {

enum class CaseKind : uint8_t { script, mir };

struct ReduceOptions {
  CaseKind kind = CaseKind::script;
  std::function<bool(const std::string&)> fails;  // must be true of the text given
  uint32_t most_checks = 5000;
};

struct Reduced {
  std::string text;
  uint32_t checks = 0;
};

Reduced reduce(const std::string& text, const ReduceOptions& options);

}  // namespace shrike::test
