// The walk through a struct follows the kernel's: the first member that holds the bytes decides.
#include "runtime/object_kernel_types.h"

#include "mir/btf.h"
#include "runtime/btf_file.h"

namespace shrike {

namespace {

using sim::TypedValue;
using ValueKind = sim::TypedValue::Kind;
using Kind = Btf::Kind;

bool is_record(Kind kind) {
  return kind == Kind::structure || kind == Kind::union_;
}

class TypesOfBtf : public sim::KernelTypes {
 public:
  bool open() {
    file_.open();
    types_ = Btf::open(file_.bytes());
    return types_.has_value();
  }
  const Btf& btf() const { return *types_; }

  TypedValue load(uint32_t type, uint32_t offset, unsigned size) const override { return load_at(type, offset, size, 0); }
  std::string name_of(uint32_t type) const override { return std::string(types_->type(type).name); }
  bool has_struct_at(uint32_t type, uint32_t offset, std::string_view name) const override;
  uint32_t find_struct(std::string_view name) const override { return types_->find(Kind::structure, name).value_or(0); }

  TypedValue pointee(uint32_t pointer) const;

 private:
  TypedValue load_at(uint32_t type, uint32_t offset, unsigned size, unsigned depth) const;
  TypedValue load_member(const Btf::Member& member, uint32_t type, uint32_t offset, unsigned size, unsigned depth) const;
  TypedValue load_behind(uint32_t type, uint32_t offset, unsigned size, unsigned depth) const;
  TypedValue refused(std::string why) const { return {ValueKind::refused, 0, false, std::move(why)}; }
  std::string place(uint32_t type, uint32_t offset, unsigned size, const char* between) const {
    return "struct " + name_of(type) + " " + between + " off " + std::to_string(offset) + " size " + std::to_string(size);
  }

  BtfFile file_;
  std::optional<Btf> types_;
};

// What a pointer points to. Tags (__user, __percpu, __rcu) change what may be done with it.
TypedValue TypesOfBtf::pointee(uint32_t pointer) const {
  uint32_t id = types_->type(pointer).size_or_type;
  for (Btf::TypeRecord type = types_->type(id);; type = types_->type(id)) {
    if (type.kind == Kind::type_tag) return {ValueKind::unclear, 0, false, "a pointer with the tag " + std::string(type.name)};
    const bool is_modifier =
        type.kind == Kind::typedef_ || type.kind == Kind::const_ || type.kind == Kind::volatile_ || type.kind == Kind::restrict_;
    if (!is_modifier) break;
    id = type.size_or_type;
  }
  if (!is_record(types_->type(id).kind)) return {ValueKind::leaf};
  return {ValueKind::object, id};
}

bool TypesOfBtf::has_struct_at(uint32_t type, uint32_t offset, std::string_view name) const {
  type = types_->skip_modifiers(type);
  while (types_->type(type).kind == Kind::array) {
    type = types_->skip_modifiers(types_->element_of(type));
    if (types_->size_of(type) != 0) offset %= types_->size_of(type);
  }
  if (!is_record(types_->type(type).kind)) return false;
  if (offset == 0 && types_->type(type).name == name) return true;
  for (const Btf::Member& member : types_->members(type)) {
    const uint32_t begin = member.bit_offset / 8;
    if (member.bit_size == 0 && begin <= offset && offset < begin + types_->size_of(member.type) &&
        has_struct_at(member.type, offset - begin, name))
      return true;
  }
  return false;
}

TypedValue TypesOfBtf::load_member(const Btf::Member& member, uint32_t type, uint32_t offset, unsigned size,
                                   unsigned depth) const {
  uint32_t begin = member.bit_offset / 8;
  uint32_t inner = types_->skip_modifiers(member.type);
  const uint32_t end = begin + types_->size_of(inner);
  while (types_->type(inner).kind == Kind::array) inner = types_->skip_modifiers(types_->element_of(inner));
  const uint32_t element = types_->size_of(inner);
  if (element == 0) return {ValueKind::unclear, 0, false, "a member without size"};
  begin += (offset - begin) / element * element;
  const Btf::TypeRecord found = types_->type(inner);
  if (is_record(found.kind)) return load_at(inner, offset - begin, size, depth + 1);
  if (found.kind == Kind::pointer) {
    if (size == element && offset == begin) return pointee(inner);
    return refused("cannot access ptr member " + std::string(member.name) + " with moff " + std::to_string(begin) + " in " +
                   place(type, offset, size, "with"));
  }
  if (offset + size > end) {
    return refused("access beyond the end of member " + std::string(member.name) + " (mend:" + std::to_string(end) + ") in " +
                   place(type, offset, size, "with"));
  }
  return {};
}

// Behind a struct there may be more only of an array without a size.
TypedValue TypesOfBtf::load_behind(uint32_t type, uint32_t offset, unsigned size, unsigned depth) const {
  TypedValue beyond = refused("access beyond " + place(type, offset, size, "at"));
  const std::vector<Btf::Member> members = types_->members(type);
  if (members.empty()) return beyond;
  const Btf::Member& last = members.back();
  const uint32_t array = types_->skip_modifiers(last.type), begin = last.bit_offset / 8;
  if (types_->type(array).kind != Kind::array || types_->size_of(array) != 0 || offset < begin) return beyond;
  const uint32_t element = types_->skip_modifiers(types_->element_of(array));
  if (types_->type(element).kind == Kind::integer) return {};
  if (types_->type(element).kind != Kind::structure || types_->size_of(element) == 0) return beyond;
  return load_at(element, (offset - begin) % types_->size_of(element), size, depth + 1);
}

TypedValue TypesOfBtf::load_at(uint32_t type, uint32_t offset, unsigned size, unsigned depth) const {
  constexpr unsigned deepest = 16;
  if (depth == deepest) return {ValueKind::unclear, 0, false, "a struct that is nested too deep"};
  if (offset + size > types_->size_of(type)) return load_behind(type, offset, size, depth);
  for (const Btf::Member& member : types_->members(type)) {
    const uint32_t begin = member.bit_offset / 8;
    if (offset + size <= begin) break;
    if (member.bit_size != 0) {
      const uint32_t end = (member.bit_offset + member.bit_size + 7) / 8;
      if (offset <= begin && end <= offset + size) return {};
      continue;
    }
    if (offset < begin) break;
    if (offset >= begin + types_->size_of(member.type)) continue;
    return load_member(member, type, offset, size, depth);
  }
  return refused("struct " + name_of(type) + " doesn't have field at offset " + std::to_string(offset));
}

// Tracepoints some of whose arguments may be null; which is a long list in the kernel since 6.12 (in stable releases of it).
bool may_give_null(std::string_view event) {
  constexpr std::string_view known[] = {"sched_",     "task_",  "signal_",    "sys_",     "irq_",    "softirq_",
                                        "workqueue_", "timer_", "block_",     "hrtimer_", "cgroup_", "net_dev_",
                                        "netif_",     "napi_",  "inet_sock_", "module_"};
  constexpr std::string_view exceptions[] = {"sched_pi_setprio", "sched_stick_numa", "sched_swap_numa"};
  for (std::string_view each : exceptions) {
    if (each == event) return true;
  }
  for (std::string_view each : known) {
    if (event.starts_with(each)) return false;
  }
  return true;
}

// An argument or result of a function, as its type is.
TypedValue value_of(const TypesOfBtf& types, uint32_t type) {
  const Btf::TypeRecord given = types.btf().type(types.btf().skip_modifiers(type));
  switch (given.kind) {
    case Kind::integer:
    case Kind::enumeration:
    case Kind::enumeration64:
    case Kind::structure:
    case Kind::union_: return {};
    case Kind::pointer: break;
    default: return {ValueKind::unclear, 0, false, "an argument of a type that is not modelled"};
  }
  TypedValue value = types.pointee(given.id);
  const uint32_t target = types.btf().skip_modifiers(given.size_or_type);
  const Kind kind = types.btf().type(target).kind;
  if (value.kind == ValueKind::leaf && target != 0 && kind != Kind::integer)
    return {ValueKind::unclear, 0, false, "an argument that points neither to a struct nor to numbers"};
  return value;
}

bool add_parameters(const TypesOfBtf& types, const std::string& function, sim::ProgramInput& input) {
  const Btf& btf = types.btf();
  const std::optional<uint32_t> found = btf.find(Kind::function, function);
  if (!found) return false;
  const Btf::TypeRecord prototype = btf.type(btf.type(*found).size_or_type);
  for (const Btf::Param& param : btf.params(prototype.id)) input.context.push_back(value_of(types, param.type));
  if (input.attach == sim::AttachType::fexit && prototype.size_or_type != 0)
    input.context.push_back(value_of(types, prototype.size_or_type));
  return true;
}

// An iterator is given what its function declares; all but the first may be null.
void add_iterator(const TypesOfBtf& types, const std::string& name, sim::ProgramInput& input) {
  if (!add_parameters(types, "bpf_iter_" + name, input)) return;
  for (size_t i = 1; i < input.context.size(); i++) {
    TypedValue& value = input.context[i];
    value.may_be_null = value.kind == ValueKind::object;
    if (value.kind == ValueKind::leaf) value = {ValueKind::unclear, 0, false, "a buffer that an iterator hands out"};
  }
}

void add_tracepoint(const TypesOfBtf& types, const std::string& event, sim::ProgramInput& input) {
  const std::optional<std::vector<Btf::Param>> params = types.btf().raw_tracepoint_params(event);
  if (!params) return;
  for (const Btf::Param& param : *params) {
    TypedValue value = value_of(types, param.type);
    if (value.kind == ValueKind::object && may_give_null(event))
      value = {ValueKind::unclear, 0, false, "an argument of tracepoint " + event + ", which the kernel may take for null"};
    input.context.push_back(std::move(value));
  }
}

}  // namespace

std::shared_ptr<const sim::KernelTypes> running_kernel_types() {
  auto types = std::make_shared<TypesOfBtf>();
  if (!types->open()) return nullptr;
  return types;
}

const Btf& btf_of(const sim::KernelTypes& types) {
  return static_cast<const TypesOfBtf&>(types).btf();
}

void set_kernel_types(const std::string& section, const std::shared_ptr<const sim::KernelTypes>& types,
                      sim::ProgramInput& input) {
  const size_t slash = section.find('/');
  if (slash == std::string::npos) return;
  input.function = section.substr(slash + 1);
  if (types == nullptr) return;
  const auto& of_btf = static_cast<const TypesOfBtf&>(*types);
  input.types = types;
  switch (input.attach) {
    case sim::AttachType::raw_tp: return add_tracepoint(of_btf, input.function, input);
    case sim::AttachType::iter: return add_iterator(of_btf, input.function, input);
    default: add_parameters(of_btf, input.function, input);
  }
}

}  // namespace shrike
