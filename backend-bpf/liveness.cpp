// Backward dataflow to a fixed point; in postorder, so that few rounds are needed.
#include "backend-bpf/liveness.h"

#include <bit>

namespace shrike::bpf {

void effects_of(const lir::Inst& inst, RegisterEffects& out) {
  out.uses.clear();
  out.defs.clear();
  out.early_def = no_node;
  lir::visit_regs(inst, [&](lir::Reg reg, lir::Role role) {
    Node node = node_of(reg);
    if (node == no_node) return;
    if (lir::reads(role)) out.uses.push_back(node);
    if (lir::writes(role)) out.defs.push_back(node);
    if (role == lir::Role::early_def) out.early_def = node;
  });
  auto add = [](uint32_t nodes, std::vector<Node>& to) {
    for (; nodes != 0; nodes &= nodes - 1) to.push_back(static_cast<Node>(std::countr_zero(nodes)));
  };
  add(lir::implicit_uses(inst), out.uses);
  add(lir::implicit_defs(inst), out.defs);
}

std::vector<BitSet> live_out_sets(const lir::Function& function) {
  size_t nodes = lir::allocatable_regs + function.virtual_count, blocks = function.blocks.size();
  std::vector<BitSet> in(blocks, BitSet(nodes)), out(blocks, BitSet(nodes));
  std::vector<std::vector<Node>> defs(blocks);
  std::vector<uint32_t> defined_in(nodes, UINT32_MAX);  // the last block seen that defines the node
  RegisterEffects effects;
  for (uint32_t i = 0; i < blocks; i++) {
    for (const lir::Inst& inst : function.blocks[lir::BlockId(i)].insts) {
      effects_of(inst, effects);
      for (Node node : effects.uses)
        if (defined_in[node] != i) in[i].set(node);
      for (Node node : effects.defs) {
        if (defined_in[node] != i) defs[i].push_back(node);
        defined_in[node] = i;
      }
    }
  }
  std::vector<lir::BlockId> order = lir::reverse_postorder(function);
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t k = order.size(); k-- > 0;) {
      uint32_t i = order[k].index;
      bool grew = false;
      for (lir::BlockId to : lir::successors(function.blocks[lir::BlockId(i)])) grew |= out[i].unite(in[to.index]);
      if (!grew) continue;
      BitSet passing = out[i];
      for (Node node : defs[i]) passing.reset(node);
      changed |= in[i].unite(passing);
    }
  }
  return out;
}

bool is_spill_access(const lir::Function& function, const lir::Inst& inst) {
  return inst.slot.is_valid() && function.slots[inst.slot].is_spill;
}

std::vector<BitSet> live_out_spills(const lir::Function& function) {
  size_t blocks = function.blocks.size(), slots = function.slots.size();
  std::vector<BitSet> in(blocks, BitSet(slots)), out(blocks, BitSet(slots)), stored(blocks, BitSet(slots));
  for (uint32_t i = 0; i < blocks; i++)
    for (const lir::Inst& inst : function.blocks[lir::BlockId(i)].insts) {
      if (!is_spill_access(function, inst)) continue;
      if (inst.op == lir::Op::st64) stored[i].set(inst.slot.index);
      else if (!stored[i].test(inst.slot.index)) in[i].set(inst.slot.index);
    }
  std::vector<lir::BlockId> order = lir::reverse_postorder(function);
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t k = order.size(); k-- > 0;) {
      uint32_t i = order[k].index;
      bool grew = false;
      for (lir::BlockId to : lir::successors(function.blocks[lir::BlockId(i)])) grew |= out[i].unite(in[to.index]);
      if (!grew) continue;
      BitSet passing = out[i];
      stored[i].each([&](uint32_t slot) { passing.reset(slot); });
      changed |= in[i].unite(passing);
    }
  }
  return out;
}

}  // namespace shrike::bpf
