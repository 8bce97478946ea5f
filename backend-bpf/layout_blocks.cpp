// Order of blocks and shape of jumps. Blocks are put in reverse postorder, first targets first but for tests of a value for one
// number: a branch is followed by its `then` side, a loop's header by its body, and what joins comes last. Emission leaves out
// jumps to the next block and inverts branches for that. shorten_jumps, a part of peephole, retargets jumps to jumps and turns
// branches with equal targets into jumps. Jumps reach 32767 instructions. Beyond that, ISA v4 has a jump with a 32-bit distance,
// which a conditional branch reaches through a block of its own. Below v4 far jumps go by stages: every so often there is an
// island of blocks that only jump on, one for each target behind the next island.
#include <algorithm>
#include <map>
#include <optional>
#include <utility>

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

// Which target of a branch comes next: where a value is compared with a number, the side on which it is another. The verifier
// walks that first, and the other, of whose value it knows more, then often adds nothing where both meet. Of null checks, whose
// sides have little in common behind them, the null side comes first: that was never worse on Debian's scripts.
size_t next_target(const Inst& end) {
  const bool is_null_check = end.imm == 0 && !end.b.is_valid();
  return (end.op == Op::jeq || end.op == Op::jeq32) && !is_null_check ? 1 : 0;
}

std::vector<BlockId> layout_order(const Function& function) {
  std::vector<BlockId> order;
  std::vector<bool> seen(function.blocks.size());
  std::vector<std::pair<BlockId, size_t>> way{{BlockId(uint32_t{0}), 0}};
  seen[0] = true;
  while (!way.empty()) {
    auto& [block, done] = way.back();
    const Inst& end = function.blocks[block].insts.back();
    if (done == end.targets.size()) {
      order.push_back(block);
      way.pop_back();
      continue;
    }
    // What is visited last comes first.
    const size_t first = next_target(end), visited = done++;
    BlockId to = end.targets[visited + 1 == end.targets.size() ? first : end.targets.size() - 1 - first].block;
    if (seen[to.index]) continue;
    seen[to.index] = true;
    way.emplace_back(to, 0);
  }
  std::reverse(order.begin(), order.end());
  return order;
}

void reorder(Function& function) {
  std::vector<BlockId> order = layout_order(function);
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

constexpr uint32_t longest_block = 2000, between_islands = 12000;
constexpr uint32_t stage = max_distance / 2;      // as far as a jump goes, by lengths without islands
constexpr uint32_t most_hops = max_distance / 4;  // of an island: two of them may lie within a stage

// Blocks in several pieces, so that islands find room.
void split_long_blocks(Function& function, int isa_level) {
  Table<BlockId, lir::Block> blocks;
  std::vector<BlockId> renamed;
  std::vector<bool> goes_on;  // to the next piece, which the new numbering tells
  for (lir::Block& block : function.blocks) {
    renamed.push_back(blocks.next_id());
    std::vector<Inst> piece;
    uint32_t length = 0;
    for (Inst& inst : block.insts) {
      const uint32_t added = insn_count(inst, isa_level);
      if (length + added > longest_block) {
        Inst jump;
        jump.op = Op::ja;
        jump.span = inst.span;
        jump.targets.push_back({BlockId(blocks.size() + 1), {}});
        piece.push_back(jump);
        blocks.add({block.name + ".part" + std::to_string(blocks.size()), block.params, std::move(piece)});
        goes_on.push_back(true);
        piece = {};
        length = 0;
      }
      length += added;
      piece.push_back(std::move(inst));
    }
    blocks.add({block.name, block.params, std::move(piece)});
    goes_on.push_back(false);
  }
  for (uint32_t i = 0; i < blocks.size(); i++)
    if (!goes_on[i])
      for (lir::BlockTarget& target : blocks[BlockId(i)].insts.back().targets) target.block = renamed[target.block.index];
  function.blocks = std::move(blocks);
}

// Far jumps below ISA v4. False: an island would be too long.
class IslandMaker {
 public:
  IslandMaker(Function& function, int isa_level) : function_(function), starts_(block_starts(function, isa_level)) {}

  bool run() {
    uint32_t last = 0;
    for (uint32_t i = 1; i < function_.blocks.size(); i++)
      if (starts_[i] - last >= between_islands) islands_.push_back({i, {}}), last = starts_[i];
    for (uint32_t i = 0; i < function_.blocks.size(); i++)
      for (lir::BlockTarget& target : function_.blocks[BlockId(i)].insts.back().targets)
        target.block = reach(starts_[i], starts_[i + 1], target.block, function_.blocks[BlockId(i)].insts.back().span);
    for (const Island& island : islands_)
      if (island.hops.size() > most_hops) return false;
    place();
    return true;
  }

 private:
  struct Island {
    uint32_t before;             // this block
    std::vector<uint32_t> hops;  // in hops_
  };
  struct Hop {
    BlockId to;  // numbers from blocks.size() on are hops
    Span span;
  };

  BlockId hop_id(size_t hop) const { return BlockId(function_.blocks.size() + hop); }

  // Where a jump from between `low` and `high` to `target` goes first.
  BlockId reach(uint32_t low, uint32_t high, BlockId target, Span span) {
    const uint32_t to = starts_[target.index];
    if (std::max(high, to) - std::min(low, to) <= stage) return target;
    const bool is_forward = to > low;
    std::optional<size_t> farthest;
    for (size_t i = 0; i < islands_.size(); i++) {
      const uint32_t at = starts_[islands_[i].before];
      const bool is_on_the_way = is_forward ? at >= high && at - low <= stage : at <= low && high - at <= stage;
      if (is_on_the_way && (is_forward || !farthest)) farthest = i;
    }
    CHECK(farthest.has_value(), "no island within reach");
    auto [known, is_new] = known_.try_emplace({*farthest, target.index}, hops_.size());
    const size_t hop = known->second;
    if (is_new) {
      hops_.push_back({target, span});
      islands_[*farthest].hops.push_back(static_cast<uint32_t>(hop));
      const uint32_t at = starts_[islands_[*farthest].before];
      const BlockId next = reach(at, at, target, span);
      hops_[hop].to = next;
    }
    return hop_id(hop);
  }

  void place() {
    Table<BlockId, lir::Block> blocks;
    std::vector<BlockId> renamed(function_.blocks.size() + hops_.size());
    size_t island = 0;
    for (uint32_t i = 0; i < function_.blocks.size(); i++) {
      if (island < islands_.size() && islands_[island].before == i) {
        for (uint32_t hop : islands_[island].hops) renamed[hop_id(hop).index] = blocks.add(hop_block(hop));
        island++;
      }
      renamed[i] = blocks.add(std::move(function_.blocks[BlockId(i)]));
    }
    for (lir::Block& block : blocks)
      for (lir::BlockTarget& target : block.insts.back().targets) target.block = renamed[target.block.index];
    function_.blocks = std::move(blocks);
  }

  lir::Block hop_block(uint32_t hop) const {
    Inst jump;
    jump.op = Op::ja;
    jump.span = hops_[hop].span;
    jump.targets.push_back({hops_[hop].to, {}});
    return {"hop." + std::to_string(hop), {}, {jump}};
  }

  Function& function_;
  std::vector<uint32_t> starts_;
  std::vector<Island> islands_;
  std::vector<Hop> hops_;
  std::map<std::pair<size_t, uint32_t>, size_t> known_;  // by island and final target
};

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
  if (length <= max_distance) return true;
  if (isa_level >= 4) {
    stretch_jumps(function, isa_level);
    return true;
  }
  split_long_blocks(function, isa_level);
  if (IslandMaker(function, isa_level).run()) return true;
  diagnostics.report(Diag::program_too_long, function.span,
                     {function.name, std::to_string(length), std::to_string(max_distance)});
  return false;
}

}  // namespace shrike::bpf
