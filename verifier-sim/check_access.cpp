// One instruction may meet different pointer kinds on different paths; the kernel forbids that where it rewrites the
// access (ctx), so the kind seen first is remembered per instruction.
#include "verifier-sim/check_access.h"

#include <cinttypes>

#include "verifier-sim/ctx_access.h"
#include "verifier-sim/object_access.h"
#include "verifier-sim/packet_access.h"
#include "verifier-sim/stack_access.h"

namespace shrike::sim {
namespace {

namespace mode = bpf::mode;

constexpr uint64_t max_var_offset = 1 << 29;

unsigned bytes_of(const bpf::Insn& i) {
  switch (i.opcode & 0x18) {
    case bpf::size::b: return 1;
    case bpf::size::h: return 2;
    case bpf::size::w: return 4;
    default: return 8;
  }
}

uint8_t mode_of(const bpf::Insn& i) {
  return i.opcode & 0xe0;
}

bool in_object(Walk& w, const Register& r, int64_t offset, uint64_t size, bool zero_allowed) {
  bool size_ok = size > 0 || zero_allowed;
  uint64_t object = r.mem_size;
  if (r.kind == Kind::map_value) object = w.program.maps[r.object].value_size;
  if (r.kind == Kind::map_key) object = w.program.maps[r.object].key_size;
  if (offset >= 0 && size_ok && static_cast<uint64_t>(offset) + size <= object) return true;
  auto o = static_cast<int>(offset), s = static_cast<int>(size), limit = static_cast<int>(object);
  if (r.kind == Kind::map_value) {
    return w.reject(RejectClass::map_bounds, "invalid access to map value, value_size=%d off=%d size=%d", limit, o, s);
  }
  if (r.kind == Kind::map_key) {
    return w.reject(RejectClass::mem_bounds, "invalid access to map key, key_size=%d off=%d size=%d", limit, o, s);
  }
  return w.reject(RejectClass::mem_bounds, "invalid access to memory, mem_size=%d off=%d size=%d", limit, o, s);
}

bool check_alignment(Walk& w, const Register& r, int64_t offset, unsigned size, bool strict) {
  if (size == 1 || (!strict && r.kind != Kind::stack)) return true;
  Tnum at = add(r.var.bits, Tnum::constant(static_cast<uint64_t>(r.offset + offset)));
  if (at.is_aligned(size)) return true;
  const char* what = r.kind == Kind::stack       ? "stack "
                     : r.kind == Kind::map_value ? "value "
                     : r.kind == Kind::ctx       ? "context "
                                                 : "";
  return w.reject(RejectClass::misaligned, "misaligned %saccess off %s+%d+%" PRId64 " size %u", what, to_text(r.var.bits).c_str(),
                  r.offset, offset, size);
}

// The element of a frozen array is a constant of the program.
Register load_from_region(Walk& w, const Register& r, int64_t offset, unsigned size) {
  if (r.kind != Kind::map_value || !r.var.is_constant()) return Register::unknown_scalar();
  const MapShape& map = w.program.maps[r.object];
  auto at = static_cast<size_t>(offset + static_cast<int64_t>(r.var.bits.value));
  if (!map.frozen || map.type != MapType::array || at + size > map.contents.size()) return Register::unknown_scalar();
  uint64_t value = 0;
  for (unsigned i = 0; i < size; i++) value |= uint64_t{map.contents[at + i]} << (i * 8);
  return Register::constant(value);
}

bool check_ctx(Walk& w, unsigned n, int64_t offset, unsigned size, bool writes) {
  if (!check_unmoved_ctx(w, n)) return false;
  auto allowed = may_access_ctx(w.profile, w.program.type, offset, size, writes);
  if (!allowed) return w.abstain("context access of this program type is not modelled");
  if (*allowed) return true;
  return w.reject(RejectClass::ctx_access, "invalid bpf_context access off=%" PRId64 " size=%u", offset, size);
}

bool reject_kind(Walk& w, const Register& r, unsigned n) {
  auto name = type_name(r);
  RejectClass c = r.nullable ? RejectClass::nullable_deref : r.is_scalar() ? RejectClass::scalar_deref : RejectClass::other;
  return w.reject(c, "R%u invalid mem access '%.*s'", n, static_cast<int>(name.size()), name.data());
}

struct Reach {
  unsigned reg;
  int offset;
  unsigned size;
  Access access;
  bool strict = false;
};

// Loads go to `into` (may be null: the value is not used).
bool access_memory(Walk& w, const Reach& a, Register* into, const Stored& stored) {
  const Register r = w.reg(a.reg);
  bool writes = a.access == Access::write;
  if (!check_alignment(w, r, a.offset, a.size, a.strict)) return false;
  if (r.nullable) return reject_kind(w, r, a.reg);
  int64_t offset = int64_t{r.offset} + a.offset;
  switch (r.kind) {
    case Kind::stack:
      if (!writes) return read_stack(w, r, a.reg, static_cast<int>(offset), a.size, into);
      return write_stack(w, r, a.reg, static_cast<int>(offset), a.size, stored);
    case Kind::ctx: {
      if (!check_ctx(w, a.reg, offset, a.size, writes)) return false;
      Register value = Register::unknown_scalar();
      if (!writes) load_packet_socket(w, offset, value);
      if (w.program.type == ProgramType::tracing && !load_argument(w, static_cast<int>(offset), a.size, value)) return false;
      if (into) *into = value;
      return true;
    }
    case Kind::socket: return check_socket_access(w, {a.reg, offset, a.size, writes});
    case Kind::object: return load_from_object(w, r, {a.reg, offset, a.size, writes}, into);
    case Kind::map_key:
      if (writes) return w.reject(RejectClass::other, "write to change key R%u not allowed", a.reg);
      [[fallthrough]];
    case Kind::map_value:
      if (writes && r.kind == Kind::map_value && w.program.maps[r.object].frozen) {
        return w.reject(RejectClass::other, "write into map forbidden, value_size=%u off=%d size=%u",
                        w.program.maps[r.object].value_size, static_cast<int>(offset), a.size);
      }
      [[fallthrough]];
    case Kind::mem:
      if (writes && r.is_read_only)
        return w.reject(RejectClass::other, "R%u cannot write into %s", a.reg, std::string(type_name(r)).c_str());
      if (!check_region(w, a.reg, a.offset, a.size, false)) return false;
      if (into) *into = load_from_region(w, r, offset, a.size);
      return true;
    case Kind::map_ptr: return w.abstain("access to the fields of a map");
    default: return reject_kind(w, r, a.reg);
  }
}

// An access by one instruction through ctx or a kernel object on one path and another kind on another is refused.
bool check_same_kind(Walk& w, Kind kind) {
  Kind& seen = w.accessed_kinds[w.insn];
  if (seen == Kind::not_init) {
    seen = kind;
    return true;
  }
  const auto is_rewritten = [](Kind k) { return k == Kind::ctx || k == Kind::object || k == Kind::socket; };
  if (seen == kind || (!is_rewritten(seen) && !is_rewritten(kind))) return true;
  return w.reject(RejectClass::other, "same insn cannot be used with different pointers");
}

bool transfer_atomic(Walk& w) {
  namespace atomic = bpf::atomic;
  const bpf::Insn& insn = w.at();
  unsigned size = bytes_of(insn);
  int32_t op = insn.imm & ~atomic::fetch;
  bool fetches = (insn.imm & atomic::fetch) != 0;
  bool exchange = insn.imm == atomic::xchg || insn.imm == atomic::cmpxchg;
  if (insn.imm == 0x100 || insn.imm == 0x110) return w.abstain("load-acquire and store-release are not modelled");
  if (!exchange && op != atomic::add && op != atomic::or_ && op != atomic::and_ && op != atomic::xor_) {
    return w.reject(RejectClass::opcode, "BPF_ATOMIC uses invalid atomic opcode %02x", static_cast<unsigned>(insn.imm));
  }
  if (!w.can_read(insn.src()) || !w.can_read(insn.dst())) return false;
  unsigned loaded = insn.imm == atomic::cmpxchg ? 0 : insn.src();
  if (insn.imm == atomic::cmpxchg && !w.can_read(0)) return false;
  const Register target = w.reg(insn.dst());
  if (target.kind == Kind::ctx || (target.kind == Kind::socket && !target.nullable)) {
    return w.reject(RejectClass::other, "BPF_ATOMIC stores into R%u %s is not allowed", insn.dst(),
                    std::string(type_name(target)).c_str());
  }
  if (w.reg(insn.src()).is_pointer()) return w.abstain("atomic operation with a pointer as operand");
  if (fetches && !w.can_write(loaded)) return false;
  // The destination is forgotten first: an operation that would overwrite its own address is refused by that.
  if (fetches) w.reg(loaded) = Register::unknown_scalar();
  Reach reach{insn.dst(), insn.offset, size, Access::read, true};
  Register value = Register::unknown_scalar();
  if (!access_memory(w, reach, fetches ? &value : nullptr, Stored{})) return false;
  if (fetches) {
    // A spilled pointer cannot be what an atomic operation hands out: the slot is plain data from here on.
    if (!value.is_scalar()) return w.abstain("atomic operation on a spilled pointer");
    if (size < 8) value.var.truncate(size, w.deductions());
    w.reg(loaded) = value;
  }
  reach.access = Access::write;
  if (!access_memory(w, reach, nullptr, Stored{})) return false;
  return true;
}

}  // namespace

bool check_unmoved_ctx(Walk& w, unsigned n) {
  const Register& r = w.reg(n);
  if (r.offset < 0) {
    return w.reject(RejectClass::ctx_access, "negative offset ctx ptr R%u off=%d disallowed", n, r.offset);
  }
  if (r.offset) {
    return w.reject(RejectClass::ctx_access, "dereference of modified ctx ptr R%u off=%d disallowed", n, r.offset);
  }
  if (r.var.is_constant() && r.var.bits.value == 0) return true;
  return w.reject(RejectClass::ctx_access, "variable ctx access var_off=%s disallowed", to_text(r.var.bits).c_str());
}

bool check_region(Walk& w, unsigned n, int64_t offset, uint64_t size, bool zero_allowed) {
  const Register& r = w.reg(n);
  int64_t off = r.offset + offset;
  int64_t lowest = r.var.smin + off;
  bool fits = lowest == static_cast<int32_t>(lowest);
  if (r.var.smin < 0 && (r.var.smin == INT64_MIN || !fits || lowest < 0)) {
    return w.reject(r.kind == Kind::map_value ? RejectClass::map_bounds : RejectClass::mem_bounds,
                    "R%u min value is negative, either use unsigned index or do a if (index >=0) check.", n);
  }
  if (!in_object(w, r, lowest, size, zero_allowed)) return false;
  if (r.var.umax >= max_var_offset) {
    return w.reject(r.kind == Kind::map_value ? RejectClass::map_bounds : RejectClass::mem_bounds,
                    "R%u unbounded memory access, make sure to bounds check any such access", n);
  }
  return in_object(w, r, static_cast<int64_t>(r.var.umax) + off, size, zero_allowed);
}

bool check_helper_memory(Walk& w, const HelperMemory& m) {
  const Register& r = w.reg(m.reg);
  if (r.kind == Kind::stack) return check_stack_for_helper(w, m);
  if (r.kind == Kind::map_key && m.writes) {
    return w.reject(RejectClass::other, "R%u cannot write into map_key", m.reg);
  }
  if (r.kind == Kind::map_value && m.writes && w.program.maps[r.object].frozen) {
    return w.reject(RejectClass::other, "write into map forbidden, value_size=%u off=%d size=%d",
                    w.program.maps[r.object].value_size, r.offset, static_cast<int>(m.size));
  }
  if (r.is_read_only && m.writes)
    return w.reject(RejectClass::other, "R%u cannot write into %s", m.reg, std::string(type_name(r)).c_str());
  return check_region(w, m.reg, 0, m.size, m.zero_allowed);
}

bool transfer_load(Walk& w) {
  const bpf::Insn& insn = w.at();
  unsigned size = bytes_of(insn), s = insn.src(), d = insn.dst();
  if (!w.can_read(s) || !w.can_write(d)) return false;
  Kind kind = w.reg(s).kind;
  bool sign = mode_of(insn) == mode::memsx;
  if (sign && kind == Kind::ctx) return w.abstain("sign-extending load from the context");
  Register value = Register::unknown_scalar();
  if (!access_memory(w, {s, insn.offset, size, Access::read}, &value, Stored{})) return false;
  if (size < 8 && value.is_scalar()) {
    if (sign) value.var.sign_extend(size);
    else value.var.truncate(size, w.deductions());
    if (sign) value.id = 0, value.has_delta = false, value.delta = 0;
  }
  w.reg(d) = value;
  return check_same_kind(w, kind);
}

bool transfer_store(Walk& w) {
  const bpf::Insn& insn = w.at();
  if (mode_of(insn) == mode::atomic) return transfer_atomic(w);
  Reach reach{insn.dst(), insn.offset, bytes_of(insn), Access::write};
  Stored stored;
  if ((insn.opcode & 7) == bpf::cls::stx) {
    if (!w.can_read(insn.src())) return false;
    stored.reg = &w.reg(insn.src());
  } else {
    stored.is_immediate = true;
    stored.immediate = insn.imm;
  }
  if (!w.can_read(insn.dst())) return false;
  Kind kind = w.reg(insn.dst()).kind;
  if (stored.is_immediate && kind == Kind::ctx && w.profile.version < Version{6, 4}) {
    return w.reject(RejectClass::other, "BPF_ST stores into R%u ctx is not allowed", insn.dst());
  }
  if (!access_memory(w, reach, nullptr, stored)) return false;
  return check_same_kind(w, kind);
}

}  // namespace shrike::sim
