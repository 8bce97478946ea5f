// Functions on maps.
#include "frontend/checker.h"
#include "frontend/function_rows.h"
#include "frontend/lower.h"

namespace shrike {

namespace {

using mir::Type;
using mir::ValueId;

// delete(@m, key), and the older delete(@m[key]) and delete(@scalar).
const Type* check_delete(Checker& c, const ast::Expr&, const ast::Call& call) {
  const auto* map_ref = call.args[0]->as<ast::MapRef>();
  if (map_ref == nullptr || (map_ref->key != nullptr && call.args.size() == 2)) {
    c.expr(call.args[0]);
    c.report(Diag::expected_map, call.args[0]->span, {"delete"});
    return nullptr;
  }
  c.map_key(call.args[0], call.args.size() == 2 ? call.args[1] : map_ref->key);
  return c.types().boolean();
}

const ast::Expr* key_of(const ast::Call& call) {
  return call.args.size() == 2 ? call.args[1] : call.args[0]->as<ast::MapRef>()->key;
}

ValueId lower_delete(Lower& l, const ast::Expr& self, const ast::Call& call) {
  UserMapId id = l.note(call.args[0]).map;
  if (!l.mir_map(id).is_valid()) return l.b().constant(0);
  const UserMap& map = l.program().maps[id];
  bool is_direct = !map.is_keyed && (is_scalar(map.value) || map.value->is_aggregate());
  ValueId was_there = l.delete_key(id, is_direct ? ValueId() : l.key_pointer(map, key_of(call)));
  if (l.program().options.runtime_warnings) {
    mir::BlockId missing = l.new_block("missing");
    mir::BlockId on = l.new_block("on");
    l.branch(was_there, on, missing);
    l.enter(missing);
    l.runtime_error("no such key in " + std::string(map.name), self.span);
    l.jump(on);
    l.enter(on);
  }
  return was_there;
}

const Type* check_has_key(Checker& c, const ast::Expr&, const ast::Call& call) {
  const auto* map_ref = call.args[0]->as<ast::MapRef>();
  if (map_ref == nullptr || map_ref->key != nullptr) {
    c.expr(call.args[0]);
    c.report(Diag::expected_map, call.args[0]->span, {"has_key"});
    return nullptr;
  }
  c.map_key(call.args[0], call.args[1]);
  return c.types().boolean();
}

ValueId lower_has_key(Lower& l, const ast::Expr&, const ast::Call& call) {
  UserMapId id = l.note(call.args[0]).map;
  if (!l.mir_map(id).is_valid()) return l.b().constant(0);
  mir::BlockId missing = l.new_block("missing");
  mir::BlockId present = l.new_block("present");
  mir::BlockId join = l.new_block("join");
  ValueId found = l.map_value_or_null(id, l.key_pointer(l.program().maps[id], call.args[1]));
  l.branch_null(found, missing, present);
  ValueId result = l.b().add_param(join, {});
  l.enter(present);
  l.jump_with(join, {l.b().constant(1)});
  l.enter(missing);
  l.jump_with(join, {l.b().constant(0)});
  l.enter(join);
  return result;
}

// find(@map, key, $variable): one look-up that both tells and gives.
const Type* check_find(Checker& c, const ast::Expr&, const ast::Call& call) {
  const auto* map_ref = call.args[0]->as<ast::MapRef>();
  if (map_ref == nullptr || map_ref->key != nullptr) {
    c.expr(call.args[0]);
    c.report(Diag::expected_map, call.args[0]->span, {"find"});
    return nullptr;
  }
  if (call.args[2]->as<ast::Variable>() == nullptr) {
    const Type* given = c.expr(call.args[2]);
    c.report(Diag::bad_argument, call.args[2]->span, {"find", "a variable", show(given)});
    return nullptr;
  }
  const UserMap& map = c.map_key(call.args[0], call.args[1]);
  const Type* value = map.value;
  if (value == nullptr) c.report(Diag::undefined_map, call.args[0]->span, {std::string(map.name)});
  c.assign_variable(call.args[2], value, call.args[2]);
  return c.types().boolean();
}

ValueId lower_find(Lower& l, const ast::Expr&, const ast::Call& call) {
  UserMapId id = l.note(call.args[0]).map;
  if (!l.mir_map(id).is_valid()) return l.b().constant(0);
  const UserMap& map = l.program().maps[id];
  mir::BlockId missing = l.new_block("missing");
  mir::BlockId present = l.new_block("present");
  mir::BlockId join = l.new_block("join");
  ValueId key = l.key_pointer(map, call.args[1]);
  ValueId found = l.branch_null(l.map_value_or_null(id, key), missing, present);
  ValueId result = l.b().add_param(join, {});
  l.enter(present);
  VariableId variable = l.note(call.args[2]).variable;
  if (map.value->is_aggregate()) l.assign_scalar(variable, l.read_aggregate(id, key));
  else l.assign_from(variable, Place{found}, map.value);
  l.jump_with(join, {l.b().constant(1)});
  l.enter(missing);
  l.jump_with(join, {l.b().constant(0)});
  l.enter(join);
  return result;
}

const Type* check_len(Checker& c, const ast::Expr&, const ast::Call& call) {
  const auto* map_ref = call.args[0]->as<ast::MapRef>();
  if (map_ref != nullptr && map_ref->key == nullptr) {
    UserMap* map = c.whole_map(call.args[0], "len");
    if (map != nullptr && map->is_keyed) return c.types().int64();
    if (map != nullptr && map->value == nullptr) return nullptr;
  }
  const Type* type = c.expr(call.args[0]);
  if (type == nullptr) return nullptr;
  if (type->is_stack()) return c.types().int64();
  c.report(Diag::bad_argument, call.args[0]->span, {"len", "a keyed map or a stack", show(type)});
  return nullptr;
}

ValueId lower_len(Lower& l, const ast::Expr&, const ast::Call& call) {
  const auto* map_ref = call.args[0]->as<ast::MapRef>();
  if (map_ref != nullptr && map_ref->key == nullptr && l.user_map(call.args[0]).is_keyed)
    return l.count_entries(l.note(call.args[0]).map);
  return l.load_scalar(l.place(call.args[0]), l.types().uint64());
}

const Type* check_stack_len(Checker& c, const ast::Expr&, const ast::Call& call) {
  const Type* type = c.expr(call.args[0]);
  if (type == nullptr || type->is_stack()) return type == nullptr ? nullptr : c.types().int64();
  c.report(Diag::bad_argument, call.args[0]->span, {"stack_len", "a stack", show(type)});
  return nullptr;
}

constexpr FunctionRow rows[] = {
    {"delete", "@map, [key]", 1, 2, false, check_delete, lower_delete, nullptr, "removes one entry; whether it was there"},
    {"has_key", "@map, key", 2, 2, false, check_has_key, lower_has_key, nullptr, "whether the map has the key"},
    {"find", "@map, key, $variable", 3, 3, false, check_find, lower_find, nullptr,
     "whether the map has the key; if so, the variable gets the value"},
    {"len", "@map or stack", 1, 1, false, check_len, lower_len, nullptr, "number of entries or frames"},
    {"stack_len", "stack", 1, 1, false, check_stack_len, lower_len, nullptr, "number of frames"},
};

}  // namespace

std::span<const FunctionRow> map_functions() {
  return rows;
}

}  // namespace shrike
