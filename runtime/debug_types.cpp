// Through libdw. Layouts come from the compiler's own offsets; nothing is computed that it tells.
#include "runtime/debug_types.h"

#include <dwarf.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "runtime/source_lines.h"

namespace shrike {

using mir::Type;

namespace {

constexpr uint32_t deepest_nesting = 16;  // of anonymous members and base classes
constexpr uint64_t biggest_array = 1u << 30;

template <class F>
void each_child(Dwarf_Die parent, F&& f) {
  Dwarf_Die child;
  if (dwarf_child(&parent, &child) != 0) return;
  do f(child);
  while (dwarf_siblingof(&child, &child) == 0);
}

bool is_record(int tag) {
  return tag == DW_TAG_structure_type || tag == DW_TAG_class_type || tag == DW_TAG_union_type;
}

bool is_pointer(int tag) {
  return tag == DW_TAG_pointer_type || tag == DW_TAG_reference_type || tag == DW_TAG_rvalue_reference_type;
}

bool is_char(Dwarf_Die type) {
  type = without_names(type);
  const char* name = dwarf_diename(&type);
  return dwarf_tag(&type) == DW_TAG_base_type && name != nullptr && std::strcmp(name, "char") == 0;
}

const Type* base_type(Dwarf_Die type, mir::TypePool& pool) {
  auto size = static_cast<uint32_t>(size_of(type));
  uint64_t encoding = number_of(type, DW_AT_encoding).value_or(0);
  bool is_signed = encoding == DW_ATE_signed || encoding == DW_ATE_signed_char;
  bool is_integer = is_signed || encoding == DW_ATE_unsigned || encoding == DW_ATE_unsigned_char || encoding == DW_ATE_UTF ||
                    encoding == DW_ATE_boolean;
  if (encoding == DW_ATE_boolean && size == 1) return pool.boolean();
  if (is_integer && size == 16) return pool.array(pool.uint64(), 2);
  if (is_integer && (size == 1 || size == 2 || size == 4 || size == 8)) return pool.integer(size, is_signed);
  return pool.array(pool.integer(1, false), size);  // floating point: bytes
}

// A definition of this name and kind among the children, and in the name spaces there.
std::optional<Dwarf_Die> find_definition(Dwarf_Die parent, int tag, const char* name) {
  std::optional<Dwarf_Die> found;
  each_child(parent, [&](Dwarf_Die child) {
    if (found) return;
    const char* own = dwarf_diename(&child);
    if (dwarf_tag(&child) == DW_TAG_namespace) found = find_definition(child, tag, name);
    else if (dwarf_tag(&child) == tag && own != nullptr && std::strcmp(own, name) == 0 && !has_flag(child, DW_AT_declaration))
      found = child;
  });
  return found;
}

// Values as the enumeration's own type extends them.
int64_t enumerator_value(Dwarf_Die enumerator, bool& is_negative) {
  Dwarf_Attribute attribute;
  Dwarf_Sword value = 0;
  dwarf_attr(&enumerator, DW_AT_const_value, &attribute);
  bool is_signed_form = dwarf_whatform(&attribute) == DW_FORM_sdata || dwarf_whatform(&attribute) == DW_FORM_implicit_const;
  if (is_signed_form) dwarf_formsdata(&attribute, &value);
  else value = static_cast<int64_t>(number_of(enumerator, DW_AT_const_value).value_or(0));
  is_negative |= is_signed_form && value < 0;
  return value;
}

// One of its ranges does; libdw does not give the entry of functions in split files.
bool begins_at(Dwarf_Die function, uint64_t address) {
  Dwarf_Addr base = 0, begin = 0, end = 0;
  for (ptrdiff_t next = 0; (next = dwarf_ranges(&function, next, &base, &begin, &end)) > 0;)
    if (begin == address) return true;
  return false;
}

}  // namespace

std::optional<Dwarf_Die> type_entry(Dwarf_Die entry) {
  Dwarf_Attribute attribute;
  Dwarf_Die type;
  if (dwarf_formref_die(dwarf_attr_integrate(&entry, DW_AT_type, &attribute), &type) == nullptr) return std::nullopt;
  return type;
}

Dwarf_Die without_names(Dwarf_Die type) {
  Dwarf_Die out;
  return dwarf_peel_type(&type, &out) == 0 ? out : type;
}

uint64_t size_of(Dwarf_Die type) {
  Dwarf_Word size = 0;
  if (is_pointer(dwarf_tag(&type))) return 8;
  return dwarf_aggregate_size(&type, &size) == 0 ? size : 0;
}

bool has_flag(Dwarf_Die entry, unsigned attribute) {
  Dwarf_Attribute memory;
  bool is_set = false;
  return dwarf_formflag(dwarf_attr_integrate(&entry, attribute, &memory), &is_set) == 0 && is_set;
}

std::optional<uint64_t> number_of(Dwarf_Die entry, unsigned attribute) {
  Dwarf_Attribute memory;
  Dwarf_Word value = 0;
  if (dwarf_formudata(dwarf_attr_integrate(&entry, attribute, &memory), &value) != 0) return std::nullopt;
  return value;
}

std::optional<uint64_t> member_offset(Dwarf_Die member) {
  if (dwarf_hasattr(&member, DW_AT_data_member_location) == 0) return 0;  // of unions, and of bit-fields counted in bits
  return number_of(member, DW_AT_data_member_location);
}

BitRange bits_of(Dwarf_Die member) {
  BitRange out;
  out.count = static_cast<uint32_t>(number_of(member, DW_AT_bit_size).value_or(0));
  if (out.count == 0) return out;
  uint64_t base = member_offset(member).value_or(0) * 8;
  out.start = base + number_of(member, DW_AT_data_bit_offset).value_or(0);
  // Before DWARF 4 bits were counted from the most significant one of a unit.
  if (std::optional<uint64_t> from_top = number_of(member, DW_AT_bit_offset)) {
    std::optional<Dwarf_Die> type = type_entry(member);
    uint64_t unit = number_of(member, DW_AT_byte_size).value_or(type ? size_of(*type) : 4) * 8;
    out.start = base + unit - *from_top - out.count;
  }
  return out;
}

uint64_t element_count(Dwarf_Die array) {
  uint64_t count = 1;
  each_child(array, [&](Dwarf_Die range) {
    if (dwarf_tag(&range) != DW_TAG_subrange_type) return;
    std::optional<uint64_t> own = number_of(range, DW_AT_count);
    if (std::optional<uint64_t> last = number_of(range, DW_AT_upper_bound); !own && last) own = *last + 1;
    count = std::min(count * std::min(own.value_or(0), biggest_array), biggest_array);
  });
  return count;
}

std::string spelling_of(const std::optional<Dwarf_Die>& type) {
  if (!type) return "void";
  Dwarf_Die entry = *type;
  int tag = dwarf_tag(&entry);
  auto inner = [&] { return spelling_of(type_entry(entry)); };
  auto pointer = [&](const char* mark) {
    std::string target = inner();
    return target + (target.ends_with('*') ? "" : " ") + mark;
  };
  if (tag == DW_TAG_pointer_type) return pointer("*");
  if (tag == DW_TAG_reference_type) return pointer("&");
  if (tag == DW_TAG_rvalue_reference_type) return pointer("&&");
  if (tag == DW_TAG_const_type) return is_pointer(tag) ? inner() + " const" : "const " + inner();
  if (tag == DW_TAG_volatile_type) return "volatile " + inner();
  if (tag == DW_TAG_restrict_type || tag == DW_TAG_atomic_type) return inner();
  if (tag == DW_TAG_array_type) return inner() + "[" + std::to_string(element_count(entry)) + "]";
  if (tag == DW_TAG_subroutine_type) return "function";
  const char* name = dwarf_diename(&entry);
  std::string text = name == nullptr ? "(unnamed)" : name;
  if (tag == DW_TAG_structure_type) return "struct " + text;
  if (tag == DW_TAG_union_type) return "union " + text;
  if (tag == DW_TAG_enumeration_type) return "enum " + text;
  return text;
}

DebugTypes::DebugTypes(std::string path, const DebugDirectories& directories) : path_(std::move(path)), image_(path_) {
  if (image_.get() == nullptr) return;
  segments_ = loaded_segments(image_.get());
  Elf* elf = image_.with_section(".debug_info", directories);
  if (elf == nullptr) elf = image_.with_section(".zdebug_info", directories);
  if (elf != nullptr) dwarf_ = dwarf_begin_elf(elf, DWARF_C_READ, nullptr);
}

DebugTypes::~DebugTypes() {
  if (dwarf_ != nullptr) dwarf_end(dwarf_);
}

std::optional<Dwarf_Die> DebugTypes::function_at(uint64_t file_offset) {
  uint64_t address = 0;
  for (const ElfSegment& segment : segments_)
    if (segment.is_executable && file_offset >= segment.offset && file_offset - segment.offset < segment.file_size)
      address = file_offset - segment.offset + segment.address;
  Dwarf_Die memory;
  Dwarf_Die* unit = dwarf_ == nullptr ? nullptr : unit_at(dwarf_, address, memory);
  if (unit == nullptr) return std::nullopt;
  std::optional<Dwarf_Die> found;
  auto look_in = [&](Dwarf_Die* scopes, int count) {
    for (int i = 0; i < count && !found; i++)
      if (dwarf_tag(&scopes[i]) == DW_TAG_subprogram && begins_at(scopes[i], address)) found = scopes[i];
  };
  Dwarf_Die *here = nullptr, *around = nullptr;
  int count = dwarf_getscopes(unit, address, &here);
  look_in(here, count);
  // Of inlined code those were the scopes it was written in; these hold it.
  int outer = !found && count > 0 ? dwarf_getscopes_die(&here[0], &around) : 0;
  look_in(around, outer);
  std::free(here);
  std::free(around);
  return found;
}

Dwarf_Die DebugTypes::defined(Dwarf_Die record) {
  const char* name = dwarf_diename(&record);
  if (name == nullptr || !has_flag(record, DW_AT_declaration)) return record;
  Dwarf_CU* unit = nullptr;
  Dwarf_Die top, split;
  uint8_t kind = 0;
  while (dwarf_get_units(dwarf_, unit, &unit, nullptr, &kind, &top, &split) == 0) {
    if (kind == DW_UT_skeleton && split.addr != nullptr) top = split;
    if (std::optional<Dwarf_Die> found = find_definition(top, dwarf_tag(&record), name)) return *found;
  }
  return record;
}

std::string DebugTypes::record_name(Dwarf_Die record, const char* alias) {
  auto [known, is_new] = names_.try_emplace(record.addr);
  if (!is_new) return known->second;
  const char* own = dwarf_diename(&record);
  std::string base = own != nullptr ? own : alias != nullptr ? alias : "anon_" + std::to_string(dwarf_dieoffset(&record));
  // Every unit describes what it uses: what was written at one line is one type.
  auto is_same = [&](Dwarf_Die other) {
    return has_flag(other, DW_AT_declaration) == has_flag(record, DW_AT_declaration) && size_of(other) == size_of(record) &&
           number_of(other, DW_AT_decl_line) == number_of(record, DW_AT_decl_line);
  };
  for (uint32_t number = 1;; number++) {
    std::string name = base + (number == 1 ? "" : "#" + std::to_string(number)) + "@" + path_;
    auto [entry, is_first] = records_.try_emplace(name, record);
    if (is_first || is_same(entry->second)) return known->second = name;
  }
}

const Type* DebugTypes::array_type(Dwarf_Die array, mir::TypePool& pool) {
  std::optional<Dwarf_Die> element = type_entry(array);
  if (!element) return pool.none();
  std::vector<uint64_t> counts;
  each_child(array, [&](Dwarf_Die range) {
    if (dwarf_tag(&range) != DW_TAG_subrange_type) return;
    std::optional<uint64_t> own = number_of(range, DW_AT_count);
    if (std::optional<uint64_t> last = number_of(range, DW_AT_upper_bound); !own && last) own = *last + 1;
    counts.push_back(own.value_or(0));
  });
  if (element_count(array) * std::max<uint64_t>(size_of(*element), 1) > biggest_array) return pool.none();
  bool is_text = is_char(*element) && !counts.empty() && counts.back() > 0;
  const Type* type = is_text ? pool.string(static_cast<uint32_t>(counts.back())) : type_of(*element, pool);
  if (is_text) counts.pop_back();
  for (auto count = counts.rbegin(); count != counts.rend(); ++count) type = pool.array(type, static_cast<uint32_t>(*count));
  return type;
}

const Type* DebugTypes::enumeration_type(Dwarf_Die enumeration, mir::TypePool& pool) {
  auto size = static_cast<uint32_t>(size_of(enumeration));
  if (size != 1 && size != 2 && size != 4 && size != 8) return pool.none();
  bool is_signed = false;
  std::vector<mir::Enumerator> values;
  each_child(enumeration, [&](Dwarf_Die child) {
    const char* name = dwarf_diename(&child);
    if (dwarf_tag(&child) == DW_TAG_enumerator && name != nullptr) values.push_back({name, enumerator_value(child, is_signed)});
  });
  const char* own = dwarf_diename(&enumeration);
  if (own == nullptr) return pool.integer(size, is_signed);
  std::string name = std::string(own) + "@" + path_;
  pool.define_enumeration(name, std::move(values));
  return pool.enumeration(name, size, is_signed);
}

const Type* DebugTypes::type_of(Dwarf_Die type, mir::TypePool& pool) {
  const char* alias = nullptr;  // of a record without a name of its own
  for (Dwarf_Die at = type; dwarf_tag(&at) == DW_TAG_typedef || dwarf_tag(&at) == DW_TAG_const_type;) {
    if (dwarf_tag(&at) == DW_TAG_typedef) alias = dwarf_diename(&at);
    std::optional<Dwarf_Die> next = type_entry(at);
    if (!next) break;
    at = *next;
  }
  type = without_names(type);
  int tag = dwarf_tag(&type);
  if (is_record(tag)) return pool.record(record_name(type, alias), tag == DW_TAG_union_type);
  if (is_pointer(tag)) {
    std::optional<Dwarf_Die> target = type_entry(type);
    return pool.pointer(target ? type_of(*target, pool) : pool.none(), mir::AddressSpace::user);
  }
  switch (tag) {
    case DW_TAG_base_type: return base_type(type, pool);
    case DW_TAG_array_type: return array_type(type, pool);
    case DW_TAG_enumeration_type: return enumeration_type(type, pool);
    case DW_TAG_ptr_to_member_type: return pool.integer(8, true);
    default: return pool.none();
  }
}

struct DebugTypes::FieldList {
  std::vector<mir::RecordField> fields;
  // Of a base class and of the record itself under one name the record's own is meant.
  void add(mir::RecordField field) {
    std::erase_if(fields, [&](const mir::RecordField& earlier) { return earlier.name == field.name; });
    fields.push_back(std::move(field));
  }
};

const mir::RecordLayout* DebugTypes::define_record(const Type* record, mir::TypePool& pool) {
  if (const mir::RecordLayout* known = pool.layout(record)) return known;
  auto found = records_.find(record->name);
  if (found == records_.end()) return nullptr;
  Dwarf_Die entry = defined(found->second);
  if (has_flag(entry, DW_AT_declaration)) return nullptr;
  mir::RecordLayout layout;
  layout.name = record->name;
  layout.is_union = record->is_union;
  layout.size = static_cast<uint32_t>(size_of(entry));
  FieldList list;
  add_fields(entry, 0, 0, pool, list);
  layout.fields = std::move(list.fields);
  return pool.define_record(std::move(layout));
}

void DebugTypes::add_fields(Dwarf_Die record, uint32_t base, uint32_t depth, mir::TypePool& pool, FieldList& out) {
  each_child(record, [&](Dwarf_Die child) {
    int tag = dwarf_tag(&child);
    std::optional<Dwarf_Die> type = type_entry(child);
    std::optional<uint64_t> offset = member_offset(child);
    if ((tag != DW_TAG_member && tag != DW_TAG_inheritance) || !type || !offset) return;
    if (has_flag(child, DW_AT_artificial) || has_flag(child, DW_AT_declaration) || has_flag(child, DW_AT_external)) return;
    const char* name = dwarf_diename(&child);
    if (name == nullptr || tag == DW_TAG_inheritance) {
      Dwarf_Die inner = defined(without_names(*type));
      if (is_record(dwarf_tag(&inner)) && depth < deepest_nesting)
        add_fields(inner, base + static_cast<uint32_t>(*offset), depth + 1, pool, out);
      return;
    }
    BitRange bits = bits_of(child);
    const Type* own = type_of(*type, pool);
    mir::RecordField field;
    if (bits.count != 0) field = mir::bit_field(own, bits.start, bits.count, pool);
    else field.offset = static_cast<uint32_t>(*offset), field.type = own;
    field.name = name;
    field.offset += base;
    // What lies inside must have its size, which only its layout tells.
    for (const Type* inside = own; inside != nullptr; inside = inside->is(mir::TypeKind::array) ? inside->element : nullptr)
      if (inside->is(mir::TypeKind::record)) define_record(inside, pool);
    out.add(std::move(field));
  });
}

}  // namespace shrike
