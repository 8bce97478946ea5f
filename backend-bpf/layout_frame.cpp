// Where slots lie in the frame. share_spill_slots first merges spill slots whose contents are never needed at the same
// time; slots of the script were shared by the passes, which know their lives better.
// Needs physical registers. Establishes offsets below r10, each a multiple of the slot's alignment, so that the kernel's
// strict rule for stack holds for every access that is aligned within its slot. fit_chains then judges what the frames of calls
// and callbacks need together.
#include <algorithm>

#include "backend-bpf/liveness.h"
#include "backend-bpf/stages.h"
#include "mir/stack.h"

namespace shrike::bpf {

using lir::Function;
using lir::Inst;
using lir::Op;
using lir::SlotId;

namespace {

// conflicts[a] holds b if a is written while b is still needed, or the other way round; several times, perhaps.
std::vector<std::vector<uint32_t>> slot_conflicts(const Function& function) {
  std::vector<std::vector<uint32_t>> conflicts(function.slots.size());
  const std::vector<std::vector<uint32_t>> live_out = live_out_spills(function);
  NodeSet live(function.slots.size());
  for (uint32_t i = 0; i < function.blocks.size(); i++) {
    const std::vector<Inst>& insts = function.blocks[lir::BlockId(i)].insts;
    live.become(live_out[i]);
    for (size_t k = insts.size(); k-- > 0;) {
      if (!is_spill_access(function, insts[k])) continue;
      uint32_t slot = insts[k].slot.index;
      live.reset(slot);
      if (insts[k].op != Op::st64) {
        live.set(slot);
        continue;
      }
      for (uint32_t other : live.nodes()) {
        conflicts[slot].push_back(other);
        conflicts[other].push_back(slot);
      }
    }
  }
  return conflicts;
}

}  // namespace

void share_spill_slots(Function& function) {
  if (std::none_of(function.slots.begin(), function.slots.end(), [](const lir::Slot& slot) { return slot.is_spill; })) return;
  const std::vector<std::vector<uint32_t>> conflicts = slot_conflicts(function);
  Table<SlotId, lir::Slot> slots;
  std::vector<SlotId> renamed(function.slots.size());
  std::vector<SlotId> homes;                                       // the spill slots that are kept
  std::vector<uint32_t> taken(function.slots.size(), UINT32_MAX);  // by slot that is kept: the last one that has no room there
  for (uint32_t i = 0; i < function.slots.size(); i++) {
    const lir::Slot& slot = function.slots[SlotId(i)];
    for (uint32_t other : conflicts[i])
      if (renamed[other].is_valid()) taken[renamed[other].index] = i;
    const auto home = std::ranges::find_if(homes, [&](SlotId each) { return taken[each.index] != i; });
    if (slot.is_spill && home != homes.end()) {
      renamed[i] = *home;
      continue;
    }
    renamed[i] = slots.add(slot);
    if (slot.is_spill) homes.push_back(renamed[i]);
  }
  for (lir::Block& block : function.blocks)
    for (Inst& inst : block.insts)
      if (inst.slot.is_valid()) inst.slot = renamed[inst.slot.index];
  function.slots = std::move(slots);
}

bool layout_frame(Function& function, Diagnostics& diagnostics) {
  std::vector<bool> is_used(function.slots.size());
  for (const lir::Block& block : function.blocks)
    for (const Inst& inst : block.insts)
      if (inst.slot.is_valid()) is_used[inst.slot.index] = true;
  std::vector<SlotId> order;
  for (uint32_t i = 0; i < function.slots.size(); i++)
    if (is_used[i]) order.push_back(SlotId(i));
  std::stable_sort(order.begin(), order.end(),
                   [&](SlotId a, SlotId b) { return function.slots[a].align > function.slots[b].align; });
  uint32_t used = 0;
  SlotId biggest;
  for (SlotId id : order) {
    lir::Slot& slot = function.slots[id];
    CHECK(slot.align != 0 && (slot.align & (slot.align - 1)) == 0 && slot.align <= 8, "alignment of slot " + slot.name);
    used = (used + slot.size + slot.align - 1) & ~(slot.align - 1);
    slot.offset = -static_cast<int32_t>(used);
    if (!biggest.is_valid() || slot.size > function.slots[biggest].size) biggest = id;
  }
  function.frame_bytes = (used + 7) & ~7u;
  if (used <= mir::max_stack_bytes) return true;
  // The instruction that first uses the biggest slot is the nearest thing to its place in the script.
  Span span = function.span;
  for (size_t i = function.blocks.size(); i-- > 0;) {
    const std::vector<Inst>& insts = function.blocks[lir::BlockId(i)].insts;
    for (size_t k = insts.size(); k-- > 0;)
      if (insts[k].slot == biggest && insts[k].span.is_known()) span = insts[k].span;
  }
  const lir::Slot& slot = function.slots[biggest];
  Diagnostic& message =
      diagnostics.report(Diag::frame_too_big, span, {function.name, std::to_string(used), slot.name, std::to_string(slot.size)});
  auto spills = std::count_if(order.begin(), order.end(), [&](SlotId id) { return function.slots[id].is_spill; });
  if (static_cast<uint32_t>(spills) * 8 * 2 > used)
    message.with_hint(std::to_string(spills) + " integers are needed at the same time; keep some of them in maps");
  return false;
}

namespace {

// Of a function and those it calls or has called back, as the verifier sums them up. `known`: those of functions before it, 0 if
// not asked for yet.
uint32_t chain_bytes(const lir::Module& module, mir::FunctionId id, std::vector<uint32_t>& known) {
  if (known[id.index] != 0) return known[id.index];
  const Function& function = module.functions[id];
  uint32_t below = 0;
  for (const lir::Block& block : function.blocks)
    for (const Inst& inst : block.insts)
      if (inst.callee.is_valid()) below = std::max(below, chain_bytes(module, inst.callee, known));
  // No frame is empty to it.
  return known[id.index] = mir::rounded_frame(std::max(function.frame_bytes, 1u)) + below;
}

}  // namespace

bool fit_chains(const lir::Module& module, Diagnostics& diagnostics) {
  std::vector<uint32_t> known(module.functions.size());
  bool fits = true;
  for (uint32_t f = 0; f < module.functions.size(); f++) {
    const Function& function = module.functions[mir::FunctionId(f)];
    if (function.kind != mir::FunctionKind::program) continue;
    const uint32_t bytes = chain_bytes(module, mir::FunctionId(f), known);
    if (bytes <= mir::max_stack_bytes) continue;
    fits = false;
    diagnostics.report(Diag::chain_too_deep, function.span, {function.name, std::to_string(bytes)})
        .with_hint("keep variables that loops or functions share in maps, or nest fewer of them");
  }
  return fits;
}

}  // namespace shrike::bpf
