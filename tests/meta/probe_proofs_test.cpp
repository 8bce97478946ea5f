// tests/probes.md: each type of probe is proven on each kernel, by tests that there are and that run there.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "frontend/probes.h"
#include "tests/meta/proof_tables.h"
#include "tests/meta/source_tree.h"

namespace shrike::meta {
namespace {

using testing::ScriptCase;

// What the table's columns from the third on are.
constexpr std::string_view kernels[] = {"6.1", "6.12", "6.18"};

bool runs_on(const ScriptCase& script, std::string_view kernel) {
  const ScriptCase::Section* on = script.section("on ");
  if (on == nullptr) return true;
  const std::vector<std::string> kernels_of_case = split(std::string_view(on->mark).substr(3), ' ');
  return std::find(kernels_of_case.begin(), kernels_of_case.end(), kernel) != kernels_of_case.end();
}

bool is_proof(const std::string& name, std::string_view kernel) {
  const bool is_here = kernel == kernels[2];
  if (const ScriptCase* guests = find_case("cases:" + name); guests != nullptr && !is_here) return runs_on(*guests, kernel);
  if (const ScriptCase* everywhere = find_case("probes:" + name); everywhere != nullptr) return runs_on(*everywhere, kernel);
  return is_here && !find_test(name, "tests/kernel/").empty();
}

TEST(ProbeProofs, EachTypeIsProvenOnEachKernel) {
  std::set<std::string> proven;
  for (const std::vector<std::string>& cells : table_rows("tests/probes.md", "probe")) {
    ASSERT_EQ(cells.size(), 2 + std::size(kernels)) << cells[0];
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
  for (const ScriptCase& each : cases_of("tests/qemu/probes.txt"))
    EXPECT_TRUE(has_word(table, each.name)) << each.name << " is in no row of tests/probes.md";
}

}  // namespace
}  // namespace shrike::meta
