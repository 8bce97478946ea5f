// The kernel's rules for arguments by type: numbers, the context by the name of its type, else memory of the type's size.
#include "runtime/object_functions.h"

namespace shrike {

namespace {

using Argument = sim::GlobalFunction::Argument;
using ArgumentKind = sim::GlobalFunction::Kind;

bool is_number(const Btf& types, uint32_t id) {
  const Btf::Kind kind = types.type(types.skip_modifiers(id)).kind;
  return kind == Btf::Kind::integer || kind == Btf::Kind::enumeration || kind == Btf::Kind::enumeration64;
}

std::string_view context_of(sim::ProgramType type) {
  switch (type) {
    case sim::ProgramType::kprobe: return "pt_regs";
    case sim::ProgramType::perf_event: return "bpf_perf_event_data";
    case sim::ProgramType::raw_tracepoint: return "bpf_raw_tracepoint_args";
    case sim::ProgramType::socket_filter: return "__sk_buff";
    default: return {};
  }
}

// What is tagged at this place of a function: "arg:ctx".
std::string tag_of(const Btf& types, uint32_t function, size_t argument) {
  std::string tags;
  types.each([&](const Btf::TypeRecord& type) {
    const bool is_here = type.kind == Btf::Kind::declaration_tag && type.size_or_type == function &&
                         types.component_of(type.id) == static_cast<int32_t>(argument);
    if (is_here) tags += (tags.empty() ? "" : " ") + std::string(type.name);
    return true;
  });
  return tags;
}

bool describe_argument(const Btf& types, sim::ProgramType type, uint32_t id, const std::string& tags, Argument& out) {
  if (is_number(types, id)) return tags.empty();
  const Btf::TypeRecord pointer = types.type(types.skip_modifiers(id));
  if (pointer.kind != Btf::Kind::pointer) return false;
  const uint32_t target = types.skip_modifiers(pointer.size_or_type);
  if (tags == "arg:ctx" || (!context_of(type).empty() && types.type(target).name == context_of(type))) {
    out.kind = ArgumentKind::context;
    return true;
  }
  out.kind = ArgumentKind::memory;
  out.size = types.size_of(target);
  out.is_nonnull = tags == "arg:nonnull";
  return out.size != 0 && (tags.empty() || out.is_nonnull);
}

}  // namespace

std::string describe_function(const Btf& types, sim::ProgramType type, sim::GlobalFunction& out) {
  const std::optional<uint32_t> function = types.find(Btf::Kind::function, out.name);
  if (!function) return "the object has no type of the global function `" + out.name + "`";
  const Btf::TypeRecord prototype = types.type(types.type(*function).size_or_type);
  out.returns_number = is_number(types, prototype.size_or_type);
  const std::vector<Btf::Param> params = types.params(prototype.id);
  constexpr size_t most = 5;
  for (size_t i = 0; i < params.size(); i++) {
    const bool fits =
        i < most && describe_argument(types, type, params[i].type, tag_of(types, *function, i), out.arguments.emplace_back());
    if (!fits) return "argument " + std::to_string(i + 1) + " of the global function `" + out.name + "` is not modelled";
  }
  return {};
}

}  // namespace shrike
