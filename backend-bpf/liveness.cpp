// Registers: node by node. Spill slots, which are few: backward dataflow to a fixed point, in postorder for few rounds.
#include "backend-bpf/liveness.h"

#include <bit>

#include "mir/base/lists.h"

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

namespace {

// The blocks that read a node before they write it, and those that write it; by node.
struct Occurrences {
  std::vector<std::vector<uint32_t>> reads, writes;
};

Occurrences find_occurrences(const lir::Function& function) {
  const size_t nodes = lir::allocatable_regs + function.virtual_count;
  Occurrences found{std::vector<std::vector<uint32_t>>(nodes), std::vector<std::vector<uint32_t>>(nodes)};
  RegisterEffects effects;
  const auto has = [](const std::vector<uint32_t>& blocks, uint32_t block) { return !blocks.empty() && blocks.back() == block; };
  for (uint32_t i = 0; i < function.blocks.size(); i++)
    for (const lir::Inst& inst : function.blocks[lir::BlockId(i)].insts) {
      effects_of(inst, effects);
      for (Node node : effects.uses)
        if (!has(found.writes[node], i) && !has(found.reads[node], i)) found.reads[node].push_back(i);
      for (Node node : effects.defs)
        if (!has(found.writes[node], i)) found.writes[node].push_back(i);
    }
  return found;
}

}  // namespace

// Node by node, backwards from where it is read to where it is written: most live in few blocks.
std::vector<std::vector<Node>> live_out_sets(const lir::Function& function) {
  const size_t blocks = function.blocks.size();
  std::vector<bool> is_reached(blocks);
  Lists<uint32_t> predecessors;
  {
    for (lir::BlockId block : lir::reverse_postorder(function)) is_reached[block.index] = true;
    predecessors = {blocks, [&](auto&& add) {
                      for (uint32_t i = 0; i < blocks; i++)
                        if (is_reached[i])
                          for (lir::BlockId to : lir::successors(function.blocks[lir::BlockId(i)])) add(to.index, i);
                    }};
  }
  const Occurrences occurrences = find_occurrences(function);
  std::vector<std::vector<Node>> out(blocks);
  std::vector<Node> written(blocks, no_node), live_out(blocks, no_node);  // by block: the last node for which it is so
  std::vector<uint32_t> work;
  for (Node node = 0; node < occurrences.reads.size(); node++) {
    for (uint32_t block : occurrences.writes[node]) written[block] = node;
    work = occurrences.reads[node];
    while (!work.empty()) {
      const uint32_t block = work.back();
      work.pop_back();
      for (uint32_t from : predecessors[block]) {
        if (live_out[from] == node) continue;
        live_out[from] = node;
        out[from].push_back(node);
        if (written[from] != node) work.push_back(from);
      }
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
