// Tables of tests/*.md that tell which test proves what, and the tests that they name:
//   FILE:CASE     a case of FILE.txt in tests/conformance, tests/qemu or tests/compat
//   Suite.Test    a test in a folder below tests
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/script_cases.h"

namespace shrike::meta {

std::string trimmed(std::string_view text);
std::vector<std::string> split(std::string_view text, char at);  // the parts trimmed
const std::string& text_of(std::string_view path);

// The cells of the rows below the heading `| FIRST | …`, of every such table of the file.
std::vector<std::vector<std::string>> table_rows(std::string_view path, std::string_view first);

const std::vector<testing::ScriptCase>& cases_of(std::string_view path);
// A case of FILE.txt by `FILE:CASE`; null if there is none.
const testing::ScriptCase* find_case(std::string_view name);

// From the test's head to its end, by `Suite.Test`, looked for in the files whose path begins so; empty if there is none.
std::string_view find_test(std::string_view name, std::string_view folder);

}  // namespace shrike::meta
