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

std::vector<mir::TupleElement> parts_in_order_of(const Type* type, const Type* order, mir::TypePool& pool) {
  std::vector<mir::TupleElement> parts = parts_of(type, pool);
  if (type == order || !is_made_record(type) || !is_made_record(order)) return parts;
  std::vector<mir::TupleElement> ordered;
  for (const mir::RecordField& field : pool.layout(order)->fields)
    ordered.push_back(parts[*field_index(*pool.layout(type), field.name)]);
  return ordered;
}

std::optional<size_t> field_index(const mir::RecordLayout& layout, std::string_view name) {
  for (size_t i = 0; i < layout.fields.size(); i++)
    if (layout.fields[i].name == name) return i;
  return std::nullopt;
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
  for (const mir::RecordField& field : left->fields) {
    const std::optional<size_t> other = field_index(*right, field.name);
    const Type* type = other ? unify(field.type, right->fields[*other].type, pool) : nullptr;
    if (type == nullptr) return nullptr;
    fields.emplace_back(field.name, type);
  }
  return record_type(fields, pool);
}

// What `missing_fields` says of two records themselves: fields of `other` that `type` lacks.
std::string fields_lacked(const Type* type, const Type* other, mir::TypePool& pool) {
  std::string names;
  for (const mir::RecordField& field : pool.layout(other)->fields)
    if (!field_index(*pool.layout(type), field.name)) names += (names.empty() ? "`" : ", `") + field.name + "`";
  return names.empty() ? names : show(type) + " has no field " + names;
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
      if (a->element->is(TypeKind::string) || a->element->is(TypeKind::tuple) || is_made_record(a->element))
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

std::string missing_fields(const Type* a, const Type* b, mir::TypePool& pool) {
  if (is_made_record(a) && is_made_record(b)) {
    std::string said = fields_lacked(a, b, pool);
    const std::string other = fields_lacked(b, a, pool);
    if (!said.empty() || !other.empty()) return said + (said.empty() || other.empty() ? "" : ", ") + other;
  } else if (!a->is(TypeKind::tuple) || !b->is(TypeKind::tuple)) {
    return {};
  }
  const std::vector<mir::TupleElement> left = parts_of(a, pool);
  const std::vector<mir::TupleElement> right = parts_in_order_of(b, a, pool);
  for (size_t i = 0; i < std::min(left.size(), right.size()); i++)
    if (std::string said = missing_fields(left[i].type, right[i].type, pool); !said.empty()) return said;
  return {};
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

namespace {

// Of a record with many fields, the first ones.
std::string shortened(const std::string& fields) {
  constexpr size_t longest_shown = 120;
  if (fields.size() <= longest_shown) return fields;
  return fields.substr(0, fields.rfind(',', longest_shown) + 1) + " ...)";
}

}  // namespace

std::string show(const Type* type) {
  if (type == nullptr) return "unknown";
  switch (type->kind) {
    case TypeKind::tuple: {
      std::string parts;
      for (const mir::TupleElement& part : type->elements) {
        const bool has_names = is_made_record(part.type) || part.type->is(TypeKind::tuple);
        parts.append(parts.empty() ? "" : ",").append(has_names ? show(part.type) : part.type->text);
      }
      return "(" + parts + ")";
    }
    case TypeKind::none: return "none";
    case TypeKind::pointer: return type->element->is(TypeKind::none) ? "pointer" : "pointer to " + show(type->element);
    case TypeKind::record:
    case TypeKind::enumeration:
      if (is_user_record(type))  // without its file
        return (type->is(TypeKind::enumeration) ? "enum "
                : type->is_union                ? "union "
                                                : "struct ") +
               type->name.substr(0, type->name.find('@'));
      return is_made_record(type) ? shortened(type->name) : type->text;
    default: return type->text;
  }
}

}  // namespace shrike
