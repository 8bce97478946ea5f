// What the checker warns of: code that says something else than was meant, or will not be understood by later versions.
#include <algorithm>
#include <iterator>
#include <set>

#include "frontend/checker.h"

namespace shrike {

using mir::Type;
using mir::TypeKind;

namespace {

// Functions that are called for what they do, though they also give a value.
bool has_effect(const FunctionRow& row) {
  constexpr std::string_view names[] = {"delete", "find"};
  return row.is_unsafe || std::find(std::begin(names), std::end(names), row.name) != std::end(names);
}

}  // namespace

// A statement that is only a value. Blocks may be macros, whose value not every use wants.
void Checker::warn_discarded(const ast::Expr* value) {
  const Type* type = note(value).type;
  if (type == nullptr || type->is(TypeKind::none) || type->is_aggregate()) return;
  if (value->as<ast::IncDecExpr>() != nullptr || value->as<ast::BlockExpr>() != nullptr || value->as<ast::IfExpr>() != nullptr ||
      value->as<ast::Ternary>() != nullptr)
    return;
  bool is_call = value->as<ast::Call>() != nullptr;
  if (is_call && (note(value).callee != nullptr || (note(value).function != nullptr && has_effect(*note(value).function))))
    return;
  report(Diag::discarded_value, value->span).with_hint("`_ = ...` says that this is meant");
}

void Checker::warn_mixed_signs(const ast::Binary& e, const Type* left, const Type* right) {
  using Op = ast::BinaryOp;
  bool is_order = e.op == Op::lt || e.op == Op::le || e.op == Op::gt || e.op == Op::ge;
  bool is_arithmetic = e.op == Op::add || e.op == Op::sub || e.op == Op::mul || e.op == Op::div || e.op == Op::mod;
  if (!is_order && !is_arithmetic) return;
  if (left->is_signed == right->is_signed || !left->is(TypeKind::integer) || !right->is(TypeKind::integer)) return;
  // A constant that both signs hold is no trap.
  for (const ast::Expr* side : {e.left, e.right})
    if (const auto* value = std::get_if<int64_t>(&constant(side)); value != nullptr && *value >= 0) return;
  if (left->size < 8 && !left->is_signed) return;
  if (right->size < 8 && !right->is_signed) return;
  report(Diag::mixed_signs, e.op_span, {is_order ? "comparison" : "arithmetic", show(left), show(right)});
}

void Checker::warn_unused() {
  if (final_.has_errors()) return;
  for (const UserMap& map : program_.maps)
    if (map.is_declared && !map.is_written && !map.is_read) report(Diag::unused_map, map.first_use, {std::string(map.name)});
  if (!counts_positionals_)
    for (const auto& [number, span] : missing_positionals_) report(Diag::missing_positional, span, {std::to_string(number)});
  if (program_.options.is_alone && first_cpid_ && !asks_for_cpid_)
    report(Diag::no_cpid, *first_cpid_).with_hint("-c COMMAND or -p PID; `has_cpid` tells whether there is one");
  // Instances of one probe have the same variables.
  std::set<uint32_t> told;
  auto tell = [&](const CheckedBody& body) {
    for (const Variable& variable : body.variables) {
      bool is_used = variable.is_read && variable.is_assigned;
      if (!variable.is_let || is_used || !told.insert(variable.declared.begin).second) continue;
      Diag id = variable.is_read ? Diag::unassigned_variable : Diag::unused_variable;
      report(id, variable.declared, {std::string(variable.name.substr(0, variable.name.find('.')))});  // as in the macro
    }
  };
  for (const CheckedBody& body : program_.bodies) tell(body);
  for (const CheckedBody& function : program_.functions) tell(function);
}

}  // namespace shrike
