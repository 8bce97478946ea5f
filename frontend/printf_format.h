// What the checker needs to know of a printf format: its conversions, and whether it is well formed. Printing is the
// runtime's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace shrike {

enum class Conversion {
  integer,  // d i u o x X c p gr
  text,     // s: any value
  bytes,    // r rx rh: buffers and strings
};

struct ParsedFormat {
  std::vector<Conversion> conversions;  // one per argument
  std::vector<std::string> texts;       // as written, "%-10s"
  std::string error;                    // empty if well formed
};
ParsedFormat parse_format(std::string_view text);

}  // namespace shrike
