// A script through the parser, as text: what most tests here compare.
#pragma once

#include <string>
#include <vector>

#include "frontend/parser.h"

namespace shrike {

struct Parsed {
  std::string tree;
  std::string messages;             // rendered, concatenated
  std::vector<std::string> errors;  // "name line:from-to" of each diagnostic, warnings too
};

inline Parsed parse_text(std::string text, std::vector<std::string> positionals = {}) {
  SourceMap sources;
  uint32_t begin = sources.add("t.bt", std::move(text));
  Arena arena;
  Diagnostics diagnostics;
  ast::Program program = parse(sources, begin, {std::move(positionals)}, arena, diagnostics);
  Parsed parsed;
  parsed.tree = print(program, sources);
  for (const Diagnostic& diagnostic : diagnostics.all()) {
    parsed.messages += render(diagnostic, sources, {});
    std::string entry(row_of(diagnostic.id).name);
    if (diagnostic.span.is_known()) {
      Location from = sources.locate(diagnostic.span.begin);
      Location to = sources.locate(diagnostic.span.end - 1);
      entry += " " + std::to_string(from.line) + ":" + std::to_string(from.column) + "-" + std::to_string(to.column);
    }
    parsed.errors.push_back(entry);
  }
  return parsed;
}

// The tree of the statements in `begin { ... }`, without the probe's own line and with positions.
inline std::string tree_of_body(const std::string& body) {
  Parsed parsed = parse_text("begin { " + body + " }");
  if (!parsed.messages.empty()) return parsed.messages;
  return parsed.tree.substr(parsed.tree.find('\n') + 1);
}

// The s-expression of one expression.
inline std::string tree_of(const std::string& expression) {
  std::string tree = tree_of_body("$_ = " + expression + ";");
  size_t equals = tree.find("$_ = ");
  if (equals == std::string::npos) return tree;
  return tree.substr(equals + 5, tree.size() - equals - 6);
}

using Errors = std::vector<std::string>;

}  // namespace shrike
