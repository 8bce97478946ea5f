// Stack bytes and the printed form of states.
#include "verifier-sim/state.h"

#include <cinttypes>
#include <cstdio>

namespace shrike::sim {

unsigned Slot::spill_size() const {
  unsigned n = 0;
  while (n < 8 && bytes[n] == Byte::spill) n++;
  return n;
}

void Slot::scrub() {
  for (Byte& b : bytes) {
    if (b == Byte::spill) b = Byte::misc;
  }
}

void Frame::grow(unsigned bytes) {
  size_t slots = (bytes + 7) / 8;
  if (stack.size() < slots) stack.resize(slots);
}

namespace {

std::string_view name_of_object(const Register& r) {
  static constexpr std::string_view names[4][2] = {{"ptr_", "ptr_or_null_"},
                                                   {"trusted_ptr_", "trusted_ptr_or_null_"},
                                                   {"rcu_ptr_", "rcu_ptr_or_null_"},
                                                   {"untrusted_ptr_", "untrusted_ptr_or_null_"}};
  return names[static_cast<size_t>(r.trust)][r.nullable ? 1 : 0];
}

}  // namespace

std::string_view type_name(const Register& r) {
  switch (r.kind) {
    case Kind::not_init: return "?";
    case Kind::scalar: return "scalar";
    case Kind::ctx: return "ctx";
    case Kind::stack: return "fp";
    case Kind::map_ptr: return r.nullable ? "map_value_or_null" : "map_ptr";  // of a map of maps
    case Kind::map_value: return r.nullable ? "map_value_or_null" : "map_value";
    case Kind::map_key: return "map_key";
    case Kind::mem:
      if (r.ring) return r.nullable ? "ringbuf_mem_or_null" : "ringbuf_mem";
      if (r.is_read_only) return "rdonly_mem";
      return r.nullable ? "mem_or_null" : "mem";
    case Kind::func: return "func";
    case Kind::object: return name_of_object(r);
    case Kind::socket: return r.nullable ? "sock_common_or_null" : "sock_common";
  }
  return "?";
}

std::string to_text(const Register& r, const std::vector<MapShape>& maps) {
  char text[128];
  if (r.is_scalar() && r.var.is_constant()) {
    auto v = static_cast<int64_t>(r.var.bits.value);
    if (v < INT16_MIN || v > INT16_MAX) snprintf(text, sizeof text, "0x%" PRIx64, static_cast<uint64_t>(v));
    else snprintf(text, sizeof text, "%" PRId64, v);
    return text;
  }
  if (r.kind == Kind::stack && r.var.is_constant()) {
    snprintf(text, sizeof text, "fp%d", static_cast<int>(r.offset + static_cast<int64_t>(r.var.bits.value)));
    return text;
  }
  std::string inner;
  auto put = [&](const std::string& item) {
    if (!item.empty()) inner += (inner.empty() ? "" : ",") + item;
  };
  if (r.id) {
    put("id=" + std::to_string(r.id));
    if (r.has_delta) inner += (r.delta < 0 ? "" : "+") + std::to_string(r.delta);
  }
  if (r.reference) put("ref_obj_id=" + std::to_string(r.reference));
  if (r.kind == Kind::map_ptr || r.kind == Kind::map_value || r.kind == Kind::map_key) {
    const MapShape& m = maps[r.object];
    put("map=" + m.name + ",ks=" + std::to_string(m.key_size) + ",vs=" + std::to_string(m.value_size));
  }
  if (r.kind == Kind::mem) put("sz=" + std::to_string(r.mem_size));
  if (r.is_pointer() && r.offset) put("off=" + std::to_string(r.offset));
  if (r.is_scalar() || !r.var.is_constant()) put(to_text(r.var));
  else if (r.var.bits.value) put("imm=" + std::to_string(static_cast<int64_t>(r.var.bits.value)));
  return std::string(type_name(r)) + "(" + inner + ")";
}

std::string to_text(const State& s, const std::vector<MapShape>& maps) {
  std::string out;
  const Frame& f = s.current();
  if (s.frames.size() > 1) out += "frame" + std::to_string(s.frames.size() - 1) + ": ";
  for (unsigned i = 0; i < f.regs.size(); i++) {
    if (f.regs[i].kind == Kind::not_init) continue;
    out += "R" + std::to_string(i) + "=" + to_text(f.regs[i], maps) + " ";
  }
  for (size_t i = 0; i < f.stack.size(); i++) {
    const Slot& slot = f.stack[i];
    std::string bytes;
    bool used = false;
    for (size_t b = 8; b-- > 0;) {
      used |= slot.bytes[b] != Byte::invalid;
      if (slot.bytes[b] != Byte::spill && slot.bytes[b] != Byte::iterator) bytes += "?m0"[static_cast<size_t>(slot.bytes[b])];
    }
    if (!used) continue;
    out += "fp-" + std::to_string((i + 1) * 8) + "=";
    out += bytes;
    if (slot.is_spill()) out += to_text(slot.spilled, maps);
    if (slot.is_iterator())
      out += "iter_num(ref_id=" + std::to_string(slot.iterator) + ",state=" + (slot.is_drained ? "drained)" : "active)");
    out += " ";
  }
  if (!s.references.empty()) {
    out += "refs=";
    for (size_t i = 0; i < s.references.size(); i++) out += (i ? "," : "") + std::to_string(s.references[i].id);
    out += " ";
  }
  if (!out.empty()) out.pop_back();
  return out;
}

bool keeps_held(const State& s) {
  for (const Frame& f : s.frames) {
    if (f.held > s.references.size() || (f.held > 0 && s.references[f.held - 1].id != f.last_held)) return false;
  }
  return true;
}

void release_reference(State& s, uint32_t reference) {
  std::erase_if(s.references, [&](const Reference& r) { return r.id == reference; });
  each_register(s, [&](Register& r) {
    if (r.is_pointer() && r.reference == reference) r = Register::unknown_scalar();
  });
}

}  // namespace shrike::sim
