// Which iterators have begun where is followed over the blocks: each is entered with the same ones from everywhere, as the
// kernel's verifier wants it of its references.
#include "mir/validate_iterators.h"

#include <map>
#include <set>
#include <vector>

namespace shrike::mir {

namespace {

bool is_iterator_call(const Inst& inst) {
  return inst.op == Opcode::call && !row_of(inst.helper).operands.empty() &&
         row_of(inst.helper).operands[0] == HelperOperand::iter;
}

class IteratorChecker {
 public:
  IteratorChecker(const Function& function, const std::function<void(BlockId, uint32_t, int, const std::string&)>& violate)
      : function_(function), violate_(violate), entered_with_(function.blocks.size()) {}

  void run() {
    if (!find_iterators()) return;
    check_uses();
    entered_with_[function_.entry().index] = Begun();
    std::vector<BlockId> work{function_.entry()};
    while (!work.empty() && !is_broken_) {
      const BlockId block = work.back();
      work.pop_back();
      walk(block, work);
    }
  }

 private:
  using Begun = std::set<uint32_t>;  // slots

  bool find_iterators() {
    for (const Block& block : function_.blocks)
      for (const Inst& inst : block.insts)
        if (inst.op == Opcode::slot_addr) slot_of_[inst.result.index] = inst.slot;
    for (const Block& block : function_.blocks)
      for (const Inst& inst : block.insts) {
        if (!is_iterator_call(inst)) continue;
        has_iterators_ = true;
        if (auto slot = slot_of_.find(inst.operands[0].index); slot != slot_of_.end()) iterators_.insert(slot->second.index);
      }
    return has_iterators_;
  }

  void violate(BlockId block, size_t inst, int invariant, const std::string& message) {
    is_broken_ = true;
    violate_(block, static_cast<uint32_t>(inst), invariant, message);
  }

  void check_uses() {
    for (uint32_t b = 0; b < function_.blocks.size(); b++) {
      const std::vector<Inst>& insts = function_.blocks[BlockId(b)].insts;
      for (size_t i = 0; i < insts.size(); i++) {
        if (is_iterator_call(insts[i])) check_iterator(BlockId(b), i, insts[i]);
        else check_other(BlockId(b), i, insts[i]);
      }
    }
  }

  void check_iterator(BlockId block, size_t at, const Inst& inst) {
    const auto slot = slot_of_.find(inst.operands[0].index);
    if (slot == slot_of_.end()) return violate(block, at, 20, "an iterator that is no slot of the function");
    const Slot& whole = function_.slots[slot->second];
    if (whole.size != 8 || whole.align != 8) violate(block, at, 20, "slot " + whole.name + " is no iterator's");
  }

  void check_other(BlockId block, size_t at, const Inst& inst) {
    auto check = [&](ValueId value) {
      const auto slot = slot_of_.find(value.index);
      if (slot == slot_of_.end() || !iterators_.contains(slot->second.index)) return;
      violate(block, at, 20, std::string(row_of(inst.op).name) + " of iterator " + function_.slots[slot->second].name);
    };
    for (ValueId operand : inst.operands) check(operand);
    for (const BlockTarget& target : inst.targets)
      for (ValueId arg : target.args) check(arg);
  }

  void walk(BlockId id, std::vector<BlockId>& work) {
    Begun begun = *entered_with_[id.index];
    const std::vector<Inst>& insts = function_.blocks[id].insts;
    for (size_t i = 0; i < insts.size(); i++) {
      if (is_iterator_call(insts[i])) step(id, i, insts[i], begun);
      if (insts[i].op == Opcode::ret && !begun.empty())
        violate(id, i, 21, "iterator " + function_.slots[SlotId(*begun.begin())].name + " is not destroyed");
    }
    for (const BlockTarget& target : insts.back().targets) {
      std::optional<Begun>& known = entered_with_[target.block.index];
      if (!known) work.push_back(target.block);
      else if (*known != begun)
        violate(id, insts.size() - 1, 21, "^" + function_.blocks[target.block].name + " is entered with other iterators");
      known = begun;
    }
  }

  void step(BlockId block, size_t at, const Inst& inst, Begun& begun) {
    const SlotId slot = slot_of_.at(inst.operands[0].index);
    const bool begins = inst.helper == HelperId::iter_num_new;
    if (begins == begun.contains(slot.index))
      violate(block, at, 21, "iterator " + function_.slots[slot].name + (begins ? " begins twice" : " has not begun"));
    if (begins) begun.insert(slot.index);
    if (inst.helper == HelperId::iter_num_destroy) begun.erase(slot.index);
  }

  const Function& function_;
  const std::function<void(BlockId, uint32_t, int, const std::string&)>& violate_;
  std::map<uint32_t, SlotId> slot_of_;              // by value: addresses of slots
  std::set<uint32_t> iterators_;                    // slots
  std::vector<std::optional<Begun>> entered_with_;  // by block
  bool has_iterators_ = false, is_broken_ = false;
};

}  // namespace

void check_iterators(const Function& function, const std::function<void(BlockId, uint32_t, int, const std::string&)>& violate) {
  IteratorChecker(function, violate).run();
}

}  // namespace shrike::mir
