// Names for new entries of a table whose entries have names of their own: `base`, else `base.n` with the number above all that
// follow `base.` there. Looks at each entry once, whatever order the numbers are in (texts and inlined bodies bring any).
// Needs: entries keep their places and names while only new ones are added; forget() otherwise.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace shrike {

class UniqueNames {
 public:
  // A name that no entry of `table` has. `base` may have a number of its own: another one then stands in its place.
  template <class Table>
  std::string next(const Table& table, const std::string& base) {
    if (seen_ > table.size()) forget();
    for (; seen_ < table.size(); seen_++) see((table.begin() + static_cast<std::ptrdiff_t>(seen_))->name);
    const auto [stem, number] = split(base);
    const auto found = highest_.find(std::string(stem));
    return found == highest_.end() ? base : std::string(stem) + "." + std::to_string(found->second + 1);
  }
  void forget() { *this = {}; }

 private:
  struct Parts {
    std::string_view stem;
    uint64_t number = 0;
  };
  // "join.12" is join and 12; numbers of more digits than any program needs belong to the stem.
  static Parts split(std::string_view name) {
    constexpr size_t most_digits = 9;
    const size_t dot = name.rfind('.');
    if (dot == std::string_view::npos || dot == 0 || name.size() - dot - 1 > most_digits) return {name};
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(name.data() + dot + 1, name.data() + name.size(), number);
    return error == std::errc() && end == name.data() + name.size() ? Parts{name.substr(0, dot), number} : Parts{name};
  }
  void see(std::string_view name) {
    const auto [stem, number] = split(name);
    uint64_t& highest = highest_[std::string(stem)];
    if (number > highest) highest = number;
  }

  std::unordered_map<std::string, uint64_t> highest_;  // number after each stem
  size_t seen_ = 0;                                    // entries of the table
};

}  // namespace shrike
