// Computes before a loop what each of its rounds would compute anew: sums and shifts of what the loop does not change, words of
// the context, and helpers whose answer is the same throughout a run (pid, cpu).
//
// Needs: any valid MIR; reuse_values after it, which then finds the first of equal computations before the loop. Establishes:
// nothing. Destroys: nothing. Loops here are those that the verifier walks round by round; the bodies of the others are
// functions.
//
// Moves only what every round that comes to its end computes, integers from integers, so that nothing but time is lost where
// there is no round. Four registers live across calls: no more values are moved than those left by what already lives through
// the loop, except a helper's, since reading a stack slot costs less than the call. Does not move:
//   - reads of maps, which another CPU may write while the loop runs, perhaps waiting for just that
//   - addresses: a pointer must be made behind the check of its offset
//   - helpers' calls where there are several ways through a round: the verifier remembers states where it has seen enough jumps,
//     calls among them, and walks ways anew that it would otherwise find to be known (a third more, measured on 6.18)
//   - what select makes anew at every use at no cost (constants, comparisons beside their branch)
#include <algorithm>
#include <utility>

#include "mir/analysis/dominators.h"
#include "mir/edit.h"
#include "passes/passes.h"

namespace shrike::passes {

namespace {

using namespace mir;

constexpr int registers_with_calls = 4, registers_without = 7;
constexpr int helpers_beyond = 2;  // that may be moved to the stack

class Hoister {
 public:
  explicit Hoister(Function& function) : function_(function) {}

  void run() {
    if (!has_loop()) return;
    dominators_ = find_dominators(function_);
    defined_in_.resize(function_.values.size());
    is_constant_.resize(function_.values.size());
    for (uint32_t b = 0; b < function_.blocks.size(); b++) {
      for (ValueId param : function_.blocks[BlockId(b)].params) defined_in_[param.index] = BlockId(b);
      for (const Inst& inst : function_.blocks[BlockId(b)].insts)
        if (inst.result.is_valid()) note(inst, BlockId(b));
    }
    in_loop_.resize(function_.blocks.size());
    // The innermost first: what leaves it may leave the next, too.
    for (size_t i = dominators_.order.size(); i-- > 0;) hoist_from(dominators_.order[i]);
  }

 private:
  struct Use {
    uint32_t in_loop = 0;
    uint32_t loop = 0;  // of which they were counted
  };

  // An edge to a block on the way to it. Most functions have none, and need no closer look.
  bool has_loop() const {
    enum class State : uint8_t { unseen, on_the_way, done };
    std::vector<State> states(function_.blocks.size());
    std::vector<std::pair<BlockId, uint32_t>> way = {{function_.entry(), 0}};
    states[0] = State::on_the_way;
    while (!way.empty()) {
      auto& [block, next] = way.back();
      const std::vector<Inst>& insts = function_.blocks[block].insts;
      if (insts.empty() || next == insts.back().targets.size()) {
        states[block.index] = State::done;
        way.pop_back();
        continue;
      }
      BlockId target = insts.back().targets[next++].block;
      if (states[target.index] == State::on_the_way) return true;
      if (states[target.index] == State::done) continue;
      states[target.index] = State::on_the_way;
      way.emplace_back(target, 0);
    }
    return false;
  }

  void note(const Inst& inst, BlockId block) {
    defined_in_[inst.result.index] = block;
    is_constant_[inst.result.index] = inst.op == Opcode::constant;
  }

  void hoist_from(BlockId header) {
    latches_.clear();
    BlockId before;
    int entries = 0;
    for (BlockId from : dominators_.predecessors[header.index]) {
      if (dominators_.dominates(header, from)) latches_.push_back(from);
      else before = from, entries++;
    }
    if (latches_.empty() || entries != 1 || function_.blocks[before].insts.back().op != Opcode::jump) return;
    find_loop(header);
    count_pressure(header);
    std::vector<Inst> moved;
    for (BlockId block : loop_)
      if (is_in_every_round(block)) hoist_block(block, moved);
    if (moved.empty()) return;
    for (const Inst& inst : moved) note(inst, before);
    std::vector<Inst>& insts = function_.blocks[before].insts;
    insts.insert(insts.end() - 1, std::make_move_iterator(moved.begin()), std::make_move_iterator(moved.end()));
  }

  // The blocks of the loop in reverse postorder: definitions before uses.
  void find_loop(BlockId header) {
    stamp_++;
    in_loop_[header.index] = stamp_;
    loop_ = {header};
    std::vector<BlockId> work = latches_;
    while (!work.empty()) {
      BlockId block = work.back();
      work.pop_back();
      if (in_loop_[block.index] == stamp_) continue;
      in_loop_[block.index] = stamp_;
      loop_.push_back(block);
      for (BlockId from : dominators_.predecessors[block.index]) work.push_back(from);
    }
    // A block is numbered in the tree after those that dominate it.
    std::sort(loop_.begin(), loop_.end(),
              [&](BlockId a, BlockId b) { return dominators_.tree_first[a.index] < dominators_.tree_first[b.index]; });
  }

  bool is_inside(BlockId block) const { return in_loop_[block.index] == stamp_; }
  bool is_outside(ValueId value) const { return !is_inside(defined_in_[value.index]); }
  bool is_in_every_round(BlockId block) const {
    return std::ranges::all_of(latches_, [&](BlockId latch) { return dominators_.dominates(block, latch); });
  }
  static bool is_call(const Inst& inst) { return inst.op == Opcode::call || inst.op == Opcode::call_fn; }

  // How many values live through the loop, and for how many there are registers.
  void count_pressure(BlockId header) {
    uses_.resize(function_.values.size());
    bool has_calls = false;
    has_forks_ = false;
    pressure_ = static_cast<int>(function_.blocks[header].params.size());
    for (BlockId block : loop_) {
      const std::vector<BlockTarget>& targets = function_.blocks[block].insts.back().targets;
      has_forks_ |= targets.size() == 2 && is_inside(targets[0].block) && is_inside(targets[1].block);
      for (const Inst& inst : function_.blocks[block].insts) {
        has_calls |= is_call(inst);
        each_use(inst, [&](ValueId use) {
          Use& counted = uses_[use.index];
          if (counted.loop != stamp_) {
            counted = {0, stamp_};
            if (is_outside(use) && !is_constant_[use.index]) pressure_++;
          }
          counted.in_loop++;
        });
      }
    }
    room_ = has_calls ? registers_with_calls : registers_without;
  }

  void hoist_block(BlockId block, std::vector<Inst>& moved) {
    std::vector<Inst>& insts = function_.blocks[block].insts;
    bool changed = false;
    for (Inst& inst : insts) {
      if (!may_move(inst) || !pays(inst)) continue;
      for (ValueId& operand : inst.operands) take_along(operand, moved);
      defined_in_[inst.result.index] = BlockId();
      Inst gap;  // in its place until the block has been gone through
      gap.op = Opcode::constant;
      moved.push_back(std::exchange(inst, std::move(gap)));
      changed = true;
    }
    if (changed) std::erase_if(insts, [](const Inst& inst) { return inst.op == Opcode::constant && !inst.result.is_valid(); });
  }

  bool is_moved(ValueId value) const { return !defined_in_[value.index].is_valid(); }

  bool may_move(const Inst& inst) const {
    if (!inst.result.is_valid() || !function_.values[inst.result].type.is_integer() || inst.op == Opcode::constant) return false;
    bool is_comparison = inst.op >= Opcode::eq && inst.op <= Opcode::le_s;
    bool is_context = inst.op == Opcode::load && function_.values[inst.operands[0]].type.region == Region::ctx;
    if (is_comparison || (is_call(inst) && has_forks_) || (effect_of(inst) != Effect::pure && !is_context)) return false;
    return std::ranges::all_of(inst.operands, [&](ValueId operand) {
      ValueType type = function_.values[operand].type;
      return (type.is_integer() || type.region == Region::ctx) &&
             (is_moved(operand) || is_outside(operand) || is_constant_[operand.index]);
    });
  }

  // Its result is one value more that lives through the loop; operands that only it used there are fewer.
  bool pays(const Inst& inst) {
    int change = 1;
    for (size_t i = 0; i < inst.operands.size(); i++) {
      ValueId operand = inst.operands[i];
      if (is_constant_[operand.index] || (i > 0 && operand == inst.operands[0])) continue;
      auto own = std::ranges::count(inst.operands, operand);
      if (uses_[operand.index].in_loop == static_cast<uint32_t>(own)) change--;
    }
    int room = room_ + (is_call(inst) ? helpers_beyond : 0);
    if (change > 0 && pressure_ + change > room) return false;
    pressure_ += change;
    for (ValueId operand : inst.operands) uses_[operand.index].in_loop--;
    return true;
  }

  // Constants stay where they are: others use them, too.
  void take_along(ValueId& operand, std::vector<Inst>& moved) {
    if (!is_constant_[operand.index] || is_moved(operand) || is_outside(operand)) return;
    const std::vector<Inst>& insts = function_.blocks[defined_in_[operand.index]].insts;
    auto constant = std::ranges::find(insts, operand, &Inst::result);
    moved.push_back(*constant);
    operand = moved.back().result = add_value(function_, {});
    defined_in_.emplace_back();
    is_constant_.push_back(true);
    uses_.emplace_back();
  }

  Function& function_;
  Dominators dominators_;
  std::vector<BlockId> defined_in_;  // by value; invalid while it is moved
  std::vector<bool> is_constant_;    // by value
  std::vector<uint32_t> in_loop_;    // by block: the last loop found around it
  std::vector<Use> uses_;            // by value
  std::vector<BlockId> loop_, latches_;
  uint32_t stamp_ = 0;
  int pressure_ = 0, room_ = 0;
  bool has_forks_ = false;  // more than one way through a round
};

}  // namespace

void hoist_invariants(Module& module, PassContext& context) {
  for (Function& function : module.functions)
    if (context.may_change(function)) Hoister(function).run();
}

}  // namespace shrike::passes
