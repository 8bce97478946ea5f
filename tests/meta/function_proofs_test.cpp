// tests/functions.md: each builtin, function and aggregation is seen at work by a test that knows the true answer, and a case is
// refused for its misuse; each rule of how values are printed is seen, too. The tests are there, and their scripts use the row.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "frontend/printf_format.h"
#include "tests/meta/proof_tables.h"
#include "tests/meta/script_uses.h"

namespace shrike::meta {
namespace {

using testing::ScriptCase;

constexpr const char* path = "tests/functions.md";

struct Exemption {
  std::string_view row;
  std::string_view reason;
};
constexpr Exemption never_at_work[] = {
    {"dw_ustack()", "refused wherever it is used"},
    {"override()", "no kernel at hand is built with error injection: tests/qemu has what is said then"},
};

bool is_exempt(std::string_view row) {
  return std::any_of(std::begin(never_at_work), std::end(never_at_work),
                     [&](const Exemption& exemption) { return exemption.row == row; });
}

bool prints(const ScriptCase& script) {
  return std::any_of(script.sections.begin(), script.sections.end(), [](const ScriptCase::Section& section) {
    const bool is_expected = section.mark.starts_with("out ") || section.mark.starts_with("like ") ||
                             section.mark.starts_with("lines ") || section.mark.starts_with("status ");
    return is_expected || section.text.find_first_not_of(" \n") != std::string::npos;
  });
}

// A test on a live kernel, and what it uses; what compat compares bpftrace prints.
std::string why_not_seen(const std::string& name, const std::string& row) {
  if (const std::string_view test = find_test(name, "tests/kernel/"); !test.empty())
    return uses_in_strings(test).contains(row) ? "" : "does not use it";
  const ScriptCase* script = find_case(name);
  if (script == nullptr) return "is not there";
  if (is_exempt(row)) return "";
  if (script->section("refused") != nullptr) return "is refused";
  if (!name.starts_with("scripts:") && !prints(*script)) return "prints nothing";
  return uses_of(*script).contains(row) ? "" : "does not use it";
}

std::string why_not_refused(const std::string& name, const std::string& row) {
  const ScriptCase* script = find_case(name);
  if (script == nullptr) return "is not there";
  return misuses_of(*script).contains(row) ? "" : "is not refused for it";
}

// `name` as it stands in a cell.
std::string without_quotes(const std::string& cell) {
  return cell.size() > 2 && cell.front() == '`' && cell.back() == '`' ? cell.substr(1, cell.size() - 2) : "";
}

TEST(FunctionProofs, EachRowIsSeenAndRefused) {
  std::set<std::string, std::less<>> proven;
  for (const std::vector<std::string>& cells : table_rows(path, "row")) {
    ASSERT_EQ(cells.size(), 4u) << cells[0];
    const std::string row = without_quotes(cells[0]);
    EXPECT_TRUE(proven.insert(row).second) << row << " stands twice";
    EXPECT_FALSE(cells[1].empty()) << row << ": how is the true answer known?";
    for (const std::string& name : split(cells[2], ',')) EXPECT_EQ(why_not_seen(name, row), "") << row << " by " << name;
    for (const std::string& name : split(cells[3], ',')) EXPECT_EQ(why_not_refused(name, row), "") << row << " by " << name;
  }
  for (const std::string& row : all_rows()) EXPECT_TRUE(proven.contains(row)) << row << " has no row in " << path;
  for (const std::string& row : proven) EXPECT_TRUE(all_rows().contains(row)) << row << " is no row of the language";
}

TEST(FunctionProofs, ExemptionsAreStillNeeded) {
  for (const Exemption& exemption : never_at_work) {
    EXPECT_TRUE(all_rows().contains(exemption.row)) << exemption.row;
    EXPECT_FALSE(exemption.reason.empty()) << exemption.row;
  }
}

TEST(FunctionProofs, EachRuleOfPrintingIsSeen) {
  size_t count = 0;
  for (const std::vector<std::string>& cells : table_rows(path, "rule")) {
    ASSERT_EQ(cells.size(), 2u) << cells[0];
    count++;
    for (const std::string& name : split(cells[1], ','))
      EXPECT_TRUE(find_case(name) != nullptr || !find_test(name, "tests/kernel/").empty() ||
                  !find_test(name, "tests/runtime/").empty())
          << name << " is not there: " << cells[0];
  }
  EXPECT_GT(count, 30u);
}

// Every conversion that formats take, as the first word of a rule.
TEST(FunctionProofs, EachConversionHasARule) {
  std::set<std::string, std::less<>> ruled;
  for (const std::vector<std::string>& cells : table_rows(path, "rule"))
    for (const std::string& word : split(cells[0], ' ')) ruled.insert(without_quotes(word));
  std::vector<std::string> conversions = {"%rx", "%rh", "%gr", "%%"};
  for (std::string_view letters : {"abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"})
    for (char letter : letters) conversions.push_back(std::string("%") + letter);
  size_t count = 0;
  for (const std::string& conversion : conversions) {
    if (!parse_format(conversion).error.empty()) continue;
    count++;
    EXPECT_TRUE(ruled.contains(conversion)) << "no rule begins with " << conversion;
  }
  EXPECT_GE(count, 14u);
}

}  // namespace
}  // namespace shrike::meta
