// Map definitions by libbpf, which knows their forms: BTF definitions in .maps, and data sections.
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <span>

#include "mir/btf.h"
#include "runtime/files.h"
#include "runtime/object_file.h"

namespace shrike {

namespace {

struct CloseObject {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};

// libbpf has numbers of its own beside the kernel's.
std::string reason_of(int error) {
  if (error < __LIBBPF_ERRNO__START) return describe_errno(error);
  char text[128] = "";
  libbpf_strerror(error, text, sizeof text);
  return text;
}

// Types inside of values that the kernel guards: plain access to them is refused, which the model does not know.
bool is_guarded_record(std::string_view name) {
  constexpr std::string_view names[] = {"bpf_spin_lock", "bpf_res_spin_lock", "bpf_timer",   "bpf_wq",       "bpf_list_head",
                                        "bpf_list_node", "bpf_rb_root",       "bpf_rb_node", "bpf_refcount", "bpf_task_work"};
  for (std::string_view each : names) {
    if (each == name) return true;
  }
  return false;
}

bool has_guarded_field(const Btf& types, uint32_t id, unsigned depth) {
  constexpr unsigned deepest = 16;
  const Btf::TypeRecord type = types.type(types.skip_modifiers(id));
  if (depth == deepest) return true;
  if (type.kind == Btf::Kind::structure && is_guarded_record(type.name)) return true;
  if (type.kind == Btf::Kind::structure || type.kind == Btf::Kind::union_) {
    for (const Btf::Member& member : types.members(type.id)) {
      if (has_guarded_field(types, member.type, depth + 1)) return true;
    }
  }
  if (type.kind == Btf::Kind::array) return has_guarded_field(types, types.element_of(type.id), depth + 1);
  // A pointer to a tagged type is one to a kernel object.
  return type.kind == Btf::Kind::pointer && types.type(type.size_or_type).kind == Btf::Kind::type_tag;
}

std::string why_not_modelled(const bpf_map* map, const Btf* types) {
  const std::string name = std::string("map ") + bpf_map__name(map);
  const uint32_t value = bpf_map__btf_value_type_id(map);
  if (value != 0 && types != nullptr && !bpf_map__is_internal(map) && has_guarded_field(*types, value, 0))
    return name + " holds fields that the kernel guards (locks, timers, lists, kernel pointers)";
  if ((bpf_map__map_flags(map) & BPF_F_WRONLY_PROG) != 0) return name + " may not be read by programs";
  return {};
}

sim::MapShape shape_of(const bpf_map* map) {
  sim::MapShape shape;
  shape.name = bpf_map__name(map);
  shape.type = static_cast<sim::MapType>(bpf_map__type(map));
  shape.key_size = bpf_map__key_size(map);
  shape.value_size = bpf_map__value_size(map);
  shape.max_entries = bpf_map__max_entries(map);
  shape.frozen = (bpf_map__map_flags(map) & BPF_F_RDONLY_PROG) != 0;
  return shape;
}

}  // namespace

std::optional<ObjectMaps> read_object_maps(const std::string& bytes, std::string& why) {
  const libbpf_print_fn_t printing = libbpf_set_print(nullptr);
  const std::unique_ptr<bpf_object, CloseObject> object(bpf_object__open_mem(bytes.data(), bytes.size(), nullptr));
  libbpf_set_print(printing);
  if (object == nullptr) {
    why = "libbpf does not take it: " + reason_of(errno);
    return std::nullopt;
  }
  std::optional<Btf> types;
  if (const btf* given = bpf_object__btf(object.get()); given != nullptr) {
    uint32_t size = 0;
    const auto* raw = static_cast<const uint8_t*>(btf__raw_data(given, &size));
    types = Btf::open(std::span(raw, size));
  }
  ObjectMaps out;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object.get()) {
    sim::MapShape shape = shape_of(map);
    // A data section's map is called after the file, too; programs know it by the section: "prog.rodata.str" by ".rodata.str".
    std::string name = shape.name;
    if (bpf_map__is_internal(map)) {
      name.erase(0, name.find('.'));
      size_t size = 0;
      const auto* contents = static_cast<const uint8_t*>(bpf_map__initial_value(map, &size));
      if (shape.frozen && contents != nullptr) shape.contents.assign(contents, contents + size);
    }
    if (const bpf_map* inner = bpf_map__inner_map(map)) {
      out.shapes.push_back(shape_of(inner));
      shape.inner = static_cast<int32_t>(out.shapes.size()) - 1;
    }
    const auto index = static_cast<uint32_t>(out.shapes.size());
    if (std::string reason = why_not_modelled(map, types ? &*types : nullptr); !reason.empty())
      out.not_modelled[index] = std::move(reason);
    out.by_name[std::move(name)] = index;
    out.shapes.push_back(std::move(shape));
  }
  return out;
}

}  // namespace shrike
