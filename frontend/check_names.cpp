// What variables and maps are called where: scopes, first uses, and the keys that maps are used with.
#include "frontend/ast_walk.h"
#include "frontend/checker.h"

namespace shrike {

using mir::Type;
using mir::TypeKind;

Variable* Checker::find_variable(std::string_view name, VariableId* id) {
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    auto found = scope->variables.find(name);
    if (found == scope->variables.end()) continue;
    *id = found->second;
    Variable& variable = body_->variables[*id];
    variable.may_be_unassigned |= variable.is_behind;
    variable.is_captured |= variable.callback != innermost_callback();
    return &variable;
  }
  return nullptr;
}

VariableId Checker::declare(const ast::Expr* at, Span span, uint32_t callback) {
  ExprNote& at_note = note(at);
  if (!at_note.variable.is_valid()) {
    Variable variable;
    variable.name = at->as<ast::Variable>()->name;
    variable.declared = span;
    at_note.variable = body_->variables.add(variable);
    changed_ = true;
  }
  body_->variables[at_note.variable].callback = callback;
  return at_note.variable;
}

UserMap& Checker::map_of(const ast::Expr* ref) {
  std::string_view name = ref->as<ast::MapRef>()->name;
  ExprNote& ref_note = note(ref);
  if (!ref_note.map.is_valid()) {
    auto [known, is_new] = map_names_.try_emplace(name);
    if (is_new) {
      UserMap map;
      map.name = name;
      known->second = program_.maps.add(map);
      changed_ = true;
    }
    ref_note.map = known->second;
    add_maps_of(ref->as<ast::MapRef>()->key);
  }
  UserMap& map = program_.maps[note(ref).map];
  map.is_reached |= body_->is_reached;
  if (program_.is_pinned) report(Diag::map_when_pinned, ref->span, {std::string(name)});
  return map;
}

// The maps that a key reads are added before the caller holds on to the map that has the key: adding moves them all.
void Checker::add_maps_of(const ast::Expr* key) {
  ast::Visitor visitor;
  visitor.on_expr = [&](const ast::Expr& expr) {
    if (expr.as<ast::MapRef>() != nullptr) map_of(&expr);
  };
  ast::walk(key, visitor);
}

UserMap* Checker::whole_map(const ast::Expr* ref, std::string_view function) {
  const ast::MapRef* map_ref = ref->as<ast::MapRef>();
  if (map_ref == nullptr || map_ref->key != nullptr) {
    expr(ref);
    report(Diag::expected_map, ref->span, {std::string(function)});
    return nullptr;
  }
  UserMap& map = map_of(ref);
  map.is_read = true;
  note(ref).type = map.value;
  if (map.value == nullptr) report(Diag::undefined_map, ref->span, {std::string(map.name)});
  return &map;
}

UserMap& Checker::map_key(const ast::Expr* ref, const ast::Expr* key) {
  map_of(ref);
  add_maps_of(key);
  UserMap& map = map_of(ref);
  map.is_read = true;
  use_key(map, ref, key);
  return map;
}

void Checker::use_key(UserMap& map, const ast::Expr* ref, const ast::Expr* key) {
  bool is_keyed = key != nullptr;
  if (!map.first_use.is_known()) {
    map.first_use = ref->span;
    map.is_keyed = is_keyed;
  }
  if (map.is_keyed != is_keyed) {
    report(is_keyed ? Diag::key_on_scalar_map : Diag::key_missing, ref->span, {std::string(map.name)})
        .label(map.first_use, map.is_declared
                                  ? "declared here"
                                  : std::string(is_keyed ? "first used without a key here" : "first used with a key here"));
    return;
  }
  if (key == nullptr) return;
  const Type* type = expr(key);
  if (type == nullptr) return;
  type = stored(read_as(type, types()), types());
  if (type->is(TypeKind::none) || type->is_aggregate() || type->size == 0) {
    report(Diag::bad_key_type, key->span, {show(type)});
    return;
  }
  if (map.key == nullptr) map.key_span = key->span;
  if (!widen(map.key, type))
    report(Diag::key_mismatch, key->span, {std::string(map.name), show(map.key), show(type)})
        .label(map.key_span, "the key is " + show(map.key) + " since here")
        .with_hint(missing_fields(map.key, type, types()));
}

}  // namespace shrike
