// Names to types in the order C looks them up: integers, tags, the script's typedefs and records, then the kernel's BTF.
// Layouts follow the x86-64 psABI: natural alignment, bit-fields that do not cross a unit of their type.
#include "frontend/c_layout.h"

#include <algorithm>

#include "mir/btf.h"

namespace shrike {

namespace {

using mir::Type;

struct NamedInteger {
  std::string_view name;
  uint32_t size;
  bool is_signed;
};

// C's own integer types as their words are usually written, the language's, and the fixed-width names of libc and kernel.
constexpr NamedInteger integers[] = {
    {"int8", 1, true},
    {"int16", 2, true},
    {"int32", 4, true},
    {"int64", 8, true},
    {"uint8", 1, false},
    {"uint16", 2, false},
    {"uint32", 4, false},
    {"uint64", 8, false},
    {"char", 1, true},
    {"signed char", 1, true},
    {"unsigned char", 1, false},
    {"short", 2, true},
    {"short int", 2, true},
    {"unsigned short", 2, false},
    {"unsigned short int", 2, false},
    {"int", 4, true},
    {"signed", 4, true},
    {"signed int", 4, true},
    {"unsigned", 4, false},
    {"unsigned int", 4, false},
    {"long", 8, true},
    {"long int", 8, true},
    {"unsigned long", 8, false},
    {"unsigned long int", 8, false},
    {"long unsigned int", 8, false},
    {"long long", 8, true},
    {"long long int", 8, true},
    {"unsigned long long", 8, false},
    {"long long unsigned int", 8, false},
    {"int8_t", 1, true},
    {"int16_t", 2, true},
    {"int32_t", 4, true},
    {"int64_t", 8, true},
    {"uint8_t", 1, false},
    {"uint16_t", 2, false},
    {"uint32_t", 4, false},
    {"uint64_t", 8, false},
    {"s8", 1, true},
    {"s16", 2, true},
    {"s32", 4, true},
    {"s64", 8, true},
    {"u8", 1, false},
    {"u16", 2, false},
    {"u32", 4, false},
    {"u64", 8, false},
    {"__s8", 1, true},
    {"__s16", 2, true},
    {"__s32", 4, true},
    {"__s64", 8, true},
    {"__u8", 1, false},
    {"__u16", 2, false},
    {"__u32", 4, false},
    {"__u64", 8, false},
    {"__be16", 2, false},
    {"__be32", 4, false},
    {"__be64", 8, false},
    {"size_t", 8, false},
    {"ssize_t", 8, true},
    {"uintptr_t", 8, false},
    {"intptr_t", 8, true},
    {"pid_t", 4, true},
    {"uid_t", 4, false},
    {"gid_t", 4, false},
    {"dev_t", 4, false},
    {"sector_t", 8, false},
};

uint32_t align_up(uint32_t value, uint32_t align) {
  return (value + align - 1) / align * align;
}

struct Definitions {
  const ast::Program& program;
  mir::TypePool& types;
  KernelFacts& facts;
  Diagnostics* diagnostics;               // null: say nothing
  std::vector<const ast::CRecord*> open;  // being laid out: a record inside itself is an error

  const ast::CRecord* find_record(std::string_view name, bool is_union) {
    for (const ast::CRecord& record : program.records)
      if (record.name == name && record.is_union == is_union) return &record;
    return nullptr;
  }

  // `struct x`, `union x`, `enum x`, integers, typedefs of the script, then the kernel's.
  const Type* named(std::string_view name) {
    for (std::string_view qualifier : {"const ", "volatile "})
      if (name.starts_with(qualifier)) name.remove_prefix(qualifier.size());
    if (name == "void") return types.none();
    if (name == "bool" || name == "_Bool") return types.boolean();
    for (const NamedInteger& integer : integers)
      if (integer.name == name) return types.integer(integer.size, integer.is_signed);
    if (name.starts_with("struct ")) return types.record(name.substr(7), false);
    if (name.starts_with("union ")) return types.record(name.substr(6), true);
    if (name.starts_with("enum ")) return types.enumeration(name.substr(5));
    for (const ast::CTypedef& definition : program.typedefs)
      if (definition.name == name) return member_type(definition.target, definition.target.declarators.front());
    for (bool is_union : {false, true})
      if (find_record(name, is_union) != nullptr) return types.record(name, is_union);
    auto btf = facts.btf();
    if (btf.status != Lookup::found) return nullptr;
    for (Btf::Kind kind : {Btf::Kind::typedef_, Btf::Kind::structure, Btf::Kind::union_})
      if (auto id = btf.value->find(kind, name)) return btf.value->to_type(*id, types, mir::AddressSpace::kernel);
    return nullptr;
  }

  // The bytes of a type must be known where it is embedded.
  bool complete(const Type* type) {
    if (type->is(mir::TypeKind::array)) return complete(type->element);
    if (!type->is(mir::TypeKind::record) || types.layout(type) != nullptr) return true;
    if (const ast::CRecord* record = find_record(type->name, type->is_union)) return define(*record) != nullptr;
    auto btf = facts.btf();
    return btf.status == Lookup::found && btf.value->define_record(type->name, type->is_union, types) != nullptr;
  }

  const Type* member_type(const ast::CMember& member, const ast::CDeclarator& declarator) {
    const Type* type = nullptr;
    if (member.inline_record != nullptr) {
      const mir::RecordLayout* layout = define(*member.inline_record);
      if (layout == nullptr) return nullptr;
      type = types.record(layout->name, layout->is_union);
    } else {
      type = named(member.type);
    }
    if (type == nullptr) {
      if (diagnostics != nullptr) diagnostics->report(Diag::unknown_type, member.span, {std::string(member.type)});
      return nullptr;
    }
    for (uint32_t i = 0; i < declarator.pointers; i++) type = types.pointer(type, mir::AddressSpace::kernel);
    if (!complete(type)) {
      bool is_inside = std::any_of(open.begin(), open.end(), [&](const ast::CRecord* outer) {
        return types.record(name_of(*outer), outer->is_union) == type;
      });
      if (diagnostics != nullptr)
        diagnostics->report(is_inside ? Diag::recursive_record : Diag::unknown_record, member.span, {std::string(member.type)});
      return nullptr;
    }
    for (auto dimension = declarator.dimensions.rbegin(); dimension != declarator.dimensions.rend(); ++dimension) {
      bool is_text = type->is(mir::TypeKind::integer) && type->size == 1 && type->is_signed &&
                     dimension == declarator.dimensions.rbegin() && *dimension != 0;
      type = is_text ? types.string(static_cast<uint32_t>(*dimension)) : types.array(type, static_cast<uint32_t>(*dimension));
    }
    return type;
  }

  std::string name_of(const ast::CRecord& record) {
    // Inline records get a name no script can write, unique by place.
    return record.name.empty() ? "(anonymous " + std::to_string(record.span.begin) + ")" : std::string(record.name);
  }

  uint32_t align_of(const Type* type) {
    if (type->is(mir::TypeKind::record)) {
      uint32_t align = 1;
      if (const mir::RecordLayout* layout = types.layout(type))
        for (const mir::RecordField& field : layout->fields) align = std::max(align, align_of(field.type));
      return align;
    }
    if (type->is(mir::TypeKind::array)) return align_of(type->element);
    return std::max(type->align, uint32_t{1});
  }

  const mir::RecordLayout* define(const ast::CRecord& record) {
    std::string name = name_of(record);
    if (const mir::RecordLayout* known = types.layout(types.record(name, record.is_union))) return known;
    if (std::find(open.begin(), open.end(), &record) != open.end()) return nullptr;
    open.push_back(&record);
    Layout layout{*this, record, {}, 0, 1};
    bool is_good = layout.run();
    open.pop_back();
    if (!is_good) return nullptr;
    layout.out.name = name;
    layout.out.is_union = record.is_union;
    layout.out.size = align_up(layout.end, layout.align);
    return types.define_record(std::move(layout.out));
  }

  // Lays out the members of one record. Positions are in bits, as bit-fields need.
  struct Layout {
    Definitions& definitions;
    const ast::CRecord& record;
    mir::RecordLayout out;
    uint32_t end;  // bytes used
    uint32_t align;
    uint32_t bits = 0;  // bits used, when the last member was a bit-field

    bool run() {
      for (const ast::CMember& member : record.members) {
        if (member.declarators.empty()) {
          if (!anonymous(member)) return false;
          continue;
        }
        for (const ast::CDeclarator& declarator : member.declarators) {
          const Type* type = definitions.member_type(member, declarator);
          if (type == nullptr) return false;
          if (declarator.bit_size != 0) bit_field(declarator, type);
          else plain(declarator.name, type);
        }
      }
      return true;
    }

    uint32_t place(uint32_t size, uint32_t alignment) {
      if (record.is_packed) alignment = 1;
      align = std::max(align, alignment);
      uint32_t offset = record.is_union ? 0 : align_up(end, alignment);
      end = std::max(end, offset + size);
      bits = 0;
      return offset;
    }

    void plain(std::string_view name, const Type* type) {
      mir::RecordField field;
      field.name = name;
      field.type = type;
      field.offset = place(type->size, definitions.align_of(type));
      out.fields.push_back(std::move(field));
    }

    // A bit-field stays within one unit of its type; where it does not fit, it starts the next one.
    void bit_field(const ast::CDeclarator& declarator, const Type* type) {
      uint32_t unit = type->size * 8;
      uint32_t start = record.is_union ? 0 : bits != 0 ? bits : end * 8;
      if (start / unit != (start + declarator.bit_size - 1) / unit) start = align_up(start, unit);
      uint32_t offset = start / unit * type->size;
      if (!record.is_packed) align = std::max(align, type->align);
      mir::RecordField field;
      field.name = declarator.name;
      field.type = type;
      field.offset = offset;
      field.bit_offset = start - offset * 8;
      field.bit_size = declarator.bit_size;
      out.fields.push_back(std::move(field));
      bits = start + declarator.bit_size;
      end = std::max(end, (bits + 7) / 8);
    }

    bool anonymous(const ast::CMember& member) {
      const mir::RecordLayout* inner = member.inline_record == nullptr ? nullptr : definitions.define(*member.inline_record);
      if (inner == nullptr) return member.inline_record == nullptr;  // `struct x;` declares nothing
      const Type* type = definitions.types.record(inner->name, inner->is_union);
      uint32_t offset = place(inner->size, definitions.align_of(type));
      for (mir::RecordField field : inner->fields) {
        field.offset += offset;
        out.fields.push_back(std::move(field));
      }
      return true;
    }
  };
};

}  // namespace

void define_records(const ast::Program& program, mir::TypePool& types, KernelFacts& facts, Diagnostics& diagnostics) {
  Definitions definitions{program, types, facts, &diagnostics, {}};
  for (const ast::CRecord& record : program.records) definitions.define(record);
}

const Type* resolve_type_name(const ast::TypeName& name, const ast::Program& program, mir::TypePool& types, KernelFacts& facts,
                              const Type* type_of) {
  Definitions definitions{program, types, facts, nullptr, {}};
  const Type* type = nullptr;
  auto count = [](const ast::TypeSuffix& suffix) -> uint32_t {
    const ast::IntLit* value = suffix.count == nullptr ? nullptr : suffix.count->as<ast::IntLit>();
    return value == nullptr || value->value > 65536 ? 0 : static_cast<uint32_t>(value->value);
  };
  size_t first = 0;
  switch (name.tag) {
    case ast::TypeName::Tag::struct_: type = types.record(name.name, false); break;
    case ast::TypeName::Tag::union_: type = types.record(name.name, true); break;
    case ast::TypeName::Tag::enum_: type = types.enumeration(name.name); break;
    case ast::TypeName::Tag::typeof_: type = type_of; break;
    case ast::TypeName::Tag::none:
      if (name.name == "string" || name.name == "buffer") {
        uint32_t size = name.suffixes.empty() || name.suffixes[0].is_pointer ? 64 : count(name.suffixes[0]);
        if (size == 0) return nullptr;
        type = name.name == "string" ? types.string(size) : types.buffer(size);
        first = name.suffixes.empty() ? 0 : 1;
      } else {
        type = definitions.named(name.name);
      }
  }
  for (size_t i = first; type != nullptr && i < name.suffixes.size(); i++) {
    if (name.suffixes[i].is_pointer) {
      type = types.pointer(type, mir::AddressSpace::kernel);
    } else {
      uint32_t elements = count(name.suffixes[i]);
      type = elements == 0 || !definitions.complete(type) ? nullptr : types.array(type, elements);
    }
  }
  return type;
}

}  // namespace shrike
