// Ends that several blocks have in common are kept once: the entry of an aggregation is bumped, a record is handed over, a full
// map is counted the same way at many places of a script.
//
// Needs: physical registers. Establishes: nothing. The values in registers and memory are the same at each place as before.
// The verifier walks a shared end once for each way into it, as it walked the copies, and leaves off where it has seen the like.
//
// An instruction must be shared only where the verifier takes each way's operands for it: it keeps one map for a call, so what
// names the map is shared with the call, and one kind of pointer for a load, so what makes the pointer is shared with the load.
#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "backend-bpf/liveness.h"
#include "backend-bpf/stages.h"

namespace shrike::bpf {

using lir::Block;
using lir::BlockId;
using lir::Form;
using lir::Function;
using lir::Inst;
using lir::Op;

namespace {

constexpr int most_rounds = 8;  // what is merged makes the blocks before it alike
// Shorter ends cost a jump, and the verifier another state, for one instruction less.
constexpr size_t shortest = 3;  // the last of which is the jump to what follows

// All but where it was in the script.
bool is_same(const Inst& a, const Inst& b) {
  const bool is_alike = a.op == b.op && a.dst == b.dst && a.a == b.a && a.b == b.b && a.slot == b.slot && a.offset == b.offset &&
                        a.imm == b.imm && a.map == b.map && a.callee == b.callee && a.helper == b.helper &&
                        a.targets.size() == b.targets.size();
  if (!is_alike) return false;
  for (size_t i = 0; i < a.targets.size(); i++)
    if (a.targets[i].block != b.targets[i].block) return false;
  return true;
}

uint64_t hash_of(const Inst& inst) {
  uint64_t sum = static_cast<uint64_t>(inst.op);
  const auto add = [&](uint64_t part) { sum = (sum ^ part) * 0x9e3779b97f4a7c15, sum ^= sum >> 29; };
  add(uint64_t{inst.dst.index} << 32 | inst.a.index);
  add(uint64_t{inst.b.index} << 32 | static_cast<uint32_t>(inst.offset));
  add(static_cast<uint64_t>(inst.imm));
  add(uint64_t{inst.slot.index} << 32 | inst.map.index);
  add(static_cast<uint64_t>(inst.helper) << 32 | inst.callee.index);
  for (const lir::BlockTarget& target : inst.targets) add(target.block.index);
  return sum;
}

// Registers, as bits, that must be made inside of a shared end, from its last instruction on backwards.
class Needs {
 public:
  bool met() const { return registers_ == 0; }

  // `inst` stands before what was seen until now.
  void add(const Inst& inst) {
    const uint32_t written = written_by(inst);
    const bool is_needed = (registers_ & written) != 0;
    const Form form = lir::row_of(inst.op).form;
    if (is_needed && form != Form::alu) registers_ &= ~written;
    if (is_needed && inst.op == Op::mov64) registers_ &= ~written;
    if (is_needed && inst.b.is_valid() && form == Form::alu) need(inst.b);
    // What a load gives is of a kind that its pointer tells.
    if (form == Form::ldx && !inst.slot.is_valid()) need(inst.a);
    if (form == Form::ldx && inst.slot.is_valid() && is_needed) registers_ |= never;
    if (inst.op == Op::call) add_operands(inst.helper);
  }

 private:
  static constexpr uint32_t never = 1u << 31;

  static uint32_t written_by(const Inst& inst) {
    uint32_t written = lir::implicit_defs(inst);
    lir::visit_regs(inst, [&](lir::Reg reg, lir::Role role) {
      if (lir::writes(role) && node_of(reg) != no_node) written |= 1u << node_of(reg);
    });
    return written;
  }

  void need(lir::Reg reg) {
    if (node_of(reg) != no_node) registers_ |= 1u << node_of(reg);
  }

  void add_operands(mir::HelperId helper) {
    const mir::HelperOperands& operands = mir::row_of(helper).operands;
    for (size_t i = 0; i < operands.size(); i++)
      if (!mir::is_value_operand(operands[i])) need(lir::physical(static_cast<uint32_t>(i + 1)));
  }

  uint32_t registers_ = 0;
};

class Merger {
 public:
  explicit Merger(Function& function) : function_(function) {}

  bool run() {
    std::vector<BlockId> all;
    for (uint32_t i = 0; i < function_.blocks.size(); i++) all.emplace_back(i);
    for (const std::vector<BlockId>& part : split(all, 0)) merge(part, 1, {});
    return changed_;
  }

 private:
  // Blocks of the same last `length` instructions, by the one before these; only those that have one, and share it.
  std::vector<std::vector<BlockId>> split(const std::vector<BlockId>& blocks, size_t length) const {
    std::vector<std::pair<uint64_t, BlockId>> hashed;
    hashed.reserve(blocks.size());
    for (BlockId block : blocks)
      if (function_.blocks[block].insts.size() > length) hashed.emplace_back(hash_of(inst_before(block, length)), block);
    std::ranges::stable_sort(hashed, {}, [](const auto& entry) { return entry.first; });
    std::vector<std::vector<BlockId>> parts;
    for (size_t begin = 0, end; begin < hashed.size(); begin = end) {
      const auto is_alike = [&](BlockId block) {
        return is_same(inst_before(block, length), inst_before(hashed[begin].second, length));
      };
      for (end = begin + 1; end < hashed.size() && hashed[end].first == hashed[begin].first && is_alike(hashed[end].second);)
        end++;
      if (end - begin < 2) continue;
      std::vector<BlockId>& part = parts.emplace_back();
      for (size_t i = begin; i < end; i++) part.push_back(hashed[i].second);
    }
    return parts;
  }

  const Inst& inst_before(BlockId block, size_t length) const {
    const std::vector<Inst>& insts = function_.blocks[block].insts;
    return insts[insts.size() - 1 - length];
  }

  bool all_go_on_alike(const std::vector<BlockId>& blocks, size_t length) const {
    return std::ranges::all_of(blocks, [&](BlockId block) {
      return function_.blocks[block].insts.size() > length && is_same(inst_before(block, length), inst_before(blocks[0], length));
    });
  }

  // `blocks` have the last `length` instructions in common. Those that have more are merged first; what they then share is
  // one of those that share less. Returns one block for each end that is left.
  std::vector<BlockId> merge(const std::vector<BlockId>& blocks, size_t length, Needs needs) {
    size_t cut = 0;
    for (;; length++) {
      if (length >= shortest && needs.met()) cut = length;
      if (!all_go_on_alike(blocks, length)) break;
      needs.add(inst_before(blocks[0], length));
    }
    std::vector<BlockId> longer, left;
    for (const std::vector<BlockId>& part : split(blocks, length)) {
      longer.insert(longer.end(), part.begin(), part.end());
      Needs needs_of_part = needs;
      needs_of_part.add(inst_before(part[0], length));
      const std::vector<BlockId> merged = merge(part, length + 1, needs_of_part);
      left.insert(left.end(), merged.begin(), merged.end());
    }
    std::ranges::sort(longer);
    std::ranges::copy_if(blocks, std::back_inserter(left),
                         [&](BlockId block) { return !std::ranges::binary_search(longer, block); });
    if (left.size() < 2 || cut == 0) return left;
    return {share(left, cut)};
  }

  // One block for the last `length` instructions of all of `blocks`, to which they go.
  BlockId share(const std::vector<BlockId>& blocks, size_t length) {
    changed_ = true;
    std::optional<BlockId> shared;
    for (BlockId block : blocks)
      if (block.index != 0 && function_.blocks[block].insts.size() == length) shared = block;
    if (!shared) {
      const Block& first = function_.blocks[blocks[0]];
      Block added{first.name + ".end" + std::to_string(function_.blocks.size()),
                  {},
                  {first.insts.end() - static_cast<ptrdiff_t>(length), first.insts.end()}};
      shared = function_.blocks.add(std::move(added));
    }
    for (BlockId block : blocks) {
      if (block == *shared) continue;
      std::vector<Inst>& insts = function_.blocks[block].insts;
      Inst jump;
      jump.op = Op::ja;
      jump.span = insts[insts.size() - length].span;
      jump.targets.push_back({*shared, {}});
      insts.resize(insts.size() - length);
      insts.push_back(std::move(jump));
    }
    return *shared;
  }

  Function& function_;
  bool changed_ = false;
};

}  // namespace

void merge_tails(Function& function) {
  for (int round = 0; round < most_rounds && Merger(function).run(); round++) shorten_jumps(function);
}

}  // namespace shrike::bpf
