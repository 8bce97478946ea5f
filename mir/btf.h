// Read-only view of a BTF blob (kernel: Documentation/bpf/btf.rst): looks up only what is asked, directly in the mapped
// bytes. Finding a name is one scan over the type section, until names of a kind have been asked for a few times: then they are
// indexed. Only the offsets of types are kept, as far as they were needed.
// Damaged blobs never read out of bounds: the types end where the damage begins.
// The types of a module continue those of the kernel: their ids and strings go on where its base's end (split BTF).
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mir/btf_index.h"
#include "mir/type.h"

namespace shrike {

class Btf {
 public:
  enum class Kind : uint8_t {
    unknown,
    integer,
    pointer,
    array,
    structure,
    union_,
    enumeration,
    forward,
    typedef_,
    volatile_,
    const_,
    restrict_,
    function,
    function_prototype,
    variable,
    data_section,
    floating,
    declaration_tag,
    type_tag,
    enumeration64,
  };
  static constexpr size_t kind_count = 32;  // that five bits can tell
  struct TypeRecord {                       // one type, decoded
    uint32_t id = 0;
    Kind kind = Kind::unknown;
    std::string_view name;
    uint32_t size_or_type = 0;
    uint32_t vlen = 0;
    bool kind_flag = false;
  };
  struct Member {
    std::string_view name;
    uint32_t type = 0;
    uint32_t bit_offset = 0;
    uint32_t bit_size = 0;
  };
  struct Param {
    std::string_view name;
    uint32_t type = 0;
  };
  struct EnumValue {
    std::string_view name;
    int64_t value = 0;
    uint32_t enumeration = 0;  // its id
  };

  // `bytes` stay mapped as long as the view is used. Nothing if they are not BTF.
  static std::optional<Btf> open(std::span<const uint8_t> bytes);
  // The types of module `name`, which go on where those of `base` end. `base` must outlive the view.
  static std::optional<Btf> open_module(std::span<const uint8_t> bytes, std::string_view name, const Btf& base);

  // What has this name; of a module's types only its own.

  std::optional<uint32_t> find(Kind kind, std::string_view name) const;
  // The same, looked for around a type first: what is declared together is mostly together.
  std::optional<uint32_t> find_near(Kind kind, std::string_view name, uint32_t id) const;
  std::optional<EnumValue> find_enum_value(std::string_view name) const;
  TypeRecord type(uint32_t id) const;
  std::vector<Member> members(uint32_t id) const;  // structure, union
  std::vector<Param> params(uint32_t id) const;    // function prototype
  std::vector<EnumValue> enum_values(uint32_t id) const;
  uint32_t element_of(uint32_t id) const;      // of an array: the type of its elements
  int32_t component_of(uint32_t id) const;     // of a declaration tag: which parameter or member; -1: the whole
  uint32_t skip_modifiers(uint32_t id) const;  // through typedef, const, volatile, restrict, type tag
  uint32_t size_of(uint32_t id) const;         // bytes; 0 for void and functions
  // Calls f(TypeRecord) for every type, in id order, until f returns false.
  template <class F>
  void each(F&& f) const;

  // As a data type. Records come without layout; `space` is for pointers without a __user or __percpu tag; __rcu changes nothing
  // for who only reads. Arrays of plain `char` become strings, as the language sees them. A record without a name of its own is
  // called after its typedef, or `anon_<id>`.
  const mir::Type* to_type(uint32_t id, mir::TypePool& pool, mir::AddressSpace space) const;
  // Defines (once) and returns the layout of a struct or union; null if BTF does not have it. Fields of anonymous members
  // are the outer record's own, at their place; no field without a name remains.
  const mir::RecordLayout* define_record(std::string_view name, bool is_union, mir::TypePool& pool) const;
  // Parameters of raw tracepoint `event`, without the leading void * (btf_trace_<event> typedef).
  std::optional<std::vector<Param>> raw_tracepoint_params(std::string_view event) const;
  std::vector<std::string_view> raw_tracepoint_names() const;

 private:
  static std::optional<Btf> open_sections(std::span<const uint8_t> bytes);
  Kind kind_of(uint32_t id) const { return static_cast<Kind>((word_at(offset_of(id) + 4) >> 24) & 0x1f); }
  std::optional<uint32_t> find_indexed(Kind kind, std::string_view name) const;
  std::optional<EnumValue> find_indexed_enum_value(std::string_view name) const;
  // Calls f(id of the type, number in it, offset of the name) until it returns false.
  template <class F>
  void each_enumerator(F&& f) const;
  // Extends offsets_ up to `id`; false past the last type.
  bool has_offset_of(uint32_t id) const {
    if (is_of_base(id)) return base_->has_offset_of(id);
    return id - first_id_ < offsets_.size() || extend_offsets(id);
  }
  bool extend_offsets(uint32_t id) const;
  bool is_of_base(uint32_t id) const { return id < first_id_; }
  uint32_t offset_of(uint32_t id) const { return offsets_[id - first_id_]; }
  uint32_t own_begin() const { return first_id_ == 0 ? 1 : first_id_; }
  uint32_t end_id() const;                                    // one past the last type's
  std::pair<uint32_t, uint32_t> array_of(uint32_t id) const;  // type of the elements, and how many there are
  TypeRecord decode(uint32_t id, uint32_t offset) const;
  uint32_t word_at(size_t offset) const {
    if (offset + sizeof(uint32_t) > types_.size()) return 0;
    uint32_t value = 0;
    std::memcpy(&value, types_.data() + offset, sizeof value);
    return value;
  }
  std::string_view string_at(uint32_t offset) const;
  bool has_name(uint32_t offset, std::string_view name) const;
  std::vector<uint32_t> string_offsets(std::string_view name) const;
  uint32_t extra_of(const TypeRecord& type) const { return offset_of(type.id) + 12; }  // of types that are not the base's
  uint32_t integer_encoding(uint32_t id) const;
  const mir::Type* to_type_at(uint32_t id, mir::TypePool& pool, mir::AddressSpace space, uint32_t depth) const;
  const mir::Type* array_type(const TypeRecord& array, mir::TypePool& pool, mir::AddressSpace space, uint32_t depth) const;
  const mir::Type* pointer_type(const TypeRecord& pointer, mir::TypePool& pool, mir::AddressSpace space, uint32_t depth) const;
  const mir::Type* record_type(uint32_t id, std::string_view alias, mir::TypePool& pool) const;
  std::optional<uint32_t> find_record(std::string_view name, bool is_union) const;
  void add_fields(uint32_t id, uint32_t base, uint32_t depth, mir::TypePool& pool, std::vector<mir::RecordField>& fields) const;
  mir::RecordField bit_field(const Member& member, uint32_t base, mir::TypePool& pool) const;

  std::span<const uint8_t> types_;
  std::span<const char> strings_;
  mutable std::vector<uint32_t> offsets_;  // of each type, filled as far as ids were asked for
  mutable NameIndex by_name_[kind_count];  // by kind, made when a few names of it have been asked for
  mutable NameIndex enumerators_;          // type << 32 | number in it
  const Btf* base_ = nullptr;
  std::string module_;         // told apart by this, types without a name of several modules may have the same number
  uint32_t first_id_ = 0;      // in offsets_; without a base that is void, which has no record
  uint32_t first_string_ = 0;  // offset of strings_ among all
};

template <class F>
void Btf::each(F&& f) const {
  for (uint32_t id = own_begin(); has_offset_of(id); id++)
    if (!f(decode(id, offset_of(id)))) return;
}

}  // namespace shrike
