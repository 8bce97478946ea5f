// House rules over the text of the repository: size of files, head comments, no trace of one machine, no unfinished work.
// Each exemption is a row with its reason; the list is meant to stay short and to be seen.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "tests/meta/source_tree.h"

namespace shrike::meta {
namespace {

constexpr size_t max_lines = 600;

struct Exemption {
  std::string_view path;
  std::string_view reason;
};

// Tables are exempt by their extension (.def); what else may be long, and why.
const std::vector<Exemption>& long_files() {
  static const std::vector<Exemption> table = {};
  return table;
}

bool is_exempt(const std::vector<Exemption>& table, std::string_view path) {
  return std::any_of(table.begin(), table.end(), [&](const Exemption& row) { return row.path == path; });
}

bool is_checked_for_smells(std::string_view path) {
  return is_source(path) && !path.starts_with("tests/meta/");
}

TEST(TreeRules, NoFileIsLongerThanTheCap) {
  for (const TreeFile& file : tree()) {
    if (!is_source(file.path) || extension(file.path) == "def" || is_exempt(long_files(), file.path)) continue;
    EXPECT_LE(line_count(file.text), max_lines) << file.path << ": split it along a seam, or argue for a row in long_files()";
  }
}

TEST(TreeRules, ExemptionsNameFilesThatExist) {
  for (const Exemption& row : long_files()) {
    const bool exists = std::any_of(tree().begin(), tree().end(), [&](const TreeFile& file) { return file.path == row.path; });
    EXPECT_TRUE(exists) << row.path;
    EXPECT_FALSE(row.reason.empty()) << row.path;
  }
}

TEST(TreeRules, EverySourceFileOpensWithWhatItIsFor) {
  for (const TreeFile& file : tree()) {
    if (!is_source(file.path)) continue;
    EXPECT_TRUE(file.text.starts_with("//")) << file.path << " has no head comment";
  }
}

TEST(TreeRules, LinesFitTheColumnLimit) {
  for (const TreeFile& file : tree()) {
    const std::string_view ext = extension(file.path);
    if (ext != "h" && ext != "cpp") continue;
    size_t number = 0;
    for (std::string_view line : lines(file.text)) {
      ++number;
      // UTF-8 continuation bytes do not take a column.
      const auto columns = std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; });
      EXPECT_LE(columns, 150) << file.path << ":" << number;
    }
  }
}

// The shape of the tree is part of what the project promises, and what lies beside it was left there by mistake.
TEST(TreeRules, TheTopHoldsWhatIsNamedHereOnly) {
  const std::vector<std::string_view> named = {
      "frontend",      "mir",         "passes",     "backend-bpf",     "runtime",        "verifier-sim",
      "tests",         "docs",        "examples",   "bench",           "scripts",        ".ci",
      ".clang-format", ".clang-tidy", ".gitignore", "ARCHITECTURE.md", "CMakeLists.txt", "CMakePresets.json",
      "README.md"};
  for (const TreeFile& file : tree())
    EXPECT_NE(std::find(named.begin(), named.end(), top_folder(file.path)), named.end()) << file.path;
}

// A path of the machine a file was written on helps nobody else and breaks on the next one.
TEST(TreeRules, NoPathOfOneMachine) {
  const std::string slash = "/";
  const std::vector<std::string> banned = {slash + "root/", slash + "work/", slash + "home/", slash + "Users/"};
  for (const TreeFile& file : tree()) {
    size_t number = 0;
    for (std::string_view line : lines(file.text)) {
      ++number;
      for (const std::string& path : banned) {
        for (size_t at = line.find(path); at != std::string_view::npos; at = line.find(path, at + 1)) {
          const bool is_inside_a_longer_path = at > 0 && (std::isalnum(static_cast<unsigned char>(line[at - 1])) != 0);
          EXPECT_TRUE(is_inside_a_longer_path) << file.path << ":" << number << ": " << line;
        }
      }
    }
  }
}

TEST(TreeRules, NothingUnfinished) {
  const std::vector<std::string_view> marks = {"TODO", "FIXME", "XXX", "HACK"};
  for (const TreeFile& file : tree()) {
    if (!is_checked_for_smells(file.path)) continue;
    for (std::string_view mark : marks) EXPECT_FALSE(has_word(file.text, mark)) << file.path << " says " << mark;
  }
}

TEST(TreeRules, TextFilesAreTidy) {
  for (const TreeFile& file : tree()) {
    if (file.text.empty()) continue;
    EXPECT_EQ(file.text.back(), '\n') << file.path << " does not end in a newline";
    if (!is_source(file.path)) continue;
    EXPECT_EQ(file.text.find('\t'), std::string::npos) << file.path << " has a tab";
    EXPECT_EQ(file.text.find(" \n"), std::string::npos) << file.path << " has trailing spaces";
  }
}

TEST(TreeRules, EveryExampleOpensWithWhatItIsForAndIsListed) {
  size_t examples = 0;
  std::string readme;
  for (const TreeFile& file : tree()) {
    if (file.path == "README.md") readme = file.text;
  }
  for (const TreeFile& file : tree()) {
    if (top_folder(file.path) != "examples") continue;
    ++examples;
    EXPECT_TRUE(file.text.starts_with("#!/usr/bin/env shrike\n// ")) << file.path;
    EXPECT_NE(readme.find("(" + file.path + ")"), std::string::npos) << "README.md does not list " << file.path;
  }
  EXPECT_GE(examples, 12u);
}

TEST(TreeRules, HeadersAreGuardedOnce) {
  for (const TreeFile& file : tree()) {
    if (extension(file.path) != "h") continue;
    EXPECT_NE(file.text.find("\n#pragma once\n"), std::string::npos) << file.path;
  }
}

}  // namespace
}  // namespace shrike::meta
