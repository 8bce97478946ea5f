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
