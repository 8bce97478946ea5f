// Reads Markdown and test sources line by line.
#include "tests/meta/proof_tables.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/meta/source_tree.h"

namespace shrike::meta {

using testing::ScriptCase;

std::string trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return std::string(text);
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  for (size_t end = text.find(at); end != std::string_view::npos; end = text.find(at)) {
    parts.push_back(trimmed(text.substr(0, end)));
    text.remove_prefix(end + 1);
  }
  parts.push_back(trimmed(text));
  return parts;
}

const std::string& text_of(std::string_view path) {
  static const std::string none;
  for (const TreeFile& file : tree())
    if (file.path == path) return file.text;
  ADD_FAILURE() << "there is no " << path;
  return none;
}

std::vector<std::vector<std::string>> table_rows(std::string_view path, std::string_view first) {
  std::vector<std::vector<std::string>> rows;
  bool is_inside = false;
  for (std::string_view line : lines(text_of(path))) {
    if (!line.starts_with("| ") || !line.ends_with(" |")) {
      is_inside = is_inside && line.starts_with("|---");
      continue;
    }
    std::vector<std::string> cells = split(line.substr(1, line.size() - 2), '|');
    if (is_inside) rows.push_back(std::move(cells));
    else is_inside = cells[0] == first;
  }
  return rows;
}

const std::vector<ScriptCase>& cases_of(std::string_view path) {
  static std::map<std::string, std::vector<ScriptCase>, std::less<>> files;
  auto found = files.find(path);
  if (found == files.end())
    found = files.emplace(path, testing::read_script_cases(SHRIKE_SOURCE_DIR "/" + std::string(path))).first;
  return found->second;
}

const ScriptCase* find_case(std::string_view name) {
  const size_t colon = name.find(':');
  if (colon == std::string_view::npos) return nullptr;
  const std::string file = "/" + std::string(name.substr(0, colon)) + ".txt";
  for (const char* folder : {"conformance", "qemu", "compat"}) {
    for (const ScriptCase& each : cases_of("tests/" + (folder + file)))
      if (each.name == name.substr(colon + 1)) return &each;
  }
  return nullptr;
}

std::string_view find_test(std::string_view name, std::string_view folder) {
  const size_t dot = name.find('.');
  if (dot == std::string_view::npos) return {};
  const std::string head = std::string(name.substr(0, dot)) + ", " + std::string(name.substr(dot + 1)) + ")";
  for (const TreeFile& file : tree()) {
    if (!file.path.starts_with(folder)) continue;
    for (const char* macro : {"TEST_F(", "TEST(", "TEST_P("}) {
      const size_t at = file.text.find(macro + head);
      if (at != std::string::npos) return std::string_view(file.text).substr(at, file.text.find("\n}\n", at) - at);
    }
  }
  return {};
}

}  // namespace shrike::meta
