// Rules of the language's types: which convert to which, and how they are stored.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mir/type.h"

namespace shrike {

// Scalars live in one register; everything else lives in memory and is handled by address.
bool is_scalar(const mir::Type* type);

// An array at the end of a record, whose elements are behind the record.
bool is_flexible_array(const mir::Type* type);

// The type a value has as a map's value or key and in what is sent to user space: integers become 8 bytes, keeping their sign.
// Elements of tuples and records keep their own.
const mir::Type* stored(const mir::Type* type, mir::TypePool& pool);

// The type of a record value (x=1, y=2): laid out like a tuple, its fields found by name. Equal fields give the same type.
using NamedTypes = std::vector<std::pair<std::string_view, const mir::Type*>>;
const mir::Type* record_type(const NamedTypes& fields, mir::TypePool& pool);

// The type that holds values of both, or null if there is none: integers widen, strings and buffers take the longer,
// tuples go element by element, records field by field: fields are known by their names, and the order is that of `a`.
const mir::Type* unify(const mir::Type* a, const mir::Type* b, mir::TypePool& pool);

// Which fields one of two types has and the other lacks, as a hint: "(a: int8) has no field `b`". Empty if it is not that which
// sets them apart.
std::string missing_fields(const mir::Type* a, const mir::Type* b, mir::TypePool& pool);

// `wider`, whose strings that are longer than those of `type` have become at least twice as long, up to what str_concat() gives:
// `$s = str_concat($s, "x")` makes its variable longer each time it is looked at.
const mir::Type* grown(const mir::Type* type, const mir::Type* wider, mir::TypePool& pool);
constexpr uint32_t longest_joined = 1024;  // bytes of what str_concat() makes, with the NUL

// An aggregate read as a number has this type; other types are themselves.
const mir::Type* read_as(const mir::Type* type, mir::TypePool& pool);

// Is the type one that record_type() made?
bool is_made_record(const mir::Type* type);

// The elements of a tuple, the fields of a record.
std::vector<mir::TupleElement> parts_of(const mir::Type* type, mir::TypePool& pool);

// The same, of a record in the order in which another one, of the same names, has its fields.
std::vector<mir::TupleElement> parts_in_order_of(const mir::Type* type, const mir::Type* order, mir::TypePool& pool);
std::optional<size_t> field_index(const mir::RecordLayout& layout, std::string_view name);

// Is the type one of a program's debug information? Those are called NAME@FILE, for programs and the kernel share names.
bool is_user_record(const mir::Type* type);

// What a number written in the script is: the smallest type with a sign that holds it.
const mir::Type* smallest_integer(int64_t value, mir::TypePool& pool);

// Does arithmetic on values of this type keep a sign? A truth value counts as the signed numbers 0 and 1.
bool has_sign(const mir::Type* type);

// May the value stand where an integer is wanted (conditions, arithmetic, %d)?
bool converts_to_integer(const mir::Type* type);

// For messages: "int64", "string[16]", "pointer to struct sock".
std::string show(const mir::Type* type);

}  // namespace shrike
