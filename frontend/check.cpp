// The checker's outer half: the walk to a fixed point, statements. Attach points become bodies in check_probes.cpp,
// expressions are in check_expr.cpp.
#include <algorithm>
#include <set>
#include <tuple>

#include "frontend/ast_walk.h"
#include "frontend/builtins.h"
#include "frontend/c_layout.h"
#include "frontend/checker.h"
#include "frontend/config.h"
#include "frontend/constants.h"
#include "frontend/expand_macros.h"

namespace shrike {

using mir::Type;
using mir::TypeKind;

void CheckedProgramDeleter::operator()(CheckedProgram* program) const {
  delete program;
}

const Config& config_of(const CheckedProgram& program) {
  return program.config;
}

CheckedProgramPtr check(const ast::Program& ast, KernelFacts& facts, const CheckOptions& options, Diagnostics& diagnostics) {
  CheckedProgramPtr program(new CheckedProgram);
  program->ast = &ast;
  program->facts = &facts;
  program->options = options;
  program->config = read_config(ast, options, diagnostics);
  Checker(*program, diagnostics).run();
  if (diagnostics.has_errors()) return nullptr;
  return program;
}

ExprNote& NoteTable::operator[](ast::ExprId id) {
  if (notes_.empty()) {
    base_ = id.index;
    notes_.resize(1);
  } else if (id.index < base_) {
    // Room for as many again below, so that walking towards lower ids stays linear.
    uint32_t room = std::min<uint32_t>(base_, std::max<uint32_t>(base_ - id.index, static_cast<uint32_t>(notes_.size())));
    notes_.insert(notes_.begin(), room, ExprNote());
    base_ -= room;
  } else if (id.index - base_ >= notes_.size()) {
    notes_.resize(id.index - base_ + 1);
  }
  return notes_[id.index - base_];
}

const ExprNote& NoteTable::operator[](ast::ExprId id) const {
  static const ExprNote empty;
  return id.index < base_ || id.index - base_ >= notes_.size() ? empty : notes_[id.index - base_];
}

Checker::Checker(CheckedProgram& program, Diagnostics& diagnostics)
    : program_(program), c_types_(*program.ast, program.types, *program.facts), final_(diagnostics), sink_(&diagnostics) {}

Diagnostic& Checker::report(Diag id, Span span, std::initializer_list<std::string> args) {
  return sink_->report(id, span, args);
}

void Checker::run() {
  define_c_types();
  for (const ast::Import& import : program_.ast->block_imports)
    allows_unstable("import", "unstable_import_statement", program_.config.unstable_import_statement, import.span);
  declare_maps();
  if (!declare_functions()) return;
  resolve_probes();
  if (final_.has_errors() && program_.bodies.empty()) return;
  // Types only widen and each chain of widenings is short. Only mistakes keep it from ending, like a value of one type here
  // and another there; what is said of them must not be lost.
  constexpr int most_walks = 64;
  constexpr int early_walks = 8;
  for (int walk = 1; walk <= most_walks; walk++) {
    is_late_ = walk > early_walks;
    Diagnostics reports;
    sink_ = &reports;
    changed_ = false;
    for (CheckedBody& body : program_.bodies) check_body(body);
    for (CheckedBody& function : program_.functions) check_function(function);
    sink_ = &final_;
    if (changed_ && walk < most_walks) continue;
    CHECK(!changed_ || reports.has_errors(), "types that keep changing without a mistake");
    // Instances of one probe repeat its mistakes.
    std::set<std::tuple<Diag, uint32_t, uint32_t>> told;
    for (Diagnostic report : reports.all()) {
      if (report.span.is_known() && !told.insert({report.id, report.span.begin, report.span.end}).second) continue;
      if (!program_.ast->macros.empty()) restore_macro_names(report);
      final_.add(std::move(report));
    }
    break;
  }
  check_named_arguments();
  warn_unused();
}

void Checker::define_c_types() {
  c_types_.define_own(final_);
}

void Checker::declare_maps() {
  struct Kind {
    std::string_view name;
    mir::MapKind kind;
  };
  static constexpr Kind kinds[] = {{"hash", mir::MapKind::hash},
                                   {"lruhash", mir::MapKind::lru_hash},
                                   {"percpuhash", mir::MapKind::percpu_hash},
                                   {"percpulruhash", mir::MapKind::lru_percpu_hash}};
  for (const ast::MapDeclaration& declaration : program_.ast->map_declarations) {
    const Kind* kind =
        std::find_if(std::begin(kinds), std::end(kinds), [&](const Kind& k) { return k.name == declaration.kind; });
    if (kind == std::end(kinds)) {
      report(Diag::unknown_map_kind, declaration.kind_span, {std::string(declaration.kind)})
          .with_hint("kinds are hash, lruhash, percpuhash and percpulruhash");
      continue;
    }
    const ast::IntLit* entries = declaration.entries == nullptr ? nullptr : declaration.entries->as<ast::IntLit>();
    if (entries == nullptr || entries->value == 0 || entries->value > UINT32_MAX) {
      report(Diag::bad_map_size, declaration.span, {std::string(declaration.name)});
      continue;
    }
    if (auto earlier = map_names_.find(declaration.name); earlier != map_names_.end()) {
      report(Diag::map_redeclared, declaration.span, {std::string(declaration.name)})
          .label(program_.maps[earlier->second].first_use, "first declared here");
      continue;
    }
    UserMap map;
    map.name = declaration.name;
    map.is_declared = map.is_keyed = true;
    map.kind = kind->kind;
    map.max_entries = entries->value;
    map.first_use = declaration.span;
    map_names_.emplace(map.name, program_.maps.add(map));
  }
}

void Checker::check_body(CheckedBody& body) {
  body_ = &body;
  scopes_.assign(1, Scope());
  begin_walk();
  if (body.probe->predicate != nullptr) condition(body.probe->predicate);
  block(body.probe->body);
}

// Named arguments that no getopt() asks for are mistyped ones.
void Checker::check_named_arguments() {
  for (const auto& [name, value] : program_.options.named) {
    if (program_.script_options.contains(name) || name == "help") continue;
    Diagnostic& said = report(Diag::unknown_named_argument, {}, {name});
    std::string known;
    for (const auto& [option, use] : program_.script_options) known += (known.empty() ? "--" : ", --") + option;
    said.with_hint(known.empty() ? "the script calls getopt() nowhere" : "it knows " + known);
  }
}

bool Checker::widen(const Type*& slot, const Type* type) {
  const Type* wider = slot == nullptr ? type : unify(slot, type, types());
  if (wider == nullptr) return false;
  if (wider == slot) return true;
  changed_ = true;
  slot = is_late_ && slot != nullptr ? grown(slot, wider, types()) : wider;
  return true;
}

// What is counted up or down is the result of arithmetic, so a whole number of 64 bits whatever its first value was.
const Type* Checker::counting(const ast::Expr* target, const Type* type, bool is_signed) {
  bool is_narrow = type->is(TypeKind::boolean) || (type->is(TypeKind::integer) && type->size < 8);
  if (!is_narrow) return type;
  const Type* whole = types().integer(8, is_signed);
  if (target->as<ast::MapRef>() != nullptr) {
    widen(map_of(target).value, whole);
    return map_of(target).value;
  }
  Variable& variable = body_->variables[note(target).variable];
  if (!variable.is_fixed) widen(variable.type, whole);
  return variable.type;
}

// --- statements

void Checker::open_scope() {
  scopes_.push_back({{}, implicit_.size()});
}

// What was declared by an assignment inside lives on, but only one of the ways to code behind leads past the assignment.
void Checker::close_scope() {
  for (; implicit_.size() > scopes_.back().first_implicit; implicit_.pop_back())
    body_->variables[implicit_.back()].is_behind = true;
  scopes_.pop_back();
}

void Checker::block(const ast::Block* block) {
  if (block == nullptr) return;
  open_scope();
  for (size_t i = 0; i < block->statements.size(); i++) statement(*block, i);
  close_scope();
}

void Checker::condition(const ast::Expr* condition) {
  const Type* type = expr(condition);
  if (type != nullptr && !converts_to_integer(type)) report(Diag::not_a_condition, condition->span, {show(type)});
}

void Checker::in_branch(const ast::Expr* condition, bool when, const std::function<void()>& check) {
  std::optional<bool> goes = goes_while_compiling(condition, constant(condition));
  if (goes && *goes != when) return;
  const auto* known = std::get_if<int64_t>(&constant(condition));
  bool outer = is_dead_;
  is_dead_ |= known != nullptr && (*known != 0) != when;
  check();
  is_dead_ = outer;
}

void Checker::statement(const ast::Block& in, size_t index) {
  const ast::Stmt& statement = *in.statements[index];
  std::visit(ast::Overloaded{
                 [&](const ast::ExprStmt& s) {
                   expr(s.expr);
                   warn_discarded(s.expr);
                 },
                 [&](const ast::Assign& s) { assign(s, statement.span); },
                 [&](const ast::Let& s) { let(s); },
                 [&](const ast::If& s) { if_chain(s); },
                 [&](const ast::While&) { while_loop(in, index); },
                 [&](const ast::Unroll& s) { unroll(s); },
                 [&](const ast::ForRange& s) { for_range(s); },
                 [&](const ast::ForMap& s) { for_map(s); },
                 [&](const ast::Break&) { in_loop("break", statement.span); },
                 [&](const ast::Continue&) { in_loop("continue", statement.span); },
                 [&](const ast::Return& s) { return_value(s, statement.span); },
                 [&](const ast::BlockStmt& s) { block(s.block); },
             },
             statement.node);
}

// `if` and all `else if` that follow. What comes after a condition that is always true is dead, and so is all behind it.
void Checker::if_chain(const ast::If& first) {
  const bool outer = is_dead_;
  for (const ast::If* at = &first; at != nullptr;) {
    condition(at->condition);
    in_branch(at->condition, true, [&] { block(at->then); });
    const ast::Stmt* next = ast::else_if(*at);
    if (next == nullptr) {
      in_branch(at->condition, false, [&] { block(at->otherwise); });
      break;
    }
    if (!enter_else(at->condition)) break;
    at = next->as<ast::If>();
  }
  is_dead_ = outer;
}

bool Checker::enter_else(const ast::Expr* condition) {
  if (goes_while_compiling(condition, constant(condition)).value_or(false)) return false;
  const auto* known = std::get_if<int64_t>(&constant(condition));
  is_dead_ |= known != nullptr && *known != 0;
  return true;
}

void Checker::assign(const ast::Assign& statement, Span span) {
  const ast::Expr* target = statement.target;
  if (target->as<ast::Ident>() != nullptr) {  // `_ = e` throws the value away
    expr(statement.value);
    return;
  }
  if (statement.op) {  // target op= value reads the target first
    const Type* old = expr(target);
    const Type* type = expr(statement.value);
    if (target->as<ast::MapRef>() != nullptr) map_of(target).is_written = true;
    if (old != nullptr && old->is_aggregate()) {
      report(Diag::aggregate_modified, span, {show(old)});
    } else if (old != nullptr && type != nullptr && (!converts_to_integer(old) || !converts_to_integer(type))) {
      report(Diag::operands_not_integers, span, {std::string(ast::text_of(*statement.op)) + "=", show(old), show(type)});
    } else if (target->as<ast::MapRef>() != nullptr && old == nullptr && type != nullptr && map_of(target).value == nullptr) {
      // The first thing done to the map: it holds integers.
      widen(map_of(target).value, stored(read_as(type, types()), types()));
      map_of(target).value_span = target->span;
    } else if (old != nullptr && type != nullptr) {
      bool is_signed = *statement.op == ast::BinaryOp::sub || is_signed_operation(note(target), note(statement.value));
      note(target).type = counting(target, old, is_signed);
    }
    return;
  }
  const ast::Call* call = statement.value->as<ast::Call>();
  const AggregationRow* aggregation = call == nullptr ? nullptr : find_aggregation(call->name);
  const Type* type = nullptr;
  if (aggregation != nullptr && target->as<ast::MapRef>() != nullptr) {
    type = check_aggregation(*this, *statement.value, *call, *aggregation);
    note(statement.value).type = type;
  } else {
    type = expr(statement.value);
  }
  if (type != nullptr && type->is(TypeKind::none)) {
    report(Diag::no_value, statement.value->span);
    type = nullptr;
  }
  if (target->as<ast::Variable>() != nullptr) {
    assign_variable(target, type, statement.value);
  } else {
    assign_map(target, type, statement.value);
  }
}

namespace {

// Do both point to records, but not of one type?
bool points_to_others(const Type* a, const Type* b) {
  auto is_record_pointer = [](const Type* type) {
    return type->is(TypeKind::pointer) && type->element->is(TypeKind::record) && !is_made_record(type->element);
  };
  bool are_records = a != nullptr && is_record_pointer(a) && is_record_pointer(b);
  return are_records && a->element != b->element;
}

// After widening: is what `b` points to laid out in another way than `a` says? Once nothing changes any more, an error.
bool points_to_other_layout(const Type* a, const Type* b) {
  if (!a->is(TypeKind::pointer) || !b->is(TypeKind::pointer)) return false;
  return a->element != b->element && (a->element->is(TypeKind::tuple) || is_made_record(a->element));
}

}  // namespace

void Checker::assign_variable(const ast::Expr* target, const Type* type, const ast::Expr* value) {
  VariableId id;
  Variable* variable = find_variable(target->as<ast::Variable>()->name, &id);
  if (variable == nullptr) {
    id = declare(target, target->span, innermost_for());
    scopes_.front().variables.emplace(body_->variables[id].name, id);
    body_->variables[id].is_behind = false;
    implicit_.push_back(id);
    variable = find_variable(target->as<ast::Variable>()->name, &id);
  }
  ExprNote& target_note = note(target);
  target_note.variable = id;
  variable->is_assigned = true;
  if (type == nullptr || (type->is(TypeKind::record) && layout(type, value->span) == nullptr)) return;
  type = read_as(type, types());
  if (type->is_aggregate()) {
    report(Diag::cannot_store, value->span, {show(type), "a variable"});
    return;
  }
  if (variable->is_fixed && variable->type == nullptr) return;  // its own type is wrong
  bool is_cut = type->is(TypeKind::string) && variable->type != nullptr && variable->type->is(TypeKind::string);
  bool is_converted = type->is_integer_like() && variable->type != nullptr && variable->type->is_integer_like();
  if (variable->is_fixed && (is_cut || is_converted)) {
    target_note.type = variable->type;
    bool is_number = variable->type->is(TypeKind::integer) && std::holds_alternative<int64_t>(constant(value));
    if (is_number && !fits(constant(value), variable->type->size))
      report(Diag::does_not_fit, value->span, {std::to_string(std::get<int64_t>(constant(value))), show(variable->type)})
          .label(variable->declared, "`" + std::string(variable->name) + "` is " + show(variable->type) + " since here");
    return;
  }
  const bool is_whole = type->is(TypeKind::tuple) || type->is(TypeKind::record);
  const bool is_too_wide = variable->is_fixed && is_whole && unify(variable->type, type, types()) != variable->type;
  if (is_too_wide || points_to_others(variable->type, type) || !widen(variable->type, type) ||
      points_to_other_layout(variable->type, type))
    report(Diag::type_mismatch, value->span, {std::string(variable->name), show(variable->type), show(type)})
        .label(variable->declared, "`" + std::string(variable->name) + "` is " + show(variable->type) + " since here")
        .with_hint(missing_fields(variable->type, type, types()));
  target_note.type = variable->type;
}

void Checker::let(const ast::Let& statement) {
  const Type* type = statement.value == nullptr ? nullptr : expr(statement.value);
  std::string_view name = statement.variable->as<ast::Variable>()->name;
  VariableId known;
  if (Variable* other = find_variable(name, &known); other != nullptr && note(statement.variable).variable != known) {
    report(Diag::shadowed_variable, statement.variable->span, {std::string(name)}).label(other->declared, "first declared here");
    return;
  }
  VariableId id = declare(statement.variable, statement.variable->span, innermost_callback());
  scopes_.back().variables.emplace(name, id);
  Variable& variable = body_->variables[id];
  variable.is_let = true;
  note(statement.variable).variable = id;
  if (statement.type) {
    const Type* declared = named_type(*statement.type);
    if (declared != nullptr && declared->is_aggregate()) {
      report(Diag::cannot_store, statement.type->span, {show(declared), "a variable"});
    } else if (declared != nullptr) {
      if (variable.type == nullptr) {
        variable.type = declared;
        changed_ = true;
      }
      variable.is_fixed = true;
    }
  }
  if (type != nullptr) assign_variable(statement.variable, type, statement.value);
}

void Checker::assign_map(const ast::Expr* target, const Type* type, const ast::Expr* value) {
  UserMap& map = map_of(target);
  const ast::Expr* key = target->as<ast::MapRef>()->key;
  use_key(map, target, key);
  map.is_written = true;
  if (type == nullptr) return;
  bool is_aggregation = value->as<ast::Call>() != nullptr && find_aggregation(value->as<ast::Call>()->name) != nullptr;
  if (type->is(TypeKind::record) && layout(type, value->span) == nullptr) return;
  if (!is_aggregation) type = stored(read_as(type, types()), types());
  if (type->is_aggregate() && !is_aggregation) {
    report(Diag::cannot_store, value->span, {show(type), "a map"});
    return;
  }
  if (map.is_declared && type->is_aggregate() != is_per_cpu(map.kind)) {
    report(Diag::wrong_map_kind, target->span, {std::string(map.name), show(type), type->is_aggregate() ? "a percpu" : "a plain"})
        .label(map.first_use, "declared here");
    return;
  }
  // One that forgets keys by itself would leave their pages.
  if (map.is_declared && map.kind == mir::MapKind::lru_percpu_hash && mir::has_pages(*type, map.is_keyed, map.kind)) {
    report(Diag::wrong_map_kind, target->span, {std::string(map.name), show(type), "a percpuhash"})
        .label(map.first_use, "declared here");
    return;
  }
  if (map.value == nullptr) map.value_span = target->span;
  if (!widen(map.value, type))
    report(Diag::type_mismatch, value->span, {std::string(map.name), show(map.value), show(type)})
        .label(map.value_span, "`" + std::string(map.name) + "` is " + show(map.value) + " since here")
        .with_hint(missing_fields(map.value, type, types()));
}

}  // namespace shrike
