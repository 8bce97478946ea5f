// Strings as JSON has them, for all that shrike writes in it.
#pragma once

#include <string>
#include <string_view>

namespace shrike {

// `text` between quotes; bytes that are no UTF-8 as \u00XX.
void append_quoted(std::string& out, std::string_view text);

}  // namespace shrike
