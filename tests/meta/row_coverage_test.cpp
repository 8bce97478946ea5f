// A row that no test names is a promise nobody checks: every row of the X-macro tables must be named, by its id, somewhere
// under tests/. This is a floor, not a proof: the tests that name a row must still fail without it.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/builtins.h"
#include "frontend/functions.h"
#include "tests/meta/source_tree.h"

namespace shrike::meta {
namespace {

struct Exemption {
  std::string_view row;
  std::string_view reason;
};

// Messages that no test on an ordinary machine can bring about.
const std::vector<Exemption>& unproduced_messages() {
  static const std::vector<Exemption> table = {
      {"bad_command_line", "whatever else the parser of options may object to: the known objections have rows of their own"},
      {"map_not_mapped", "mapping a ring or array fails only where memory is short"},
      {"program_not_loaded", "needs a kernel that refuses a program for another reason than its verifier's"},
      {"probe_not_run", "a begin program that loads also runs, on every kernel we have"},
      {"process_not_watched", "pidfd_open fails only where descriptors are short"},
      {"iterator_not_read", "an iterator's file fails only where memory is short"},
      {"cannot_wait", "epoll fails only where memory is short"},
  };
  return table;
}

bool is_exempt(const std::vector<Exemption>& table, std::string_view row) {
  return std::any_of(table.begin(), table.end(), [&](const Exemption& entry) { return entry.row == row; });
}

// Text of everything under tests/ but this folder and the fixtures made by machine.
const std::string& test_text() {
  static const std::string* const text = [] {
    auto* all = new std::string;
    for (const TreeFile& file : tree()) {
      if (file.path.starts_with("tests/") && !file.path.starts_with("tests/meta/")) *all += file.text;
    }
    return all;
  }();
  return *text;
}

// Row ids that are C++ keywords with an underscore appended read without it in the text forms.
std::string text_form(std::string id) {
  if (id.ends_with('_')) id.pop_back();
  return id;
}

std::string dashed(std::string id) {
  std::replace(id.begin(), id.end(), '_', '-');
  return id;
}

bool is_named(const std::string& id) {
  const std::string& text = test_text();
  return has_word(text, id) || has_word(text, text_form(id)) || text.find(dashed(id)) != std::string::npos;
}

std::vector<std::string> unnamed_rows(std::string_view def_path, std::string_view macro) {
  std::vector<std::string> missing;
  for (const std::string& id : row_ids(def_path, macro)) {
    if (!is_named(id)) missing.push_back(id);
  }
  return missing;
}

// Tests expect a message by its id in code, or by the name at the start of a string; a mere mention does not count.
bool is_expected(const std::string& id) {
  const std::string& text = test_text();
  return has_word(text, "Diag::" + id) || text.find('"' + id + '"') != std::string::npos ||
         text.find('"' + id + ' ') != std::string::npos;
}

TEST(RowCoverage, EveryMessageIsProducedByATest) {
  const std::vector<std::string> ids = row_ids("mir/base/diagnostics.def", "DIAG");
  EXPECT_GT(ids.size(), 5u);
  for (const std::string& id : ids) {
    if (is_exempt(unproduced_messages(), id)) continue;
    EXPECT_TRUE(is_expected(id)) << "no test expects the message " << id;
  }
}

TEST(RowCoverage, ExemptionsAreStillNeeded) {
  const std::vector<std::string> ids = row_ids("mir/base/diagnostics.def", "DIAG");
  for (const Exemption& entry : unproduced_messages()) {
    EXPECT_NE(std::find(ids.begin(), ids.end(), entry.row), ids.end()) << entry.row << " is no row any more";
    EXPECT_FALSE(has_word(test_text(), entry.row)) << entry.row << " is named by a test now: drop the exemption";
    EXPECT_FALSE(entry.reason.empty()) << entry.row;
  }
}

TEST(RowCoverage, MessagesKeepOneVoice) {
  for (const TreeFile& file : tree()) {
    if (file.path != "mir/base/diagnostics.def") continue;
    std::set<std::string> texts;
    for (std::string_view line : lines(file.text)) {
      if (!line.starts_with("DIAG(")) continue;
      const size_t open = line.find('"');
      const size_t close = line.rfind('"');
      if (open == std::string_view::npos || close <= open) continue;
      const std::string text(line.substr(open + 1, close - open - 1));
      EXPECT_NE(text.back(), '.') << "no final period: " << text;
      // Names keep their case; a first word of ordinary prose does not start with a capital.
      const bool is_capitalised = std::isupper(static_cast<unsigned char>(text[0])) && text.size() > 1 &&
                                  std::islower(static_cast<unsigned char>(text[1]));
      EXPECT_FALSE(is_capitalised) << "lower case: " << text;
      if (text == "{}") continue;  // the words are somebody else's: the script's, the kernel's
      // The same fact may be an error or, on request, a warning.
      const char* const severity = line.find(", warning,") != std::string_view::npos ? "warning " : "error ";
      EXPECT_TRUE(texts.insert(severity + text).second) << "two rows say the same: " << text;
    }
  }
}

TEST(RowCoverage, EveryOperationIsNamedByATest) {
  EXPECT_GT(row_ids("mir/opcodes.def", "OP").size(), 20u);
  for (const std::string& id : unnamed_rows("mir/opcodes.def", "OP")) ADD_FAILURE() << "no test names the operation " << id;
}

TEST(RowCoverage, EveryPassIsNamedByATest) {
  for (const std::string& id : unnamed_rows("passes/passes.def", "PASS")) ADD_FAILURE() << "no test names the pass " << id;
}

TEST(RowCoverage, EveryBuiltinIsUsedByATest) {
  EXPECT_GT(all_builtins().size(), 10u);
  for (const BuiltinRow* row : all_builtins()) {
    // The numbered arguments share a row.
    const std::string name = row->name == "argN" ? "arg0" : row->name == "sargN" ? "sarg0" : std::string(row->name);
    EXPECT_TRUE(has_word(test_text(), name)) << "no test uses the builtin " << name;
    EXPECT_FALSE(row->doc.empty()) << name;
  }
}

TEST(RowCoverage, EveryFunctionIsCalledByATest) {
  EXPECT_GT(all_functions().size(), 20u);
  for (const FunctionRow* row : all_functions()) {
    const std::string name(row->name);
    EXPECT_TRUE(test_text().find(name + "(") != std::string::npos) << "no test calls " << name;
    EXPECT_FALSE(row->doc.empty()) << name;
  }
}

// The manual names every builtin and function, so that what the tables hold can be found.
TEST(RowCoverage, TheManualNamesEveryRow) {
  for (const TreeFile& file : tree()) {
    if (file.path != "docs/shrike.8") continue;
    for (const BuiltinRow* row : all_builtins()) {
      EXPECT_TRUE(has_word(file.text, row->name)) << "shrike(8) does not name the builtin " << row->name;
    }
    for (const FunctionRow* row : all_functions()) {
      EXPECT_TRUE(has_word(file.text, row->name)) << "shrike(8) does not name the function " << row->name;
    }
  }
}

}  // namespace
}  // namespace shrike::meta
