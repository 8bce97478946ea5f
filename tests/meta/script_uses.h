// Which rows of the tables of builtins, functions and aggregations a script uses, and which ones the messages about it blame.
// Scripts are parsed to see what they use; what a message blames is what it underlines. Needs no kernel.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "tests/support/script_cases.h"

namespace shrike::meta {

// Rows by name, those that are called with `()` behind it.
using Rows = std::set<std::string, std::less<>>;

Rows all_rows();

Rows uses_of(const testing::ScriptCase& script);
// Names in the strings of C++, which are scripts or parts of them.
Rows uses_in_strings(std::string_view source);

// The rows that a refused case is refused for.
Rows misuses_of(const testing::ScriptCase& script);
// A message at `from` to `to` is about the row it names and underlines, else about the call whose argument it underlines, and
// about what it underlines where that is a whole call or in none.
Rows blamed(std::string_view text, size_t from, size_t to, std::string_view message);

}  // namespace shrike::meta
