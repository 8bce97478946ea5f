// Types that are named: as written in casts, `let` and sizeof; records by the fields that are asked of them.
#include "frontend/checker.h"
#include "frontend/stacks.h"

namespace shrike {

using mir::Type;

const mir::RecordLayout* Checker::layout(const Type* record, Span span) {
  if (const mir::RecordLayout* known = types().layout(record)) return known;
  Diagnostics reasons;
  if (const mir::RecordLayout* found = c_types_.layout(record, &reasons)) return found;
  auto btf = facts().btf();
  if (reasons.has_errors()) sink_->add(reasons.all().front());
  else if (is_user_record(record)) report(Diag::unknown_record, span, {show(record)});
  else if (btf.status != Lookup::found) report(Diag::no_btf, span, {show(record), btf.why});
  else report(Diag::unknown_record, span, {show(record)});
  return nullptr;
}

const mir::RecordField* Checker::field(const Type* record, std::string_view name, Span span) {
  const mir::RecordLayout* fields = layout(record, span);
  if (fields == nullptr) return nullptr;
  std::vector<std::string_view> candidates;
  for (const mir::RecordField& candidate : fields->fields) {
    if (candidate.name == name) return &candidate;
    candidates.push_back(candidate.name);
  }
  Diagnostic& said = report(Diag::unknown_field, span, {std::string(name), show(record)});
  if (std::string_view near = nearest_name(name, candidates); !near.empty())
    said.with_hint("did you mean `" + std::string(near) + "`?");
  return nullptr;
}

// Is the value a copy of what was in memory? What a pointer leads to is in its place.
bool Checker::is_copied(const ast::Expr* expr) {
  if (const auto* unary = expr->as<ast::Unary>()) return unary->op != ast::UnaryOp::dereference;
  const auto* field = expr->as<ast::Field>();
  const auto* index = expr->as<ast::Index>();
  if (field == nullptr && index == nullptr) return true;
  if (note(expr).argument != UINT32_MAX) return false;
  const ast::Expr* object = field != nullptr ? field->object : index->object;
  const Type* type = note(object).type;
  return type == nullptr || (!type->is(mir::TypeKind::pointer) && is_copied(object));
}

bool Checker::leads_somewhere(const ast::Expr* expr) {
  const Type* type = note(expr).type;
  if (is_flexible_array(type) && is_copied(expr)) {
    report(Diag::not_indexable, expr->span, {show(type)})
        .with_hint("a copy of the record does not have the elements behind it: use the pointer");
    return false;
  }
  if (!type->is(mir::TypeKind::pointer) || type->space != mir::AddressSpace::percpu) return true;
  auto answer = facts().kernel_address(cpu_offsets);
  if (answer.status == Lookup::found) return true;
  std::string why = answer.why.empty() ? "the kernel does not list `" + std::string(cpu_offsets) + "`" : answer.why;
  report(Diag::percpu_pointer, expr->span, {why}).with_hint("`kptr(...)` takes it for an address of the kernel");
  return false;
}

// kstack_t and ustack_t: a stack as `kstack` gives it, in the mode that the configuration names.
const Type* Checker::stack_type(const ast::TypeName& name) {
  bool is_kernel = name.name == "kstack_t";
  if (name.tag != ast::TypeName::Tag::none || !name.suffixes.empty() || (!is_kernel && name.name != "ustack_t")) return nullptr;
  return default_stack_type(*this, is_kernel ? mir::TypeKind::kstack : mir::TypeKind::ustack);
}

const Type* Checker::named_type(const ast::TypeName& name) {
  const Type* type_of = nullptr;
  if (name.tag == ast::TypeName::Tag::typeof_) {
    type_of = expr(name.of);
    if (type_of == nullptr) return nullptr;
    type_of = read_as(type_of, types());
  }
  const Type* type = stack_type(name);
  if (type == nullptr) type = c_types_.resolve(name, type_of);
  if (type == nullptr) report(Diag::unknown_type, name.span, {std::string(name.name)});
  return type;
}

}  // namespace shrike
