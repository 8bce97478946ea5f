// Names to types in the order C looks them up: integers, tags, the script's and headers' typedefs and records, then the
// kernel's BTF, which goes before what the kernel's own headers say: it is of this very kernel.
// Layouts follow the x86-64 psABI as compilers apply it: natural alignment, bit-fields that do not cross a unit of their
// type unless packed, and GNU's packed, aligned and #pragma pack.
#include "frontend/c_layout.h"

#include <algorithm>

#include "frontend/c_integers.h"
#include "frontend/constant_expr.h"
#include "frontend/language_types.h"
#include "mir/btf.h"

namespace shrike {

using mir::Type;

namespace {

constexpr uint32_t deepest_typedef = 64;

uint32_t align_up(uint32_t value, uint32_t align) {
  return (value + align - 1) / align * align;
}

// Inline records get a name no script can write, unique by place.
std::string name_of(const ast::CRecord& record) {
  return record.name.empty() ? "(anonymous " + std::to_string(record.span.begin) + ")" : std::string(record.name);
}

std::string tag_of(std::string_view name, bool is_union) {
  return (is_union ? "union " : "struct ") + std::string(name);
}

// C takes a typedef that says again what it said before.
bool means_the_same(const ast::CMember& a, const ast::CMember& b) {
  const ast::CDeclarator& left = a.declarators.front();
  const ast::CDeclarator& right = b.declarators.front();
  return a.inline_record == nullptr && b.inline_record == nullptr && a.type == b.type && left.pointers == right.pointers &&
         left.dimensions.size() == right.dimensions.size();
}

// Does BTF know better than what this text says?
bool yields_to_btf(Origin origin) {
  return origin == Origin::kernel_header;
}

}  // namespace

// --- names

void CTypes::index() {
  if (is_indexed_) return;
  is_indexed_ = true;
  for (const ast::CRecord& record : program_.records) {
    records_.emplace(tag_of(record.name, record.is_union), &record);
    index_inner(record);
  }
  for (const ast::CTypedef& definition : program_.typedefs) {
    typedefs_.emplace(definition.name, &definition);
    const ast::CRecord* inner = definition.target.inline_record;
    if (inner == nullptr) continue;
    if (!inner->name.empty()) records_.emplace(tag_of(inner->name, inner->is_union), inner);
    index_inner(*inner);
  }
  for (const ast::CEnum& definition : program_.enums) {
    if (!definition.name.empty()) enums_.emplace(definition.name, &definition);
    for (const auto& [name, value] : definition.values) enumerators_.emplace(name, std::pair(&definition, value));
  }
}

void CTypes::index_inner(const ast::CRecord& record) {
  for (const ast::CMember& member : record.members)
    if (member.inline_record != nullptr) index_inner(*member.inline_record);
}

const ast::CRecord* CTypes::find_record(std::string_view name, bool is_union) {
  index();
  auto found = records_.find(tag_of(name, is_union));
  return found == records_.end() ? nullptr : found->second;
}

// Without its layout, which a pointer to it does not need.
CTypes::Placed CTypes::record(std::string_view name, bool is_union) {
  return {types_.record(name, is_union), 0};
}

CTypes::Placed CTypes::enumeration(std::string_view name) {
  index();
  auto found = enums_.find(name);
  if (found == enums_.end() && name.starts_with("(anonymous ")) {
    for (const ast::CEnum& definition : program_.enums)
      if (definition.name.empty() && name == "(anonymous " + std::to_string(definition.span.begin) + ")")
        return {types_.integer(4, false), 4};
  }
  if (found == enums_.end()) {
    auto found_in_kernel = in_kernel({Btf::Kind::enumeration, Btf::Kind::enumeration64}, name);
    if (!found_in_kernel) return {types_.enumeration(name), 4};
    const Type* type = found_in_kernel->types->to_type(found_in_kernel->id, types_, mir::AddressSpace::kernel);
    return {type, type->align};
  }
  int64_t least = 0, most = 0;
  for (const auto& value : found->second->values) {
    least = std::min(least, value.second);
    most = std::max(most, value.second);
  }
  bool is_signed = least < 0;
  uint32_t size = found->second->is_packed ? 1 : 4;
  auto fits = [&](uint32_t bytes) {
    if (bytes >= 8) return true;
    int64_t half = int64_t{1} << (bytes * 8 - 1);
    return is_signed ? least >= -half && most < half : most < half * 2;
  };
  while (!fits(size)) size *= 2;
  return {types_.enumeration(name, size, is_signed), size};
}

CTypes::Placed CTypes::named(std::string_view name) {
  for (std::string_view qualifier : {"const ", "volatile "})
    if (name.starts_with(qualifier)) name.remove_prefix(qualifier.size());
  if (name == "void") return {types_.none(), 1};
  if (name == "bool" || name == "_Bool") return {types_.boolean(), 1};
  for (const NamedInteger& integer : integers)
    if (integer.name == name) return {types_.integer(integer.size, integer.is_signed), integer.size};
  for (const NamedBytes& number : opaque_numbers)
    if (number.name == name) {
      uint32_t part = std::min(number.size, 8u);
      return {types_.array(types_.integer(part, false), number.size / part), number.align};
    }
  if (name.starts_with("struct ")) return record(name.substr(7), false);
  if (name.starts_with("union ")) return record(name.substr(6), true);
  if (name.starts_with("enum ")) return enumeration(name.substr(5));
  constexpr std::pair<std::string_view, mir::TypeKind> values[] = {{"ksym_t", mir::TypeKind::ksym},
                                                                   {"usym_t", mir::TypeKind::usym},
                                                                   {"username_t", mir::TypeKind::username},
                                                                   {"timestamp", mir::TypeKind::timestamp},
                                                                   {"macaddr_t", mir::TypeKind::macaddr},
                                                                   {"inet", mir::TypeKind::inet},
                                                                   {"cgroup_path_t", mir::TypeKind::cgroup_path}};
  for (const auto& [known, kind] : values)
    if (name == known) return {types_.simple(kind), types_.simple(kind)->align};
  constexpr std::pair<std::string_view, mir::TypeKind> aggregates[] = {
      {"count_t", mir::TypeKind::count}, {"sum_t", mir::TypeKind::sum}, {"min_t", mir::TypeKind::min},
      {"max_t", mir::TypeKind::max},     {"avg_t", mir::TypeKind::avg}, {"stats_t", mir::TypeKind::stats}};
  for (const auto& [known, kind] : aggregates)
    if (name == known) return {types_.aggregate(kind, kind != mir::TypeKind::count), 8};
  if (name == "hist_t") return {types_.hist(0), 8};
  if (name == "lhist_t") return {types_.lhist(0, 1, 1), 8};
  if (name == "tseries_t") return {types_.tseries(1, 1, mir::SeriesFold::last, true), 8};
  index();
  if (auto found = typedefs_.find(name); found != typedefs_.end() && depth_ < deepest_typedef) {
    Placed known = yields_to_btf(found->second->origin) ? from_btf(name) : Placed();
    if (known.type != nullptr) return known;
    depth_++;
    const ast::CMember& definition = found->second->target;
    Placed target = member_type(definition, definition.declarators.front());
    // A typedef may also ask for less than its type has.
    uint32_t wanted = wanted_align(definition, definition.declarators.front());
    if (wanted != 0) target.align = wanted;
    depth_--;
    return target;
  }
  for (bool is_union : {false, true})
    if (find_record(name, is_union) != nullptr) return record(name, is_union);
  if (enums_.contains(name)) return enumeration(name);
  return from_btf(name);
}

// Modules are looked at only for what the kernel itself does not have.
std::optional<CTypes::InKernel> CTypes::in_kernel(std::initializer_list<Btf::Kind> kinds, std::string_view name) {
  auto btf = facts_.btf();
  if (btf.status != Lookup::found) return std::nullopt;
  std::optional<uint32_t> id;
  auto has = [&](const Btf& types) {
    for (Btf::Kind kind : kinds)
      if (!id) id = types.find(kind, name);
    return id.has_value();
  };
  const Btf* types = has(*btf.value) ? btf.value : facts_.find_module_types(has);
  return types == nullptr ? std::nullopt : std::optional(InKernel{types, *id});
}

CTypes::Placed CTypes::from_btf(std::string_view name) {
  auto found = in_kernel({Btf::Kind::typedef_, Btf::Kind::structure, Btf::Kind::union_}, name);
  if (!found) return {};
  return {found->types->to_type(found->id, types_, mir::AddressSpace::kernel), 0};
}

std::optional<CTypes::Enumerator> CTypes::find_enumerator(std::string_view name, bool asks_kernel) {
  index();
  if (auto found = enumerators_.find(name); found != enumerators_.end()) {
    auto [definition, value] = found->second;
    if (definition->name.empty()) return Enumerator{types_.int64(), value};
    return Enumerator{enumeration(definition->name).type, value};
  }
  if (!asks_kernel) return std::nullopt;
  auto [asked, is_new] = kernel_enumerators_.try_emplace(std::string(name));
  if (is_new) asked->second = find_kernel_enumerator(name);
  return asked->second;
}

std::optional<CTypes::Enumerator> CTypes::find_kernel_enumerator(std::string_view name) {
  auto btf = facts_.btf();
  if (btf.status != Lookup::found) return std::nullopt;
  std::optional<Btf::EnumValue> found;
  auto has = [&](const Btf& types) { return (found = types.find_enum_value(name)).has_value(); };
  const Btf* types = has(*btf.value) ? btf.value : facts_.find_module_types(has);
  if (types == nullptr) return std::nullopt;
  const Type* type = types->to_type(found->enumeration, types_, mir::AddressSpace::kernel);
  return Enumerator{type->is(mir::TypeKind::enumeration) ? type : types_.int64(), found->value};
}

std::vector<mir::Enumerator> CTypes::enumerators(std::string_view name) {
  index();
  std::vector<mir::Enumerator> names;
  if (auto found = enums_.find(name); found != enums_.end()) {
    for (const auto& [each, value] : found->second->values) names.push_back({std::string(each), value});
    return names;
  }
  auto found = in_kernel({Btf::Kind::enumeration, Btf::Kind::enumeration64}, name);
  if (!found) return names;
  for (const Btf::EnumValue& value : found->types->enum_values(found->id))
    names.push_back({std::string(value.name), value.value});
  return names;
}

// --- constants that wait for sizes

std::optional<int64_t> CTypes::size_of(std::span<const Token> words) {
  std::string name;
  uint32_t stars = 0;
  for (const Token& word : words) {
    if (word.kind == TokenKind::star) stars++;
    else name.append(name.empty() ? "" : " ").append(word.text);
  }
  if (stars != 0) return 8;
  const Type* type = named(name).type;
  if (type == nullptr || !complete(type)) return std::nullopt;
  return type->size;
}

std::optional<int64_t> CTypes::value_of(const ast::CConstant& constant) {
  if (constant.waiting.empty()) return constant.value;
  size_t culprit = 0;
  auto none = [](std::string_view) { return std::optional<int64_t>(); };
  auto size = [this](std::span<const Token> words) { return size_of(words); };
  std::optional<int64_t> value = evaluate_constant(constant.waiting, none, culprit, size);
  if (!value && diagnostics_ != nullptr) {
    Span at = culprit < constant.waiting.size() ? constant.waiting[culprit].span : constant.span;
    diagnostics_->report(Diag::not_a_constant, at, {"this"});
  }
  return value;
}

// --- members

// The bytes of a type must be known where it is embedded.
bool CTypes::complete(const Type* type) {
  if (type->is(mir::TypeKind::array)) return complete(type->element);
  return !type->is(mir::TypeKind::record) || layout(type, diagnostics_) != nullptr;
}

const mir::RecordLayout* CTypes::layout(const Type* type, Diagnostics* diagnostics) {
  if (const mir::RecordLayout* known = types_.layout(type)) return known;
  if (is_user_record(type)) return facts_.define_user_record(type, types_);
  const ast::CRecord* record = find_record(type->name, type->is_union);
  auto btf = record != nullptr && !yields_to_btf(record->origin) ? Answer<const Btf*>{} : facts_.btf();
  if (btf.status == Lookup::found)
    if (const mir::RecordLayout* found = btf.value->define_record(type->name, type->is_union, types_)) return found;
  if (record == nullptr) {
    auto has = [&](const Btf& types) { return types.define_record(type->name, type->is_union, types_) != nullptr; };
    return btf.status == Lookup::found && facts_.find_module_types(has) != nullptr ? types_.layout(type) : nullptr;
  }
  Diagnostics* before = std::exchange(diagnostics_, diagnostics);
  const mir::RecordLayout* defined = define(*record);
  diagnostics_ = before;
  return defined;
}

// What stands before the member's name, as a type.
const Type* CTypes::embedded(const ast::CMember& member) {
  const mir::RecordLayout* layout = define(*member.inline_record);
  return layout == nullptr ? nullptr : types_.record(layout->name, layout->is_union);
}

CTypes::Placed CTypes::member_type(const ast::CMember& member, const ast::CDeclarator& declarator) {
  Placed out;
  if (member.inline_record != nullptr) {
    out = {embedded(member), 0};
    if (out.type == nullptr) return {};
  } else {
    out = named(member.type);
  }
  if (out.type == nullptr) {
    if (diagnostics_ != nullptr) diagnostics_->report(Diag::unknown_type, member.span, {std::string(member.type)});
    return {};
  }
  for (uint32_t i = 0; i < declarator.pointers; i++) out = {types_.pointer(out.type, member.space), 8};
  if (!complete(out.type)) {
    bool is_inside = std::any_of(open_.begin(), open_.end(), [&](const ast::CRecord* outer) {
      return types_.record(name_of(*outer), outer->is_union) == out.type;
    });
    if (diagnostics_ != nullptr)
      diagnostics_->report(is_inside ? Diag::recursive_record : Diag::unknown_record, member.span, {std::string(member.type)});
    return {};
  }
  if (out.align == 0) out.align = align_of(out.type);
  for (auto dimension = declarator.dimensions.rbegin(); dimension != declarator.dimensions.rend(); ++dimension) {
    std::optional<int64_t> count = value_of(*dimension);
    constexpr uint64_t biggest = 1u << 30;
    if (!count) return {};
    if (*count < 0 || static_cast<uint64_t>(*count) * std::max<uint64_t>(out.type->size, 1) > biggest) {
      if (diagnostics_ != nullptr) diagnostics_->report(Diag::not_a_constant, dimension->span, {"an array size"});
      return {};
    }
    bool is_text = out.type->is(mir::TypeKind::integer) && out.type->size == 1 && out.type->is_signed &&
                   dimension == declarator.dimensions.rbegin() && *count != 0;
    auto elements = static_cast<uint32_t>(*count);
    out.type = is_text ? types_.string(elements) : types_.array(out.type, elements);
  }
  return out;
}

// What the attributes of a member or typedef ask for; 0: nothing.
uint32_t CTypes::wanted_align(const ast::CMember& member, const ast::CDeclarator& declarator) {
  uint32_t wanted = 0;
  for (const ast::CAttributes* attributes : {&member.attributes, &declarator.attributes}) {
    std::optional<int64_t> aligned = attributes->aligned ? value_of(*attributes->aligned) : std::nullopt;
    if (aligned && *aligned > 0) wanted = std::max(wanted, static_cast<uint32_t>(*aligned));
  }
  return wanted;
}

uint32_t CTypes::align_of(const Type* type) {
  if (type->is(mir::TypeKind::array)) return align_of(type->element);
  if (!type->is(mir::TypeKind::record)) return std::max(type->align, uint32_t{1});
  const mir::RecordLayout* layout = types_.layout(type);
  if (layout == nullptr) return 1;
  if (auto known = aligns_.find(layout); known != aligns_.end()) return known->second;
  // BTF does not say: what all offsets and the size agree with.
  uint32_t align = 1;
  for (const mir::RecordField& field : layout->fields) align = std::max(align, align_of(field.type));
  auto is_fit = [&](uint32_t at) { return at % align == 0; };
  while (align > 1 && !is_fit(layout->size)) align /= 2;
  return align;
}

// --- layouts

// Lays out the members of one record. Positions are in bits, as bit-fields need.
struct RecordBuilder {
  CTypes& types;
  const ast::CRecord& record;
  mir::RecordLayout out;
  uint64_t end = 0;  // bits used; of the biggest member so far in a union
  uint32_t align = 1;
  std::unordered_map<std::string_view, Span> members;

  bool run() {
    for (const ast::CMember& member : record.members) {
      if (member.declarators.empty()) {
        if (member.inline_record != nullptr && !anonymous(member)) return false;
        continue;
      }
      for (const ast::CDeclarator& declarator : member.declarators) {
        CTypes::Placed type = types.member_type(member, declarator);
        if (type.type == nullptr) return false;
        if (!is_new(declarator)) continue;
        bool is_packed = record.attributes.is_packed || member.attributes.is_packed || declarator.attributes.is_packed;
        // Packing takes away what the type asks for, but not what the member itself asks for, which is always more.
        uint32_t own = types.wanted_align(member, declarator);
        // Of a bit-field it takes nothing away under #pragma pack: there the compiler's rule for the pragma goes first.
        bool keeps_align = !is_packed || (declarator.bit_size && record.pack != 0);
        uint32_t wanted = std::max(keeps_align ? type.align : 1, own);
        if (record.pack != 0) wanted = std::min<uint32_t>(wanted, record.pack);
        if (declarator.bit_size) bit_field(declarator, type, wanted, is_packed);
        else plain(std::string(declarator.name), type.type, wanted);
      }
    }
    return true;
  }

  // Of two members with one name the first counts.
  bool is_new(const ast::CDeclarator& declarator) {
    if (declarator.name.empty() || types.diagnostics_ == nullptr || record.origin > Origin::user_header) return true;
    auto [known, is_first] = members.try_emplace(declarator.name, declarator.span);
    if (!is_first)
      types.diagnostics_->report(Diag::redefined, declarator.span, {std::string(declarator.name)})
          .label(known->second, "first defined here");
    return is_first;
  }

  uint64_t place(uint64_t bits, uint32_t alignment) {
    align = std::max(align, alignment);
    uint64_t start = record.is_union ? 0 : (end + alignment * 8 - 1) / (alignment * 8) * (alignment * 8);
    end = std::max(end, start + bits);
    return start;
  }

  void plain(std::string name, const Type* type, uint32_t alignment) {
    mir::RecordField field;
    field.name = std::move(name);
    field.type = type;
    field.offset = static_cast<uint32_t>(place(uint64_t{type->size} * 8, alignment) / 8);
    out.fields.push_back(std::move(field));
  }

  // A bit-field stays within one unit of its type; where it does not fit, it starts the next one. Packed ones follow each
  // other without a gap. One of no bits ends the unit; those without a name do not align the record.
  void bit_field(const ast::CDeclarator& declarator, const CTypes::Placed& type, uint32_t alignment, bool is_packed) {
    uint64_t unit = uint64_t{type.type->size} * 8;
    auto bits = static_cast<uint64_t>(declarator.bit_size->value);
    uint64_t start = record.is_union ? 0 : end;
    if (bits == 0) {
      end = record.is_union ? end : (end + unit - 1) / unit * unit;
      return;
    }
    bool may_cross = is_packed || record.pack != 0;
    if (alignment > 1 && declarator.attributes.aligned) start = (start + alignment * 8 - 1) / (alignment * 8) * (alignment * 8);
    if (!may_cross && start / unit != (start + bits - 1) / unit) start = (start + unit - 1) / unit * unit;
    end = std::max(end, start + bits);
    if (declarator.name.empty()) return;
    align = std::max(align, alignment);
    mir::RecordField field = mir::bit_field(type.type, start, static_cast<uint32_t>(bits), types.types_);
    field.name = declarator.name;
    out.fields.push_back(std::move(field));
  }

  bool anonymous(const ast::CMember& member) {
    const Type* type = types.embedded(member);
    if (type == nullptr) return false;
    uint32_t alignment = record.attributes.is_packed ? 1 : types.align_of(type);
    if (record.pack != 0) alignment = std::min<uint32_t>(alignment, record.pack);
    auto offset = static_cast<uint32_t>(place(uint64_t{type->size} * 8, alignment) / 8);
    for (mir::RecordField field : types.types_.layout(type)->fields) {
      field.offset += offset;
      out.fields.push_back(std::move(field));
    }
    return true;
  }
};

const mir::RecordLayout* CTypes::define(const ast::CRecord& record) {
  std::string name = name_of(record);
  if (const mir::RecordLayout* known = types_.layout(types_.record(name, record.is_union))) return known;
  if (std::find(open_.begin(), open_.end(), &record) != open_.end()) return nullptr;
  open_.push_back(&record);
  RecordBuilder builder{*this, record, {}};
  bool is_good = builder.run();
  open_.pop_back();
  if (!is_good) return nullptr;
  std::optional<int64_t> aligned = record.attributes.aligned ? value_of(*record.attributes.aligned) : std::nullopt;
  if (aligned && *aligned > 0) builder.align = std::max(builder.align, static_cast<uint32_t>(*aligned));
  builder.out.name = name;
  builder.out.is_union = record.is_union;
  builder.out.size = align_up(static_cast<uint32_t>((builder.end + 7) / 8), builder.align);
  const mir::RecordLayout* defined = types_.define_record(std::move(builder.out));
  aligns_[defined] = builder.align;
  return defined;
}

void CTypes::define_own(Diagnostics& diagnostics) {
  diagnostics_ = &diagnostics;
  for (const ast::CRecord& record : program_.records) {
    if (record.origin > Origin::user_header) continue;
    const ast::CRecord* first = find_record(record.name, record.is_union);
    if (first != &record && first->origin <= Origin::user_header)
      diagnostics.report(Diag::redefined, record.span, {tag_of(record.name, record.is_union)})
          .label(first->span, "first defined here");
    define(record);
  }
  for (const ast::CTypedef& definition : program_.typedefs) {
    if (definition.origin > Origin::user_header) continue;
    index();
    const ast::CTypedef* first = typedefs_.at(definition.name);
    if (first != &definition && first->origin <= Origin::user_header && !means_the_same(first->target, definition.target))
      diagnostics.report(Diag::redefined, definition.span, {std::string(definition.name)})
          .label(first->span, "first defined here");
  }
  diagnostics_ = nullptr;
}

// --- types in expressions

const Type* CTypes::resolve(const ast::TypeName& name, const Type* type_of) {
  const Type* type = nullptr;
  auto count = [](const ast::TypeSuffix& suffix) -> uint32_t {
    const ast::IntLit* value = suffix.count == nullptr ? nullptr : suffix.count->as<ast::IntLit>();
    return value == nullptr || value->value > 65536 ? 0 : static_cast<uint32_t>(value->value);
  };
  size_t first = 0;
  switch (name.tag) {
    case ast::TypeName::Tag::struct_: type = types_.record(name.name, false); break;
    case ast::TypeName::Tag::union_: type = types_.record(name.name, true); break;
    case ast::TypeName::Tag::enum_: type = enumeration(name.name).type; break;
    case ast::TypeName::Tag::typeof_: type = type_of; break;
    case ast::TypeName::Tag::none:
      if (name.name == "string" || name.name == "buffer") {
        uint32_t size = name.suffixes.empty() || name.suffixes[0].is_pointer ? 64 : count(name.suffixes[0]);
        if (size == 0) return nullptr;
        type = name.name == "string" ? types_.string(size) : types_.buffer(size);
        first = name.suffixes.empty() ? 0 : 1;
      } else {
        type = named(name.name).type;
        // There is one size, that of the longer addresses, whichever is written.
        if (name.name == "inet" && !name.suffixes.empty() && !name.suffixes[0].is_pointer) first = 1;
      }
  }
  for (size_t i = first; type != nullptr && i < name.suffixes.size(); i++) {
    if (name.suffixes[i].is_pointer) {
      type = types_.pointer(type, mir::AddressSpace::kernel);
    } else {
      uint32_t elements = count(name.suffixes[i]);
      type = elements == 0 || type->is_aggregate() || !complete(type) ? nullptr : types_.array(type, elements);
    }
  }
  return type;
}

}  // namespace shrike
