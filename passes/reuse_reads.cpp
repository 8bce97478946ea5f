// Takes what was read of the kernel's memory for what reading the same field again would give: where the first read comes before
// the second on every way, and no loop begins between.
//
// Needs: reuse_values before it, so that equal bases are one value; integers added to constants folded (simplify).
// Establishes: nothing. Destroys: nothing; slots, constants and addresses that are no longer used stay until remove_dead.
// Does not look at modules in which addresses of what programs write become numbers: what is read there may be theirs. Does not
// read more than the first read did, for what only some ways want.
#include <map>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "mir/analysis/dominators.h"
#include "mir/edit.h"
#include "passes/field_reads.h"
#include "passes/passes.h"

namespace shrike::passes {

namespace {

using namespace mir;

class ReadReuse {
 public:
  explicit ReadReuse(Function& function) : function_(function), reads_(function, false) {}

  void run() {
    dominators_ = find_dominators(function_);
    number_.resize(function_.values.size());
    for (uint32_t i = 0; i < number_.size(); i++) number_[i] = ValueId(i);
    moved_.resize(function_.slots.size());
    for (BlockId block : dominators_.order) visit(block);
    for (uint32_t i = 0; i < moved_.size(); i++) move(SlotId(i));
    if (!replacements_.empty()) replace_uses(function_, replacements_);
  }

 private:
  struct Known {
    FieldRead read;
    BlockId block;
  };
  struct Moved {
    SlotId to;
    int64_t by = 0;
  };

  void visit(BlockId block) {
    in_block_.clear();
    for (Inst& inst : function_.blocks[block].insts) {
      if (inst.op == Opcode::load) number_load(inst);
      else if (std::optional<FieldRead> read = reads_.of(inst)) reuse_or_enter(*read, inst, block);
    }
  }

  // Loads of one place of a slot that is read to once are one number. They become one value where that does not keep it for
  // longer.
  void number_load(Inst& load) {
    SlotId slot = reads_.slot_of(load.operands[0]);
    if (!slot.is_valid() || reads_.uses(slot).has_others || reads_.uses(slot).reads != 1) return;
    int64_t at = load.imm;
    if (const Moved& moved = moved_[slot.index]; moved.to.is_valid()) slot = moved.to, at += moved.by;
    const auto key = std::tuple(slot.index, at, load.width);
    number_[load.result.index] = loads_.try_emplace(key, load.result).first->second;
    auto [here, is_first] = in_block_.try_emplace(key, load.result);
    if (!is_first) replacements_.add(load.result, here->second);
  }

  // Does control come to the second block from the first without the begin of a loop?
  bool leads_straight(BlockId first, BlockId second) const {
    if (!dominators_.dominates(first, second)) return false;
    for (BlockId at = second; at != first; at = dominators_.immediate[at.index])
      for (BlockId from : dominators_.predecessors[at.index])
        if (dominators_.dominates(at, from)) return false;
    return true;
  }

  void reuse_or_enter(FieldRead read, Inst& call, BlockId block) {
    std::vector<Known>& known = by_base_[number_[read.base.index].index];
    for (const Known& each : known) {
      const int64_t by = read.offset - each.read.offset;
      if (by < 0 || by + read.bytes > each.read.bytes || !reads_.may_shift(read.slot, by)) continue;
      if (!leads_straight(each.block, block)) continue;
      moved_[read.slot.index] = {each.read.slot, by};
      drop_read(call);
      return;
    }
    known.push_back({read, block});
  }

  void move(SlotId slot) {
    const Moved& moved = moved_[slot.index];
    if (!moved.to.is_valid()) return;
    for (Inst* address : reads_.uses(slot).addresses) address->slot = moved.to;
    for (Inst* load : reads_.uses(slot).loads) load->imm += moved.by;
  }

  Function& function_;
  FieldReads reads_;
  Dominators dominators_;
  std::vector<ValueId> number_;                                                  // by value: the first that is known to be equal
  std::vector<Moved> moved_;                                                     // by slot
  std::map<std::tuple<uint32_t, int64_t, MemWidth>, ValueId> loads_, in_block_;  // by slot, offset and width
  std::unordered_map<uint32_t, std::vector<Known>> by_base_;                     // by number
  Replacements replacements_;
};

}  // namespace

void reuse_reads(Module& module, PassContext& context) {
  if (FieldReads::shows_addresses(module)) return;
  for (Function& function : module.functions)
    if (FieldReads::has_several(function) && context.may_change(function)) ReadReuse(function).run();
}

}  // namespace shrike::passes
