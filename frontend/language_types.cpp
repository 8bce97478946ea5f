// The rules as functions of one or two types, with no state.
#include "frontend/language_types.h"

#include <algorithm>

namespace shrike {

using mir::Type;
using mir::TypeKind;

bool is_scalar(const Type* type) {
  return type->is_integer_like() || type->is(TypeKind::ksym) || type->is(TypeKind::username);
}

const Type* stored(const Type* type, mir::TypePool& pool) {
  switch (type->kind) {
    case TypeKind::integer: return pool.integer(8, type->is_signed);
    case TypeKind::enumeration: return pool.enumeration(type->name, 8);
    case TypeKind::tuple: {
      std::vector<const Type*> elements;
      for (const mir::TupleElement& element : type->elements) elements.push_back(stored(element.type, pool));
      return pool.tuple(elements);
    }
    default: return type;
  }
}

const Type* unify(const Type* a, const Type* b, mir::TypePool& pool) {
  if (a == b) return a;
  if (a->is(TypeKind::none) || b->is(TypeKind::none)) return nullptr;
  bool a_int = a->is(TypeKind::integer) || a->is(TypeKind::enumeration) || a->is(TypeKind::boolean);
  bool b_int = b->is(TypeKind::integer) || b->is(TypeKind::enumeration) || b->is(TypeKind::boolean);
  if (a_int && b_int) {
    bool is_signed = a->is(TypeKind::boolean)   ? b->is_signed
                     : b->is(TypeKind::boolean) ? a->is_signed
                                                : a->is_signed || b->is_signed;
    return pool.integer(std::max(a->size, b->size), is_signed);
  }
  if (a->kind != b->kind) return nullptr;
  switch (a->kind) {
    case TypeKind::string: return pool.string(std::max(a->count, b->count));
    case TypeKind::buffer: return pool.buffer(std::max(a->count, b->count));
    case TypeKind::pointer:
      // Pointers to different things are one type in bpftrace's maps and variables as long as the first one rules.
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
    case TypeKind::sum:
    case TypeKind::min:
    case TypeKind::max:
    case TypeKind::avg:
    case TypeKind::stats: return pool.aggregate(a->kind, a->is_signed || b->is_signed);
    default: return nullptr;
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
    default: return type->text;
  }
}

}  // namespace shrike
