// Reads %[flags][width][.precision][length]conversion; `*` takes an argument of its own.
#include "frontend/printf_format.h"

namespace shrike {

namespace {

constexpr std::string_view flags = "-+ #0";
constexpr std::string_view digits = "0123456789";
constexpr std::string_view lengths = "hlLjzt";
constexpr std::string_view integers = "diuoxXcp";

}  // namespace

ParsedFormat parse_format(std::string_view text) {
  ParsedFormat out;
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] != '%') continue;
    size_t begin = i++;
    if (i < text.size() && text[i] == '%') continue;
    auto skip = [&](std::string_view set) {
      while (i < text.size() && set.find(text[i]) != std::string_view::npos) i++;
    };
    skip(flags);
    for (int part = 0; part < 2; part++) {  // width, then precision
      if (i < text.size() && text[i] == '*') {
        out.conversions.push_back(Conversion::integer);
        out.texts.push_back("*");
        i++;
      } else {
        skip(digits);
      }
      if (part == 0 && (i >= text.size() || text[i] != '.')) break;
      if (part == 0) i++;
    }
    skip(lengths);
    if (i >= text.size()) {
      out.error = "`" + std::string(text.substr(begin)) + "` ends before its conversion";
      return out;
    }
    if (integers.find(text[i]) != std::string_view::npos) {
      out.conversions.push_back(Conversion::integer);
    } else if (text[i] == 's') {
      out.conversions.push_back(Conversion::text);
    } else if (text[i] == 'r') {
      out.conversions.push_back(Conversion::bytes);
      if (i + 1 < text.size() && (text[i + 1] == 'x' || text[i + 1] == 'h')) i++;
    } else if (text.substr(i, 2) == "gr") {
      out.conversions.push_back(Conversion::integer);
      i++;
    } else {
      out.error = "unknown conversion `" + std::string(text.substr(begin, i - begin + 1)) + "`";
      return out;
    }
    out.texts.emplace_back(text.substr(begin, i - begin + 1));
  }
  return out;
}

}  // namespace shrike
