// Reads files of scripts with what they should do, one concept a case, as tests/compat and tests/conformance have them:
//   legend, up to the first `==` line
//   == NAME [: OPTION…] [$ ARGUMENT…]   words are split at spaces; NAME=VALUE among the options goes to the environment,
//                                       ARGUMENTs become positional parameters
//   script text, up to the next line that begins with `==` or `--`
//   -- MARK                             lines up to the next such line belong to it; each suite tells its marks
#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shrike::testing {

struct ScriptCase {
  struct Section {
    std::string mark;  // the line, without its dashes
    std::string text;
  };

  std::string name;
  std::vector<std::string> options;
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<std::string> arguments;
  std::string text;
  std::vector<Section> sections;

  // The first whose mark begins so.
  const Section* section(std::string_view beginning) const;
  // The command's words after the program's name.
  std::vector<std::string> command() const;
};
std::ostream& operator<<(std::ostream& out, const ScriptCase& script);

std::vector<std::string> split_words(std::string_view text);
std::vector<ScriptCase> read_script_cases(const std::string& path);

}  // namespace shrike::testing
