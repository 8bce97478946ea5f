// One visit of every node, outermost first.
#include "frontend/ast_walk.h"

namespace shrike::ast {

namespace {

void walk(const Stmt* statement, const Visitor& visitor);

void walk_chain(const Expr& expr, const Visitor& visitor) {
  std::vector<const Expr*> spine = left_spine(&expr);
  for (size_t i = 1; i + 1 < spine.size(); i++)
    if (visitor.on_expr) visitor.on_expr(*spine[i]);
  walk(spine.back(), visitor);
  for (size_t i = spine.size() - 1; i > 0; i--) walk(spine[i - 1]->as<Binary>()->right, visitor);
}

void walk_children(const Expr& expr, const Visitor& visitor) {
  if (expr.as<Binary>() != nullptr) return walk_chain(expr, visitor);
  auto visit = [&](const Expr* child) { walk(child, visitor); };
  auto visit_type = [&](const TypeName& type) { visit(type.of); };  // typeof(expr)
  std::visit(Overloaded{
                 [&](const MapRef& e) { visit(e.key); },
                 [&](const Call& e) {
                   for (const Expr* arg : e.args) visit(arg);
                   if (e.type_arg) visit_type(*e.type_arg);
                 },
                 [&](const Unary& e) { visit(e.operand); },
                 [&](const IncDecExpr& e) { visit(e.operand); },
                 [&](const Ternary& e) {
                   visit(e.condition);
                   visit(e.then);
                   visit(e.otherwise);
                 },
                 [&](const Cast& e) {
                   visit_type(e.type);
                   visit(e.operand);
                 },
                 [&](const Field& e) { visit(e.object); },
                 [&](const TupleField& e) { visit(e.object); },
                 [&](const Index& e) {
                   visit(e.object);
                   visit(e.index);
                 },
                 [&](const Tuple& e) {
                   for (const Expr* element : e.elements) visit(element);
                 },
                 [&](const Record& e) {
                   for (const auto& [name, value] : e.fields) visit(value);
                 },
                 [&](const BlockExpr& e) {
                   walk(e.block, visitor);
                   visit(e.value);
                 },
                 [&](const IfExpr& e) { walk(e.statement, visitor); },
                 [&](const Comptime& e) { visit(e.operand); },
                 [&](const auto&) {},
             },
             expr.node);
}

// After the chain's last branch all of its statements end.
void walk_chain(const Stmt* statement, const Visitor& visitor) {
  std::vector<const Stmt*> chain;
  for (; statement != nullptr; statement = else_if(*chain.back()->as<If>())) {
    chain.push_back(statement);
    if (visitor.before_statement) visitor.before_statement(*statement);
    walk(statement->as<If>()->condition, visitor);
    walk(statement->as<If>()->then, visitor);
  }
  walk(chain.back()->as<If>()->otherwise, visitor);
  for (; !chain.empty(); chain.pop_back())
    if (visitor.after_statement) visitor.after_statement(*chain.back());
}

void walk(const Stmt* statement, const Visitor& visitor) {
  if (statement->as<If>() != nullptr) return walk_chain(statement, visitor);
  if (visitor.before_statement) visitor.before_statement(*statement);
  auto visit = [&](const Expr* child) { walk(child, visitor); };
  std::visit(Overloaded{
                 [&](const ExprStmt& s) { visit(s.expr); },
                 [&](const Assign& s) {
                   visit(s.target);
                   visit(s.value);
                 },
                 [&](const Let& s) {
                   visit(s.variable);
                   if (s.type) visit(s.type->of);
                   visit(s.value);
                 },
                 [&](const While& s) {
                   visit(s.condition);
                   walk(s.body, visitor);
                 },
                 [&](const Unroll& s) {
                   visit(s.count);
                   walk(s.body, visitor);
                 },
                 [&](const ForMap& s) {
                   visit(s.variable);
                   visit(s.map);
                   walk(s.body, visitor);
                 },
                 [&](const ForRange& s) {
                   visit(s.variable);
                   visit(s.from);
                   visit(s.to);
                   walk(s.body, visitor);
                 },
                 [&](const Return& s) { visit(s.value); },
                 [&](const BlockStmt& s) { walk(s.block, visitor); },
                 [&](const auto&) {},
             },
             statement->node);
  if (visitor.after_statement) visitor.after_statement(*statement);
}

}  // namespace

void walk(const Expr* expr, const Visitor& visitor) {
  if (expr == nullptr) return;
  if (visitor.on_expr) visitor.on_expr(*expr);
  walk_children(*expr, visitor);
}

void walk(const Block* block, const Visitor& visitor) {
  if (block == nullptr) return;
  for (const Stmt* statement : block->statements) walk(statement, visitor);
}

}  // namespace shrike::ast
