// A script is cut at tokens, MIR at lines. Wherever an edit succeeds the list of edits is made anew and the search goes on at the
// same place in it, since what comes before was tried; it ends after a walk through the whole list that changed nothing.
#include "tests/reduce/reducer.h"

#include <algorithm>
#include <cctype>
#include <string_view>
#include <vector>

#include "frontend/parser.h"
#include "mir/text.h"
#include "mir/validate.h"
#include "passes/pipeline.h"

namespace shrike::test {

namespace {

using Units = std::vector<std::string>;

// Replaces units [begin, end).
struct Edit {
  size_t begin, end;
  std::string with;

  size_t size() const { return end - begin; }
};

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '@';
}

// Tokens with the blanks before them. Operators of two characters come apart; what then does not parse is not tried.
Units tokens_of(std::string_view text) {
  Units out;
  while (!text.empty()) {
    size_t end = 0;
    while (end < text.size() && std::isspace(static_cast<unsigned char>(text[end]))) end++;
    const size_t begin = end;
    if (begin == text.size()) end = begin;
    else if (text[begin] == '"') {
      for (end++; end < text.size() && text[end] != '"'; end++) end += text[end] == '\\';
      end = std::min(end + 1, text.size());
    } else if (text.substr(begin, 2) == "//") end = std::min(text.find('\n', begin), text.size());
    else if (text.substr(begin, 2) == "/*") end = std::min(text.find("*/", begin), text.size() - 2) + 2;
    else if (is_word(text[begin]))
      while (end < text.size() && is_word(text[end])) end++;
    else end++;
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return out;
}

Units lines_of(std::string_view text) {
  Units out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return out;
}

std::string applied(const Units& units, const Edit& edit) {
  std::string out;
  for (size_t i = 0; i < units.size(); i++) {
    if (i == edit.begin) out += edit.with;
    if (i < edit.begin || i >= edit.end) out += units[i];
  }
  return out;
}

// Runs of 2^k units, the long ones first.
void add_runs(const Units& units, std::vector<Edit>& out) {
  size_t size = 1;
  while (size * 2 < units.size()) size *= 2;
  for (; size != 0; size /= 2)
    for (size_t i = 0; i + size <= units.size(); i += std::max<size_t>(size / 2, 1)) out.push_back({i, i + size, ""});
}

// What lies between brackets, with them or without; statements; the brackets alone.
void add_script_parts(const Units& units, std::vector<Edit>& out) {
  std::vector<size_t> open, starts{0};
  for (size_t i = 0; i < units.size(); i++) {
    switch (units[i].back()) {
      case '(':
      case '[':
      case '{':
        open.push_back(i);
        starts.push_back(i + 1);
        break;
      case ')':
      case ']':
      case '}': {
        if (open.empty()) break;
        const size_t begin = open.back();
        open.pop_back();
        starts.pop_back();
        out.push_back({begin, i + 1, ""});
        out.push_back({starts.back(), i + 1, ""});  // a probe or statement with its block
        out.push_back({begin + 1, i, ""});
        out.push_back({begin, i + 1, " 1"});
        std::string inside;
        for (size_t k = begin + 1; k < i; k++) inside += units[k];
        out.push_back({begin, i + 1, inside});
        out.push_back({starts.back(), i + 1, inside});  // the block of an `if` without its condition
        if (units[i].back() == '}') starts.back() = i + 1;
        break;
      }
      case ';':
        out.push_back({starts.back(), i + 1, ""});
        starts.back() = i + 1;
        break;
      default: break;
    }
  }
}

// Functions and blocks; values that become constants; branches that become jumps; ways that end where they led on.
void add_mir_parts(const Units& units, std::vector<Edit>& out) {
  size_t function = 0, block = 0;
  for (size_t i = 0; i < units.size(); i++) {
    const std::string& line = units[i];
    if (line.starts_with("fn ")) function = i;
    if (line.starts_with("}")) out.push_back({function, i + 1, ""});
    if ((line.starts_with("^") || line.starts_with("}")) && block != 0) out.push_back({block, i, ""});
    if (line.starts_with("^")) block = i;
    if (line.starts_with("}")) block = 0;
    const size_t value = line.find(": i64 = ");
    if (value != std::string::npos && line.find("= constant 0") == std::string::npos)
      out.push_back({i, i + 1, line.substr(0, value) + ": i64 = constant 0\n"});
    const bool is_branch = line.starts_with("  branch");
    if (!is_branch && !line.starts_with("  jump")) continue;
    const std::string none = "  %cut" + std::to_string(units.size());
    out.push_back({i, i + 1, none + ": i64 = constant 0\n  ret" + none.substr(1) + "\n"});
    if (!is_branch) continue;
    for (size_t at = line.find(", ^"); at != std::string::npos; at = line.find(", ^", at + 1)) {
      size_t end = std::min(line.find_first_of(",# \n", at + 2), line.size());
      if (const size_t list = line.find('(', at); list != std::string::npos && list <= end) end = line.find(')', at) + 1;
      out.push_back({i, i + 1, "  jump " + line.substr(at + 2, end - at - 2) + "\n"});
    }
  }
}

std::vector<Edit> edits_of(const Units& units, CaseKind kind) {
  std::vector<Edit> out;
  kind == CaseKind::script ? add_script_parts(units, out) : add_mir_parts(units, out);
  add_runs(units, out);
  std::stable_sort(out.begin(), out.end(), [](const Edit& a, const Edit& b) { return a.size() > b.size(); });
  return out;
}

bool is_valid(const std::string& text, CaseKind kind) {
  Diagnostics diagnostics;
  if (kind == CaseKind::mir) {
    const mir::Module module = mir::parse(text, 1, diagnostics);
    return !diagnostics.has_errors() && mir::validate(module).empty();
  }
  SourceMap sources;
  Arena arena;
  parse(sources, sources.add("case", text), {}, arena, diagnostics);
  return !diagnostics.has_errors();
}

// Merges blocks and drops what edits by lines left dangling.
std::string after_pass(const std::string& text, const char* pass) {
  Diagnostics diagnostics;
  mir::Module module = mir::parse(text, 1, diagnostics);
  return passes::run_pass(pass, module, {}, diagnostics) ? mir::print(module, {}) : text;
}

}  // namespace

Reduced reduce(const std::string& text, const ReduceOptions& options) {
  auto units_of = [&](const std::string& of) { return options.kind == CaseKind::script ? tokens_of(of) : lines_of(of); };
  Reduced out{text, 0};
  // True if `smaller` takes the place of what there is.
  auto accepts = [&](const std::string& smaller) {
    if (smaller == out.text || out.checks == options.most_checks || !is_valid(smaller, options.kind)) return false;
    out.checks++;
    if (!options.fails(smaller)) return false;
    out.text = smaller;
    return true;
  };
  bool has_changed = true;
  while (has_changed) {
    has_changed = false;
    Units units = units_of(out.text);
    std::vector<Edit> edits = edits_of(units, options.kind);
    for (size_t next = 0; next < edits.size();) {
      if (!accepts(applied(units, edits[next]))) {
        next++;
        continue;
      }
      units = units_of(out.text);
      edits = edits_of(units, options.kind);
      has_changed = true;
    }
    if (options.kind == CaseKind::script) continue;
    for (const char* pass : {"simplify", "remove-dead"})
      if (const std::string tidied = after_pass(out.text, pass); tidied.size() < out.text.size()) has_changed |= accepts(tidied);
  }
  return out;
}

}  // namespace shrike::test
