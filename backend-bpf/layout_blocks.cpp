// Order of blocks and shape of jumps. Blocks are put in reverse postorder, first targets first: a branch is followed by
// its `then` side, a loop's header by its body, and what joins comes last. Emission leaves out jumps to the next block and
// inverts branches for that. shorten_jumps, a part of peephole, retargets jumps to jumps and turns branches with equal
// targets into jumps.
// Jumps reach 32767 instructions. Beyond that, ISA v4 has a jump with a 32-bit distance, which a conditional branch
// reaches through a block of its own; below v4 such a program is refused with a diagnostic.
#include <algorithm>

#include "backend-bpf/emit.h"
#include "backend-bpf/stages.h"

namespace shrike::bpf {

using lir::BlockId;
using lir::Function;
using lir::Inst;
using lir::Op;

namespace {

// Where a jump to `block` ends up, through blocks that only jump on.
BlockId destination(const Function& function, BlockId block) {
  for (size_t steps = 0; steps < function.blocks.size(); steps++) {
    const std::vector<Inst>& insts = function.blocks[block].insts;
    if (insts.size() != 1 || insts[0].op != Op::ja) break;
    block = insts[0].targets[0].block;
  }
  return block;
}

void reorder(Function& function) {
  std::vector<BlockId> order = lir::reverse_postorder(function);
  std::vector<BlockId> renamed(function.blocks.size());
  Table<BlockId, lir::Block> blocks;
  for (BlockId id : order) renamed[id.index] = blocks.add(std::move(function.blocks[id]));
  for (lir::Block& block : blocks)
    for (lir::BlockTarget& target : block.insts.back().targets) target.block = renamed[target.block.index];
  function.blocks = std::move(blocks);
}

// Blocks that nothing reaches any more, in place.
bool remove_unreachable(Function& function) {
  std::vector<bool> is_reached(function.blocks.size());
  for (BlockId id : lir::reverse_postorder(function)) is_reached[id.index] = true;
  std::vector<BlockId> renamed(function.blocks.size());
  Table<BlockId, lir::Block> kept;
  for (uint32_t i = 0; i < function.blocks.size(); i++)
    if (is_reached[i]) renamed[i] = kept.add(std::move(function.blocks[BlockId(i)]));
  bool changed = kept.size() < function.blocks.size();
  for (lir::Block& block : kept)
    for (lir::BlockTarget& target : block.insts.back().targets) target.block = renamed[target.block.index];
  function.blocks = std::move(kept);
  return changed;
}

constexpr uint32_t max_distance = 32000;  // leaves room for what emission adds between

// First instruction of each block and, as the last element, the length of the function; upper bounds.
std::vector<uint32_t> block_starts(const Function& function, int isa_level) {
  std::vector<uint32_t> starts{0};
  for (const lir::Block& block : function.blocks) {
    uint32_t length = 0;
    for (const Inst& inst : block.insts) length += insn_count(inst, isa_level);
    starts.push_back(starts.back() + length);
  }
  return starts;
}

// Every target that may be too far is reached by ja_far.
void stretch_jumps(Function& function, int isa_level) {
  std::vector<uint32_t> starts = block_starts(function, isa_level);
  auto is_far = [&](uint32_t from, BlockId to) {
    uint32_t low = std::min(starts[from], starts[to.index]), high = std::max(starts[from + 1], starts[to.index]);
    return high - low > max_distance / 2;  // the blocks added below lengthen distances, but never double them
  };
  Table<BlockId, lir::Block> blocks;
  std::vector<BlockId> renamed(function.blocks.size());
  for (uint32_t i = 0; i < function.blocks.size(); i++) {
    lir::Block& block = function.blocks[BlockId(i)];
    std::vector<lir::Block> hops;
    Inst& end = block.insts.back();
    if (end.op == Op::ja && is_far(i, end.targets[0].block)) end.op = Op::ja_far;
    std::vector<bool> through_hop(end.targets.size());
    for (size_t t = 0; end.targets.size() == 2 && t < 2; t++) {
      if (!is_far(i, end.targets[t].block)) continue;
      Inst jump;
      jump.op = Op::ja_far;
      jump.span = end.span;
      jump.targets.push_back(end.targets[t]);
      hops.push_back({block.name + (t == 0 ? ".far" : ".far.else"), {}, {jump}});
      through_hop[t] = true;
    }
    renamed[i] = blocks.add(std::move(block));
    // Targets of hops are renamed below like all others; links to hops are marked by ids past the old table.
    Inst& moved_end = blocks[renamed[i]].insts.back();
    size_t hop = 0;
    for (size_t t = 0; t < through_hop.size(); t++) {
      if (!through_hop[t]) continue;
      moved_end.targets[t].block = BlockId(static_cast<uint32_t>(function.blocks.size() + renamed[i].index + 1 + hop++));
    }
    for (lir::Block& added : hops) blocks.add(std::move(added));
  }
  auto old_count = static_cast<uint32_t>(function.blocks.size());
  for (lir::Block& block : blocks)
    for (lir::BlockTarget& target : block.insts.back().targets)
      target.block = target.block.index >= old_count ? BlockId(target.block.index - old_count) : renamed[target.block.index];
  function.blocks = std::move(blocks);
}

}  // namespace

bool shorten_jumps(Function& function) {
  bool changed = false;
  for (lir::Block& block : function.blocks) {
    Inst& end = block.insts.back();
    for (lir::BlockTarget& target : end.targets) {
      BlockId to = destination(function, target.block);
      changed |= to != target.block;
      target.block = to;
    }
    if (end.targets.size() == 2 && end.targets[0].block == end.targets[1].block) {
      Inst jump;
      jump.op = Op::ja;
      jump.span = end.span;
      jump.targets.push_back(end.targets[0]);
      end = jump;
      changed = true;
    }
  }
  return remove_unreachable(function) || changed;
}

bool layout_blocks(Function& function, int isa_level, Diagnostics& diagnostics) {
  reorder(function);
  uint32_t length = block_starts(function, isa_level).back();
  if (length > max_distance) {
    if (isa_level < 4) {
      diagnostics.report(Diag::program_too_long, function.span,
                         {function.name, std::to_string(length), std::to_string(max_distance)});
      return false;
    }
    stretch_jumps(function, isa_level);
  }
  return true;
}

}  // namespace shrike::bpf
