// A field is named by the path to it in the object's own types; the same names lead to it in the kernel's.
#include "runtime/object_relocations.h"

#include <charconv>

#include "runtime/btf_ext.h"

namespace shrike {

namespace {

using Kind = Btf::Kind;

// The kernel's numbers (enum bpf_core_relo_kind).
enum class What : uint8_t {
  byte_offset = 0,
  byte_size = 1,
  exists = 2,
  type_exists = 8,
  type_size = 9,
  enum_value_exists = 10,
  enum_value = 11,
};

bool is_record(Kind kind) {
  return kind == Kind::structure || kind == Kind::union_;
}

// "task_struct___old" is another version of task_struct.
std::string_view without_flavor(std::string_view name) {
  return name.substr(0, name.find("___"));
}

// "0:3:1"
std::vector<uint32_t> numbers_of(std::string_view path) {
  std::vector<uint32_t> numbers;
  const char* at = path.data();
  const char* const end = at + path.size();
  while (at < end) {
    uint32_t number = 0;
    const auto [rest, error] = std::from_chars(at, end, number);
    if (error != std::errc()) return {};
    numbers.push_back(number);
    at = rest == end ? rest : rest + 1;
  }
  return numbers;
}

struct Field {
  uint32_t type = 0;
  uint32_t bit_offset = 0;
  uint32_t bit_size = 0;  // of bit fields
};

// Also inside of members without a name.
std::optional<Field> member_named(const Btf& types, uint32_t record, std::string_view name, unsigned depth = 0) {
  constexpr unsigned deepest = 16;
  if (depth == deepest) return std::nullopt;
  for (const Btf::Member& member : types.members(record)) {
    if (member.name == name) return Field{member.type, member.bit_offset, member.bit_size};
    const uint32_t inner = types.skip_modifiers(member.type);
    if (!member.name.empty() || !is_record(types.type(inner).kind)) continue;
    if (std::optional<Field> found = member_named(types, inner, name, depth + 1)) {
      found->bit_offset += member.bit_offset;
      return found;
    }
  }
  return std::nullopt;
}

// Follows the path through both; nothing: the kernel's types have no such field.
std::optional<Field> field_of(const Btf& own, uint32_t own_type, const Btf& kernel, uint32_t kernel_type,
                              const std::vector<uint32_t>& path) {
  Field field{kernel_type, path.front() * kernel.size_of(kernel_type) * 8};
  uint32_t at = own.skip_modifiers(own_type);
  for (size_t i = 1; i < path.size(); i++) {
    const uint32_t there = kernel.skip_modifiers(field.type);
    if (own.type(at).kind == Kind::array) {
      if (kernel.type(there).kind != Kind::array) return std::nullopt;
      at = own.skip_modifiers(own.element_of(at));
      field.type = kernel.element_of(there);
      field.bit_offset += path[i] * kernel.size_of(field.type) * 8;
      continue;
    }
    const std::vector<Btf::Member> members = own.members(at);
    if (path[i] >= members.size()) return std::nullopt;
    const Btf::Member& member = members[path[i]];
    at = own.skip_modifiers(member.type);
    if (member.name.empty()) continue;  // what is inside is found from outside
    const std::optional<Field> found = member_named(kernel, there, member.name);
    if (!found) return std::nullopt;
    field = {found->type, field.bit_offset + found->bit_offset, found->bit_size};
  }
  return field;
}

class Reader {
 public:
  Reader(const Btf& own, const Btf& kernel, Relocations& out) : own_(own), kernel_(kernel), out_(out) {}

  void add(InsnPlace place, uint32_t type, std::string_view path, uint32_t kind) {
    const std::vector<uint32_t> numbers = numbers_of(path);
    if (numbers.empty()) return;
    const uint32_t own_type = own_.skip_modifiers(type);
    const std::optional<uint32_t> there = kernel_type_of(own_type);
    switch (static_cast<What>(kind)) {
      case What::byte_offset:
      case What::byte_size:
      case What::exists: return add_field(place, own_type, there, numbers, static_cast<What>(kind));
      case What::type_exists: out_[place] = there ? 1 : 0; return;
      case What::type_size: out_[place] = there ? std::optional(kernel_.size_of(*there)) : std::nullopt; return;
      case What::enum_value_exists:
      case What::enum_value: return add_enum_value(place, own_type, there, numbers[0], static_cast<What>(kind));
    }
  }

 private:
  std::optional<uint32_t> kernel_type_of(uint32_t own_type) {
    const Btf::TypeRecord type = own_.type(own_type);
    const auto [known, is_new] = found_.try_emplace(own_type);
    if (is_new && !type.name.empty()) known->second = kernel_.find(type.kind, without_flavor(type.name));
    return known->second;
  }

  void add_field(InsnPlace place, uint32_t own_type, std::optional<uint32_t> there, const std::vector<uint32_t>& path,
                 What what) {
    const std::optional<Field> field = there ? field_of(own_, own_type, kernel_, *there, path) : std::nullopt;
    if (what == What::exists) {
      out_[place] = field ? 1 : 0;
    } else if (!field) {
      out_[place] = std::nullopt;
    } else if (field->bit_size == 0) {
      out_[place] = what == What::byte_size ? kernel_.size_of(field->type) : field->bit_offset / 8;
    }
  }

  void add_enum_value(InsnPlace place, uint32_t own_type, std::optional<uint32_t> there, uint32_t number, What what) {
    const std::vector<Btf::EnumValue> values = own_.enum_values(own_type);
    if (number >= values.size()) return;
    std::optional<uint32_t> value;
    if (there) {
      for (const Btf::EnumValue& each : kernel_.enum_values(*there)) {
        if (each.name == without_flavor(values[number].name)) value = static_cast<uint32_t>(each.value);
      }
    }
    if (what == What::enum_value) out_[place] = value;
    else out_[place] = value ? 1 : 0;
  }

  const Btf& own_;
  const Btf& kernel_;
  Relocations& out_;
  std::map<uint32_t, std::optional<uint32_t>> found_;
};

}  // namespace

bool has_relocations(const ObjectFile& file) {
  bool has = false;
  each_ext_record(file, ExtTable::relocations, [&](InsnPlace, const BlobWords&, size_t) { has = true; });
  return has;
}

Relocations read_relocations(const ObjectFile& file, const Btf& own, const Btf& kernel) {
  Relocations relocations;
  Reader reader(own, kernel, relocations);
  const std::vector<uint8_t>& strings = file.sections[*file.section_named(".BTF")].bytes;
  each_ext_record(file, ExtTable::relocations, [&](InsnPlace place, const BlobWords& words, size_t at) {
    reader.add(place, words.at(at + 4), btf_string_at(strings, words.at(at + 8)), words.at(at + 12));
  });
  return relocations;
}

void relocate(bpf::Insn& insn, std::optional<uint32_t> value) {
  namespace cls = bpf::cls;
  if (!value) {
    // As libbpf: a call that no kernel knows. It does no harm where it is not reached.
    insn = {bpf::call_insn, 0, 0, 0xbad2310};
    return;
  }
  switch (insn.opcode & 7) {
    case cls::ldx:
    case cls::st:
    case cls::stx: insn.offset = static_cast<int16_t>(*value); break;
    default: insn.imm = static_cast<int32_t>(*value); break;
  }
}

}  // namespace shrike
