// Casts: which values become which types. Numbers, booleans, enumerators and pointers convert to each other; numbers and
// arrays of numbers that have as many bytes do too (a shorter number is extended), and strings become arrays of their characters.
#include <algorithm>
#include <optional>

#include "frontend/checker.h"
#include "frontend/constants.h"

namespace shrike {

using mir::Type;
using mir::TypeKind;

namespace {

// An array that holds the bytes of a number.
bool is_bytes_of_number(const Type* type) {
  bool is_word = type->size == 1 || type->size == 2 || type->size == 4 || type->size == 8;
  return is_word && type->is(TypeKind::array) && (type->element->is(TypeKind::integer) || type->element->is(TypeKind::boolean));
}

bool is_characters(const Type* type) {
  return type->is(TypeKind::array) && type->element->is(TypeKind::integer) && type->element->size == 1;
}

// `uint8[]`
bool leaves_length_open(const ast::TypeName& name) {
  return !name.suffixes.empty() && !name.suffixes.back().is_pointer && name.suffixes.back().count == nullptr;
}

}  // namespace

// `(uint8[])e` has as many elements as `e` has bytes for.
const Type* Checker::cast_type(const ast::TypeName& name, const Type* from) {
  if (!leaves_length_open(name)) return named_type(name);
  ast::TypeName element_name = name;
  element_name.suffixes.pop_back();
  const Type* element = named_type(element_name);
  if (element == nullptr || element->size == 0) return element;
  return types().array(element, from->size / element->size);
}

const Type* Checker::cast(const ast::Expr& self, const ast::Cast& e) {
  const Type* from = expr(e.operand);
  if (from == nullptr) return nullptr;
  const Type* to = cast_type(e.type, read_as(from, types()));
  if (to == nullptr) return nullptr;
  bool is_number = converts_to_integer(from);
  bool is_fine = is_scalar(to) ? is_number : false;
  if (to->is(TypeKind::integer) && is_bytes_of_number(from)) is_fine = from->size == to->size;
  if (is_number && is_bytes_of_number(to))
    is_fine = read_as(from, types())->size <= to->size || fits(constant(e.operand), to->size);
  if (from->is(TypeKind::string) && is_characters(to)) is_fine = to->size >= from->size;
  is_fine |= from == to && to->is(TypeKind::array);
  if (!is_fine) {
    report(Diag::bad_cast, self.span, {show(from), show(to)});
    return nullptr;
  }
  const auto* known = std::get_if<int64_t>(&constant(e.operand));
  bool is_said_twice = from == to && !to->is(TypeKind::pointer);  // of pointers, scripts for several kernels say it to be sure
  if (is_said_twice && known == nullptr && !leaves_length_open(e.type) && e.type.tag != ast::TypeName::Tag::typeof_)
    report(Diag::redundant_cast, self.span, {show(to)});
  std::optional<int64_t> value;
  if (known != nullptr) value = *known;
  if (to->is(TypeKind::enumeration) && value) {
    std::vector<mir::Enumerator> names = c_types_.enumerators(to->name);
    auto has_value = [&](const mir::Enumerator& each) { return each.value == *value; };
    if (!names.empty() && std::none_of(names.begin(), names.end(), has_value)) {
      report(Diag::no_such_enumerator, e.operand->span, {show(to), std::to_string(*value)});
      return nullptr;
    }
    note(&self).constant = *value;
  }
  if (to->is(TypeKind::pointer)) {
    mir::AddressSpace space = from->is(TypeKind::pointer) ? from->space : context().space;
    to = types().pointer(to->element, space);
  }
  if (value && to->is(TypeKind::integer)) note(&self).constant = truncate(*value, to->size, to->is_signed);
  if (value && to->is(TypeKind::boolean)) note(&self).constant = int64_t{*value != 0};
  return to;
}

}  // namespace shrike
