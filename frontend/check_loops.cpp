// Checks loops, and decides which of them become callbacks (frontend/lower_loops.cpp) and what variables those share.
#include "frontend/checker.h"
#include "frontend/counted_loops.h"

namespace shrike {

void Checker::begin_walk() {
  loop_depth_ = callbacks_met_ = 0;
  callbacks_.clear();
  implicit_.clear();
  for (Variable& variable : body_->variables) variable.is_captured = false;
}

void Checker::loop_body(const ast::Block* body) {
  loop_depth_++;
  block(body);
  loop_depth_--;
}

void Checker::callback_body(const ast::Block* body) {
  enter_callback(nullptr);
  loop_body(body);
  callbacks_.pop_back();
}

void Checker::enter_callback(const ast::Expr* while_condition) {
  callbacks_.push_back({++callbacks_met_, while_condition});
}

// A loop that the verifier would not walk to its end is a callback, unless something in it has to be in the function itself:
// the walk that finds such a thing says so in the note of the condition, and the next one goes by it.
void Checker::while_loop(const ast::Block& block, size_t index) {
  const auto& loop = std::get<ast::While>(block.statements[index]->node);
  const uint32_t start = block.statements[index]->span.begin;
  report(Diag::deprecated_while, {start, start + 5}).with_hint("`for $i : 0..n` counts, and `break` leaves it");
  ExprNote& its = note(loop.condition);
  its.is_callback = !its.stays_in_function && !is_walkable(block, index);
  const bool is_callback = its.is_callback;
  if (is_callback) enter_callback(loop.condition);
  condition(loop.condition);
  loop_body(loop.body);
  if (is_callback) callbacks_.pop_back();
}

bool Checker::leave_while_callbacks() {
  for (const Callback& callback : callbacks_)
    if (callback.while_condition == nullptr) return false;
  for (const Callback& callback : callbacks_) {
    note(callback.while_condition).stays_in_function = true;
    changed_ = true;
  }
  return true;
}

void Checker::in_loop(std::string_view word, Span span) {
  if (loop_depth_ == 0) report(Diag::not_in_loop, span, {std::string(word)});
}

void Checker::unroll(const ast::Unroll& statement) {
  std::optional<int64_t> count = constant_integer(statement.count, "the count of `unroll`");
  if (count && (*count < 1 || *count > 100)) report(Diag::bad_unroll, statement.count->span, {std::to_string(*count)});
  loop_body(statement.body);
}

Variable& Checker::loop_variable(const ast::Expr* at) {
  VariableId id = declare(at, at->span, callbacks_met_ + 1);  // it belongs to the body, which is the next callback
  Variable& variable = body_->variables[id];
  scopes_.back().variables.emplace(variable.name, id);
  variable.is_assigned = true;
  return variable;
}

void Checker::for_range(const ast::ForRange& statement) {
  integer(statement.from, "the start of a range");
  integer(statement.to, "the end of a range");
  open_scope();
  widen(loop_variable(statement.variable).type, types().int64());
  callback_body(statement.body);
  close_scope();
}

void Checker::for_map(const ast::ForMap& statement) {
  open_scope();
  UserMap* map = whole_map(statement.map, "for");
  Variable& variable = loop_variable(statement.variable);
  if (map != nullptr) {
    variable.loop_map = note(statement.map).map;
    if (!map->is_keyed && map->first_use.is_known())
      report(Diag::loop_over_scalar, statement.map->span, {std::string(map->name)})
          .label(map->first_use, "`" + std::string(map->name) + "` is used without a key");
    if (map->value != nullptr && map->value->is_chart())
      report(Diag::cannot_store, statement.map->span, {show(map->value), "a loop variable"});
    else if (map->key != nullptr && map->value != nullptr)
      widen(variable.type, types().tuple({map->key, stored(read_as(map->value, types()), types())}));
  }
  callback_body(statement.body);
  close_scope();
}

uint32_t Checker::innermost_callback() const {
  return callbacks_.empty() ? 0 : callbacks_.back().number;
}

// Without `let`, a variable belongs to the whole probe from its first assignment on, as it always did, or to the body of a
// `for`, each round of which starts anew. The rounds of a `while` share it.
uint32_t Checker::innermost_for() const {
  for (auto callback = callbacks_.rbegin(); callback != callbacks_.rend(); ++callback)
    if (callback->while_condition == nullptr) return callback->number;
  return 0;
}

}  // namespace shrike
