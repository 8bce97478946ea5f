// Both ways of an undecided branch are refined; a decided one teaches nothing, as in the kernel.
#include "verifier-sim/branches.h"

#include <algorithm>

#include "verifier-sim/refine.h"
#include "verifier-sim/scalar_alu.h"

namespace shrike::sim {
namespace {

bool uses_register(const bpf::Insn& i) {
  return (i.opcode & 8) != 0;
}

// Is a test of this pointer against zero decided by its type?
bool never_null(const Register& r, const Profile& profile) {
  if (r.nullable) return false;
  if (r.kind == Kind::map_value || r.kind == Kind::map_key || r.kind == Kind::socket) return true;
  if (r.kind == Kind::object && r.trust == Trust::trusted) return profile.version >= Version{6, 5};
  return profile.version >= Version{6, 18} && (r.kind == Kind::mem || r.kind == Kind::map_ptr);
}

Decided decide_pointer(Relation relation, bool is32, const Register& a, const Register& b, const Profile& profile) {
  if (is32 || !b.is_zero() || !never_null(a, profile)) return Decided::open;
  if (relation == Relation::equal) return Decided::no;
  return relation == Relation::unequal ? Decided::yes : Decided::open;
}

// Where linked copies of a number are: registers and spills of all frames, at most six per comparison.
struct Place {
  size_t frame = 0;
  bool in_stack = false;
  size_t index = 0;
};
constexpr size_t linked_limit = 6;

Register& at(State& s, const Place& p) {
  Frame& f = s.frames[p.frame];
  return p.in_stack ? f.stack[p.index].spilled : f.regs[p.index];
}

// The kernel follows only the first few copies and unlinks the others.
void collect(State& s, uint32_t id, std::vector<Place>& places) {
  if (!id) return;
  auto visit = [&](Register& r, Place place) {
    if (!r.is_scalar() || r.id != id) return;
    if (places.size() < linked_limit) places.push_back(place);
    else r.id = 0, r.has_delta = false, r.delta = 0;
  };
  for (size_t f = s.frames.size(); f-- > 0;) {
    for (size_t i = 0; i < frame_pointer; i++) visit(s.frames[f].regs[i], {f, false, i});
    for (size_t i = 0; i < s.frames[f].stack.size(); i++) {
      if (s.frames[f].stack[i].is_spill()) visit(s.frames[f].stack[i].spilled, {f, true, i});
    }
  }
}

// Copies of `known` (same id) take its bounds, shifted by the difference of their deltas.
void spread(Walk& w, State& s, const Register known, const std::vector<Place>& places) {
  if (!known.is_scalar() || !known.id) return;
  for (const Place& place : places) {
    Register& r = at(s, place);
    if (!r.is_scalar() || r.id != known.id) continue;
    int64_t difference = int64_t{r.delta} - known.delta;
    r.var = known.var;
    if (difference) add_constant(r.var, difference, w.deductions());
  }
}

bool is_null_test(const bpf::Insn& i, bool is32) {
  uint8_t op = i.opcode & 0xf0;
  return !is32 && !uses_register(i) && i.imm == 0 && (op == bpf::jmp::jeq || op == bpf::jmp::jne);
}

struct Ways {
  State& fall;
  State& jump;
};

void refine_numbers(Walk& w, Ways ways, Relation relation, bool is32, const std::vector<Place>& places) {
  const bpf::Insn& insn = w.at();
  unsigned a = insn.dst(), b = insn.src();
  bool both = uses_register(insn);
  auto apply = [&](State& s, Relation holds) {
    Frame& f = s.current();
    Register imm = Register::constant(static_cast<uint64_t>(int64_t{insn.imm}));
    Register& other = both ? f.regs[b] : imm;
    if (!f.regs[a].is_scalar() || !other.is_scalar()) return;
    refine(holds, is32, f.regs[a].var, other.var, w.profile);
    if (both) spread(w, s, f.regs[b], places);
    spread(w, s, f.regs[a], places);
  };
  apply(ways.fall, negated(relation));
  apply(ways.jump, relation);
}

void refine_pointers(Walk& w, Ways ways, Relation relation, bool is32) {
  const bpf::Insn& insn = w.at();
  const Register dst = w.reg(insn.dst());
  if (uses_register(insn)) {
    const Register src = w.reg(insn.src());
    bool equality = relation == Relation::equal || relation == Relation::unequal;
    if (is32 || !equality || !dst.is_pointer() || !src.is_pointer() || dst.nullable == src.nullable) return;
    if (w.profile.version < Version{6, 2}) return;
    // Only this register learns it; its copies keep their doubt.
    State& equal = relation == Relation::equal ? ways.jump : ways.fall;
    equal.current().regs[dst.nullable ? insn.dst() : insn.src()].nullable = false;
    return;
  }
  if (!dst.nullable || !is_null_test(insn, is32)) return;
  bool null_if_taken = relation == Relation::equal;
  settle_null(ways.fall, dst.id, dst.reference, !null_if_taken);
  settle_null(ways.jump, dst.id, dst.reference, null_if_taken);
}

}  // namespace

void settle_null(State& s, uint32_t id, uint32_t reference, bool is_null) {
  if (is_null && reference && reference == id) {
    std::erase_if(s.references, [&](const Reference& r) { return r.id == reference; });
  }
  each_register(s, [&](Register& r) {
    if (!r.nullable || r.id != id) return;
    if (is_null) {
      r = Register::constant(0);
    } else {
      r.nullable = false;
      r.id = 0;
    }
  });
}

bool transfer_jump(Walk& w, uint32_t& next) {
  const bpf::Insn& insn = w.at();
  uint8_t op = insn.opcode & 0xf0;
  uint32_t target = w.insn + 1 + static_cast<uint32_t>(jump_distance(insn));
  if (op == bpf::jmp::ja) {
    next = target;
    return true;
  }
  if (op == 0xe0) return w.abstain("may_goto is not modelled");
  bool null_test = (insn.opcode & 15) == bpf::cls::jmp && (op == bpf::jmp::jeq || op == bpf::jmp::jne) && insn.imm == 0;
  bool of_object = w.reg(insn.dst()).is_opaque() || ((insn.opcode & 8) && w.reg(insn.src()).is_opaque());
  if (of_object && !null_test) {
    return w.abstain("comparison of a pointer to a kernel object");
  }
  if (!w.can_read(insn.dst())) return false;
  if (uses_register(insn) && !w.can_read(insn.src())) return false;
  bool is32 = (insn.opcode & 7) == bpf::cls::jmp32;
  bool both = uses_register(insn);
  Relation relation = relation_of(op);
  const Register a = w.reg(insn.dst());
  const Register b = both ? w.reg(insn.src()) : Register::constant(static_cast<uint64_t>(int64_t{insn.imm}));

  Decided taken = Decided::open;
  if (a.is_scalar() && b.is_scalar()) taken = decide(relation, is32, a.var, b.var, both && insn.dst() == insn.src(), w.profile);
  else taken = decide_pointer(relation, is32, a, b, w.profile);
  if (taken != Decided::open) {
    next = taken == Decided::yes ? target : w.insn + 1;
    return true;
  }
  std::vector<Place> places;
  if (b.is_scalar()) collect(w.state, b.id, places);
  if (a.is_scalar() && (a.id != b.id || !b.is_scalar())) collect(w.state, a.id, places);
  State jump = w.state;
  Ways ways{w.state, jump};
  if (a.is_scalar() && b.is_scalar()) refine_numbers(w, ways, relation, is32, places);
  else refine_pointers(w, ways, relation, is32);
  if (!w.push(std::move(jump), target)) return false;
  next = w.insn + 1;
  return true;
}

}  // namespace shrike::sim
