// Decoding BTF in place. The rules of the format are in this file only; every read is checked against the section's end, so
// that a damaged blob gives wrong answers but no crash.
#include "mir/btf.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace shrike {

namespace {

constexpr uint16_t magic = 0xeb9f;
constexpr uint32_t header_size = 24;
constexpr uint32_t record_size = 12;
constexpr uint32_t is_signed_bit = 1;
constexpr uint32_t is_bool_bit = 4;
// Longer chains do not exist in real BTF; cycles of typedefs and anonymous members in damaged ones must end.
constexpr uint32_t longest_chain = 64;
constexpr uint32_t deepest_nesting = 16;

// Bytes that follow the common part of a type: some, and some for each of what it counts.
struct Extra {
  uint8_t once, each;
};
constexpr std::array<Extra, Btf::kind_count> extra_rows = [] {
  std::array<Extra, Btf::kind_count> rows{};
  auto row = [&rows](Btf::Kind kind) -> Extra& { return rows[static_cast<size_t>(kind)]; };
  using Kind = Btf::Kind;
  for (Kind kind : {Kind::integer, Kind::variable, Kind::declaration_tag}) row(kind) = {4, 0};
  row(Kind::array) = {12, 0};
  for (Kind kind : {Kind::structure, Kind::union_, Kind::data_section, Kind::enumeration64}) row(kind) = {0, 12};
  for (Kind kind : {Kind::enumeration, Kind::function_prototype}) row(kind) = {0, 8};
  return rows;
}();

uint32_t extra_size(uint32_t info) {
  const Extra& extra = extra_rows[(info >> 24) & 0x1f];
  return extra.once + extra.each * (info & 0xffff);
}

bool is_modifier(Btf::Kind kind) {
  using Kind = Btf::Kind;
  return kind == Kind::typedef_ || kind == Kind::volatile_ || kind == Kind::const_ || kind == Kind::restrict_ ||
         kind == Kind::type_tag;
}

bool is_record(Btf::Kind kind) {
  return kind == Btf::Kind::structure || kind == Btf::Kind::union_;
}

bool is_enum(Btf::Kind kind) {
  return kind == Btf::Kind::enumeration || kind == Btf::Kind::enumeration64;
}

constexpr std::string_view anonymous_prefix = "anon_";
constexpr std::string_view raw_tracepoint_prefix = "btf_trace_";

}  // namespace

std::optional<Btf> Btf::open(std::span<const uint8_t> bytes) {
  std::optional<Btf> btf = open_sections(bytes);
  return btf && btf->strings_.front() == '\0' ? btf : std::nullopt;
}

std::optional<Btf> Btf::open_sections(std::span<const uint8_t> bytes) {
  if (bytes.size() < header_size) return std::nullopt;
  auto word = [&bytes](size_t at) {
    uint32_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
  };
  bool is_known = (word(0) & 0xffff) == magic && bytes[2] == 1;
  uint64_t begin = word(4);
  uint64_t types_begin = begin + word(8);
  uint64_t strings_begin = begin + word(16);
  uint64_t strings_size = word(20);
  if (!is_known || begin < header_size || types_begin + word(12) > bytes.size() || strings_begin + strings_size > bytes.size())
    return std::nullopt;
  if (strings_size == 0 || bytes[strings_begin + strings_size - 1] != 0) return std::nullopt;
  Btf btf;
  btf.types_ = bytes.subspan(types_begin, word(12));
  btf.strings_ = {reinterpret_cast<const char*>(bytes.data() + strings_begin), strings_size};
  btf.offsets_.push_back(0);  // id 0 is void and has no record
  return btf;
}

std::optional<Btf> Btf::open_module(std::span<const uint8_t> bytes, std::string_view name, const Btf& base) {
  std::optional<Btf> btf = open_sections(bytes);  // the empty name is the base's first string, and none of the module's
  if (!btf) return std::nullopt;
  btf->base_ = &base;
  btf->module_ = name;
  btf->offsets_.clear();
  btf->first_id_ = base.end_id();
  btf->first_string_ = base.first_string_ + static_cast<uint32_t>(base.strings_.size());
  return btf;
}

uint32_t Btf::end_id() const {
  for (uint32_t id = static_cast<uint32_t>(offsets_.size()) + first_id_;; id++)
    if (!has_offset_of(id)) return id;
}

// The string section ends in a NUL, so that every string does.
std::string_view Btf::string_at(uint32_t offset) const {
  if (offset < first_string_) return base_->string_at(offset);
  offset -= first_string_;
  return offset < strings_.size() ? std::string_view(strings_.data() + offset) : std::string_view();
}

bool Btf::has_name(uint32_t offset, std::string_view name) const {
  if (offset < first_string_) return base_->has_name(offset, name);
  offset -= first_string_;
  if (offset >= strings_.size() || strings_.size() - offset <= name.size()) return false;
  const char* text = strings_.data() + offset;
  return text[name.size()] == '\0' && std::memcmp(text, name.data(), name.size()) == 0;
}

Btf::TypeRecord Btf::decode(uint32_t id, uint32_t offset) const {
  uint32_t info = word_at(offset + 4);
  TypeRecord type;
  type.id = id;
  type.kind = static_cast<Kind>((info >> 24) & 0x1f);
  type.name = string_at(word_at(offset));
  type.size_or_type = word_at(offset + 8);
  type.vlen = info & 0xffff;
  type.kind_flag = (info >> 31) != 0;
  return type;
}

// Many at once, as whoever scans asks for one after the other.
bool Btf::extend_offsets(uint32_t id) const {
  constexpr size_t step = 512;
  if (offsets_.capacity() < 1024) offsets_.reserve(types_.size() / 20);  // kernels have about 26 bytes a type
  auto end_of = [this](uint64_t at) { return at + record_size + extra_size(word_at(at + 4)); };
  const bool has_any = offsets_.size() > (base_ == nullptr ? 1u : 0u);
  uint64_t offset = has_any ? end_of(offsets_.back()) : 0;  // where the last known type ends
  for (const size_t wanted = id - first_id_ + step; offsets_.size() <= wanted;) {
    if (offset + record_size > types_.size()) break;
    const uint64_t end = end_of(offset);
    if (end > types_.size()) break;
    offsets_.push_back(static_cast<uint32_t>(offset));
    offset = end;
  }
  return id - first_id_ < offsets_.size();
}

Btf::TypeRecord Btf::type(uint32_t id) const {
  if (id == 0) return {};
  if (is_of_base(id)) return base_->type(id);
  return has_offset_of(id) ? decode(id, offset_of(id)) : TypeRecord();
}

std::optional<uint32_t> Btf::find(Kind kind, std::string_view name) const {
  if (name.empty()) return std::nullopt;
  if (by_name_[static_cast<size_t>(kind)].is_worth_it()) return find_indexed(kind, name);
  for (uint32_t id = own_begin(); has_offset_of(id); id++)
    if (kind_of(id) == kind && has_name(word_at(offset_of(id)), name)) return id;
  return std::nullopt;
}

std::optional<uint32_t> Btf::find_near(Kind kind, std::string_view name, uint32_t id) const {
  constexpr uint32_t near = 16;
  for (uint32_t at = std::max(own_begin(), id - std::min(id, near)); at <= id + near && has_offset_of(at); at++)
    if (kind_of(at) == kind && has_name(word_at(offset_of(at)), name)) return at;
  return find(kind, name);
}

std::optional<uint32_t> Btf::find_indexed(Kind kind, std::string_view name) const {
  NameIndex& index = by_name_[static_cast<size_t>(kind)];
  if (!index.is_made()) {
    std::vector<uint32_t> ids;
    for (uint32_t id = own_begin(); has_offset_of(id); id++)
      if (kind_of(id) == kind) ids.push_back(id);
    index.reserve(ids.size());
    for (size_t i = ids.size(); i-- > 0;) index.add_before(string_at(word_at(offset_of(ids[i]))), ids[i]);
  }
  std::optional<uint32_t> found;
  index.each(name, [&](uint64_t id) {
    if (has_name(word_at(offset_of(static_cast<uint32_t>(id))), name)) found = static_cast<uint32_t>(id);
    return found.has_value();
  });
  return found;
}

// Where `name` is in the string section: once in what the kernel ships, more often in what a plain linker made.
std::vector<uint32_t> Btf::string_offsets(std::string_view name) const {
  std::vector<uint32_t> offsets;
  if (base_ != nullptr) offsets = base_->string_offsets(name);
  std::string needle = std::string(1, '\0').append(name).append(1, '\0');
  const char* begin = strings_.data();
  const char* end = begin + strings_.size();
  for (const char* at = begin; at < end;) {
    const void* found = memmem(at, static_cast<size_t>(end - at), needle.data(), needle.size());
    if (found == nullptr) break;
    at = static_cast<const char*>(found) + 1;
    offsets.push_back(first_string_ + static_cast<uint32_t>(at - begin));
  }
  return offsets;
}

// There are too many enumerators to look at each name: the name is looked up first, its offset then.
std::optional<Btf::EnumValue> Btf::find_enum_value(std::string_view name) const {
  if (name.empty()) return std::nullopt;
  if (enumerators_.is_worth_it()) return find_indexed_enum_value(name);
  std::vector<uint32_t> wanted = string_offsets(name);
  if (wanted.empty()) return std::nullopt;
  std::optional<EnumValue> found;
  each_enumerator([&](uint32_t id, uint32_t i, uint32_t name_offset) {
    if (std::find(wanted.begin(), wanted.end(), name_offset) != wanted.end()) found = enum_values(id)[i];
    return !found;
  });
  return found;
}

template <class F>
void Btf::each_enumerator(F&& f) const {
  for (uint32_t id = own_begin(); has_offset_of(id); id++) {
    Kind kind = kind_of(id);
    if (!is_enum(kind)) continue;
    uint32_t stride = kind == Kind::enumeration ? 8 : 12, count = word_at(offset_of(id) + 4) & 0xffff;
    for (uint32_t i = 0; i < count; i++)
      if (!f(id, i, word_at(offset_of(id) + record_size + i * stride))) return;
  }
}

std::optional<Btf::EnumValue> Btf::find_indexed_enum_value(std::string_view name) const {
  if (!enumerators_.is_made()) {
    struct Place {
      uint32_t id, index, name_offset;
    };
    std::vector<Place> places;
    each_enumerator([&](uint32_t id, uint32_t i, uint32_t name_offset) {
      places.push_back({id, i, name_offset});
      return true;
    });
    enumerators_.reserve(places.size());
    for (size_t i = places.size(); i-- > 0;)
      enumerators_.add_before(string_at(places[i].name_offset), uint64_t{places[i].id} << 32 | places[i].index);
  }
  std::optional<EnumValue> found;
  enumerators_.each(name, [&](uint64_t place) {
    EnumValue value = enum_values(static_cast<uint32_t>(place >> 32))[static_cast<uint32_t>(place)];
    if (value.name == name) found = value;
    return found.has_value();
  });
  return found;
}

std::vector<Btf::Member> Btf::members(uint32_t id) const {
  if (is_of_base(id)) return base_->members(id);
  std::vector<Member> members;
  TypeRecord record = type(id);
  if (!is_record(record.kind)) return members;
  members.reserve(record.vlen);
  for (uint32_t i = 0; i < record.vlen; i++) {
    uint32_t at = extra_of(record) + i * 12;
    uint32_t place = word_at(at + 8);
    Member member{string_at(word_at(at)), word_at(at + 4), place, 0};
    if (record.kind_flag) {
      member.bit_offset = place & 0xffffff;
      member.bit_size = place >> 24;
    } else if (TypeRecord of = type(skip_modifiers(member.type)); of.kind == Kind::integer) {
      // The older form: the integer type itself is narrower than its bytes.
      uint32_t encoding = integer_encoding(of.id);
      uint32_t bits = encoding & 0xff;
      if (bits != of.size_or_type * 8) {
        member.bit_offset += (encoding >> 16) & 0xff;
        member.bit_size = bits;
      }
    }
    members.push_back(member);
  }
  return members;
}

std::vector<Btf::Param> Btf::params(uint32_t id) const {
  if (is_of_base(id)) return base_->params(id);
  std::vector<Param> params;
  TypeRecord prototype = type(id);
  if (prototype.kind != Kind::function_prototype) return params;
  for (uint32_t i = 0; i < prototype.vlen; i++) {
    uint32_t at = extra_of(prototype) + i * 8;
    params.push_back({string_at(word_at(at)), word_at(at + 4)});
  }
  return params;
}

std::vector<Btf::EnumValue> Btf::enum_values(uint32_t id) const {
  if (is_of_base(id)) return base_->enum_values(id);
  std::vector<EnumValue> values;
  TypeRecord enumeration = type(id);
  if (!is_enum(enumeration.kind)) return values;
  bool is_wide = enumeration.kind == Kind::enumeration64;
  values.reserve(enumeration.vlen);
  for (uint32_t i = 0; i < enumeration.vlen; i++) {
    uint32_t at = extra_of(enumeration) + i * (is_wide ? 12 : 8);
    uint32_t low = word_at(at + 4);
    int64_t value = 0;
    if (is_wide) value = static_cast<int64_t>(uint64_t{word_at(at + 8)} << 32 | low);
    else value = enumeration.kind_flag ? int64_t{static_cast<int32_t>(low)} : int64_t{low};
    values.push_back({string_at(word_at(at)), value, id});
  }
  return values;
}

uint32_t Btf::integer_encoding(uint32_t id) const {
  return is_of_base(id) ? base_->integer_encoding(id) : word_at(offset_of(id) + record_size);
}

uint32_t Btf::skip_modifiers(uint32_t id) const {
  for (uint32_t i = 0; i < longest_chain; i++) {
    TypeRecord record = type(id);
    if (!is_modifier(record.kind)) return id;
    id = record.size_or_type;
  }
  return 0;
}

uint32_t Btf::size_of(uint32_t id) const {
  uint64_t count = 1;
  for (uint32_t i = 0; i < longest_chain && count <= UINT32_MAX; i++) {
    TypeRecord record = type(skip_modifiers(id));
    switch (record.kind) {
      case Kind::array:
        count *= array_of(record.id).second;
        id = array_of(record.id).first;
        break;
      case Kind::variable: id = record.size_or_type; break;
      case Kind::pointer: return static_cast<uint32_t>(count * 8);
      case Kind::integer:
      case Kind::structure:
      case Kind::union_:
      case Kind::enumeration:
      case Kind::enumeration64:
      case Kind::floating:
      case Kind::data_section: return static_cast<uint32_t>(count * record.size_or_type);
      default: return 0;
    }
  }
  return 0;
}

const mir::Type* Btf::to_type(uint32_t id, mir::TypePool& pool, mir::AddressSpace space) const {
  return to_type_at(id, pool, space, 0);
}

const mir::Type* Btf::to_type_at(uint32_t id, mir::TypePool& pool, mir::AddressSpace space, uint32_t depth) const {
  if (depth > deepest_nesting) return pool.none();
  // The outermost typedef names a record that has no other name.
  std::string_view alias;
  for (uint32_t i = 0; i < longest_chain && is_modifier(type(id).kind); i++) {
    TypeRecord modifier = type(id);
    if (alias.empty() && modifier.kind == Kind::typedef_ && is_record(type(skip_modifiers(id)).kind)) alias = modifier.name;
    id = modifier.size_or_type;
  }
  TypeRecord record = type(id);
  switch (record.kind) {
    case Kind::integer: {
      uint32_t encoding = integer_encoding(id) >> 24;
      uint32_t size = record.size_or_type;
      if (size == 16) return pool.array(pool.uint64(), 2);
      if (size != 1 && size != 2 && size != 4 && size != 8) return pool.none();
      if (size == 1 && (encoding & is_bool_bit) != 0) return pool.boolean();
      return pool.integer(size, (encoding & is_signed_bit) != 0);
    }
    case Kind::enumeration:
    case Kind::enumeration64: {
      uint32_t size = record.size_or_type;
      if (size != 1 && size != 2 && size != 4 && size != 8) return pool.none();
      return record.name.empty() ? pool.integer(size, record.kind_flag) : pool.enumeration(record.name, size, record.kind_flag);
    }
    case Kind::pointer: return pointer_type(record, pool, space, depth);
    case Kind::array: return array_type(record, pool, space, depth);
    case Kind::structure:
    case Kind::union_: return record_type(id, alias, pool);
    case Kind::forward: return pool.record(record.name, record.kind_flag);
    default: return pool.none();
  }
}

const mir::Type* Btf::pointer_type(const TypeRecord& pointer, mir::TypePool& pool, mir::AddressSpace space,
                                   uint32_t depth) const {
  uint32_t target = pointer.size_or_type;
  mir::AddressSpace own = space;
  for (uint32_t i = 0, id = target; i < longest_chain && is_modifier(type(id).kind); i++) {
    TypeRecord modifier = type(id);
    if (modifier.kind == Kind::type_tag && modifier.name == "user") own = mir::AddressSpace::user;
    if (modifier.kind == Kind::type_tag && modifier.name == "percpu") own = mir::AddressSpace::percpu;
    id = modifier.size_or_type;
  }
  return pool.pointer(to_type_at(target, pool, space, depth + 1), own);
}

uint32_t Btf::element_of(uint32_t id) const {
  return type(id).kind == Kind::array ? array_of(id).first : 0;
}

std::pair<uint32_t, uint32_t> Btf::array_of(uint32_t id) const {
  if (is_of_base(id)) return base_->array_of(id);
  uint32_t at = extra_of(type(id));
  return {word_at(at), word_at(at + 8)};
}

int32_t Btf::component_of(uint32_t id) const {
  if (is_of_base(id)) return base_->component_of(id);
  const TypeRecord tag = type(id);
  return tag.kind == Kind::declaration_tag ? static_cast<int32_t>(word_at(extra_of(tag))) : -1;
}

const mir::Type* Btf::array_type(const TypeRecord& array, mir::TypePool& pool, mir::AddressSpace space, uint32_t depth) const {
  auto [element_id, count] = array_of(array.id);
  const mir::Type* element = to_type_at(element_id, pool, space, depth + 1);
  constexpr uint64_t biggest = 1u << 30;
  if (uint64_t{count} * std::max<uint64_t>(size_of(element_id), 1) > biggest) count = 0;
  bool is_char = type(skip_modifiers(element_id)).name == "char";
  return is_char && count > 0 ? pool.string(count) : pool.array(element, count);
}

const mir::Type* Btf::record_type(uint32_t id, std::string_view alias, mir::TypePool& pool) const {
  TypeRecord record = type(id);
  bool is_union = record.kind == Kind::union_;
  if (!record.name.empty()) return pool.record(record.name, is_union);
  if (!alias.empty()) return pool.record(alias, is_union);
  const std::string& own = is_of_base(id) ? base_->module_ : module_;
  return pool.record(std::string(anonymous_prefix) + std::to_string(id) + own, is_union);
}

// By its own name, by a typedef of an anonymous record, or as the `anon_<id>` that record_type gave it.
std::optional<uint32_t> Btf::find_record(std::string_view name, bool is_union) const {
  Kind kind = is_union ? Kind::union_ : Kind::structure;
  if (auto id = find(kind, name)) return id;
  auto fits = [&](uint32_t id) { return type(id).kind == kind && type(id).name.empty(); };
  if (name.starts_with(anonymous_prefix)) {
    uint32_t id = 0;
    const char* end = name.data() + name.size();
    auto [rest, error] = std::from_chars(name.data() + anonymous_prefix.size(), end, id);
    if (error == std::errc() && std::string_view(rest, end) == module_ && fits(id)) return id;
  }
  auto alias = find(Kind::typedef_, name);
  if (alias && fits(skip_modifiers(*alias))) return skip_modifiers(*alias);
  return std::nullopt;
}

const mir::RecordLayout* Btf::define_record(std::string_view name, bool is_union, mir::TypePool& pool) const {
  if (const mir::RecordLayout* known = pool.layout(pool.record(name, is_union))) return known;
  auto id = find_record(name, is_union);
  if (!id) return nullptr;
  mir::RecordLayout layout;
  layout.name = name;
  layout.is_union = is_union;
  layout.size = type(*id).size_or_type;
  add_fields(*id, 0, 0, pool, layout.fields);
  return pool.define_record(std::move(layout));
}

void Btf::add_fields(uint32_t id, uint32_t base, uint32_t depth, mir::TypePool& pool,
                     std::vector<mir::RecordField>& fields) const {
  for (const Member& member : members(id)) {
    if (member.name.empty()) {
      uint32_t inner = skip_modifiers(member.type);
      bool is_flattened = is_record(type(inner).kind) && depth < deepest_nesting;
      if (is_flattened) add_fields(inner, base + member.bit_offset / 8, depth + 1, pool, fields);
      continue;  // unnamed bit-fields are padding
    }
    if (member.bit_size != 0) {
      fields.push_back(bit_field(member, base, pool));
      continue;
    }
    mir::RecordField field;
    field.name = member.name;
    field.type = to_type(member.type, pool, mir::AddressSpace::kernel);
    field.offset = base + member.bit_offset / 8;
    fields.push_back(std::move(field));
  }
}

mir::RecordField Btf::bit_field(const Member& member, uint32_t base, mir::TypePool& pool) const {
  const mir::Type* declared = to_type(member.type, pool, mir::AddressSpace::kernel);
  mir::RecordField field = mir::bit_field(declared, member.bit_offset, member.bit_size, pool);
  field.name = member.name;
  field.offset += base;
  return field;
}

std::optional<std::vector<Btf::Param>> Btf::raw_tracepoint_params(std::string_view event) const {
  auto alias = find(Kind::typedef_, std::string(raw_tracepoint_prefix).append(event));
  if (!alias) return std::nullopt;
  TypeRecord pointer = type(skip_modifiers(*alias));
  if (pointer.kind != Kind::pointer) return std::nullopt;
  std::vector<Param> found = params(skip_modifiers(pointer.size_or_type));
  // The typedef's parameters have no names; the functions generated from the same declaration do.
  for (std::string_view prefix : {"__traceiter_", "__probestub_", "__bpf_trace_"}) {
    bool is_nameless = found.size() > 1 && found[1].name.empty();
    if (!is_nameless) break;
    auto function = find(Kind::function, std::string(prefix).append(event));
    if (!function) continue;
    std::vector<Param> named = params(type(*function).size_or_type);
    if (named.size() == found.size()) found = std::move(named);
  }
  if (!found.empty()) found.erase(found.begin());
  return found;
}

std::vector<std::string_view> Btf::raw_tracepoint_names() const {
  std::vector<std::string_view> names;
  for (uint32_t id = own_begin(); has_offset_of(id); id++) {
    uint32_t offset = offset_of(id);
    if (static_cast<Kind>((word_at(offset + 4) >> 24) & 0x1f) != Kind::typedef_) continue;
    std::string_view name = string_at(word_at(offset));
    if (name.starts_with(raw_tracepoint_prefix)) names.push_back(name.substr(raw_tracepoint_prefix.size()));
  }
  return names;
}

}  // namespace shrike
