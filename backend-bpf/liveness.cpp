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

// The blocks that read something before they write it, and those that write it; by its number.
struct Occurrences {
  explicit Occurrences(size_t count) : reads(count), writes(count) {}
  std::vector<std::vector<uint32_t>> reads, writes;

  void read(uint32_t number, uint32_t block) {
    if (!has(writes[number], block) && !has(reads[number], block)) reads[number].push_back(block);
  }
  void write(uint32_t number, uint32_t block) {
    if (!has(writes[number], block)) writes[number].push_back(block);
  }

 private:
  static bool has(const std::vector<uint32_t>& blocks, uint32_t block) { return !blocks.empty() && blocks.back() == block; }
};

// By block, what is read behind it before it is written. One after the other, backwards from where it is read to where it is
// written: most live in few blocks.
std::vector<std::vector<uint32_t>> live_out_of(const Occurrences& occurrences, const lir::Function& function) {
  const size_t blocks = function.blocks.size();
  std::vector<bool> is_reached(blocks);
  for (lir::BlockId block : lir::reverse_postorder(function)) is_reached[block.index] = true;
  const Lists<uint32_t> predecessors = {blocks, [&](auto&& add) {
                                          for (uint32_t i = 0; i < blocks; i++)
                                            if (is_reached[i])
                                              for (lir::BlockId to : lir::successors(function.blocks[lir::BlockId(i)]))
                                                add(to.index, i);
                                        }};
  std::vector<std::vector<uint32_t>> out(blocks);
  std::vector<uint32_t> written(blocks, UINT32_MAX), live_out(blocks, UINT32_MAX);  // by block: the last for which it is so
  std::vector<uint32_t> work;
  for (uint32_t number = 0; number < occurrences.reads.size(); number++) {
    for (uint32_t block : occurrences.writes[number]) written[block] = number;
    work = occurrences.reads[number];
    while (!work.empty()) {
      const uint32_t block = work.back();
      work.pop_back();
      for (uint32_t from : predecessors[block]) {
        if (live_out[from] == number) continue;
        live_out[from] = number;
        out[from].push_back(number);
        if (written[from] != number) work.push_back(from);
      }
    }
  }
  return out;
}

}  // namespace

std::vector<std::vector<Node>> live_out_sets(const lir::Function& function) {
  Occurrences found(lir::allocatable_regs + function.virtual_count);
  RegisterEffects effects;
  for (uint32_t i = 0; i < function.blocks.size(); i++)
    for (const lir::Inst& inst : function.blocks[lir::BlockId(i)].insts) {
      effects_of(inst, effects);
      for (Node node : effects.uses) found.read(node, i);
      for (Node node : effects.defs) found.write(node, i);
    }
  return live_out_of(found, function);
}

bool is_spill_access(const lir::Function& function, const lir::Inst& inst) {
  return inst.slot.is_valid() && function.slots[inst.slot].is_spill;
}

std::vector<std::vector<uint32_t>> live_out_spills(const lir::Function& function) {
  Occurrences found(function.slots.size());
  for (uint32_t i = 0; i < function.blocks.size(); i++)
    for (const lir::Inst& inst : function.blocks[lir::BlockId(i)].insts) {
      if (!is_spill_access(function, inst)) continue;
      if (inst.op == lir::Op::st64) found.write(inst.slot.index, i);
      else found.read(inst.slot.index, i);
    }
  return live_out_of(found, function);
}

}  // namespace shrike::bpf
