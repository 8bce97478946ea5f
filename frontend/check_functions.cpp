// Functions of the script's own (`fn`): their definitions, their bodies, and calls of them.
//
// A body is checked once for each choice of address spaces it is called with, like probes whose arguments differ: what a
// pointer parameter points into is known only from the call. A function that nothing calls is checked as well, once, but
// counts as not reached: nothing is made for it.
#include <algorithm>

#include "frontend/ast_walk.h"
#include "frontend/checker.h"
#include "mir/type_rules.h"

namespace shrike {

using mir::AddressSpace;
using mir::Type;
using mir::TypeKind;

namespace {

// Functions run in whatever probe calls them, so they may use nothing that belongs to one.
constexpr ProbeRow function_row{
    "fn", "", "", mir::ProbeKind::begin, mir::ProgramType::raw_tracepoint, 0, 0, false, "any probe that calls the function"};

bool points_alike(const Type* a, const Type* b) {
  bool is_void = a->is(TypeKind::none) || b->is(TypeKind::none);
  bool is_same_integer = a->is(TypeKind::integer) && b->is(TypeKind::integer) && a->size == b->size;
  return a == b || is_void || is_same_integer;
}

// May a value of type `given` be passed where `wanted` was declared? Integers and strings convert as in assignments to a variable
// that was declared with a type.
bool accepts(const Type* wanted, const Type* given, mir::TypePool& types) {
  given = read_as(given, types);
  if (wanted->is(TypeKind::pointer)) return given->is(TypeKind::pointer) && points_alike(wanted->element, given->element);
  if (wanted->is(TypeKind::enumeration) && given->is(TypeKind::enumeration)) return wanted == given;
  if (wanted->is(TypeKind::string)) return given->is(TypeKind::string);
  if (wanted->is_integer_like()) return converts_to_integer(given) && !given->is(TypeKind::pointer);
  return unify(wanted, given, types) == wanted;
}

std::vector<const ast::Call*> calls_in(const ast::FunctionDefinition& function) {
  std::vector<const ast::Call*> calls;
  ast::Visitor visitor;
  visitor.on_expr = [&](const ast::Expr& expr) {
    if (const auto* call = expr.as<ast::Call>()) calls.push_back(call);
  };
  ast::walk(function.body, visitor);
  return calls;
}

}  // namespace

std::vector<std::string_view> Checker::callable_names() const {
  std::vector<std::string_view> names = function_names();
  for (const ast::FunctionDefinition& function : program_.ast->functions) names.push_back(function.name);
  return names;
}

const ast::FunctionDefinition* Checker::own_function(std::string_view name) const {
  auto found = has_functions_ ? function_names_.find(name) : function_names_.end();
  return found == function_names_.end() ? nullptr : found->second;
}

bool Checker::declare_functions() {
  const std::vector<ast::FunctionDefinition>& functions = program_.ast->functions;
  for (const ast::FunctionDefinition& function : functions) {
    std::string name(function.name);
    if (find_function(name) != nullptr || find_aggregation(name) != nullptr) report(Diag::function_taken, function.span, {name});
    auto [earlier, is_new] = function_names_.try_emplace(function.name, &function);
    if (!is_new) report(Diag::redefined, function.span, {name}).label(earlier->second->span, "first defined here");
    if (function.params.size() > mir::most_parameters)
      report(Diag::too_many_parameters, function.span,
             {name, std::to_string(function.params.size()), std::to_string(mir::most_parameters)})
          .with_hint("pass a tuple, or keep values in a map");
    for (size_t p = 0; p < function.params.size(); p++) {
      const ast::Parameter& param = function.params[p];
      if (param.name[0] != '$' || !param.type) report(Diag::bad_parameter, param.span);
      for (size_t q = 0; q < p; q++)
        if (function.params[q].name == param.name)
          report(Diag::repeated_parameter, param.span, {std::string(param.name)})
              .label(function.params[q].span, "first named here");
    }
  }
  if (!final_.has_errors()) refuse_recursion();
  has_functions_ = !functions.empty() && !final_.has_errors();
  if (functions.empty()) return true;
  if (!has_functions_) return false;
  for (const ast::FunctionDefinition& function : functions) {
    CheckedBody& body = program_.functions.emplace_back();
    body.function = &function;
    body.context.row = &function_row;
    body.spaces.assign(function.params.size(), AddressSpace::kernel);
    body.is_reached = false;
    instances_[&function].push_back(&body);
  }
  return true;
}

// Follows calls from each function, depth first; what is on the way twice is a cycle.
void Checker::refuse_recursion() {
  const std::vector<ast::FunctionDefinition>& functions = program_.ast->functions;
  std::vector<bool> is_done(functions.size());
  std::vector<size_t> way;
  auto follow = [&](auto& self, size_t at, Span call) -> bool {
    if (is_done[at]) return true;
    auto again = std::find(way.begin(), way.end(), at);
    if (again != way.end()) {
      std::string cycle;
      for (; again != way.end(); ++again) cycle += "`" + std::string(functions[*again].name) + "` calls ";
      report(Diag::recursive_function, call, {cycle + "`" + std::string(functions[at].name) + "`"})
          .label(functions[at].span, "this leads to the call")
          .with_hint("the kernel's stack has no room for calls without end; use a loop");
      return false;
    }
    way.push_back(at);
    bool is_fine = true;
    for (const ast::Call* call_here : calls_in(functions[at])) {
      auto called = is_fine ? function_names_.find(call_here->name) : function_names_.end();
      if (called != function_names_.end())
        is_fine = self(self, static_cast<size_t>(called->second - functions.data()), call_here->name_span);
    }
    way.pop_back();
    is_done[at] = true;
    return is_fine;
  };
  for (size_t f = 0; f < functions.size(); f++)
    if (!follow(follow, f, functions[f].span)) return;
}

const Type* Checker::parameter_type(const ast::Parameter& parameter, AddressSpace space) {
  const Type* type = named_type(*parameter.type);
  if (type == nullptr) return nullptr;
  if (type->is(TypeKind::pointer)) return types().pointer(type->element, space);
  if (type->is(TypeKind::record) && layout(type, parameter.type->span) == nullptr) return nullptr;
  if (!type->is(TypeKind::none) && !type->is_aggregate()) return type;
  report(Diag::bad_parameter_type, parameter.type->span, {show(type)});
  return nullptr;
}

void Checker::check_function(CheckedBody& body) {
  body_ = &body;
  scopes_.assign(1, Scope());
  begin_walk();
  const ast::FunctionDefinition& function = *body.function;
  for (size_t i = 0; i < function.params.size(); i++) {
    if (i == body.params.size()) {
      Variable variable;
      variable.name = function.params[i].name;
      variable.declared = function.params[i].span;
      variable.is_assigned = variable.is_fixed = true;
      body.params.push_back(body.variables.add(variable));
      changed_ = true;
    }
    body.variables[body.params[i]].type = parameter_type(function.params[i], body.spaces[i]);
    scopes_.front().variables.emplace(body.variables[body.params[i]].name, body.params[i]);
  }
  if (body.result == nullptr) {
    const Type* result = named_type(function.result);
    if (result != nullptr && result->is_aggregate())
      report(Diag::cannot_store, function.result.span, {show(result), "the result of a function"});
    bool is_fit = result != nullptr && !result->is_aggregate() &&
                  !(result->is(TypeKind::record) && layout(result, function.result.span) == nullptr);
    if (is_fit && result->is(TypeKind::pointer)) result = types().pointer(result->element, body.context.space);
    if (is_fit) {
      body.result = result;
      changed_ = true;
    }
  }
  block(function.body);
}

void Checker::return_value(const ast::Return& statement, Span span) {
  if (body_->function == nullptr) {
    if (statement.value != nullptr) integer(statement.value, "the value of `return`");
    return;
  }
  const Type* wanted = body_->result;
  std::string name(body_->function->name);
  if (statement.value == nullptr) {
    if (wanted != nullptr && !wanted->is(TypeKind::none))
      report(Diag::return_without_value, span, {name, show(wanted)}).label(body_->function->result.span, "declared here");
    return;
  }
  const Type* given = expr(statement.value);
  if (given == nullptr || wanted == nullptr) return;
  if (wanted->is(TypeKind::none) || !accepts(wanted, given, types())) {
    report(Diag::return_mismatch, statement.value->span,
           {name, wanted->is(TypeKind::none) ? "nothing" : show(wanted), show(given)})
        .label(wanted->is(TypeKind::none) ? body_->function->span : body_->function->result.span, "declared here")
        .with_hint(missing_fields(wanted, given, types()));
    return;
  }
  if (!wanted->is(TypeKind::pointer) || body_->has_returned) return;
  body_->has_returned = true;
  body_->result = types().pointer(wanted->element, given->space);
  changed_ |= body_->result != wanted;
}

CheckedBody& Checker::function_instance(const ast::FunctionDefinition& definition, const std::vector<const Type*>& given) {
  std::vector<AddressSpace> spaces;
  for (const Type* type : given) spaces.push_back(type->is(TypeKind::pointer) ? type->space : AddressSpace::kernel);
  for (CheckedBody* known : instances_[&definition])
    if (known->spaces == spaces && known->context.space == context().space) return *known;
  CheckedBody& made = program_.functions.emplace_back();
  made.function = &definition;
  made.context.row = &function_row;
  made.context.space = context().space;
  made.spaces = std::move(spaces);
  made.is_reached = false;
  instances_[&definition].push_back(&made);
  changed_ = true;
  return made;
}

const Type* Checker::call_function(const ast::Expr& self, const ast::Call& call, const ast::FunctionDefinition& definition) {
  size_t wanted = definition.params.size();
  std::vector<const Type*> given;
  for (const ast::Expr* arg : call.args) given.push_back(expr(arg));
  if (given.size() != wanted || call.type_arg) {
    report(Diag::wrong_argument_count, self.span,
           {std::string(call.name), std::to_string(wanted), std::to_string(given.size() + (call.type_arg ? 1 : 0))})
        .label(definition.span, "declared here");
    return nullptr;
  }
  if (std::find(given.begin(), given.end(), nullptr) != given.end()) return nullptr;
  CheckedBody& callee = function_instance(definition, given);
  note(&self).callee = &callee;
  changed_ |= body_->is_reached && !callee.is_reached;
  callee.is_reached |= body_->is_reached;
  for (size_t i = 0; i < callee.params.size(); i++) {
    const Type* type = callee.variables[callee.params[i]].type;
    if (type == nullptr || accepts(type, given[i], types())) continue;
    report(Diag::argument_mismatch, call.args[i]->span,
           {std::string(definition.params[i].name), std::string(call.name), show(type), show(given[i])})
        .label(definition.params[i].span, "declared here")
        .with_hint(missing_fields(type, given[i], types()));
  }
  return callee.result;
}

bool Checker::allows_unstable(std::string_view feature, std::string_view key, std::string_view setting, Span span) {
  if (setting == "enable") return true;
  bool is_allowed = setting == "warn";
  report(is_allowed ? Diag::unstable_feature : Diag::unstable_feature_refused, span, {std::string(feature)})
      .with_hint("`config = { " + std::string(key) + " = enable }` " + (is_allowed ? "says that this is known" : "allows it"));
  return is_allowed;
}

bool Checker::available(uint32_t use, std::string_view name, Span span) {
  if (use == 0) return true;
  if (body_->function != nullptr) {
    report(Diag::not_in_function, span, {std::string(name)}).with_hint("give it to the function as a parameter");
    return false;
  }
  if ((context().row->uses & use) == 0) {
    Diagnostic& said = report(Diag::builtin_not_available, span, {std::string(name), std::string(context().row->name)});
    if (use == use_ctx && (context().row->uses & use_named_args) != 0) said.with_hint("`args` has what the event tells");
    return false;
  }
  constexpr uint32_t of_context =
      use_ctx | use_numbered_args | use_named_args | use_retval | use_stack | use_func | use_registers;
  if (callbacks_.empty() || (use & of_context) == 0) return true;
  if (use == use_stack) {  // stacks need the context, which callbacks can be handed
    body_->stacks_in_callbacks = true;
    return true;
  }
  if (leave_while_callbacks()) return true;
  report(Diag::not_in_for_body, span, {std::string(name)}).with_hint("assign it to a variable before the loop");
  return false;
}

}  // namespace shrike
