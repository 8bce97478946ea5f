// Computes once what is computed again where the first result is at hand: value numbering over the dominator tree.
//
// Needs: any valid MIR. Establishes: nothing. Destroys: nothing; replaced instructions stay until remove_dead.
// Does not move computations (no hoisting), nor look through stores. Loads are reused within a block as long as nothing
// may have written their region; those from the context, which never changes, wherever they dominate.
// Does not make values live across blocks that cost nothing to make again: constants, addresses of slots and maps, and
// comparisons, which select joins with the branch that follows them. Their numbers still make larger expressions equal.
#include <array>
#include <numeric>
#include <unordered_map>
#include <vector>

#include "mir/analysis/dominators.h"
#include "mir/edit.h"
#include "passes/passes.h"

namespace shrike::passes {

namespace {

using namespace mir;

// What makes two instructions compute the same; operands by number.
struct Expression {
  Opcode op;
  MemWidth width;
  HelperId helper;
  int64_t imm;
  uint32_t map;
  uint32_t slot;
  std::array<uint32_t, 5> operands;  // zero where there is none
  bool operator==(const Expression&) const = default;
};

struct ExpressionHash {
  size_t operator()(const Expression& e) const {
    uint64_t hash = static_cast<uint64_t>(e.op) << 32 ^ static_cast<uint64_t>(e.width) << 40 ^ static_cast<uint64_t>(e.imm);
    auto mix = [&](uint64_t value) { hash = (hash ^ value) * 0x9e3779b97f4a7c15u, hash ^= hash >> 29; };
    mix(static_cast<uint64_t>(e.helper));
    mix(static_cast<uint64_t>(e.map) << 32 | e.slot);
    for (uint32_t operand : e.operands) mix(operand);
    return hash;
  }
};

bool is_cheap(Opcode op) {
  bool is_comparison = op >= Opcode::eq && op <= Opcode::le_s;
  return is_comparison || op == Opcode::constant || op == Opcode::slot_addr || op == Opcode::map_value_addr;
}

constexpr size_t most_tries = 32;

class ValueNumbering {
 public:
  explicit ValueNumbering(Function& function) : function_(function), dominators_(find_dominators(function)) {}

  void run() {
    number_.resize(function_.values.size());
    std::iota(number_.begin(), number_.end(), 1u);
    for (BlockId block : dominators_.order) number_block(block);
    replace_uses(function_, replacements_);
  }

 private:
  struct Known {
    ValueId value;
    BlockId block;
  };
  using Table = std::unordered_map<Expression, std::vector<Known>, ExpressionHash>;

  void number_block(BlockId block) {
    for (Table& loads : loads_) loads.clear();
    for (Inst& inst : function_.blocks[block].insts) {
      if (!replacements_.empty()) each_use(inst, [&](ValueId& use) { use = replacements_.resolve(use); });
      if (Table* table = table_for(inst)) reuse_or_enter(inst, block, *table);
      if (effect_of(inst) == Effect::writes) forget_loads(inst);
    }
  }

  Table* table_for(const Inst& inst) {
    if (!inst.result.is_valid()) return nullptr;
    if (effect_of(inst) == Effect::pure) return &expressions_;
    if (inst.op != Opcode::load) return nullptr;
    Region region = region_of(inst.operands[0]);
    return region == Region::ctx ? &expressions_ : &loads_[static_cast<size_t>(region)];
  }

  Region region_of(ValueId pointer) const { return function_.values[pointer].type.region; }

  // Objects of different regions never overlap; helpers and sub-programs may write any but the context.
  void forget_loads(const Inst& inst) {
    if (inst.op == Opcode::call || inst.op == Opcode::call_fn || inst.op == Opcode::agg_update)
      for (Table& loads : loads_) loads.clear();
    else loads_[static_cast<size_t>(region_of(inst.operands[0]))].clear();
  }

  void reuse_or_enter(const Inst& inst, BlockId block, Table& table) {
    Expression expression{inst.op, inst.width, inst.helper, inst.imm, inst.map.index, inst.slot.index, {}};
    for (size_t i = 0; i < inst.operands.size(); i++) expression.operands[i] = number_[inst.operands[i].index];
    std::vector<Known>& known = table[expression];
    if (!known.empty()) number_[inst.result.index] = number_[known.front().value.index];
    // The latest are the likeliest to be at hand; a program that computes one thing in thousands of branches is not worth
    // looking at all of them each time. What is cheap is only at hand in its block, and no block is come back to.
    size_t tries = is_cheap(inst.op) ? 1 : most_tries;
    for (size_t i = known.size(); i-- > 0 && tries-- > 0;) {
      const Known& candidate = known[i];
      bool is_at_hand = candidate.block == block || (!is_cheap(inst.op) && dominators_.dominates(candidate.block, block));
      if (!is_at_hand) continue;
      replacements_.add(inst.result, candidate.value);
      return;
    }
    if (is_cheap(inst.op) && !known.empty()) known.back() = {inst.result, block};
    else known.push_back({inst.result, block});
  }

  Function& function_;
  Dominators dominators_;
  std::vector<uint32_t> number_;  // by value, from one on
  Table expressions_;
  Table loads_[static_cast<size_t>(Region::map_handle) + 1];  // within the current block
  Replacements replacements_;
};

}  // namespace

void reuse_values(Module& module, PassContext& context) {
  for (Function& function : module.functions)
    if (context.may_change(function)) ValueNumbering(function).run();
}

}  // namespace shrike::passes
