// The arguments taken apart: which option was given, with which value, and what is no option. A constexpr table is the
// whole description, so a start pays for the options it was given only.
//
// Spellings: -v, -vk, -o FILE, -oFILE, --output FILE, --output=FILE; options and other arguments in any order; `-` is no
// option. Deliberately not: abbreviated names.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mir/base/diagnostic.h"

namespace shrike {

enum class Takes : uint8_t { nothing, text, texts };  // texts: may be repeated

struct OptionRow {
  std::string_view name;  // without dashes
  char letter = '\0';     // '\0': none
  Takes takes = Takes::nothing;
};

class CommandLine {
 public:
  // Nothing after a mistake, which is reported. `args` must outlive the result.
  static std::optional<CommandLine> parse(std::span<const OptionRow> table, std::span<const std::string> args,
                                          Diagnostics& diagnostics);

  bool has(std::string_view name) const { return find(name) != nullptr; }
  std::string text(std::string_view name) const;  // empty if not given
  std::vector<std::string> texts(std::string_view name) const;
  const std::vector<std::string_view>& arguments() const { return arguments_; }

 private:
  struct Given {
    const OptionRow* row;
    std::string_view value;
  };
  const Given* find(std::string_view name) const;
  friend class CommandLineReader;

  std::vector<Given> given_;
  std::vector<std::string_view> arguments_;
};

}  // namespace shrike
