// Lets a slot that is filled by copying from another be that other one, as long as the other stays as it is: `$s = str(arg0);
// @[$s] = count();` and keys that a function of the script returns need no bytes of their own, and no copy.
//
// Needs: any valid MIR. Establishes: nothing. Destroys: ids of values; slots that nobody uses any more stay until remove_dead.
// Does not touch slots of which an address goes where it is not followed (slot_addresses): to a callback, a block's parameter, or
// moved by what is not constant.
//
// A slot qualifies that one copy fills, and that is read only where, on every way from the copy, the source has not been written
// since: one bit a slot flows forward through the blocks, set by the copy and cleared by what writes to the source.
#include <algorithm>
#include <bit>
#include <optional>
#include <vector>

#include "mir/analysis/dominators.h"
#include "mir/analysis/slot_addresses.h"
#include "mir/edit.h"
#include "passes/passes.h"

namespace shrike::passes {

namespace {

using namespace mir;

constexpr size_t most_candidates = 64;  // in one run, a bit each

class SlotMerging {
 public:
  explicit SlotMerging(Function& function) : function_(function), addresses_(function) {}

  void run() {
    if (function_.slots.size() < 2 || !has_copies()) return;
    dominators_ = find_dominators(function_);
    slots_.resize(function_.slots.size());
    for (BlockId block : dominators_.order)
      for (uint32_t at = 0; at < function_.blocks[block].insts.size(); at++) note(function_.blocks[block].insts[at], {block, at});
    for (uint32_t s = 0; s < slots_.size(); s++)
      if (is_candidate(SlotId(s))) candidates_.push_back(SlotId(s));
    // Of a chain of copies every other goes; the next run finds more.
    std::vector<bool> stays(slots_.size()), goes(slots_.size());
    std::erase_if(candidates_, [&](SlotId slot) {
      const SlotId source = slots_[slot.index].copy->source.slot;
      if (stays[slot.index] || goes[source.index]) return true;
      goes[slot.index] = stays[source.index] = true;
      return false;
    });
    if (candidates_.size() > most_candidates) candidates_.resize(most_candidates);
    if (candidates_.empty()) return;
    flow();
    std::erase_if(candidates_, [&](SlotId slot) { return slots_[slot.index].is_lost; });
    if (!candidates_.empty()) apply();
  }

 private:
  struct Place {
    BlockId block;
    uint32_t at = 0;
  };
  struct Copy {
    Place place;
    SlotAddress source;
    int64_t bytes = 0;
    bool is_read = false;  // by a helper, to which the source is a number
  };
  struct Fill {  // with known bytes
    Place place;
    int64_t from = 0, to = 0;
  };
  struct State {
    bool is_lost = false;
    uint32_t writes = 0;
    std::optional<Copy> copy;  // the last that was seen, from the slot's start on
    std::vector<Fill> fills;
  };
  enum class Access : uint8_t { read, write };

  static bool is_read_of(const Inst& inst) { return inst.op == Opcode::call && inst.helper == HelperId::probe_read_kernel; }

  // Which of a function's many instructions could be the copy.
  bool has_copies() const {
    for (const Block& block : function_.blocks)
      for (const Inst& inst : block.insts)
        if ((inst.op == Opcode::copy || is_read_of(inst)) && addresses_.of(inst.operands[0]).slot.is_valid()) return true;
    return false;
  }

  // Calls f(slot's address, Access) for what an instruction does with slots, and lose() where that is not known.
  template <class F, class L>
  void each_access(const Inst& inst, F&& f, L&& lose) const {
    auto at = [&](ValueId value, Access access) {
      if (addresses_.of(value).slot.is_valid()) f(addresses_.of(value), access);
    };
    switch (inst.op) {
      case Opcode::load: return at(inst.operands[0], Access::read);
      case Opcode::store:
      case Opcode::zero: return at(inst.operands[0], Access::write);
      case Opcode::copy: at(inst.operands[1], Access::read); return at(inst.operands[0], Access::write);
      case Opcode::ptr_to_int: return;  // its uses count
      case Opcode::ptr_add:
        if (!addresses_.of(inst.result).slot.is_valid()) lose(inst.operands[0]);
        return;
      case Opcode::call_fn:
        for (ValueId operand : inst.operands) {
          at(operand, Access::read);
          at(operand, Access::write);
        }
        return;
      case Opcode::call: break;
      default: each_use(inst, lose); return;
    }
    if (inst.callee.is_valid()) return each_use(inst, lose);
    size_t next = 0;
    for (HelperOperand operand : row_of(inst.helper).operands) {
      if (!is_value_operand(operand)) continue;
      const ValueId value = inst.operands[next++];
      switch (operand) {
        case HelperOperand::key:
        case HelperOperand::value:
        case HelperOperand::in:
        case HelperOperand::in_n: at(value, Access::read); break;
        case HelperOperand::out:
        case HelperOperand::out_n: at(value, Access::write); break;
        case HelperOperand::addr:
          if (numbers_of(value).slot.is_valid()) f(numbers_of(value), Access::read);
          break;
        default: lose(value);
      }
    }
  }

  // Of an address that ptr_to_int made a number.
  SlotAddress numbers_of(ValueId value) const { return value.index < numbers_.size() ? numbers_[value.index] : SlotAddress{}; }

  void note(const Inst& inst, Place place) {
    if (inst.op == Opcode::ptr_to_int) {
      numbers_.resize(function_.values.size());
      numbers_[inst.result.index] = addresses_.of(inst.operands[0]);
    }
    if (inst.op != Opcode::call || inst.callee.is_valid()) each_use(inst, [&](ValueId use) { lose(numbers_of(use).slot); });
    each_access(
        inst,
        [&](const SlotAddress& to, Access access) {
          if (access == Access::write) slots_[to.slot.index].writes++;
        },
        [&](ValueId value) {
          lose(addresses_.of(value).slot);
          lose(numbers_of(value).slot);
        });
    note_fill(inst, place);
    note_copy(inst, place);
  }

  void lose(SlotId slot) {
    if (slot.is_valid()) slots_[slot.index].is_lost = true;
  }

  void note_fill(const Inst& inst, Place place) {
    if (inst.op != Opcode::zero && inst.op != Opcode::copy) return;
    const SlotAddress to = addresses_.of(inst.operands[0]);
    if (!to.slot.is_valid()) return;
    const int64_t from = to.offset + inst.imm;
    slots_[to.slot.index].fills.push_back({place, from, from + inst.length});
  }

  void note_copy(const Inst& inst, Place place) {
    Copy copy{.place = place, .source = {}};
    if (inst.op == Opcode::copy) {
      copy.bytes = inst.length;
      copy.source = addresses_.of(inst.operands[1]);
    } else if (is_read_of(inst)) {
      copy.bytes = addresses_.constant_of(inst.operands[1]).value_or(0);
      copy.source = numbers_of(inst.operands[2]);
      copy.is_read = true;
    }
    if (copy.bytes == 0 || !copy.source.slot.is_valid()) return;
    const SlotAddress to = addresses_.of(inst.operands[0]);
    if (to.slot.is_valid() && to.offset == 0 && to.slot != copy.source.slot) slots_[to.slot.index].copy = copy;
  }

  bool comes_before(Place a, Place b) const { return a.block == b.block ? a.at < b.at : dominators_.dominates(a.block, b.block); }

  bool is_candidate(SlotId slot) const {
    const State& state = slots_[slot.index];
    if (!state.copy || state.writes != 1 || state.is_lost) return false;
    const auto& [place, source, bytes, is_read] = *state.copy;
    const Slot& to = function_.slots[slot];
    const Slot& from = function_.slots[source.slot];
    const State& other = slots_[source.slot.index];
    if (other.is_lost || source.offset % to.align != 0 || source.offset + to.size > from.size) return false;
    // A helper reads what it is told as it is. Others get bytes that the verifier has seen written.
    return !is_read || std::ranges::any_of(other.fills,
                                           [&, first = source.offset, end = source.offset + bytes, at = place](const Fill& fill) {
                                             return fill.from <= first && fill.to >= end && comes_before(fill.place, at);
                                           });
  }
  // Loses candidates that are read where the source may have been written since the copy.
  void flow() {
    bit_of_.resize(slots_.size());
    sourced_.resize(slots_.size());
    for (uint32_t c = 0; c < candidates_.size(); c++) {
      bit_of_[candidates_[c].index] = uint64_t{1} << c;
      sourced_[slots_[candidates_[c].index].copy->source.slot.index] |= uint64_t{1} << c;
    }
    std::vector<uint64_t> at_end(function_.blocks.size(), ~uint64_t{0});
    for (bool changed = true; changed;) {
      changed = false;
      for (BlockId block : dominators_.order) {
        const uint64_t same = walk(block, at_start(block, at_end), [](SlotId) {});
        changed |= same != at_end[block.index];
        at_end[block.index] = same;
      }
    }
    for (BlockId block : dominators_.order) walk(block, at_start(block, at_end), [&](SlotId slot) { lose(slot); });
  }

  uint64_t at_start(BlockId block, const std::vector<uint64_t>& at_end) const {
    uint64_t same = block == function_.entry() ? 0 : ~uint64_t{0};
    for (BlockId from : dominators_.predecessors[block.index]) same &= at_end[from.index];
    return same;
  }

  // Of candidates, those that are still what their source is. Calls differs(slot) for others that are read.
  template <class F>
  uint64_t walk(BlockId block, uint64_t same, F&& differs) const {
    for (const Inst& inst : function_.blocks[block].insts) {
      uint64_t read = 0, written = 0;
      each_access(
          inst,
          [&](const SlotAddress& to, Access access) {
            if (access == Access::read) {
              read |= bit_of_[to.slot.index];
            } else {
              same &= ~sourced_[to.slot.index];
              written |= bit_of_[to.slot.index];
            }
          },
          [](ValueId) {});
      for (uint64_t rest = read & ~same; rest != 0; rest &= rest - 1)
        differs(candidates_[static_cast<size_t>(std::countr_zero(rest))]);
      same |= written;
    }
    return same;
  }

  void apply() {
    std::vector<const Copy*> copies(function_.slots.size());
    for (SlotId slot : candidates_) copies[slot.index] = &*slots_[slot.index].copy;
    for (SlotId slot : candidates_) {
      Inst& copy = function_.blocks[copies[slot.index]->place.block].insts[copies[slot.index]->place.at];
      const ValueId result = copy.result;
      copy = Inst{.op = Opcode::constant, .result = result.is_valid() ? result : add_value(function_, {})};
    }
    for (Block& block : function_.blocks) {
      InsertionSet moved;
      for (size_t at = 0; at < block.insts.size(); at++) {
        Inst& inst = block.insts[at];
        if (inst.op != Opcode::slot_addr || copies[inst.slot.index] == nullptr) continue;
        const SlotAddress source = copies[inst.slot.index]->source;
        inst.slot = source.slot;
        if (source.offset != 0) move(inst, at, source.offset, moved);
      }
      moved.apply(block);
    }
  }

  // %a = slot_addr $s  becomes  %b = slot_addr $source, %a = ptr_add %b, offset
  void move(Inst& address, size_t at, int64_t offset, InsertionSet& moved) {
    Inst base = address, step{.op = Opcode::constant, .result = add_value(function_, {}), .imm = offset};
    base.result = add_value(function_, function_.values[address.result].type);
    step.span = address.span;
    address = Inst{.op = Opcode::ptr_add, .result = address.result, .operands = {base.result, step.result}};
    address.span = base.span;
    moved.insert(at, std::move(base));
    moved.insert(at, std::move(step));
  }

  Function& function_;
  SlotAddresses addresses_;
  Dominators dominators_;
  std::vector<SlotAddress> numbers_;        // by value
  std::vector<State> slots_;                // by slot
  std::vector<SlotId> candidates_;          // slots that may be their sources
  std::vector<uint64_t> bit_of_, sourced_;  // by slot: its bit as a candidate; those of candidates it is the source of
};

}  // namespace

void merge_slots(Module& module, PassContext& context) {
  for (Function& function : module.functions)
    if (context.may_change(function)) SlotMerging(function).run();
}

}  // namespace shrike::passes
