// The calling convention of the x86-64 System V ABI, section 3.2.3, and the Itanium C++ ABI where C++ adds to it: which
// register or stack slot has which argument at the first instruction.
#include <dwarf.h>

#include <algorithm>

#include "frontend/registers.h"
#include "runtime/debug_types.h"

namespace shrike {

namespace {

constexpr uint32_t vector_registers = 8;
constexpr uint32_t deepest_nesting = 16;

enum class Class : uint8_t { none, integer, floating };

// How a value travels: in up to two registers, on the stack, or, `by_reference`, as the address of a copy.
struct Passing {
  Class words[2] = {Class::none, Class::none};
  bool in_memory = false;
  bool by_reference = false;
  bool is_odd = false;  // has parts that no register holds whole
};

bool is_record(int tag) {
  return tag == DW_TAG_structure_type || tag == DW_TAG_class_type || tag == DW_TAG_union_type;
}

uint64_t alignment_of(Dwarf_Die type, DebugTypes& types, uint32_t depth = 0) {
  if (std::optional<uint64_t> asked = number_of(type, DW_AT_alignment)) return *asked;
  type = types.defined(without_names(type));
  int tag = dwarf_tag(&type);
  std::optional<uint64_t> asked = number_of(type, DW_AT_alignment);
  if (asked) return *asked;
  if (tag == DW_TAG_array_type) {
    std::optional<Dwarf_Die> element = type_entry(type);
    return element && !has_flag(type, DW_AT_GNU_vector) ? alignment_of(*element, types, depth + 1)
                                                        : std::max<uint64_t>(size_of(type), 1);
  }
  if (!is_record(tag)) return std::clamp<uint64_t>(size_of(type), 1, 16);
  uint64_t most = 1;
  Dwarf_Die child;
  if (depth >= deepest_nesting || dwarf_child(&type, &child) != 0) return most;
  do {
    std::optional<Dwarf_Die> member = type_entry(child);
    bool is_part = dwarf_tag(&child) == DW_TAG_member || dwarf_tag(&child) == DW_TAG_inheritance;
    if (is_part && member)
      most = std::max({most, number_of(child, DW_AT_alignment).value_or(1), alignment_of(*member, types, depth + 1)});
  } while (dwarf_siblingof(&child, &child) == 0);
  return most;
}

// A constructor that copies or moves, a destructor or a virtual function, written by somebody.
bool forbids_plain_copies(Dwarf_Die function, Dwarf_Die record) {
  if (dwarf_tag(&function) != DW_TAG_subprogram || has_flag(function, DW_AT_artificial)) return false;
  if (number_of(function, DW_AT_virtuality).value_or(DW_VIRTUALITY_none) != DW_VIRTUALITY_none) return true;
  if (has_flag(function, DW_AT_deleted) || number_of(function, DW_AT_defaulted) == DW_DEFAULTED_in_class) return false;
  std::string_view name = dwarf_diename(&function) == nullptr ? "" : dwarf_diename(&function);
  std::string_view own = dwarf_diename(&record) == nullptr ? "" : dwarf_diename(&record);
  if (name.starts_with('~')) return true;
  if (name.empty() || name != own.substr(0, own.find('<'))) return false;
  uint32_t parameters = 0;
  bool takes_own_kind = false;
  Dwarf_Die child;
  if (dwarf_child(&function, &child) != 0) return false;
  do {
    if (dwarf_tag(&child) != DW_TAG_formal_parameter || has_flag(child, DW_AT_artificial)) continue;
    parameters++;
    std::optional<Dwarf_Die> type = type_entry(child);
    int tag = type ? dwarf_tag(&*type) : 0;
    if (tag != DW_TAG_reference_type && tag != DW_TAG_rvalue_reference_type) continue;
    std::optional<Dwarf_Die> target = type_entry(*type);
    takes_own_kind |= target && without_names(*target).addr == record.addr;
  } while (dwarf_siblingof(&child, &child) == 0);
  return parameters == 1 && takes_own_kind;
}

// Classes of C++ that are not copied byte by byte travel by reference. Compilers that do not say so leave it to be found out.
bool is_passed_by_reference(Dwarf_Die type, DebugTypes& types, uint32_t depth = 0) {
  type = types.defined(without_names(type));
  if (dwarf_tag(&type) == DW_TAG_array_type) {
    std::optional<Dwarf_Die> element = type_entry(type);
    return element && depth < deepest_nesting && is_passed_by_reference(*element, types, depth + 1);
  }
  Dwarf_Die child;
  if (!is_record(dwarf_tag(&type)) || depth >= deepest_nesting) return false;
  if (std::optional<uint64_t> told = number_of(type, DW_AT_calling_convention)) return told == DW_CC_pass_by_reference;
  if (dwarf_child(&type, &child) != 0) return false;
  do {
    if (forbids_plain_copies(child, type)) return true;
    bool is_virtual_base = dwarf_tag(&child) == DW_TAG_inheritance && !member_offset(child);
    bool is_part =
        (dwarf_tag(&child) == DW_TAG_member && !has_flag(child, DW_AT_external)) || dwarf_tag(&child) == DW_TAG_inheritance;
    std::optional<Dwarf_Die> part = type_entry(child);
    if (is_virtual_base || (is_part && part && is_passed_by_reference(*part, types, depth + 1))) return true;
  } while (dwarf_siblingof(&child, &child) == 0);
  return false;
}

void classify(Dwarf_Die type, uint64_t offset, uint32_t depth, DebugTypes& types, Passing& out);

void classify_members(Dwarf_Die record, uint64_t offset, uint32_t depth, DebugTypes& types, Passing& out) {
  Dwarf_Die child;
  if (dwarf_child(&record, &child) != 0) return;
  do {
    int tag = dwarf_tag(&child);
    std::optional<Dwarf_Die> type = type_entry(child);
    bool is_part = (tag == DW_TAG_member && !has_flag(child, DW_AT_external) && !has_flag(child, DW_AT_declaration)) ||
                   tag == DW_TAG_inheritance;
    if (!is_part || !type) continue;
    std::optional<uint64_t> at = member_offset(child);
    BitRange bits = bits_of(child);
    if (!at) {
      out.is_odd = true;
    } else if (bits.count != 0) {
      uint64_t unit = std::max<uint64_t>(size_of(*type), 1) * 8;
      out.is_odd |= bits.start / unit != (bits.start + bits.count - 1) / unit;
      for (uint64_t bit : {bits.start, bits.start + bits.count - 1})
        if (uint64_t word = (offset * 8 + bit) / 64; word < 2) out.words[word] = Class::integer;
    } else {
      classify(*type, offset + *at, depth + 1, types, out);
    }
  } while (dwarf_siblingof(&child, &child) == 0);
}

void classify(Dwarf_Die type, uint64_t offset, uint32_t depth, DebugTypes& types, Passing& out) {
  type = types.defined(without_names(type));
  uint64_t size = size_of(type);
  int tag = dwarf_tag(&type);
  if (depth >= deepest_nesting || offset >= 16) {
    out.in_memory = true;
    return;
  }
  auto mark = [&](Class as) {
    uint64_t word = offset / 8;
    if (out.words[word] != Class::integer) out.words[word] = as;
  };
  if (is_record(tag)) return classify_members(type, offset, depth, types, out);
  if (tag == DW_TAG_array_type && has_flag(type, DW_AT_GNU_vector)) return mark(Class::floating);
  if (tag == DW_TAG_array_type) {
    std::optional<Dwarf_Die> element = type_entry(type);
    uint64_t step = element ? std::max<uint64_t>(size_of(*element), 1) : 1;
    for (uint64_t i = 0; element && i < std::min<uint64_t>(element_count(type), 16); i++)
      classify(*element, offset + i * step, depth + 1, types, out);
    return;
  }
  bool is_real = tag == DW_TAG_base_type && number_of(type, DW_AT_encoding) == DW_ATE_float;
  out.in_memory |= size != 0 && size <= 8 && offset % size != 0;  // packed
  out.in_memory |= is_real && size == 16;                         // long double
  mark(is_real ? Class::floating : Class::integer);
  if (size == 16 && !is_real) out.words[1] = Class::integer;
}

Passing passing_of(Dwarf_Die type, DebugTypes& types) {
  Passing out;
  Dwarf_Die entry = types.defined(without_names(type));
  out.by_reference = is_passed_by_reference(entry, types);
  bool is_vector = dwarf_tag(&entry) == DW_TAG_array_type && has_flag(entry, DW_AT_GNU_vector);
  out.in_memory = size_of(entry) > 16 && !is_vector;
  if (!out.in_memory && !out.by_reference) classify(entry, 0, 0, types, out);
  return out;
}

// Hands out registers and stack slots in the order of the arguments.
class Places {
 public:
  Places(DebugTypes& types, bool has_hidden_result) : types_(types), integers_(has_hidden_result ? 1 : 0) {}

  UserPlace next(Dwarf_Die type) {
    Passing passing = passing_of(type, types_);
    if (passing.by_reference) {
      UserPlace place = integers_ < std::size(argument_registers) ? in_registers({integer(), {}}) : on_stack(8, 8);
      place.is_reference = true;
      return place;
    }
    uint64_t size = size_of(type);
    auto count = [&](Class wanted) { return static_cast<uint32_t>(std::count(passing.words, passing.words + 2, wanted)); };
    uint32_t integers = count(Class::integer), reals = count(Class::floating);
    if (!passing.in_memory && integers + reals == 0) return elsewhere("it is empty");
    bool fits = integers_ + integers <= std::size(argument_registers) && reals_ + reals <= vector_registers;
    if (passing.in_memory || !fits) return on_stack(size, alignment_of(type, types_));
    reals_ += reals;
    std::array<std::string_view, 2> names;
    for (size_t i = 0; i < 2; i++)
      if (passing.words[i] == Class::integer) names[i] = integer();
    return placed(passing, names);
  }

  // Of a result.
  static UserPlace of_result(Dwarf_Die type, DebugTypes& types) {
    Passing passing = passing_of(type, types);
    UserPlace place = in_registers({"ax", {}});
    place.is_reference = passing.in_memory || passing.by_reference;
    if (place.is_reference && is_real(type)) return elsewhere("it is in a floating-point register");
    if (place.is_reference) return place;
    bool is_second_first = passing.words[0] != Class::integer;
    return placed(passing, {is_second_first ? "" : "ax", passing.words[1] != Class::integer ? ""
                                                         : is_second_first                  ? "ax"
                                                                                            : "dx"});
  }

 private:
  static bool is_real(Dwarf_Die type) {
    Dwarf_Die entry = without_names(type);
    return dwarf_tag(&entry) == DW_TAG_base_type;
  }
  static UserPlace elsewhere(const char* why) {
    UserPlace place;
    place.why = why;
    return place;
  }
  static UserPlace in_registers(std::array<std::string_view, 2> names) {
    UserPlace place;
    place.kind = UserPlace::Kind::in_registers;
    place.names = names;
    return place;
  }
  static UserPlace placed(const Passing& passing, std::array<std::string_view, 2> names) {
    bool has_real = passing.words[0] == Class::floating || passing.words[1] == Class::floating;
    if (has_real) return elsewhere("it, or a part of it, is in a floating-point register");
    if (passing.is_odd || names[0].empty()) return elsewhere("it is packed in a way that is not understood");
    return in_registers(names);
  }
  UserPlace on_stack(uint64_t size, uint64_t alignment) {
    stack_ = alignment > 8 ? (stack_ + alignment - 1) / alignment * alignment : stack_;
    UserPlace place;
    place.kind = UserPlace::Kind::stack;
    place.offset = static_cast<uint32_t>(8 + stack_);  // above the return address
    stack_ += (size + 7) / 8 * 8;
    return place;
  }
  std::string_view integer() { return argument_registers[integers_++]; }

  DebugTypes& types_;
  uint32_t integers_, reals_ = 0;
  uint64_t stack_ = 0;
};

}  // namespace

Answer<UserFunction> read_user_function(DebugTypes& types, const ProbeTarget& function, mir::TypePool& pool) {
  Answer<UserFunction> answer;
  auto unknown = [&](std::string why) {
    answer.why = std::move(why);
    return answer;
  };
  if (!types.has_debug_info())
    return unknown("`" + function.target + "` has no debug information (DWARF), neither inside nor in a separate file");
  // name.isra.0, name.constprop.0: made from a function by leaving out arguments.
  if (function.function.find('.') != std::string::npos) return unknown("the compiler changed the function's arguments");
  std::optional<Dwarf_Die> entry = types.function_at(function.address);
  if (!entry) return unknown("the debug information of `" + function.target + "` has no function that begins there");
  if (number_of(*entry, DW_AT_calling_convention) == DW_CC_nocall)
    return unknown("the compiler gave the function a calling convention of its own");
  auto value = [&](const std::optional<Dwarf_Die>& type, std::string name, UserPlace place) {
    return UserValue{std::move(name), spelling_of(type), types.type_of(*type, pool), std::move(place)};
  };
  bool has_hidden_result = false;
  if (std::optional<Dwarf_Die> type = type_entry(*entry)) {
    UserPlace place = Places::of_result(*type, types);
    has_hidden_result = place.is_reference;
    answer.value.result = value(type, "retval", place);
  }
  Places places(types, has_hidden_result);
  Dwarf_Die child;
  bool has_children = dwarf_child(&*entry, &child) == 0;
  while (has_children) {
    std::optional<Dwarf_Die> type = type_entry(child);
    const char* name = dwarf_diename(&child);
    if (dwarf_tag(&child) == DW_TAG_formal_parameter && type)
      answer.value.arguments.push_back(value(type, name == nullptr ? "" : name, places.next(*type)));
    has_children = dwarf_siblingof(&child, &child) == 0;
  }
  answer.status = Lookup::found;
  return answer;
}

}  // namespace shrike
