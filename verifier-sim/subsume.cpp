// Numbers in registers are compared where they can still decide something (demand.h), those on the stack always. The kernel may
// prune more; the price here is a larger walk, never a wrong acceptance.
#include "verifier-sim/subsume.h"

#include <algorithm>

namespace shrike::sim {
namespace {

// Ids have no meaning of their own: they must correspond one to one.
class IdPairs {
 public:
  bool match(uint32_t then, uint32_t now) {
    if (!then) return true;
    if (!now) return false;
    for (auto [a, b] : pairs_) {
      if (a == then) return b == now;
      if (b == now) return false;
    }
    pairs_.emplace_back(then, now);
    return true;
  }

 private:
  std::vector<std::pair<uint32_t, uint32_t>> pairs_;
};

bool covers_register(const Register& then, const Register& now, IdPairs& ids) {
  if (then.kind == Kind::not_init) return true;
  if (then.kind != now.kind) return false;
  if (then.is_scalar()) {
    if (!then.var.holds(now.var)) return false;
    if (!then.id) return true;
    return then.has_delta == now.has_delta && then.delta == now.delta && ids.match(then.id, now.id);
  }
  bool same = then.nullable == now.nullable && then.ring == now.ring && then.is_read_only == now.is_read_only &&
              then.frame == now.frame && then.trust == now.trust && then.offset == now.offset && then.object == now.object &&
              then.mem_size == now.mem_size;
  if (!same) return false;
  if (!ids.match(then.id, now.id) || !ids.match(then.reference, now.reference)) return false;
  if (then.kind == Kind::map_value || then.kind == Kind::map_key || then.kind == Kind::mem) return then.var.holds(now.var);
  return then.var == now.var;
}

// A slot of plain bytes or of one 8-byte spill, seen as the number a full read gives.
bool as_number(const Slot& s, const Profile& profile, Register& out) {
  if (s.is_spill()) {
    if (s.spill_size() != 8 || !s.spilled.is_scalar()) return false;
    out = s.spilled;
    return true;
  }
  bool zeros = true;
  for (Byte b : s.bytes) {
    if (b == Byte::spill || b == Byte::iterator || (b == Byte::invalid && !profile.reads_uninit_stack)) return false;
    zeros = zeros && b == Byte::zero;
  }
  out = zeros ? Register::constant(0) : Register::unknown_scalar();
  return true;
}

bool holds_pointer(const Slot& s) {
  for (Byte b : s.bytes) {
    if (b == Byte::spill) return !s.spilled.is_scalar();
  }
  return false;
}

bool covers_bytes(const Slot& then, const Slot& now, const Profile& profile) {
  if (holds_pointer(now)) return false;
  for (size_t i = 0; i < 8; i++) {
    Byte a = then.bytes[i], b = now.bytes[i];
    if (a == Byte::invalid) continue;
    if (b == Byte::iterator) return false;
    if (a == Byte::misc && (b != Byte::invalid || profile.reads_uninit_stack)) continue;
    if (a == Byte::zero && (b == Byte::zero || (b == Byte::spill && now.spilled.is_zero()))) continue;
    return false;
  }
  return true;
}

bool covers_slot(const Slot& then, const Slot& now, const Profile& profile, IdPairs& ids) {
  if (then.is_iterator()) return now.is_iterator() && then.is_drained == now.is_drained && ids.match(then.iterator, now.iterator);
  bool then_spills = std::find(then.bytes.begin(), then.bytes.end(), Byte::spill) != then.bytes.end();
  if (!then_spills) return covers_bytes(then, now, profile);
  Register a, b;
  if (as_number(then, profile, a)) {
    return as_number(now, profile, b) && covers_register(a, b, ids);
  }
  return then.bytes == now.bytes && covers_register(then.spilled, now.spilled, ids);
}

struct RegisterSets {
  uint16_t live, wanted;
};

bool covers_frame(const Frame& then, const Frame& now, const RegisterSets& sets, const Profile& profile, IdPairs& ids) {
  if (then.subprogram != now.subprogram || then.call_site != now.call_site || then.callback != now.callback) return false;
  for (unsigned i = 0; i < frame_pointer; i++) {
    if (!(sets.live >> i & 1)) continue;
    if (!(sets.wanted >> i & 1) && then.regs[i].is_scalar() && now.regs[i].is_scalar()) continue;
    if (!covers_register(then.regs[i], now.regs[i], ids)) return false;
  }
  static const Slot empty;
  size_t slots = std::max(then.stack.size(), now.stack.size());
  for (size_t i = 0; i < slots; i++) {
    const Slot& a = i < then.stack.size() ? then.stack[i] : empty;
    const Slot& b = i < now.stack.size() ? now.stack[i] : empty;
    if (!covers_slot(a, b, profile, ids)) return false;
  }
  return true;
}

bool same_register(const Register& a, const Register& b, IdPairs& forth, IdPairs& back) {
  bool same = a.kind == b.kind && a.nullable == b.nullable && a.ring == b.ring && a.is_read_only == b.is_read_only &&
              a.frame == b.frame && a.trust == b.trust && a.offset == b.offset && a.object == b.object &&
              a.mem_size == b.mem_size && a.has_delta == b.has_delta && a.delta == b.delta;
  if (!same || (a.kind != Kind::not_init && a.var != b.var)) return false;
  return forth.match(a.id, b.id) && back.match(b.id, a.id) && forth.match(a.reference, b.reference);
}

}  // namespace

bool covers(const State& then, const State& now, const Compared& compared, uint32_t insn, const Profile& profile) {
  if (then.frames.size() != now.frames.size() || then.references.size() != now.references.size()) return false;
  if (!keeps_held(then) || !keeps_held(now)) return false;
  IdPairs ids;
  for (size_t i = 0; i < then.references.size(); i++) {
    if (!profile.references_renamed && then.references[i].id != now.references[i].id) return false;
    if (!ids.match(then.references[i].id, now.references[i].id)) return false;
  }
  for (size_t f = 0; f < then.frames.size(); f++) {
    bool innermost = f + 1 == then.frames.size();
    if (then.frames[f].held != now.frames[f].held) return false;
    // An outer frame goes on after its call; a callback's caller goes on at the call itself.
    const auto at = [&](const std::vector<uint16_t>& sets) {
      if (innermost) return sets[insn];
      const uint32_t site = now.frames[f + 1].call_site;
      return static_cast<uint16_t>(sets[site] | (sets[site + 1] & ~0x3fu));
    };
    if (!covers_frame(then.frames[f], now.frames[f], {at(compared.live), at(compared.wanted)}, profile, ids)) return false;
  }
  return true;
}

bool identical(const State& a, const State& b) {
  if (a.frames.size() != b.frames.size() || a.references.size() != b.references.size()) return false;
  if (a.callback_rounds != b.callback_rounds) return false;
  IdPairs forth, back;
  for (size_t f = 0; f < a.frames.size(); f++) {
    const Frame &x = a.frames[f], &y = b.frames[f];
    if (x.subprogram != y.subprogram || x.call_site != y.call_site || x.stack.size() != y.stack.size()) return false;
    for (size_t i = 0; i < x.regs.size(); i++) {
      if (!same_register(x.regs[i], y.regs[i], forth, back)) return false;
    }
    for (size_t i = 0; i < x.stack.size(); i++) {
      if (x.stack[i].bytes != y.stack[i].bytes || x.stack[i].is_drained != y.stack[i].is_drained) return false;
      if (x.stack[i].is_iterator() && !x.stack[i].is_drained && x.stack[i].rounds != y.stack[i].rounds) return false;
      if (x.stack[i].is_spill() && !same_register(x.stack[i].spilled, y.stack[i].spilled, forth, back)) return false;
    }
  }
  return true;
}

bool same_registers(const State& a, const State& b) {
  if (a.frames.size() != b.frames.size() || a.callback_rounds != b.callback_rounds) return false;
  IdPairs forth, back;
  for (size_t i = 0; i < a.current().regs.size(); i++) {
    if (!same_register(a.current().regs[i], b.current().regs[i], forth, back)) return false;
  }
  return true;
}

}  // namespace shrike::sim
