// The rules as functions of one or two types, with no state.
#include "frontend/language_types.h"

#include <algorithm>

namespace shrike {

using mir::Type;
using mir::TypeKind;

bool is_scalar(const Type* type) {
  return type->is_integer_like() || type->is(TypeKind::ksym) || type->is(TypeKind::username);
}

bool is_flexible_array(const Type* type) {
  return type->is(TypeKind::array) && type->count == 0;
}

const Type* stored(const Type* type, mir::TypePool& pool) {
  switch (type->kind) {
    case TypeKind::integer: return pool.integer(8, type->is_signed);
    case TypeKind::enumeration: return pool.enumeration(type->name, 8, type->is_signed);
    default: return type;
  }
}

const Type* record_type(const NamedTypes& fields, mir::TypePool& pool) {
  std::vector<const Type*> types;
  std::string name = "(";
  for (const auto& [field, type] : fields) {
    name.append(types.empty() ? "" : ", ").append(field).append(": ").append(is_made_record(type) ? type->name : type->text);
    types.push_back(type);
  }
  const Type* tuple = pool.tuple(types);
  mir::RecordLayout layout;
  layout.name = name + ")";
  layout.size = tuple->size;
  for (size_t i = 0; i < fields.size(); i++) {
    mir::RecordField field;
    field.name = fields[i].first;
    field.type = types[i];
    field.offset = tuple->elements[i].offset;
    layout.fields.push_back(std::move(field));
  }
  const Type* record = pool.record(layout.name, false);
  pool.define_record(std::move(layout));
  return record;
}

bool is_made_record(const Type* type) {
  return type->is(TypeKind::record) && type->name.starts_with('(');
}

std::vector<mir::TupleElement> parts_of(const Type* type, mir::TypePool& pool) {
  if (type->is(TypeKind::tuple)) return type->elements;
  std::vector<mir::TupleElement> parts;
  for (const mir::RecordField& field : pool.layout(type)->fields) parts.push_back({field.type, field.offset});
  return parts;
}

bool is_user_record(const Type* type) {
  return !is_made_record(type) && type->name.find('@') != std::string::npos;
}

const Type* smallest_integer(int64_t value, mir::TypePool& pool) {
  for (uint32_t size : {1u, 2u, 4u})
    if (value >= -(int64_t{1} << (8 * size - 1)) && value < int64_t{1} << (8 * size - 1)) return pool.integer(size, true);
  return pool.int64();
}

bool has_sign(const Type* type) {
  return type->is_signed || type->is(TypeKind::boolean);
}

namespace {

const Type* unify_records(const Type* a, const Type* b, mir::TypePool& pool) {
  const mir::RecordLayout* left = pool.layout(a);
  const mir::RecordLayout* right = pool.layout(b);
  if (!is_made_record(a) || !is_made_record(b) || left == nullptr || right == nullptr ||
      left->fields.size() != right->fields.size())
    return nullptr;
  NamedTypes fields;
  for (size_t i = 0; i < left->fields.size(); i++) {
    const Type* type = unify(left->fields[i].type, right->fields[i].type, pool);
    if (type == nullptr || left->fields[i].name != right->fields[i].name) return nullptr;
    fields.emplace_back(left->fields[i].name, type);
  }
  return record_type(fields, pool);
}

}  // namespace

const Type* unify(const Type* a, const Type* b, mir::TypePool& pool) {
  if (a == b) return a;
  if (a->is(TypeKind::none) || b->is(TypeKind::none)) return nullptr;
  bool a_int = a->is(TypeKind::integer) || a->is(TypeKind::enumeration) || a->is(TypeKind::boolean);
  bool b_int = b->is(TypeKind::integer) || b->is(TypeKind::enumeration) || b->is(TypeKind::boolean);
  if (a_int && b_int) {
    if (a->is(TypeKind::enumeration) && b->is(TypeKind::enumeration) && a->name == b->name) return a->size >= b->size ? a : b;
    bool is_signed = a->is(TypeKind::boolean)   ? b->is_signed
                     : b->is(TypeKind::boolean) ? a->is_signed
                                                : a->is_signed || b->is_signed;
    uint32_t size = std::max(a->size, b->size);
    bool mixes_signs = a->is(TypeKind::integer) && b->is(TypeKind::integer) && a->is_signed != b->is_signed;
    uint32_t unsigned_size = a->is_signed ? b->size : a->size;
    if (mixes_signs && unsigned_size == size && size < 8) size *= 2;  // the sign needs room beside all values
    return pool.integer(size, is_signed);
  }
  if (a->kind != b->kind) return nullptr;
  switch (a->kind) {
    case TypeKind::string: return pool.string(std::max(a->count, b->count));
    case TypeKind::buffer: return pool.buffer(std::max(a->count, b->count));
    case TypeKind::pointer:
      // Pointers to different things are one type in bpftrace's maps and variables as long as the first one rules. What a
      // variable has the address of may have become longer.
      if (a->element->is(TypeKind::string) || a->element->is(TypeKind::tuple))
        if (const Type* longer = unify(a->element, b->element, pool)) return pool.pointer(longer, a->space);
      return a;
    case TypeKind::kstack:
    case TypeKind::ustack:
      return a->stack_mode == b->stack_mode ? pool.stack(a->kind, std::max(a->count, b->count), a->stack_mode) : nullptr;
    case TypeKind::tuple: {
      if (a->elements.size() != b->elements.size()) return nullptr;
      std::vector<const Type*> elements;
      for (size_t i = 0; i < a->elements.size(); i++) {
        const Type* element = unify(a->elements[i].type, b->elements[i].type, pool);
        if (element == nullptr) return nullptr;
        elements.push_back(element);
      }
      return pool.tuple(elements);
    }
    case TypeKind::record: return unify_records(a, b, pool);
    case TypeKind::sum:
    case TypeKind::min:
    case TypeKind::max:
    case TypeKind::avg:
    case TypeKind::stats: return pool.aggregate(a->kind, a->is_signed || b->is_signed);
    default: return nullptr;
  }
}

const Type* grown(const Type* type, const Type* wider, mir::TypePool& pool) {
  if (type->kind != wider->kind || type == wider) return wider;
  switch (wider->kind) {
    case TypeKind::string:
      return wider->count <= type->count ? wider : pool.string(std::max(wider->count, std::min(type->count * 2, longest_joined)));
    case TypeKind::tuple: {
      std::vector<const Type*> elements;
      for (size_t i = 0; i < wider->elements.size(); i++)
        elements.push_back(grown(type->elements[i].type, wider->elements[i].type, pool));
      return pool.tuple(elements);
    }
    case TypeKind::record: {
      const mir::RecordLayout* old = pool.layout(type);
      const mir::RecordLayout* layout = pool.layout(wider);
      if (!is_made_record(wider) || old == nullptr || layout == nullptr) return wider;
      NamedTypes fields;
      for (size_t i = 0; i < layout->fields.size(); i++)
        fields.emplace_back(layout->fields[i].name, grown(old->fields[i].type, layout->fields[i].type, pool));
      return record_type(fields, pool);
    }
    default: return wider;
  }
}

const Type* read_as(const Type* type, mir::TypePool& pool) {
  switch (type->kind) {
    case TypeKind::count: return pool.uint64();
    case TypeKind::sum:
    case TypeKind::min:
    case TypeKind::max:
    case TypeKind::avg:
    case TypeKind::stats: return pool.integer(8, type->is_signed);
    default: return type;
  }
}

bool converts_to_integer(const Type* type) {
  switch (type->kind) {
    case TypeKind::count:
    case TypeKind::sum:
    case TypeKind::min:
    case TypeKind::max:
    case TypeKind::avg:
    case TypeKind::stats: return true;
    default: return is_scalar(type);
  }
}

std::string show(const Type* type) {
  if (type == nullptr) return "unknown";
  switch (type->kind) {
    case TypeKind::none: return "none";
    case TypeKind::pointer: return type->element->is(TypeKind::none) ? "pointer" : "pointer to " + show(type->element);
    case TypeKind::record:
    case TypeKind::enumeration:
      if (is_user_record(type))  // without its file
        return (type->is(TypeKind::enumeration) ? "enum "
                : type->is_union                ? "union "
                                                : "struct ") +
               type->name.substr(0, type->name.find('@'));
      return is_made_record(type) ? type->name : type->text;
    default: return type->text;
  }
}

}  // namespace shrike
