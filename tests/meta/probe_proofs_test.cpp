// tests/probes.md: each type of probe is proven on each kernel, by tests that there are and that run there.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "frontend/probes.h"
#include "tests/meta/source_tree.h"

namespace shrike::meta {
namespace {

const std::string& text_of(std::string_view path) {
  static const std::string none;
  for (const TreeFile& file : tree())
    if (file.path == path) return file.text;
  ADD_FAILURE() << "there is no " << path;
  return none;
}

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

// By name, the kernels that a case runs on; empty: all.
std::map<std::string, std::string> cases_of(std::string_view path) {
  std::map<std::string, std::string> cases;
  std::string* kernels = nullptr;
  for (std::string_view line : lines(text_of(path))) {
    if (line.starts_with("== ")) kernels = &cases[trimmed(line.substr(3, line.find_first_of(":$", 3) - 3))];
    if (line.starts_with("-- on ") && kernels != nullptr) *kernels = line.substr(6);
  }
  return cases;
}

bool has_test(const std::string& name) {
  const std::vector<std::string> parts = split(name, '.');
  if (parts.size() != 2) return false;
  for (const TreeFile& file : tree()) {
    if (!file.path.starts_with("tests/kernel/")) continue;
    for (const char* macro : {"TEST_F(", "TEST(", "TEST_P("})
      if (file.text.find(macro + parts[0] + ", " + parts[1] + ")") != std::string::npos) return true;
  }
  return false;
}

// What the table's columns from the third on are.
constexpr std::string_view kernels[] = {"6.1", "6.12", "6.18"};

bool is_proof(const std::string& name, std::string_view kernel) {
  static const std::map<std::string, std::string> guests = cases_of("tests/qemu/cases.txt");
  static const std::map<std::string, std::string> everywhere = cases_of("tests/qemu/probes.txt");
  const bool is_here = kernel == kernels[2];
  for (const auto* cases : {&guests, &everywhere}) {
    const auto found = cases->find(name);
    if (found == cases->end() || (is_here && cases == &guests)) continue;
    const std::vector<std::string> on = split(found->second, ' ');
    return found->second.empty() || std::find(on.begin(), on.end(), kernel) != on.end();
  }
  return is_here && has_test(name);
}

TEST(ProbeProofs, EachTypeIsProvenOnEachKernel) {
  std::set<std::string> proven;
  for (std::string_view line : lines(text_of("tests/probes.md"))) {
    if (!line.starts_with("| ") || line.starts_with("| probe |")) continue;
    const std::vector<std::string> cells = split(line.substr(1, line.size() - 2), '|');
    ASSERT_EQ(cells.size(), 2 + std::size(kernels)) << line;
    for (const std::string& probe : split(cells[0], ',')) proven.insert(probe);
    for (size_t i = 0; i < std::size(kernels); i++)
      EXPECT_TRUE(is_proof(cells[2 + i], kernels[i])) << "no test `" << cells[2 + i] << "` runs on Linux " << kernels[i];
  }
  for (std::string_view probe : probe_names()) EXPECT_TRUE(proven.contains(std::string(probe))) << probe << " has no row";
  EXPECT_EQ(proven.size(), probe_names().size());
}

// Cases that nobody looks for are not missed when they go.
TEST(ProbeProofs, EachCaseOfProbesIsInTheTable) {
  const std::string& table = text_of("tests/probes.md");
  for (const auto& [name, on] : cases_of("tests/qemu/probes.txt"))
    EXPECT_TRUE(has_word(table, name)) << name << " is in no row of tests/probes.md";
}

}  // namespace
}  // namespace shrike::meta
