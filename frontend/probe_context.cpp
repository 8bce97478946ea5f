// What a body at a place may ask for: its named arguments, from the format file of a tracepoint, the kernel's types or a
// program's debug information, and those of a static probe.
#include <algorithm>

#include "frontend/probes.h"
#include "mir/btf.h"

namespace shrike {

using mir::ProbeKind;

namespace {

// The type of a tracepoint field, from the C text in its format file.
const mir::Type* field_type(const TracepointField& field, mir::AddressSpace space, mir::TypePool& types) {
  std::string_view text = field.type;
  for (std::string_view prefix : {"const ", "volatile "})
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  if (field.is_data_loc) {
    bool is_text = text.find("char") != std::string_view::npos;
    return types.pointer(is_text ? types.integer(1, true) : types.none(), mir::AddressSpace::kernel);
  }
  if (size_t star = text.find('*'); star != std::string_view::npos) {
    std::string_view target = text.substr(0, star);
    while (target.ends_with(' ')) target.remove_suffix(1);
    if (target.ends_with(" const")) target.remove_suffix(6);
    if (target.starts_with("const ")) target.remove_prefix(6);
    const mir::Type* pointee = types.none();
    if (text.find('*', star + 1) != std::string_view::npos) {
      pointee = types.pointer(target == "char" ? types.integer(1, true) : types.none(), space);
    } else if (target.starts_with("struct ")) {
      pointee = types.record(target.substr(7), false);
    } else if (target == "char") {
      pointee = types.integer(1, true);
    }
    return types.pointer(pointee, space);
  }
  if (field.array_count != 0) {
    uint32_t element = field.size / field.array_count;
    if (text == "char") return types.string(field.size);
    if (element == 1 || element == 2 || element == 4 || element == 8)
      return types.array(types.integer(element, field.is_signed), field.array_count);
    return types.array(types.integer(1, false), field.size);
  }
  if (field.size == 1 || field.size == 2 || field.size == 4 || field.size == 8) return types.integer(field.size, field.is_signed);
  return types.array(types.integer(1, false), field.size);
}

// The context is an array of words: the arguments, one after the other, and the result.
void add_typed_arguments(ProbeContext& context, const mir::AttachPoint& point, KernelFacts& facts, mir::TypePool& types) {
  Answer<const Btf*> btf = facts.types_of(point.target);
  if (btf.status != Lookup::found) return;
  std::optional<uint32_t> function = btf.value->find(Btf::Kind::function, point.function);
  if (!function) return;
  Btf::TypeRecord prototype = btf.value->type(btf.value->type(*function).size_or_type);
  context.has_arguments = true;
  uint32_t offset = 0;
  for (const Btf::Param& param : btf.value->params(prototype.id)) {
    const mir::Type* type = btf.value->to_type(param.type, types, mir::AddressSpace::kernel);
    context.arguments.push_back({std::string(param.name), type, offset, 8, false});
    offset += std::max(8u, (btf.value->size_of(param.type) + 7) & ~7u);
  }
  const mir::Type* result = btf.value->to_type(prototype.size_or_type, types, mir::AddressSpace::kernel);
  if (prototype.size_or_type == 0 || result->is(mir::TypeKind::none)) return;
  context.result = {"retval", result, offset, 8, false};
  // To many functions of programs the kernel gives five arguments, whatever their types say.
  context.result->is_last = point.target.starts_with("bpf:");
}

// As debug information tells; the context is struct pt_regs.
void add_user_arguments(ProbeContext& context, const mir::AttachPoint& point, KernelFacts& facts, mir::TypePool& types) {
  if (point.offset != 0) {
    context.why_no_arguments = "the probe is not at the first instruction of the function";
    return;
  }
  Answer<UserFunction> function = facts.user_function({point.target, point.function, point.address}, types);
  context.has_arguments = function.status == Lookup::found;
  context.why_no_arguments = function.why;
  auto argument = [](const UserValue& value) { return ProbeArgument{value.name, value.type, 0, 8, false, value.place}; };
  for (const UserValue& value : function.value.arguments) context.arguments.push_back(argument(value));
  if (function.value.result) context.result = argument(*function.value.result);
}

}  // namespace

ProbeContext context_of(const mir::AttachPoint& point, const ProbeRow& row, KernelFacts& facts, bool wants_arguments,
                        mir::TypePool& types) {
  ProbeContext context;
  context.row = &row;
  if (row.kind == ProbeKind::uprobe || row.kind == ProbeKind::uretprobe || row.kind == ProbeKind::usdt)
    context.space = mir::AddressSpace::user;
  // Programs lie in the lower half of the address space.
  if (row.kind == ProbeKind::watchpoint && point.address >> 63 == 0) context.space = mir::AddressSpace::user;
  // Pointers that system calls are given point to user memory; those of other events to the kernel's own.
  if (row.kind == ProbeKind::tracepoint && point.target == "syscalls") context.space = mir::AddressSpace::user;
  if (!wants_arguments) return context;
  if (row.kind == ProbeKind::tracepoint) {
    auto format = facts.tracepoint_format(point.target, point.function);
    context.has_arguments = format.status == Lookup::found;
    context.context_size = format.value.size;
    for (const TracepointField& field : format.value.fields)
      context.arguments.push_back(
          {field.name, field_type(field, context.space, types), field.offset, field.size, field.is_data_loc});
  }
  if (row.kind == ProbeKind::usdt) {
    size_t colon = point.function.find(':');
    std::string_view function = point.function;
    auto places = facts.match_static_probes(point.target, 0, function.substr(0, colon), function.substr(colon + 1));
    for (StaticProbe& place : places.value)
      if (place.address == point.address) context.static_arguments = std::move(place.arguments);
  }
  if (row.kind == ProbeKind::uprobe || row.kind == ProbeKind::uretprobe) add_user_arguments(context, point, facts, types);
  if (row.kind == ProbeKind::fentry || row.kind == ProbeKind::fexit) add_typed_arguments(context, point, facts, types);
  if (row.kind == ProbeKind::rawtracepoint) {
    auto btf = facts.types_of(point.target);
    if (btf.status != Lookup::found) return context;
    auto params = btf.value->raw_tracepoint_params(point.function);
    if (!params) return context;
    context.has_arguments = true;
    uint32_t offset = 0;
    for (const Btf::Param& param : *params) {
      context.arguments.push_back(
          {std::string(param.name), btf.value->to_type(param.type, types, mir::AddressSpace::kernel), offset, 8, false});
      offset += 8;
    }
    context.context_size = offset;
  }
  return context;
}

}  // namespace shrike
