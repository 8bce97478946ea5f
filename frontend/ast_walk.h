// Visits every expression and statement of a tree, outermost first. For questions about whole bodies ("is `args` used?");
// stages that compute per node recurse themselves.
#pragma once

#include <functional>

#include "frontend/ast.h"

namespace shrike::ast {

struct Visitor {
  std::function<void(const Expr&)> on_expr;
  std::function<void(const Stmt&)> before_statement;
  std::function<void(const Stmt&)> after_statement;
};

void walk(const Expr* expr, const Visitor& visitor);  // null is nothing
void walk(const Block* block, const Visitor& visitor);

}  // namespace shrike::ast
