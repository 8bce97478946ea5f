// Computes behind calls what is only needed there: words of the context, what is made of one number, helpers whose answer is the
// same throughout a run (pid, uid). Only four registers live across a call; what a record is filled with would wait for its room
// in them or on the stack, and is not needed at all where there is no room.
//
// Needs: any valid MIR, late: other passes find what is equal where it is computed early. Establishes: nothing. Destroys:
// nothing.
//
// Moves an integer to the first of its uses if these are in one block, and a call stands between. Does not move:
//   - into loops from outside
//   - what is made of two numbers: both would live as long as the result did
//   - calls into blocks that have none: what lives there would have to make way
//   - words of the context where it is not needed behind the calls anyway, unless they are so many that it takes less room
#include <algorithm>
#include <utility>

#include "mir/analysis/dominators.h"
#include "mir/edit.h"
#include "passes/passes.h"

namespace shrike::passes {

namespace {

using namespace mir;

constexpr size_t most_words = 4;  // of the context that wait in registers
constexpr size_t most_made = 8;   // of a value, before it is taken to be worth a closer look
constexpr int most_blocks = 16;   // looked at between a value and its use, before calls are taken for granted

bool is_call(const Inst& inst) {
  return inst.op == Opcode::call || inst.op == Opcode::call_fn;
}

class Sinker {
 public:
  explicit Sinker(Function& function) : function_(function) {
    if (function.kind == FunctionKind::program) context_ = function.blocks[function.entry()].params[0];
  }

  void run() {
    if (!may_gain()) return;
    count_calls();
    dominators_ = find_dominators(function_);
    find_loops();
    last_context_.resize(function_.blocks.size());
    uses_.resize(function_.values.size());
    is_constant_.resize(function_.values.size());
    for (uint32_t b = 0; b < function_.blocks.size(); b++)
      for (const Inst& inst : function_.blocks[BlockId(b)].insts) {
        if (inst.op == Opcode::constant) is_constant_[inst.result.index] = true;
        if (!dominators_.is_reachable(BlockId(b))) each_use(inst, [&](ValueId use) { uses_[use.index].are_scattered = true; });
      }
    // Uses before what they use.
    for (size_t i = dominators_.order.size(); i-- > 0;) {
      const BlockId block = dominators_.order[i];
      for (size_t k = function_.blocks[block].insts.size(); k-- > 0;) look_at({block, static_cast<uint32_t>(k)});
    }
    choose_words();
    keep_what_gains_nothing();
    apply();
  }

 private:
  struct Place {
    BlockId block;
    uint32_t index = 0;  // in the block as it was; of what is moved: before this one
  };
  struct Uses {
    Place first;                 // no block: none yet
    bool are_scattered = false;  // over blocks
  };
  struct Move {
    Place from, to;
  };

  // Is anything that may be moved for its own sake followed by a call, or by the end of its block, before it is used?
  bool may_gain() const {
    for (const Block& block : function_.blocks)
      for (size_t i = 0; i < block.insts.size(); i++)
        if (is_own(block.insts[i]) && waits(block, i)) return true;
    return false;
  }

  // Or anything that is made of it.
  bool waits(const Block& block, size_t i) const {
    std::vector<ValueId> made{block.insts[i].result};
    for (size_t k = i + 1; k < block.insts.size(); k++) {
      const Inst& inst = block.insts[k];
      bool is_used = false;
      each_use(inst, [&](ValueId use) { is_used |= std::ranges::find(made, use) != made.end(); });
      const bool is_number = inst.result.is_valid() && function_.values[inst.result].type.is_integer();
      if (is_call(inst)) return !is_used;
      if (is_used && (!is_number || effect_of(inst) != Effect::pure)) return false;
      if (is_used) made.push_back(inst.result);
      if (made.size() > most_made) return true;
    }
    return true;
  }

  void count_calls() {
    for (const Block& block : function_.blocks) {
      std::vector<uint32_t>& before = calls_before_.emplace_back(1, 0);
      before.reserve(block.insts.size() + 1);
      for (const Inst& inst : block.insts) before.push_back(before.back() + (is_call(inst) ? 1 : 0));
    }
  }

  void find_loops() {
    in_loop_.resize(function_.blocks.size());
    std::vector<BlockId> work;
    for (BlockId header : dominators_.order) {
      for (BlockId from : dominators_.predecessors[header.index])
        if (dominators_.dominates(header, from)) work.push_back(from);
      if (work.empty()) continue;
      in_loop_[header.index] = header.index + 1;
      while (!work.empty()) {
        const BlockId block = work.back();
        work.pop_back();
        if (in_loop_[block.index] == header.index + 1) continue;
        in_loop_[block.index] = header.index + 1;
        for (BlockId from : dominators_.predecessors[block.index]) work.push_back(from);
      }
    }
  }

  uint32_t calls_between(BlockId block, uint32_t first, uint32_t last) const {
    return calls_before_[block.index][last] - calls_before_[block.index][first];
  }

  bool crosses_call(Place from, Place to) const {
    if (from.block == to.block) return calls_between(from.block, from.index + 1, to.index) > 0;
    const auto size = [&](BlockId block) { return static_cast<uint32_t>(function_.blocks[block].insts.size()); };
    if (calls_between(from.block, from.index + 1, size(from.block)) > 0 || calls_between(to.block, 0, to.index) > 0) return true;
    BlockId between = dominators_.immediate[to.block.index];
    for (int steps = 0; between != from.block; steps++) {
      if (steps == most_blocks || calls_between(between, 0, size(between)) > 0) return true;
      between = dominators_.immediate[between.index];
    }
    return false;
  }

  bool has_call(BlockId block) const { return calls_before_[block.index].back() > 0; }

  void use(ValueId value, Place at) {
    Uses& uses = uses_[value.index];
    if (!uses.first.block.is_valid()) uses.first = at;
    else if (uses.first.block != at.block) uses.are_scattered = true;
    else uses.first.index = std::min(uses.first.index, at.index);
  }

  bool is_word_of_context(const Inst& inst) const { return inst.op == Opcode::load && inst.operands[0] == context_; }
  // What is made of nothing that would have to live longer.
  bool is_own(const Inst& inst) const {
    return is_word_of_context(inst) || (inst.op == Opcode::call && effect_of(inst) == Effect::pure);
  }

  bool may_move(const Inst& inst) const {
    if (!inst.result.is_valid() || !function_.values[inst.result].type.is_integer() || inst.op == Opcode::constant) return false;
    if (is_word_of_context(inst)) return true;
    if (effect_of(inst) != Effect::pure) return false;
    const auto variables = std::ranges::count_if(inst.operands, [&](ValueId operand) { return !is_constant_[operand.index]; });
    return variables <= (is_call(inst) ? 0 : 1) &&
           std::ranges::all_of(inst.operands, [&](ValueId operand) { return function_.values[operand].type.is_integer(); });
  }

  void look_at(Place place) {
    const Inst& inst = function_.blocks[place.block].insts[place.index];
    Place stands = place;
    if (may_move(inst)) {
      const Uses& uses = uses_[inst.result.index];
      const Place to = uses.first;
      const bool moves = !uses.are_scattered && to.block.is_valid() &&
                         (to.block == place.block || in_loop_[to.block.index] == 0) && crosses_call(place, to) &&
                         (!is_call(inst) || has_call(to.block));
      if (moves && is_word_of_context(inst)) return words_.push_back({place, to});
      if (moves) moves_.push_back({place, to}), stands = to;
    }
    each_use(inst, [&](ValueId operand) {
      use(operand, stands);
      if (operand == context_) note_context(stands);
    });
  }

  void note_context(Place place) {
    context_blocks_.push_back(dominators_.tree_first[place.block.index]);
    uint32_t& last = last_context_[place.block.index];
    last = std::max(last, place.index + 1);
  }

  // Is it used there, or in blocks that this one dominates?
  bool needs_context_from(Place place) const {
    if (last_context_[place.block.index] > place.index) return true;
    const auto below = std::ranges::upper_bound(context_blocks_, dominators_.tree_first[place.block.index]);
    return below != context_blocks_.end() && *below <= dominators_.tree_last[place.block.index];
  }

  // Those for one block are moved together.
  void choose_words() {
    std::ranges::sort(context_blocks_);
    std::ranges::stable_sort(words_, {}, [](const Move& move) { return move.to.block.index; });
    for (size_t begin = 0, end; begin < words_.size(); begin = end) {
      for (end = begin; end < words_.size() && words_[end].to.block == words_[begin].to.block;) end++;
      Place first = words_[begin].to;
      for (size_t i = begin; i < end; i++) first.index = std::min(first.index, words_[i].to.index);
      if (end - begin < most_words && !needs_context_from(first)) continue;
      moves_.insert(moves_.end(), words_.begin() + static_cast<ptrdiff_t>(begin), words_.begin() + static_cast<ptrdiff_t>(end));
    }
  }

  // What is made of a number that stays where it is, for its sake alone, only lives in its place.
  void keep_what_gains_nothing() {
    is_moved_.resize(function_.values.size());
    std::vector<Move> chosen;
    for (size_t i = moves_.size(); i-- > 0;) {
      const Inst& inst = function_.blocks[moves_[i].from.block].insts[moves_[i].from.index];
      const auto gains = [&](ValueId operand) {
        return !is_constant_[operand.index] && (is_moved_[operand.index] || uses_[operand.index].are_scattered);
      };
      if (!is_own(inst) && std::ranges::none_of(inst.operands, gains)) continue;
      is_moved_[inst.result.index] = true;
      chosen.push_back(moves_[i]);
    }
    moves_ = std::move(chosen);
  }

  void apply() {
    std::vector<InsertionSet> insertions(function_.blocks.size());
    for (const auto& [from, to] : moves_) {
      Inst gap;  // in its place until all have their new ones
      gap.op = Opcode::constant;
      insertions[to.block.index].insert(to.index, std::exchange(function_.blocks[from.block].insts[from.index], std::move(gap)));
    }
    for (uint32_t b = 0; b < insertions.size(); b++) insertions[b].apply(function_.blocks[BlockId(b)]);
    std::vector<bool> had_gaps(function_.blocks.size());
    for (const Move& move : moves_) had_gaps[move.from.block.index] = true;
    for (uint32_t b = 0; b < had_gaps.size(); b++)
      if (had_gaps[b])
        std::erase_if(function_.blocks[BlockId(b)].insts,
                      [](const Inst& inst) { return inst.op == Opcode::constant && !inst.result.is_valid(); });
  }

  Function& function_;
  Dominators dominators_;
  ValueId context_;                                  // none where the function is no program
  std::vector<std::vector<uint32_t>> calls_before_;  // by block, by instruction
  std::vector<uint32_t> in_loop_;                    // by block: the last loop found around it, 0 if there is none
  std::vector<bool> is_constant_;                    // by value
  std::vector<Uses> uses_;                           // by value
  // Uses of the context but for words_: their blocks' numbers in the tree, and by block behind the last one.
  std::vector<uint32_t> context_blocks_, last_context_;
  std::vector<Move> words_;     // of the context, which may be moved
  std::vector<Move> moves_;     // in the end what others are made of comes first
  std::vector<bool> is_moved_;  // by value
};

}  // namespace

void sink_values(Module& module, PassContext& context) {
  for (Function& function : module.functions)
    if (context.may_change(function)) Sinker(function).run();
}

}  // namespace shrike::passes
