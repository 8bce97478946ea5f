// Reads the repository once per test run; see source_tree.h.
#include "tests/meta/source_tree.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>

namespace shrike::meta {
namespace {

namespace fs = std::filesystem;

std::string slurp(const fs::path& path) {
  std::string text;
  FILE* file = fopen(path.c_str(), "rb");
  if (!file) return text;
  char buffer[65536];
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, file)) > 0;) text.append(buffer, n);
  fclose(file);
  return text;
}

void walk(const fs::path& folder, const std::string& prefix, std::vector<TreeFile>& out) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (prefix.empty() && (name == ".git" || name.starts_with("build"))) continue;
    if (entry.is_symlink(error)) continue;
    if (entry.is_directory(error)) walk(entry.path(), prefix + name + "/", out);
    else if (entry.is_regular_file(error)) out.push_back({prefix + name, slurp(entry.path())});
  }
}

bool is_identifier_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

}  // namespace

const std::vector<TreeFile>& tree() {
  static const std::vector<TreeFile>* const files = [] {
    auto* all = new std::vector<TreeFile>;
    walk(SHRIKE_SOURCE_DIR, "", *all);
    std::erase_if(*all, [](const TreeFile& file) { return file.text.find('\0') != std::string::npos; });
    std::sort(all->begin(), all->end(), [](const TreeFile& a, const TreeFile& b) { return a.path < b.path; });
    return all;
  }();
  return *files;
}

std::string_view top_folder(std::string_view path) {
  return path.substr(0, path.find('/'));
}

std::string_view extension(std::string_view path) {
  const size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
}

bool is_source(std::string_view path) {
  const std::string_view ext = extension(path);
  return ext == "h" || ext == "cpp" || ext == "def";
}

size_t line_count(std::string_view text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

std::vector<std::string_view> lines(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return out;
}

std::vector<std::string> row_ids(std::string_view def_path, std::string_view macro) {
  std::vector<std::string> ids;
  const std::string opening = std::string(macro) + "(";
  for (const TreeFile& file : tree()) {
    if (file.path != def_path) continue;
    for (std::string_view line : lines(file.text)) {
      if (!line.starts_with(opening)) continue;
      line.remove_prefix(opening.size());
      ids.emplace_back(line.substr(0, line.find_first_of(",) ")));
    }
  }
  return ids;
}

bool has_word(std::string_view text, std::string_view word) {
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const bool starts = at == 0 || !is_identifier_char(text[at - 1]);
    const size_t end = at + word.size();
    const bool ends = end == text.size() || !is_identifier_char(text[end]);
    if (starts && ends) return true;
  }
  return false;
}

}  // namespace shrike::meta
