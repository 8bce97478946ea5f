// Every builtin, function and aggregation is shown at work and misused: among the cases with exact output (tests/conformance,
// tests/compat, tests/qemu) is a script that uses the row and prints something, or the live tests (tests/kernel) name it in a
// script; and tests/conformance has a case that is refused because of it. Scripts are parsed to see what they use; what a
// message blames is what it underlines. Needs no kernel.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/ast_walk.h"
#include "frontend/builtins.h"
#include "frontend/functions.h"
#include "frontend/parser.h"
#include "tests/meta/source_tree.h"
#include "tests/support/script_cases.h"

namespace shrike::meta {
namespace {

using testing::ScriptCase;

// Rows by name, those that are called with `()` behind it.
using Rows = std::set<std::string, std::less<>>;

std::string called(std::string_view name) {
  return std::string(name) + "()";
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

Rows all_rows() {
  Rows rows;
  for (const BuiltinRow* row : all_builtins()) rows.emplace(row->name);
  for (const FunctionRow* row : all_functions()) rows.insert(called(row->name));
  for (const AggregationRow& row : all_aggregations()) rows.insert(called(row.name));
  return rows;
}

bool is_function(std::string_view name) {
  return find_function(name) != nullptr || find_aggregation(name) != nullptr;
}

std::vector<ScriptCase> cases_of(const std::string& path) {
  return testing::read_script_cases(SHRIKE_SOURCE_DIR "/tests/" + path);
}

std::vector<ScriptCase> conformance_cases() {
  std::vector<ScriptCase> all;
  for (const auto& entry : std::filesystem::directory_iterator(SHRIKE_SOURCE_DIR "/tests/conformance")) {
    if (entry.path().extension() != ".txt") continue;
    for (ScriptCase& each : cases_of("conformance/" + entry.path().filename().string())) all.push_back(std::move(each));
  }
  return all;
}

// --- what a script uses

// `pid()` is `pid` where no function of that name could be meant, see check_expr.
bool is_bare_builtin(const ast::Call& call) {
  const FunctionRow* row = find_function(call.name);
  return call.args.empty() && !call.type_arg && (row == nullptr || row->min_args > 0) && find_builtin(call.name) != nullptr;
}

void add_uses(const ScriptCase& script, Rows& rows) {
  SourceMap sources;
  Arena arena;
  Diagnostics diagnostics;
  const uint32_t begin = sources.add("case", script.text);
  const ast::Program program = parse(sources, begin, {script.arguments, 0, nullptr, {}}, arena, diagnostics);
  ast::Visitor visitor;
  visitor.on_expr = [&](const ast::Expr& expr) {
    const auto* name = expr.as<ast::Ident>();
    const auto* call = expr.as<ast::Call>();
    if (name != nullptr && find_builtin(name->name) != nullptr) rows.emplace(find_builtin(name->name)->name);
    if (call == nullptr) return;
    if (is_bare_builtin(*call)) rows.emplace(find_builtin(call->name)->name);
    else rows.insert(called(call->name));
  };
  for (const ast::Probe& probe : program.probes) {
    ast::walk(probe.predicate, visitor);
    ast::walk(probe.body, visitor);
  }
  for (const ast::FunctionDefinition& function : program.functions) ast::walk(function.body, visitor);
  for (const ast::MacroDefinition& macro : program.macros) ast::walk(macro.body, visitor);
}

bool prints(const ScriptCase& script) {
  return std::any_of(script.sections.begin(), script.sections.end(), [](const ScriptCase::Section& section) {
    const bool is_expected =
        section.mark.starts_with("out ") || section.mark.starts_with("like ") || section.mark.starts_with("lines ");
    return is_expected || section.text.find_first_not_of(" \n") != std::string::npos;
  });
}

// Names in the strings of the live tests, which are scripts or parts of them.
void add_uses_in_strings(std::string_view source, Rows& rows) {
  std::string strings;
  for (size_t at = 0; (at = source.find('"', at)) != std::string_view::npos;) {
    const bool is_raw = at > 0 && source[at - 1] == 'R';
    size_t end = is_raw ? source.find(")\"", at) + 1 : at + 1;
    while (!is_raw && end < source.size() && source[end] != '"') end += source[end] == '\\' ? 2 : 1;
    if (end >= source.size()) break;
    strings.append(source.substr(at + 1, end - at - 1)).append("\n");
    at = end + 1;
  }
  for (const std::string& row : all_rows()) {
    const bool is_call = row.ends_with("()");
    const std::string text = is_call ? row.substr(0, row.size() - 1) : row;
    for (size_t at = 0; (at = strings.find(text, at)) != std::string::npos; at += text.size()) {
      const bool starts = at == 0 || (!is_word(strings[at - 1]) && strings[at - 1] != '.' && strings[at - 1] != '$');
      const char next = at + text.size() < strings.size() ? strings[at + text.size()] : '\n';
      if (starts && (is_call || (!is_word(next) && next != '('))) rows.insert(row);
    }
  }
}

Rows shown_rows() {
  Rows rows;
  for (const TreeFile& file : tree())
    if (file.path.starts_with("tests/kernel/") && file.path.ends_with("_test.cpp")) add_uses_in_strings(file.text, rows);
  std::vector<ScriptCase> scripts = conformance_cases();
  for (ScriptCase& each : cases_of("qemu/cases.txt")) scripts.push_back(std::move(each));
  std::erase_if(scripts, [](const ScriptCase& script) { return script.section("refused") != nullptr || !prints(script); });
  for (ScriptCase& each : cases_of("compat/scripts.txt")) scripts.push_back(std::move(each));  // what bpftrace prints
  for (const ScriptCase& script : scripts) add_uses(script, rows);
  return rows;
}

// --- what a message blames

// The inside of strings blanked, so that parentheses are the script's own.
std::string without_strings(std::string text) {
  bool is_inside = false;
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] == '"') is_inside = !is_inside;
    else if (is_inside && text[i] == '\\' && i + 1 < text.size()) text[i] = ' ', text[++i] = ' ';
    else if (is_inside && text[i] != '\n') text[i] = ' ';
  }
  return text;
}

std::string_view first_word(std::string_view text) {
  size_t end = 0;
  while (end < text.size() && is_word(text[end])) end++;
  return text.substr(0, end);
}

// The name of the innermost call whose arguments hold the place; empty if there is none.
std::string_view call_around(std::string_view text, size_t place) {
  int depth = 0;
  for (size_t at = place; at > 0; at--) {
    if (text[at - 1] == ')') depth++;
    if (text[at - 1] == '{' || text[at - 1] == ';') return {};
    if (text[at - 1] != '(') continue;
    if (depth > 0) {
      depth--;
      continue;
    }
    size_t begin = at - 1;
    while (begin > 0 && is_word(text[begin - 1])) begin--;
    if (begin < at - 1) return text.substr(begin, at - 1 - begin);
  }
  return {};
}

// A message at `from` to `to` is about the row it names and underlines, else about the call whose argument it underlines, and
// about what it underlines where that is a whole call or in none.
void add_blamed(std::string_view text, size_t from, size_t to, std::string_view message, Rows& rows) {
  const std::string_view underlined = text.substr(from, to - from);
  const std::string_view word = first_word(underlined);
  const bool is_called = word.size() < underlined.size() && underlined[word.size()] == '(';
  const std::string_view around = call_around(text, from);
  const bool is_row = is_function(word) || find_builtin(word) != nullptr;
  const bool is_named = is_row && message.find("`" + std::string(word)) != std::string_view::npos;
  const bool is_whole_call = is_called && underlined.back() == ')';
  if (!is_named && !around.empty()) rows.insert(called(around));
  if (!is_named && !around.empty() && !is_whole_call) return;
  if (is_function(word) && (is_called || find_builtin(word) == nullptr)) rows.insert(called(word));
  else if (find_builtin(word) != nullptr) rows.emplace(find_builtin(word)->name);
}

void add_misuses(const ScriptCase& script, Rows& rows) {
  const ScriptCase::Section* refused = script.section("refused");
  if (refused == nullptr) return;
  const std::string text = without_strings(script.text);
  for (std::string_view told : lines(refused->text)) {
    unsigned line = 0, from = 0, to = 0;
    const size_t message = told.find(": ERROR: ");
    if (message == std::string_view::npos) continue;
    if (sscanf(std::string(told).c_str(), "stdin:%u:%u-%u:", &line, &from, &to) != 3) continue;
    size_t begin = 0;
    for (unsigned i = 1; i < line && begin != std::string::npos; i++) begin = text.find('\n', begin) + 1;
    ASSERT_LE(begin + to - 1, text.size()) << script.name << ": " << told;
    add_blamed(text, begin + from - 1, begin + to - 1, told.substr(message), rows);
  }
}

// --- the rules

struct Exemption {
  std::string_view row;
  std::string_view reason;
};
constexpr Exemption never_at_work[] = {
    {"dw_ustack()", "refused wherever it is used"},
    {"override()", "no kernel at hand is built with error injection: tests/qemu has what is said then"},
};

TEST(RowUses, EveryRowIsShownAtWork) {
  const Rows shown = shown_rows();
  for (const std::string& row : all_rows()) {
    const bool is_exempt = std::any_of(std::begin(never_at_work), std::end(never_at_work),
                                       [&](const Exemption& exemption) { return exemption.row == row; });
    EXPECT_NE(shown.contains(row), is_exempt)
        << row << ": a case of tests/conformance, compat or qemu prints something with it, or a live test has it in a script, "
        << "unless there is a reason here why not";
  }
}

TEST(RowUses, EveryRowIsMisusedByACaseThatIsRefused) {
  Rows misused;
  for (const ScriptCase& script : conformance_cases()) add_misuses(script, misused);
  for (const std::string& row : all_rows())
    EXPECT_TRUE(misused.contains(row)) << "no case of tests/conformance is refused for what it does with " << row;
}

TEST(RowUses, ScriptsAreParsed) {
  ScriptCase script;
  script.text = "begin { print((pid, tid(curr_ns), comm())); @ = count(); $c = args.uid; print(\"cpu\"); }";
  Rows rows;
  add_uses(script, rows);
  EXPECT_EQ(rows, (Rows{"args", "comm", "count()", "pid", "print()", "tid()"}));
}

TEST(RowUses, MessagesBlameWhatTheyUnderline) {
  const auto blamed = [](std::string_view text, std::string_view underlined, std::string_view message) {
    Rows rows;
    const size_t from = text.find(underlined);
    add_blamed(text, from, from + underlined.size(), message, rows);
    return rows;
  };
  EXPECT_EQ(blamed("begin { print(uid(1)); }", "uid(1)", "`uid` is a value"), Rows{"uid"});
  EXPECT_EQ(blamed("begin { print(is_err(comm)); }", "comm", "the argument of `is_err` is an integer"), Rows{"is_err()"});
  EXPECT_EQ(blamed("begin { print(kaddr(   )); }", "   ", "no symbol `x`"), Rows{"kaddr()"});
  EXPECT_EQ(blamed("begin { print(comm(1, 2)); }", "comm(1, 2)", "`comm` takes 1 argument, 2 given"), Rows{"comm()"});
  EXPECT_EQ(blamed("begin { pid = 1; }", "pid", "only variables and maps can be assigned to"), Rows{"pid"});
}

}  // namespace
}  // namespace shrike::meta
