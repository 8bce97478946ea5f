// Proof of an allocation by abstract interpretation: for every place in the allocated function and every location
// (r0 to r9 and the spill slots) it follows the set of original registers whose present value the location holds. A use
// is right if its location holds the register that the original uses there. The idea is that of Cranelift's regalloc
// checker.
// Needs origins (set_origins) in the original, and the same blocks in both. Trusts nothing of the allocator: what it
// left out must be a move or a repeatable definition, what it added may only move values between locations.
#include <map>

#include "backend-bpf/liveness.h"
#include "backend-bpf/stages.h"

namespace shrike::bpf {

using lir::Function;
using lir::Inst;
using lir::Op;
using lir::Reg;
using lir::Role;

namespace {

class Checker {
 public:
  Checker(const Function& original, const Function& allocated)
      : original_(original),
        allocated_(allocated),
        registers_(lir::allocatable_regs + original.virtual_count),
        locations_(lir::allocatable_regs + allocated.slots.size()),
        entry_(original.blocks.size()) {
    std::vector<uint32_t> definitions(original.virtual_count);
    for (const lir::Block& block : original.blocks)
      for (const Inst& inst : block.insts) {
        by_origin_[inst.origin] = &inst;
        lir::visit_regs(inst, [&](Reg reg, Role role) {
          if (reg.is_virtual() && lir::writes(role)) definitions[reg.number()]++;
        });
      }
    for (const lir::Block& block : original.blocks)
      for (const Inst& inst : block.insts)
        if (lir::is_rematerialisable(inst) && inst.dst.is_virtual() && definitions[inst.dst.number()] == 1)
          is_repeatable_[inst.origin] = true;
  }

  std::vector<std::string> run() {
    if (original_.blocks.size() != allocated_.blocks.size()) return {"the number of blocks changed"};
    State start = nothing_known();
    for (Node node = 0; node < lir::allocatable_regs; node++) start[node].set(node);
    entry_[0] = {start, true};
    for (bool changed = true; changed;) {
      changed = false;
      for (uint32_t i = 0; i < original_.blocks.size(); i++) {
        if (!entry_[i].reached) continue;
        State state = entry_[i].state;
        walk(lir::BlockId(i), state, nullptr);
        for (lir::BlockId to : lir::successors(allocated_.blocks[lir::BlockId(i)])) changed |= join(to, state);
      }
    }
    std::vector<std::string> problems;
    for (uint32_t i = 0; i < original_.blocks.size(); i++) {
      if (!entry_[i].reached) continue;
      State state = entry_[i].state;
      walk(lir::BlockId(i), state, &problems);
    }
    return problems;
  }

 private:
  using State = std::vector<BitSet>;  // by location
  struct Entry {
    State state;
    bool reached = false;
  };

  State nothing_known() const { return State(locations_, BitSet(registers_)); }
  static size_t location(Reg reg) { return reg.index; }
  static size_t location(lir::SlotId slot) { return lir::allocatable_regs + slot.index; }
  bool is_spill(lir::SlotId slot) const { return slot.is_valid() && allocated_.slots[slot].is_spill; }

  bool join(lir::BlockId to, const State& state) {
    Entry& entry = entry_[to.index];
    if (!entry.reached) {
      entry = {state, true};
      return true;
    }
    State before = entry.state;
    for (size_t i = 0; i < locations_; i++) entry.state[i].intersect(state[i]);
    return before != entry.state;
  }

  // What an instruction left out of the allocated function does to the original registers. A repeatable definition does
  // nothing: what was made by its repetitions is the value it would make here.
  void assume(const Inst& original, State& state, std::vector<std::string>* problems) const {
    if (lir::is_move(original)) return rename(original, state);
    if (!is_repeatable_.contains(original.origin)) report(problems, original, "is missing");
  }

  static void rename(const Inst& move, State& state) {
    Node to = node_of(move.dst), from = node_of(move.b);
    if (to == from) return;
    for (BitSet& held : state) {
      held.reset(to);
      if (from != no_node && held.test(from)) held.set(to);
    }
  }

  void report(std::vector<std::string>* problems, const Inst& inst, const std::string& what) const {
    if (problems)
      problems->push_back(original_.name + ": " + std::string(lir::row_of(inst.op).name) + " #" + std::to_string(inst.origin) +
                          " " + what);
  }

  void walk(lir::BlockId block, State& state, std::vector<std::string>* problems) const {
    const std::vector<Inst>& wanted = original_.blocks[block].insts;
    size_t next = 0;
    for (const Inst& inst : allocated_.blocks[block].insts) {
      if (inst.origin == UINT32_MAX) {
        move_between_locations(inst, state, problems);
        continue;
      }
      if (inst.origin & lir::origin_copy) {
        repeat(inst, state, problems);
        continue;
      }
      while (next < wanted.size() && wanted[next].origin != inst.origin) assume(wanted[next++], state, problems);
      if (next == wanted.size()) return report(problems, inst, "is not in its block");
      step(wanted[next++], inst, state, problems);
    }
    while (next < wanted.size()) assume(wanted[next++], state, problems);
  }

  void move_between_locations(const Inst& inst, State& state, std::vector<std::string>* problems) const {
    if (inst.op == Op::ldx64 && is_spill(inst.slot)) state[location(inst.dst)] = state[location(inst.slot)];
    else if (inst.op == Op::st64 && is_spill(inst.slot) && inst.b.is_valid())
      state[location(inst.slot)] = state[location(inst.b)];
    else report(problems, inst, "was added");
  }

  void repeat(const Inst& inst, State& state, std::vector<std::string>* problems) const {
    auto found = by_origin_.find(inst.origin & ~lir::origin_copy);
    state[location(inst.dst)] = BitSet(registers_);
    if (found == by_origin_.end() || !is_repeatable_.contains(found->first)) return report(problems, inst, "cannot be repeated");
    if (!is_same_operation(*found->second, inst)) return report(problems, inst, "is repeated differently");
    state[location(inst.dst)].set(node_of(found->second->dst));
  }

  static bool is_same_operation(const Inst& a, const Inst& b) {
    bool same = a.op == b.op && a.slot == b.slot && a.offset == b.offset && a.imm == b.imm && a.map == b.map &&
                a.callee == b.callee && a.helper == b.helper && a.targets.size() == b.targets.size();
    for (size_t i = 0; same && i < a.targets.size(); i++) same = a.targets[i].block == b.targets[i].block;
    return same;
  }

  // The instruction itself: its uses must find their values, its results are in their locations and nowhere else.
  void step(const Inst& original, const Inst& inst, State& state, std::vector<std::string>* problems) const {
    if (!is_same_operation(original, inst)) report(problems, original, "was changed");
    if (lir::is_move(original)) {
      state[location(inst.dst)] = inst.b == lir::r10 ? BitSet(registers_) : state[location(inst.b)];
      rename(original, state);
      if (original.b == lir::r10) state[location(inst.dst)].set(node_of(original.dst));
      return;
    }
    check_operand(original, original.a, inst.a, lir::row_of(inst.op).a, state, problems);
    check_operand(original, original.b, inst.b, lir::row_of(inst.op).b, state, problems);
    check_operand(original, original.dst, inst.dst, lir::row_of(inst.op).dst, state, problems);
    uint32_t implied = lir::implicit_uses(original);
    for (Node node = 0; node < lir::allocatable_regs; node++)
      if ((implied >> node & 1) && !state[node].test(node)) report(problems, original, "does not find r" + std::to_string(node));
    if (lir::row_of(inst.op).dst == Role::early_def && (inst.dst == inst.a || inst.dst == inst.b))
      report(problems, original, "overwrites its operand");
    uint32_t written = lir::implicit_defs(original);
    for (Node node = 0; node < lir::allocatable_regs; node++) {
      if (!(written >> node & 1)) continue;
      for (BitSet& held : state) held.reset(node);
      state[node] = BitSet(registers_);
    }
    if (written & 1) state[0].set(0);
    define(original.b, inst.b, lir::row_of(inst.op).b, state);
    define(original.dst, inst.dst, lir::row_of(inst.op).dst, state);
  }

  void check_operand(const Inst& original, Reg wanted, Reg found, Role role, const State& state,
                     std::vector<std::string>* problems) const {
    if (role == Role::none || wanted.is_valid() != found.is_valid()) {
      if (wanted.is_valid() != found.is_valid()) report(problems, original, "lost an operand");
      return;
    }
    if (!wanted.is_valid() || !lir::reads(role) || wanted == lir::r10) return;
    if (!found.is_physical()) return report(problems, original, "still has a virtual register");
    if (!state[location(found)].test(node_of(wanted)))
      report(problems, original, "reads r" + std::to_string(found.index) + ", which holds another value");
  }

  void define(Reg wanted, Reg found, Role role, State& state) const {
    if (!lir::writes(role) || !wanted.is_valid()) return;
    for (BitSet& held : state) held.reset(node_of(wanted));
    state[location(found)] = BitSet(registers_);
    state[location(found)].set(node_of(wanted));
  }

  const Function& original_;
  const Function& allocated_;
  size_t registers_, locations_;
  std::vector<Entry> entry_;
  std::map<uint32_t, const Inst*> by_origin_;
  std::map<uint32_t, bool> is_repeatable_;
};

}  // namespace

std::vector<std::string> check_allocation(const Function& original, const Function& allocated) {
  return Checker(original, allocated).run();
}

}  // namespace shrike::bpf
