// Pointers from the context are loaded, not read: only so does the verifier follow what they are.
#include "frontend/addresses.h"

#include "frontend/checker.h"
#include "frontend/probes.h"

namespace shrike {

using mir::Type;
using mir::TypeKind;
using mir::ValueId;

bool is_address(const Type* type) {
  return type->is(TypeKind::pointer) || type->is(TypeKind::integer);
}

namespace {

bool is_of_iterated(const ast::Field& field, const ProbeContext& context) {
  const auto* object = field.object->as<ast::Ident>();
  return object != nullptr && object->name == "ctx" && context.row->kind == mir::ProbeKind::iter;
}

}  // namespace

bool is_from_context(Checker& c, const ast::Expr* expr) {
  if (c.note(expr).argument != UINT32_MAX) return c.note(expr).type->is(TypeKind::pointer);
  const auto* field = expr->as<ast::Field>();
  if (field == nullptr || c.note(expr).field == nullptr) return false;
  if (is_of_iterated(*field, c.context())) return c.note(expr).type->is(TypeKind::pointer);
  return c.note(expr).type->is(TypeKind::record) && is_from_context(c, field->object);
}

ValueId with_pointer_from_context(Lower& l, const ast::Expr* expr, const std::function<ValueId(ValueId)>& use) {
  mir::Builder& b = l.b();
  int64_t inside = 0;  // of what the pointer points to
  auto is_pointer = [&] {
    const auto* field = expr->as<ast::Field>();
    return l.note(expr).argument != UINT32_MAX || is_of_iterated(*field, l.body().context);
  };
  while (!is_pointer()) {
    inside += l.note(expr).field->offset;
    expr = expr->as<ast::Field>()->object;
  }
  const uint32_t argument = l.note(expr).argument;
  const uint32_t offset = argument != UINT32_MAX ? l.body().context.arguments[argument].offset : l.note(expr).field->offset;
  ValueId base = b.load(mir::MemWidth::u64, l.context(), static_cast<int32_t>(offset));
  return l.choose(
      base, [&] { return use(inside == 0 ? base : b.binary(mir::Opcode::add, base, b.constant(inside))); },
      [&] { return b.constant(0); });
}

}  // namespace shrike
