// Line by line; the marks mean something to the suites only.
#include "tests/support/script_cases.h"

#include <algorithm>

#include "tests/support/process.h"

namespace shrike::testing {

namespace {

bool is_environment(std::string_view word) {
  return word.front() >= 'A' && word.front() <= 'Z' && word.find('=') != std::string_view::npos;
}

ScriptCase parse_header(std::string_view line) {
  ScriptCase script;
  if (const size_t at = line.find(" $ "); at != std::string_view::npos) {
    script.arguments = split_words(line.substr(at + 3));
    line = line.substr(0, at);
  }
  if (const size_t at = line.find(" : "); at != std::string_view::npos) {
    for (const std::string& word : split_words(line.substr(at + 3))) {
      const size_t equals = word.find('=');
      if (is_environment(word)) script.environment.emplace_back(word.substr(0, equals), word.substr(equals + 1));
      else script.options.push_back(word);
    }
    line = line.substr(0, at);
  }
  script.name = std::string(line);
  return script;
}

}  // namespace

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    if (end > 0) out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

const ScriptCase::Section* ScriptCase::section(std::string_view beginning) const {
  for (const Section& each : sections)
    if (each.mark.starts_with(beginning)) return &each;
  return nullptr;
}

std::vector<std::string> ScriptCase::command() const {
  std::vector<std::string> out = {"-B", "line"};
  out.insert(out.end(), options.begin(), options.end());
  out.insert(out.end(), {"-e", text.substr(0, text.size() - 1)});
  out.insert(out.end(), arguments.begin(), arguments.end());
  return out;
}

std::ostream& operator<<(std::ostream& out, const ScriptCase& script) {
  return out << script.name;
}

std::vector<ScriptCase> read_script_cases(const std::string& path) {
  std::vector<ScriptCase> scripts;
  for (const std::string& line : split_lines(read_file(path))) {
    if (line.starts_with("== ")) {
      scripts.push_back(parse_header(std::string_view(line).substr(3)));
    } else if (scripts.empty()) {
      continue;  // the legend
    } else if (line.starts_with("-- ")) {
      scripts.back().sections.push_back({line.substr(3), ""});
    } else {
      ScriptCase& last = scripts.back();
      (last.sections.empty() ? last.text : last.sections.back().text) += line + "\n";
    }
  }
  return scripts;
}

}  // namespace shrike::testing
