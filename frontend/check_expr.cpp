// Types of expressions, one function per kind of node. check.cpp has the statements.
#include <algorithm>

#include "frontend/c_layout.h"
#include "frontend/checker.h"
#include "frontend/constants.h"

namespace shrike {

using mir::Type;
using mir::TypeKind;

struct ExprChecker {
  Checker& c;
  const ast::Expr& self;
  ExprNote& note() { return c.note(&self); }
  mir::TypePool& types() { return c.types(); }

  const Type* operator()(const ast::IntLit& e) {
    note().constant = static_cast<int64_t>(e.value);
    return e.is_unsigned ? types().uint64() : smallest_integer(static_cast<int64_t>(e.value), types());
  }

  const Type* operator()(const ast::StrLit& e) {
    if (e.value.size() + 1 > c.program().config.max_strlen && e.value.size() + 1 > 1024) {
      c.report(Diag::string_too_long, self.span, {std::to_string(e.value.size()), std::to_string(c.program().config.max_strlen)});
      return nullptr;
    }
    note().constant = std::string(e.value);
    return types().string(static_cast<uint32_t>(e.value.size() + 1));
  }

  const Type* operator()(const ast::BoolLit& e) {
    note().constant = int64_t{e.value};
    return types().boolean();
  }

  const Type* operator()(const ast::Positional& e) {
    const auto& given = c.program().options.positionals;
    if (e.number > given.size()) {  // a missing one is 0, and empty as a string
      note().constant = int64_t{0};
      c.missing_positionals_.try_emplace(e.number, self.span);
      return types().int64();
    }
    const std::string& text = given[e.number - 1];
    if (std::optional<int64_t> value = parse_integer(text)) {
      note().constant = *value;
      return smallest_integer(*value, types());
    }
    note().constant = text;
    return types().string(static_cast<uint32_t>(text.size() + 1));
  }

  const Type* operator()(const ast::PositionalCount&) {
    c.counts_positionals_ = true;
    note().constant = static_cast<int64_t>(c.program().options.positionals.size());
    return types().int64();
  }

  const Type* operator()(const ast::Ident& e) {
    const BuiltinRow* row = find_builtin(e.name);
    return row == nullptr ? enum_constant(e.name) : read(*row, e.name);
  }

  const Type* read(const BuiltinRow& builtin, std::string_view name) {
    note().builtin = &builtin;
    return c.available(builtin.needs, name, self.span) ? builtin.type(c, self) : nullptr;
  }

  const Type* enum_constant(std::string_view name) {
    bool is_function = find_function(name) != nullptr || find_aggregation(name) != nullptr || c.own_function(name) != nullptr;
    if (std::optional<CTypes::Enumerator> found = c.c_types_.find_enumerator(name, !is_function)) {
      note().constant = found->value;
      return found->type;
    }
    if (is_function) {
      c.report(Diag::function_without_call, self.span, {std::string(name)});
      return nullptr;
    }
    std::vector<std::string_view> candidates;
    for (const BuiltinRow* builtin : all_builtins()) candidates.push_back(builtin->name);
    Diagnostic& said = c.report(Diag::unknown_identifier, self.span, {std::string(name)});
    if (std::string_view near = nearest_name(name, candidates); !near.empty())
      said.with_hint("did you mean `" + std::string(near) + "`?");
    else if (c.program().ast->lacks_kernel_headers)
      said.with_hint("if the kernel's own headers define it: they are not installed; write `#define " + std::string(name) +
                     " ...` after the includes");
    return nullptr;
  }

  const Type* operator()(const ast::Variable& e) {
    VariableId id;
    Variable* variable = c.find_variable(e.name, &id);
    if (variable == nullptr) {
      std::vector<std::string_view> candidates;
      for (const Variable& other : c.body().variables) candidates.push_back(other.name);
      Diagnostic& said = c.report(Diag::undefined_variable, self.span, {std::string(e.name)});
      if (std::string_view near = nearest_name(e.name, candidates); !near.empty())
        said.with_hint("did you mean `" + std::string(near) + "`?");
      return nullptr;
    }
    note().variable = id;
    variable->is_read = true;
    if (variable->type == nullptr && !variable->is_assigned) c.report(Diag::undefined_variable, self.span, {std::string(e.name)});
    return variable->type;
  }

  const Type* operator()(const ast::MapRef& e) {
    UserMap& map = c.map_of(&self);
    c.use_key(map, &self, e.key);
    map.is_read = true;
    if (map.value == nullptr) {
      Diagnostic& said = c.report(Diag::undefined_map, self.span, {std::string(map.name)});
      std::vector<std::string_view> candidates;
      for (const UserMap& other : c.program().maps)
        if (other.value != nullptr) candidates.push_back(other.name);
      if (std::string_view near = nearest_name(map.name, candidates); !near.empty())
        said.with_hint("did you mean `" + std::string(near) + "`?");
    }
    return map.value;
  }

  const Type* operator()(const ast::Call& e) {
    if (const AggregationRow* aggregation = find_aggregation(e.name)) {
      c.report(Diag::aggregation_not_assigned, self.span, {std::string(aggregation->name)})
          .with_hint("write `@name = " + std::string(aggregation->name) + "(" + std::string(aggregation->params) + ")`");
      return nullptr;
    }
    if (const ast::FunctionDefinition* own = c.own_function(e.name)) return c.call_function(self, e, *own);
    const FunctionRow* row = find_function(e.name);
    bool is_bare =
        e.args.empty() && !e.type_arg && (row == nullptr || row->min_args > 0) && !argument_number(e.name) && e.name != "args";
    if (const BuiltinRow* builtin = is_bare ? find_builtin(e.name) : nullptr) return read(*builtin, e.name);  // pid() is pid
    if (row == nullptr && find_builtin(e.name) != nullptr) {
      c.report(Diag::value_called, self.span, {std::string(e.name)}).with_hint("write `" + std::string(e.name) + "` alone");
      return nullptr;
    }
    if (row == nullptr) {
      Diagnostic& said = c.report(Diag::unknown_function, e.name_span, {std::string(e.name)});
      if (std::string_view near = nearest_name(e.name, c.callable_names()); !near.empty())
        said.with_hint("did you mean `" + std::string(near) + "`?");
      return nullptr;
    }
    note().function = row;
    size_t given = e.args.size() + (e.type_arg ? 1 : 0);
    if (given < row->min_args || given > row->max_args) {
      std::string wanted = row->min_args == row->max_args ? std::to_string(row->min_args)
                           : row->max_args == UINT32_MAX  ? "at least " + std::to_string(row->min_args)
                                                         : std::to_string(row->min_args) + " to " + std::to_string(row->max_args);
      c.report(Diag::wrong_argument_count, self.span, {std::string(e.name), wanted, std::to_string(given)})
          .with_hint("`" + std::string(row->name) + "(" + std::string(row->params) + ")`");
      return nullptr;
    }
    if (row->is_unsafe && !c.program().options.unsafe)
      c.report(Diag::needs_unsafe, self.span, {"`" + std::string(row->name) + "()`"})
          .with_hint("run shrike with --unsafe if you mean it");
    if (row->needs_reader && c.program().is_pinned) {
      c.report(Diag::not_when_pinned, self.span, {"`" + std::string(row->name) + "()`"});
      return nullptr;
    }
    return row->check(c, self, e);
  }

  const Type* operator()(const ast::Unary& e) {
    if (e.op == ast::UnaryOp::dereference) return dereference(e);
    if (e.op == ast::UnaryOp::address_of) return address_of(e.operand);
    const Type* type = c.expr(e.operand);
    if (type == nullptr) return nullptr;
    if (!converts_to_integer(type)) {
      c.report(Diag::operand_not_integer, e.operand->span, {std::string(ast::text_of(e.op)), show(type)});
      return nullptr;
    }
    type = read_as(type, types());
    const Type* result = e.op == ast::UnaryOp::logical_not ? types().boolean()
                         : e.op == ast::UnaryOp::minus     ? types().int64()
                                                           : types().integer(8, has_sign(type));
    if (const int64_t* value = std::get_if<int64_t>(&c.constant(e.operand))) note().constant = fold(e.op, *value);
    const auto* known = std::get_if<int64_t>(&note().constant);
    return e.op == ast::UnaryOp::minus && known != nullptr ? smallest_integer(*known, types()) : result;
  }

  const Type* dereference(const ast::Unary& e) {
    const Type* type = c.expr(e.operand);
    if (type == nullptr) return nullptr;
    // What kaddr(), arguments and registers give is an address whose type nobody said.
    if (type == types().uint64()) return loaded(type, c.context().space);
    if (!type->is(TypeKind::pointer) || type->element->is(TypeKind::none)) {
      c.report(Diag::not_dereferenceable, e.operand->span, {show(type)});
      return nullptr;
    }
    return c.leads_somewhere(e.operand) ? loaded(type->element, type->space) : nullptr;
  }

  // Variables and map values lie in memory that the kernel reads like its own.
  const Type* address_of(const ast::Expr* operand) {
    bool is_variable = operand->as<ast::Variable>() != nullptr;
    if (!is_variable && operand->as<ast::MapRef>() == nullptr) {
      c.report(Diag::address_of, operand->span);
      return nullptr;
    }
    const Type* type = c.expr(operand);
    if (type == nullptr) return nullptr;
    if (type->is_aggregate()) {
      c.report(Diag::address_of_aggregate, operand->span, {show(type)});
      return nullptr;
    }
    if (is_variable) {
      c.body().variables[c.note(operand).variable].is_addressed = true;
      type = c.counting(operand, type, has_sign(type));  // the address of what is 64 bits from now on
    }
    return types().pointer(type, mir::AddressSpace::kernel);
  }

  // A value of `type` read from memory in `space`: pointers found there point into the same space.
  const Type* loaded(const Type* type, mir::AddressSpace space) {
    note().space = space;
    if (type->is(TypeKind::pointer) && space == mir::AddressSpace::user) return types().pointer(type->element, space);
    return type;
  }

  const Type* operator()(const ast::IncDecExpr& e) {
    const Type* type = c.expr(e.operand);
    if (e.operand->as<ast::MapRef>() != nullptr) {
      UserMap& map = c.map_of(e.operand);
      map.is_written = true;
      if (map.value == nullptr) {
        map.value_span = e.operand->span;
        c.widen(map.value, types().int64());
        type = map.value;
      }
    }
    if (type == nullptr) return nullptr;
    type = c.counting(e.operand, type, has_sign(type));
    if (!type->is_integer_like()) {
      c.report(Diag::operand_not_integer, e.operand->span,
               {e.op == ast::IncDec::pre_increment || e.op == ast::IncDec::post_increment ? "++" : "--", show(type)});
      return nullptr;
    }
    return type;
  }

  // The left operand is typed already, see Checker::expr().
  const Type* operator()(const ast::Binary& e) {
    const Type* left = c.note(e.left).type;
    const Type* right = c.expr(e.right);
    if (left == nullptr || right == nullptr) return nullptr;
    using Op = ast::BinaryOp;
    bool is_equality = e.op == Op::eq || e.op == Op::ne;
    if (is_equality && comparable_in_memory(left, right)) {
      const auto* a = std::get_if<std::string>(&c.constant(e.left));
      const auto* b = std::get_if<std::string>(&c.constant(e.right));
      if (a != nullptr && b != nullptr) note().constant = int64_t{(*a == *b) == (e.op == Op::eq)};
      return types().boolean();
    }
    if (const Type* folded = fold_strings(e)) return folded;
    // "abc" + 1 drops a prefix; str($1 + 1) is written so.
    if (e.op == Op::add && left->is(TypeKind::string)) {
      const auto* text = std::get_if<std::string>(&c.constant(e.left));
      const auto* skip = std::get_if<int64_t>(&c.constant(e.right));
      if (text != nullptr && skip != nullptr && *skip >= 0 && static_cast<uint64_t>(*skip) <= text->size()) {
        std::string rest = text->substr(static_cast<size_t>(*skip));
        const Type* type = types().string(static_cast<uint32_t>(rest.size() + 1));
        note().constant = std::move(rest);
        return type;
      }
    }
    bool are_numbers = converts_to_integer(left) && converts_to_integer(right);
    if (is_equality && !are_numbers) {
      Diagnostic& said = c.report(Diag::not_comparable, self.span, {show(left), show(right)});
      if (std::string missing = missing_fields(left, right, types()); !missing.empty())
        said.label(e.left->span, show(left)).label(e.right->span, show(right)).with_hint(std::move(missing));
      return nullptr;
    }
    if (!are_numbers) {
      c.report(Diag::operands_not_integers, self.span, {std::string(ast::text_of(e.op)), show(left), show(right)});
      return nullptr;
    }
    if (const Type* moved = pointer_arithmetic(e, left, right)) return moved;
    if (e.op == Op::sub && left->is(TypeKind::pointer) && right->is(TypeKind::pointer) && left->element != right->element) {
      c.report(Diag::pointers_differ, self.span, {show(left), show(right)});
      return nullptr;
    }
    if (left->is(TypeKind::pointer) && right->is(TypeKind::pointer) && !is_for_pointers(e.op)) {
      c.report(Diag::operands_not_integers, self.span, {std::string(ast::text_of(e.op)), show(left), show(right)});
      return nullptr;
    }
    left = read_as(left, types());
    right = read_as(right, types());
    bool is_signed = is_signed_operation(c.note(e.left), c.note(e.right));
    c.warn_mixed_signs(e, left, right);
    if (e.op == Op::div || e.op == Op::mod) {
      if (const auto* divisor = std::get_if<int64_t>(&c.constant(e.right)); divisor != nullptr && *divisor == 0) {
        c.report(Diag::division_by_zero, e.right->span);
        return nullptr;
      }
    }
    fold_constants(e, is_signed);
    switch (e.op) {
      case Op::eq:
      case Op::ne:
      case Op::lt:
      case Op::le:
      case Op::gt:
      case Op::ge:
      case Op::logical_and:
      case Op::logical_or: return types().boolean();
      case Op::sub: return types().int64();
      case Op::shl:
      case Op::shr: return types().integer(8, has_sign(left));
      default: return types().integer(8, is_signed);
    }
  }

  // Strings known while compiling can be joined and put in order.
  const Type* fold_strings(const ast::Binary& e) {
    using Op = ast::BinaryOp;
    const auto* a = std::get_if<std::string>(&c.constant(e.left));
    const auto* b = std::get_if<std::string>(&c.constant(e.right));
    if (a == nullptr || b == nullptr) return nullptr;
    int order = a->compare(*b);
    switch (e.op) {
      case Op::add: {
        // Nobody asks any more what the first operators of a row give: a long row is not to keep each of its beginnings.
        const bool is_row = e.left->as<ast::Binary>() != nullptr;
        std::string joined;
        if (is_row) joined = std::move(std::get<std::string>(c.note(e.left).constant));
        else joined = *a;
        joined += *b;
        const Type* type = types().string(static_cast<uint32_t>(joined.size() + 1));
        note().constant = std::move(joined);
        return type;
      }
      case Op::lt: note().constant = int64_t{order < 0}; break;
      case Op::le: note().constant = int64_t{order <= 0}; break;
      case Op::gt: note().constant = int64_t{order > 0}; break;
      case Op::ge: note().constant = int64_t{order >= 0}; break;
      default: return nullptr;
    }
    return types().boolean();
  }

  void fold_constants(const ast::Binary& e, bool is_signed) {
    const auto* a = std::get_if<int64_t>(&c.constant(e.left));
    const auto* b = std::get_if<int64_t>(&c.constant(e.right));
    if (a != nullptr && b != nullptr) note().constant = fold(e.op, *a, *b, is_signed);
  }

  const Type* pointer_arithmetic(const ast::Binary& e, const Type* left, const Type* right) {
    if (e.op != ast::BinaryOp::add && e.op != ast::BinaryOp::sub) return nullptr;
    if (left->is(TypeKind::pointer) && !right->is(TypeKind::pointer)) return left;
    if (right->is(TypeKind::pointer) && !left->is(TypeKind::pointer) && e.op == ast::BinaryOp::add) return right;
    return nullptr;
  }

  // Two pointers are compared, and their difference taken.
  static bool is_for_pointers(ast::BinaryOp op) {
    using Op = ast::BinaryOp;
    return op == Op::sub || op == Op::eq || op == Op::ne || op == Op::lt || op == Op::le || op == Op::gt || op == Op::ge ||
           op == Op::logical_and || op == Op::logical_or;
  }

  // Values of several words that have a type in common.
  bool comparable_in_memory(const Type* left, const Type* right) {
    bool is_bytes = left->is(TypeKind::string) || left->is(TypeKind::tuple) || left->is(TypeKind::array) ||
                    left->is(TypeKind::buffer) || left->is(TypeKind::macaddr) || left->is(TypeKind::inet) ||
                    (left->is(TypeKind::record) && is_made_record(left));
    return is_bytes && left->kind == right->kind && unify(left, right, types()) != nullptr;
  }

  const Type* operator()(const ast::Ternary& e) {
    c.condition(e.condition);
    const Type* then = e.then == nullptr ? c.note(e.condition).type : c.expr(e.then);
    const Type* otherwise = c.expr(e.otherwise);
    return either({e.then == nullptr ? e.condition : e.then, then}, {e.otherwise, otherwise});
  }

  const Type* operator()(const ast::Cast& e) { return c.cast(self, e); }

  const Type* operator()(const ast::Field& e) {
    if (const auto* ident = e.object->as<ast::Ident>(); ident != nullptr && ident->name == "args") return argument(e);
    const Type* object = c.expr(e.object);
    if (object == nullptr) return nullptr;
    mir::AddressSpace space = c.note(e.object).space;
    if (object->is(TypeKind::pointer)) {
      if (!c.leads_somewhere(e.object)) return nullptr;
      space = object->space;
      object = object->element;
    } else if (e.is_arrow) {
      c.report(Diag::not_dereferenceable, e.object->span, {show(object)});
      return nullptr;
    }
    if (!object->is(TypeKind::record)) {
      c.report(Diag::no_fields, e.object->span, {show(c.note(e.object).type)});
      return nullptr;
    }
    const mir::RecordField* field = c.field(object, e.name, e.name_span);
    note().field = field;
    auto known = c.body().known_fields.find(e.object->id.index);
    if (field != nullptr && known != c.body().known_fields.end())
      note().constant = known->second[static_cast<size_t>(field - c.layout(object, e.name_span)->fields.data())];
    return field == nullptr ? nullptr : loaded(field->type, space);
  }

  const Type* argument(const ast::Field& e) {
    const auto& arguments = c.context().arguments;
    if (!c.context().has_arguments || !c.available(use_named_args, "args", e.object->span)) {
      c.expr(e.object);  // says why
      return nullptr;
    }
    for (size_t i = 0; i < arguments.size(); i++) {
      if (arguments[i].name != e.name) continue;
      note().argument = static_cast<uint32_t>(i);
      note().space = c.context().space;
      return c.readable(arguments[i], e.name_span) ? arguments[i].type : nullptr;
    }
    std::vector<std::string_view> candidates;
    for (const ProbeArgument& candidate : arguments) candidates.push_back(candidate.name);
    Diagnostic& said = c.report(Diag::unknown_argument, e.name_span, {c.body().points.front().name, std::string(e.name)});
    if (std::string_view near = nearest_name(e.name, candidates); !near.empty())
      said.with_hint("did you mean `" + std::string(near) + "`?");
    return nullptr;
  }

  const Type* operator()(const ast::TupleField& e) {
    const Type* object = c.expr(e.object);
    if (object == nullptr) return nullptr;
    if (!object->is(TypeKind::tuple)) {
      c.report(Diag::not_a_tuple, e.object->span, {show(object)});
      return nullptr;
    }
    if (e.index >= object->elements.size()) {
      c.report(Diag::tuple_index, e.index_span, {std::to_string(e.index), std::to_string(object->elements.size())});
      return nullptr;
    }
    return object->elements[e.index].type;
  }

  const Type* operator()(const ast::Index& e) {
    const Type* object = c.expr(e.object);
    if (!c.integer(e.index, "an index") || object == nullptr) return nullptr;
    if (object->is(TypeKind::pointer) && !object->element->is(TypeKind::none))
      return c.leads_somewhere(e.object) ? loaded(object->element, object->space) : nullptr;
    if (!object->is(TypeKind::array) && !object->is(TypeKind::string)) {
      c.report(Diag::not_indexable, e.object->span, {show(object)});
      return nullptr;
    }
    bool is_flexible = is_flexible_array(object);
    if (is_flexible && !c.leads_somewhere(e.object)) return nullptr;
    if (const auto* index = std::get_if<int64_t>(&c.constant(e.index));
        index != nullptr && (*index < 0 || (*index >= object->count && !is_flexible))) {
      c.report(Diag::index_out_of_bounds, e.index->span, {std::to_string(*index), std::to_string(object->count)});
      return nullptr;
    }
    if (object->is(TypeKind::string)) return types().integer(1, true);
    return loaded(object->element, c.note(e.object).space);
  }

  // A value that becomes part of another one.
  const Type* element(const ast::Expr* element, std::string_view whole) {
    const Type* type = c.expr(element);
    if (type == nullptr) return nullptr;
    type = read_as(type, types());
    bool is_unknown = type->is(TypeKind::record) && c.layout(type, element->span) == nullptr;
    if (type->is(TypeKind::none) || type->is_aggregate()) {
      c.report(Diag::cannot_store, element->span, {show(type), std::string(whole)});
      return nullptr;
    }
    return is_unknown ? nullptr : type;
  }

  const Type* operator()(const ast::Tuple& e) {
    std::vector<const Type*> elements;
    for (const ast::Expr* each : e.elements) elements.push_back(element(each, "a tuple"));
    bool is_known = std::find(elements.begin(), elements.end(), nullptr) == elements.end();
    return is_known ? types().tuple(elements) : nullptr;
  }

  const Type* operator()(const ast::Record& e) {
    NamedTypes fields;
    bool is_known = true;
    for (const auto& [name, value] : e.fields) {
      for (const auto& earlier : fields) {
        if (earlier.first != name) continue;
        c.report(Diag::repeated_field, value->span, {std::string(name)});
        is_known = false;
      }
      fields.emplace_back(name, element(value, "a record"));
      is_known &= fields.back().second != nullptr;
    }
    return is_known ? record_type(fields, types()) : nullptr;
  }

  const Type* operator()(const ast::BlockExpr& e) {
    c.open_scope();
    for (size_t i = 0; i < e.block->statements.size(); i++) c.statement(*e.block, i);
    const Type* type = e.value == nullptr ? types().none() : c.expr(e.value);
    c.close_scope();
    return type;
  }

  // The parser has seen to it that every branch ends in a value.
  const Type* operator()(const ast::IfExpr& e) { return if_value(*e.statement->as<ast::If>()); }

  // The types of a chain's branches come together from its end.
  const Type* if_value(const ast::If& first) {
    struct Branch {
      const ast::Block* block;
      const Type* type;
    };
    std::vector<Branch> branches;
    const bool outer = c.is_dead_;
    auto check = [&](const ast::Expr* condition, bool when, const ast::Block* block) {
      const Type* type = nullptr;
      c.in_branch(condition, when, [&] { type = branch_value(block); });
      std::optional<bool> goes = goes_while_compiling(condition, c.constant(condition));
      if (!goes || *goes == when) branches.push_back({block, type});
    };
    for (const ast::If* at = &first; at != nullptr;) {
      c.condition(at->condition);
      check(at->condition, true, at->then);
      const ast::Stmt* next = ast::else_if(*at);
      if (next == nullptr) check(at->condition, false, at->otherwise);
      if (next == nullptr || !c.enter_else(at->condition)) break;
      at = next->as<ast::If>();
    }
    c.is_dead_ = outer;
    Alternative rest = {value_of(branches.back().block), branches.back().type};
    for (branches.pop_back(); !branches.empty(); branches.pop_back())
      rest = {nullptr, either({value_of(branches.back().block), branches.back().type}, rest)};
    return rest.type;
  }

  // What a branch that is a value ends in; null if that is another `if`.
  const ast::Expr* value_of(const ast::Block* block) {
    const auto* last = block->statements.back()->as<ast::ExprStmt>();
    return last == nullptr ? nullptr : last->expr;
  }

  const Type* branch_value(const ast::Block* block) {
    c.open_scope();
    for (size_t i = 0; i + 1 < block->statements.size(); i++) c.statement(*block, i);
    const ast::Stmt& last = *block->statements.back();
    const auto* inner = last.as<ast::If>();
    const Type* type = inner != nullptr ? if_value(*inner) : c.expr(last.as<ast::ExprStmt>()->expr);
    c.close_scope();
    return type;
  }

  struct Alternative {
    const ast::Expr* value;  // null: no one expression
    const Type* type;
  };

  // The common type of two alternatives.
  const Type* either(const Alternative& then, const Alternative& otherwise) {
    if (then.type == nullptr || otherwise.type == nullptr) return nullptr;
    const Type* left = read_as(then.type, types());
    const Type* right = read_as(otherwise.type, types());
    if (left->is(TypeKind::none) && right->is(TypeKind::none)) return left;
    const Type* type = unify(left, right, types());
    if (type != nullptr) return type;
    Diagnostic& said = c.report(Diag::branches_differ, self.span, {show(left), show(right)});
    if (then.value != nullptr) said.label(then.value->span, show(left));
    if (otherwise.value != nullptr) said.label(otherwise.value->span, show(right));
    said.with_hint(missing_fields(left, right, types()));
    return nullptr;
  }

  const Type* operator()(const ast::Comptime& e) {
    const Type* type = c.expr(e.operand);
    note().constant = c.constant(e.operand);
    if (type != nullptr && std::holds_alternative<std::monostate>(note().constant))
      c.report(Diag::expected_constant, e.operand->span, {"what follows `comptime`"});
    return type;
  }
  const Type* operator()(const ast::ErrorExpr&) { return nullptr; }
};

const Type* Checker::expr(const ast::Expr* expr) {
  note(expr);  // makes its room now: once its operands are typed, what they noted must stay where it is
  auto check = [&](const ast::Expr* each) { note(each).type = std::visit(ExprChecker{*this, *each}, each->node); };
  if (expr->as<ast::Binary>() == nullptr) {
    check(expr);
  } else {
    for (std::vector<const ast::Expr*> spine = ast::left_spine(expr); !spine.empty(); spine.pop_back()) check(spine.back());
  }
  return note(expr).type;
}

}  // namespace shrike
