// Parses scripts as the command does; for messages it reads what is underlined.
#include "tests/meta/script_uses.h"

#include <gtest/gtest.h>

#include <cctype>
#include <cstdio>

#include "frontend/ast_walk.h"
#include "frontend/builtins.h"
#include "frontend/functions.h"
#include "frontend/parser.h"
#include "tests/meta/source_tree.h"

namespace shrike::meta {
namespace {

using testing::ScriptCase;

std::string called(std::string_view name) {
  return std::string(name) + "()";
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

bool is_function(std::string_view name) {
  return find_function(name) != nullptr || find_aggregation(name) != nullptr;
}

// --- what a script uses

// `pid()` is `pid` where no function of that name could be meant, see check_expr.
bool is_bare_builtin(const ast::Call& call) {
  const FunctionRow* row = find_function(call.name);
  return call.args.empty() && !call.type_arg && (row == nullptr || row->min_args > 0) && find_builtin(call.name) != nullptr;
}

}  // namespace

Rows all_rows() {
  Rows rows;
  for (const BuiltinRow* row : all_builtins()) rows.emplace(row->name);
  for (const FunctionRow* row : all_functions()) rows.insert(called(row->name));
  for (const AggregationRow& row : all_aggregations()) rows.insert(called(row.name));
  return rows;
}

Rows uses_of(const ScriptCase& script) {
  Rows rows;
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
  return rows;
}

Rows uses_in_strings(std::string_view source) {
  std::string strings;
  for (size_t at = 0; (at = source.find('"', at)) != std::string_view::npos;) {
    const bool is_raw = at > 0 && source[at - 1] == 'R';
    size_t end = is_raw ? source.find(")\"", at) + 1 : at + 1;
    while (!is_raw && end < source.size() && source[end] != '"') end += source[end] == '\\' ? 2 : 1;
    if (end >= source.size()) break;
    strings.append(source.substr(at + 1, end - at - 1)).append("\n");
    at = end + 1;
  }
  Rows rows;
  for (size_t at = 0, end = 0; at < strings.size(); at = end + 1) {
    end = at;
    while (end < strings.size() && is_word(strings[end])) end++;
    const std::string_view word = std::string_view(strings).substr(at, end - at);
    if (at > 0 && (strings[at - 1] == '.' || strings[at - 1] == '$' || strings[at - 1] == '@')) continue;
    const bool is_called = end < strings.size() && strings[end] == '(';
    if (is_called && is_function(word)) rows.insert(called(word));
    else if (!is_called && find_builtin(word) != nullptr) rows.emplace(find_builtin(word)->name);
  }
  return rows;
}

namespace {

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

}  // namespace

Rows blamed(std::string_view text, size_t from, size_t to, std::string_view message) {
  Rows rows;
  const std::string_view underlined = text.substr(from, to - from);
  const std::string_view word = first_word(underlined);
  const bool is_called = word.size() < underlined.size() && underlined[word.size()] == '(';
  const std::string_view around = call_around(text, from);
  const bool is_row = is_function(word) || find_builtin(word) != nullptr;
  const bool is_named = is_row && message.find("`" + std::string(word)) != std::string_view::npos;
  const bool is_whole_call = is_called && underlined.back() == ')';
  if (!is_named && !around.empty()) rows.insert(called(around));
  if (!is_named && !around.empty() && !is_whole_call) return rows;
  if (is_function(word) && (is_called || find_builtin(word) == nullptr)) rows.insert(called(word));
  else if (find_builtin(word) != nullptr) rows.emplace(find_builtin(word)->name);
  return rows;
}

Rows misuses_of(const ScriptCase& script) {
  Rows rows;
  const ScriptCase::Section* refused = script.section("refused");
  if (refused == nullptr) return rows;
  const std::string text = without_strings(script.text);
  for (std::string_view told : lines(refused->text)) {
    unsigned line = 0, from = 0, to = 0;
    const size_t message = told.find(": ERROR: ");
    if (message == std::string_view::npos) continue;
    if (sscanf(std::string(told).c_str(), "stdin:%u:%u-%u:", &line, &from, &to) != 3) continue;
    size_t begin = 0;
    for (unsigned i = 1; i < line && begin != std::string::npos; i++) begin = text.find('\n', begin) + 1;
    if (begin + to - 1 > text.size()) {
      ADD_FAILURE() << script.name << ": " << told;
      continue;
    }
    rows.merge(blamed(text, begin + from - 1, begin + to - 1, told.substr(message)));
  }
  return rows;
}

}  // namespace shrike::meta
