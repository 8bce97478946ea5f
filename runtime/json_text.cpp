// See json_text.h.
#include "runtime/json_text.h"

#include <cstdint>

namespace shrike {

namespace {

// The length of the UTF-8 sequence at the start of `text`, 0 if it is none.
size_t utf8_length(std::string_view text) {
  uint8_t first = static_cast<uint8_t>(text[0]);
  size_t length = first < 0x80                    ? 1
                  : first >= 0xc2 && first < 0xe0 ? 2
                  : first >= 0xe0 && first < 0xf0 ? 3
                  : first >= 0xf0 && first < 0xf5 ? 4
                                                  : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; i++)
    if ((static_cast<uint8_t>(text[i]) & 0xc0) != 0x80) return 0;
  uint8_t second = length > 1 ? static_cast<uint8_t>(text[1]) : 0;
  bool is_overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  bool is_outside = (first == 0xed && second >= 0xa0) || (first == 0xf4 && second >= 0x90);
  return is_overlong || is_outside ? 0 : length;
}

}  // namespace

void append_quoted(std::string& out, std::string_view text) {
  out.push_back('"');
  while (!text.empty()) {
    uint8_t c = static_cast<uint8_t>(text[0]);
    size_t length = utf8_length(text);
    if (c == '"' || c == '\\') out.push_back('\\'), out.push_back(text[0]);
    else if (c == '\n') out.append("\\n");
    else if (c == '\r') out.append("\\r");
    else if (c == '\t') out.append("\\t");
    else if (c < 0x20 || length == 0)
      out.append("\\u00"), out.push_back("0123456789abcdef"[c >> 4]), out.push_back("0123456789abcdef"[c & 15]);
    else out.append(text.substr(0, length));
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out.push_back('"');
}

}  // namespace shrike
