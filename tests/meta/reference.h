// The reference of the language that its tables tell by themselves: docs/reference.md and a part of the manual.
// reference_test.cpp compares both with what stands in docs/; scripts/reference writes them.
#pragma once

#include <string>
#include <string_view>

namespace shrike::meta {

std::string reference_page();
// Lists of builtins, functions and aggregations in mdoc(7).
std::string manual_lists();

// The part of the manual between these lines is manual_lists().
inline constexpr std::string_view manual_begin = ".\\\" --- written by scripts/reference, up to the next such line\n";
inline constexpr std::string_view manual_end = ".\\\" --- end of what scripts/reference wrote\n";

}  // namespace shrike::meta
