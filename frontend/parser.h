// Script text to syntax tree. Never fails: what cannot be read is reported and left out or replaced by ErrorExpr.
#pragma once

#include <string>
#include <vector>

#include "frontend/ast.h"
#include "frontend/headers.h"
#include "mir/base/diagnostic.h"

namespace shrike {

struct ParseOptions {
  std::vector<std::string> positionals;    // $1..: replaced inside attach points; elsewhere they stay Positional nodes
  uint32_t first_expr_id = 0;              // of a file that joins others in one Program
  HeaderLoader* headers = nullptr;         // none: #include is passed over
  std::vector<std::string> first_headers;  // --include
};

// Parses the file that starts at `begin` in `sources`. Nodes and strings live in `arena`. Headers are added to
// `sources`. What #define says is expanded during lexing, so that the tree never shows it.
ast::Program parse(SourceMap& sources, uint32_t begin, const ParseOptions& options, Arena& arena, Diagnostics& diagnostics);

// The tree as text (--emit=ast), two spaces an indent, one node a line with `line:column`.
std::string print(const ast::Program& program, const SourceMap& sources);

}  // namespace shrike
