// A script through parser and checker, with all that has to outlive the result.
#pragma once

#include <string>

#include "frontend/expand_macros.h"
#include "frontend/frontend.h"
#include "frontend/parser.h"
#include "tests/support/fixture_facts.h"

namespace shrike {

struct CheckedScript {
  explicit CheckedScript(const std::string& text, const CheckOptions& options = {}) {
    uint32_t begin = sources.add("test.bt", text);
    ParseOptions parse_options;
    parse_options.positionals = options.positionals;
    ast = parse(sources, begin, parse_options, arena, diagnostics);
    if (!diagnostics.has_errors()) expand_macros(ast, sources, arena, diagnostics);
    if (!diagnostics.has_errors()) program = check(ast, facts, options, diagnostics);
  }

  SourceMap sources;
  Diagnostics diagnostics;
  Arena arena;
  FixtureFacts facts;
  ast::Program ast;
  CheckedProgramPtr program;
};

}  // namespace shrike
