// Leads edges past branches whose outcome they decide: a condition that is a constant on one way into the block (the value of
// `a && b` kept and tested again, what stands for an entry that was not found), or that a branch on the way has tested already.
//
// Needs: any valid MIR; reuse_values before it, so that equal operands are one value. Establishes: nothing. Destroys: ids.
// What it leaves (blocks that only jump, parameters that get one value) is simplify's.
//
// Edges of one outcome get one copy of the block, without its branch; a block all of whose edges are decided is one of those
// copies itself. Values of the block that are used behind it become parameters where its copies meet (mir/repair_ssa).
// Does not copy more than a few instructions, nor what makes pointers that are used elsewhere: null checks go on dominating what
// they prove. Does not touch headers of loops: an edge past one would enter the loop in its middle.
#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <unordered_map>

#include "mir/analysis/dominators.h"
#include "mir/analysis/range.h"
#include "mir/edit.h"
#include "mir/evaluate.h"
#include "mir/repair_ssa.h"
#include "passes/passes.h"

namespace shrike::passes {

namespace {

using namespace mir;

constexpr int most_branches = 12;       // that are looked at up the dominator tree, for one edge
constexpr size_t most_asked = 64;       // values, before it is cheaper to look closely
constexpr int most_steps = 4;           // of the condition's computation inside its block
constexpr uint32_t most_values = 3;     // of a block, that become parameters behind it
constexpr uint32_t copies_for_all = 3;  // instructions that may be added where a block's branch goes away
constexpr uint32_t copies_for_some = 1;

bool is_comparison(Opcode op) {
  return op >= Opcode::eq && op <= Opcode::le_s;
}

// Made again at each use by select, at no cost or little.
bool is_remade(Opcode op) {
  return op == Opcode::constant || op == Opcode::slot_addr || op == Opcode::map_value_addr;
}

// What an operand is known to be on an edge.
struct Term {
  enum class Kind : uint8_t { unknown, number, value } kind = Kind::unknown;
  uint64_t number = 0;
  ValueId value;

  static Term of(uint64_t number) { return {Kind::number, number, {}}; }
  bool is_number() const { return kind == Kind::number; }
  bool is_known() const { return kind != Kind::unknown; }
  bool operator==(const Term&) const = default;
};

struct Condition {
  Opcode op = Opcode::ne;
  Term a, b;
};

std::optional<bool> outcome_of(const Condition& condition) {
  if (!condition.a.is_number() || !condition.b.is_number()) return {};
  return *evaluate(condition.op, condition.a.number, condition.b.number) != 0;
}

Range range_of(const Term& term, const Term& of, const Range& known) {
  if (term == of) return known;
  return term.is_number() ? Range::exactly(term.number) : Range{};
}

bool is_impossible(const std::pair<Range, Range>& ranges) {
  return ranges.first.is_empty() || ranges.second.is_empty();
}

// What `fact`, which holds or does not, says of the wanted condition.
std::optional<bool> implied(const Condition& fact, bool holds, const Condition& wanted) {
  if (fact.op == wanted.op && fact.a == wanted.a && fact.b == wanted.b) return holds;
  const Term& shared = wanted.a.kind == Term::Kind::value ? wanted.a : wanted.b;
  if (shared.kind != Term::Kind::value || (shared != fact.a && shared != fact.b) || fact.a == fact.b) return {};
  if (!wanted.a.is_number() && !wanted.b.is_number()) return {};
  auto [a, b] = refine(fact.op, holds, range_of(fact.a, shared, {}), range_of(fact.b, shared, {}));
  const Range& known = fact.a == shared ? a : b;
  if (known.is_empty()) return {};
  Range left = range_of(wanted.a, shared, known), right = range_of(wanted.b, shared, known);
  if (is_impossible(refine(wanted.op, true, left, right))) return false;
  if (is_impossible(refine(wanted.op, false, left, right))) return true;
  return {};
}

class JumpThreader {
 public:
  explicit JumpThreader(Function& function) : function_(function) {}

  void run() {
    if (!has_candidates()) return;
    dominators_ = find_dominators(function_);
    edges_ = incoming_edges(function_);
    note_definitions();
    outcomes_.resize(function_.blocks.size());
    for (BlockId block : dominators_.order) decide(block);
    if (plans_.empty()) return;
    remake_values();
    make_copies();
    compact(function_);
  }

 private:
  struct Definition {
    BlockId block;
    const Inst* inst = nullptr;  // none: a parameter, `index` of its block
    uint32_t index = 0;
    uint32_t uses = 0;
    bool is_used_outside = false;  // of its block
    bool is_remade = false;
  };
  using Outcomes = std::array<std::optional<bool>, 2>;  // by target
  // A block whose branch some edges decide; where edges of each outcome go.
  struct Plan {
    BlockId block;
    bool all = true;
    std::array<bool, 2> has{};  // by outcome
    std::array<BlockId, 2> to;
  };

  // At once, for the many functions in which no branch asks what an argument or another branch tells.
  bool has_candidates() const {
    std::vector<ValueId> asked;
    for (const Block& block : function_.blocks) {
      if (block.insts.empty() || block.insts.back().op != Opcode::branch) continue;
      if (!block.params.empty()) return true;
      ValueId condition = block.insts.back().operands[0];
      for (ValueId value : subjects_of(block, condition)) {
        if (!value.is_valid()) continue;
        if (std::find(asked.begin(), asked.end(), value) != asked.end()) return true;
        if (asked.size() == most_asked) return true;
        asked.push_back(value);
      }
    }
    return false;
  }

  // What a condition compares, where its block does that.
  static std::array<ValueId, 2> subjects_of(const Block& block, ValueId condition) {
    for (const Inst& inst : block.insts)
      if (inst.result == condition && is_comparison(inst.op)) return {inst.operands[0], inst.operands[1]};
    return {condition};
  }

  void note_definitions() {
    definitions_.resize(function_.values.size());
    for (uint32_t b = 0; b < function_.blocks.size(); b++) {
      const Block& block = function_.blocks[BlockId(b)];
      for (uint32_t p = 0; p < block.params.size(); p++) definitions_[block.params[p].index] = {.block = BlockId(b), .index = p};
      for (const Inst& inst : block.insts)
        if (inst.result.is_valid())
          definitions_[inst.result.index] = {.block = BlockId(b), .inst = &inst, .is_remade = is_remade(inst.op)};
    }
    for (uint32_t b = 0; b < function_.blocks.size(); b++)
      for (const Inst& inst : function_.blocks[BlockId(b)].insts)
        each_use(inst, [&](ValueId use) {
          Definition& definition = definitions_[use.index];
          definition.uses++;
          definition.is_used_outside |= definition.block != BlockId(b);
        });
  }

  void decide(BlockId block) {
    const Block& at = function_.blocks[block];
    if (block == function_.entry() || at.insts.back().op != Opcode::branch) return;
    for (BlockId from : dominators_.predecessors[block.index])
      if (dominators_.dominates(block, from)) return;
    Plan plan{.block = block};
    for (Edge edge : edges_[block.index]) {
      if (!dominators_.is_reachable(edge.from)) continue;
      std::optional<bool> outcome = outcome_on(edge, at.insts.back().operands[0], block);
      plan.all &= outcome.has_value();
      if (outcome) plan.has[*outcome ? 0 : 1] = true;
      decided_.push_back({edge, outcome});
    }
    if ((plan.has[0] || plan.has[1]) && may_copy(plan)) {
      for (auto& [edge, outcome] : decided_) outcomes_[edge.from.index][edge.target] = outcome;
      plans_.push_back(plan);
    }
    decided_.clear();
  }

  // A block that stays needs a copy for each outcome, else one of the two is itself.
  static uint32_t copies_of(const Plan& plan) { return (plan.has[0] ? 1 : 0) + (plan.has[1] ? 1 : 0) - (plan.all ? 1 : 0); }

  bool may_copy(const Plan& plan) const {
    uint32_t copies = copies_of(plan);
    if (copies == 0) return true;
    const Block& block = function_.blocks[plan.block];
    uint32_t values = 0, weight = 0;
    for (ValueId param : block.params)
      if (!may_leave(param, values)) return false;
    for (const Inst& inst : std::span(block.insts).first(block.insts.size() - 1)) {
      if (!inst.result.is_valid()) weight++;
      else if (function_.values[inst.result].type.nullable || !may_leave(inst.result, values)) return false;
      else weight += weight_of(inst, block.insts.back());
    }
    return values <= most_values && weight * copies <= (plan.all ? copies_for_all : copies_for_some);
  }

  bool may_leave(ValueId value, uint32_t& values) const {
    const Definition& definition = definitions_[value.index];
    if (!definition.is_used_outside || definition.is_remade) return true;
    values++;
    return function_.values[value].type.is_integer();
  }

  // What selection makes of it, about.
  uint32_t weight_of(const Inst& inst, const Inst& branch) const {
    if (inst.op == Opcode::constant) return 0;
    if (inst.op == Opcode::call) return 1 + static_cast<uint32_t>(row_of(inst.helper).operands.size());
    if (inst.op == Opcode::slot_addr || inst.op == Opcode::map_value_addr) return 2;
    bool is_condition = inst.result == branch.operands[0] && definitions_[inst.result.index].uses == 1;
    return is_condition ? 0 : 1;
  }

  Term term_of(ValueId value) const {
    const Inst* inst = definitions_[value.index].inst;
    if (inst != nullptr && inst->op == Opcode::constant) return Term::of(static_cast<uint64_t>(inst->imm));
    return {Term::Kind::value, 0, value};
  }

  // The same where `edge` enters `block`: parameters are what it gives, and what the block computes from numbers is one.
  Term term_on(Edge edge, ValueId value, BlockId block, int steps) const {
    const Definition& definition = definitions_[value.index];
    if (definition.block != block) return term_of(value);
    if (definition.inst == nullptr) {
      ValueId argument = argument_of(function_, edge, definition.index);
      return argument.is_valid() ? term_of(argument) : Term{};
    }
    const Inst& inst = *definition.inst;
    if (inst.op == Opcode::constant) return Term::of(static_cast<uint64_t>(inst.imm));
    if (steps == 0 || effect_of(inst) != Effect::pure || inst.operands.empty() || inst.operands.size() > 2) return {};
    Term a = term_on(edge, inst.operands[0], block, steps - 1);
    Term b =
        inst.operands.size() == 2 ? term_on(edge, inst.operands[1], block, steps - 1) : Term::of(static_cast<uint64_t>(inst.imm));
    if (!a.is_number() || !b.is_number()) return {};
    auto result = evaluate(inst.op, a.number, b.number);
    return result ? Term::of(*result) : Term{};
  }

  template <class TermOf>
  Condition condition_of(ValueId value, TermOf&& term) const {
    const Inst* inst = definitions_[value.index].inst;
    if (inst == nullptr || !is_comparison(inst->op)) return {Opcode::ne, term(value), Term::of(0)};
    return {inst->op, term(inst->operands[0]), term(inst->operands[1])};
  }

  std::optional<bool> outcome_on(Edge edge, ValueId value, BlockId block) const {
    Condition wanted = condition_of(value, [&](ValueId used) { return term_on(edge, used, block, most_steps); });
    // A comparison that arrives as an argument.
    if (wanted.op == Opcode::ne && wanted.b == Term::of(0) && wanted.a.kind == Term::Kind::value)
      wanted = condition_of(wanted.a.value, [&](ValueId used) { return term_of(used); });
    if (auto outcome = outcome_of(wanted)) return outcome;
    if (!wanted.a.is_known() || !wanted.b.is_known()) return {};
    if (auto outcome = implied_by(edge.from, edge.target, wanted)) return outcome;
    BlockId at = edge.from;
    for (int i = 0; i < most_branches; i++) {
      BlockId parent = dominators_.immediate[at.index];
      if (!parent.is_valid()) break;
      if (dominators_.predecessors[at.index].size() == 1)
        for (uint32_t t = 0; t < function_.blocks[parent].insts.back().targets.size(); t++)
          if (function_.blocks[parent].insts.back().targets[t].block == at)
            if (auto outcome = implied_by(parent, t, wanted)) return outcome;
      at = parent;
    }
    return {};
  }

  std::optional<bool> implied_by(BlockId from, uint32_t target, const Condition& wanted) const {
    const Inst& branch = function_.blocks[from].insts.back();
    if (branch.op != Opcode::branch) return {};
    Condition fact = condition_of(branch.operands[0], [&](ValueId used) { return term_of(used); });
    return implied(fact, target == 0, wanted);
  }

  // Constants and addresses of copied blocks that are used elsewhere are made there. Voids definitions_' instructions.
  void remake_values() {
    std::vector<bool> is_copied(function_.blocks.size());
    for (const Plan& plan : plans_) is_copied[plan.block.index] = copies_of(plan) > 0;
    std::vector<std::pair<BlockId, Inst>> added;
    for (uint32_t b = 0; b < function_.blocks.size(); b++) {
      std::unordered_map<uint32_t, ValueId> here;
      for (Inst& inst : function_.blocks[BlockId(b)].insts)
        each_use(inst, [&](ValueId& use) {
          const Definition& definition = definitions_[use.index];
          if (!definition.is_remade || definition.block == BlockId(b) || !is_copied[definition.block.index]) return;
          auto [known, is_new] = here.try_emplace(use.index);
          if (is_new) {
            known->second = add_value(function_, function_.values[use].type);
            added.emplace_back(b, *definition.inst);
            added.back().second.result = known->second;
          }
          use = known->second;
        });
    }
    for (auto& [block, inst] : added) {
      std::vector<Inst>& insts = function_.blocks[block].insts;
      insts.insert(insts.begin(), std::move(inst));
    }
    definitions_.resize(function_.values.size());  // no use outside: also where they stand in blocks that are copied
  }

  void make_copies() {
    for (Plan& plan : plans_) make_blocks(plan);
    retarget();
    SsaRepair repair(function_);
    for (const Plan& plan : plans_) fill_blocks(plan, repair);
    for (const Plan& plan : plans_)
      if (plan.all) become_jump(function_.blocks[plan.block].insts.back(), plan.to[0] == plan.block ? 0 : 1);
    repair.run();
  }

  void make_blocks(Plan& plan) {
    bool is_own = plan.all;
    for (size_t outcome = 0; outcome < 2; outcome++) {
      if (!plan.has[outcome]) continue;
      plan.to[outcome] = is_own ? plan.block : add_block(function_, function_.blocks[plan.block].name);
      is_own = false;
    }
  }

  // Before blocks are copied: an edge out of a planned block leads the same way from its copies.
  void retarget() {
    std::vector<const Plan*> plan_of(function_.blocks.size());
    for (const Plan& plan : plans_) plan_of[plan.block.index] = &plan;
    for (uint32_t b = 0; b < outcomes_.size(); b++) {
      std::vector<Inst>& insts = function_.blocks[BlockId(b)].insts;
      if (insts.empty()) continue;
      for (size_t t = 0; t < insts.back().targets.size(); t++)
        if (const std::optional<bool>& outcome = outcomes_[b][t]) {
          BlockId& target = insts.back().targets[t].block;
          target = plan_of[target.index]->to[*outcome ? 0 : 1];
        }
    }
  }

  void fill_blocks(const Plan& plan, SsaRepair& repair) {
    if (copies_of(plan) == 0) return;
    auto define = [&](ValueId value, BlockId block, ValueId definition) {
      const Definition& known = definitions_[value.index];
      if (known.is_used_outside && !known.is_remade) repair.define(value, block, definition);
    };
    auto define_all = [&](BlockId block, auto&& definition_of) {
      for (ValueId param : function_.blocks[plan.block].params) define(param, block, definition_of(param));
      for (const Inst& inst : function_.blocks[plan.block].insts)
        if (inst.result.is_valid()) define(inst.result, block, definition_of(inst.result));
    };
    define_all(plan.block, [](ValueId value) { return value; });
    for (size_t outcome = 0; outcome < 2; outcome++) {
      if (!plan.has[outcome] || plan.to[outcome] == plan.block) continue;
      std::unordered_map<uint32_t, ValueId> renamed = copy_block(plan.block, plan.to[outcome]);
      become_jump(function_.blocks[plan.to[outcome]].insts.back(), outcome);
      define_all(plan.to[outcome], [&](ValueId value) { return renamed.at(value.index); });
    }
  }

  // Values of the block by index, and what they are in the copy.
  std::unordered_map<uint32_t, ValueId> copy_block(BlockId from, BlockId to) {
    std::unordered_map<uint32_t, ValueId> renamed;
    auto rename = [&](ValueId value) { return renamed[value.index] = add_value(function_, function_.values[value].type); };
    Block copy = function_.blocks[from];
    for (ValueId& param : copy.params) param = rename(param);
    for (Inst& inst : copy.insts) {
      each_use(inst, [&](ValueId& use) {
        if (auto known = renamed.find(use.index); known != renamed.end()) use = known->second;
      });
      if (inst.result.is_valid()) inst.result = rename(inst.result);
    }
    function_.blocks[to].params = std::move(copy.params);
    function_.blocks[to].insts = std::move(copy.insts);
    return renamed;
  }

  static void become_jump(Inst& branch, size_t target) {
    BlockTarget to = std::move(branch.targets[target]);
    branch.op = Opcode::jump;
    branch.operands.clear();
    branch.targets = {std::move(to)};
  }

  Function& function_;
  Dominators dominators_;
  Lists<Edge> edges_;
  std::vector<Definition> definitions_;  // by value
  std::vector<Outcomes> outcomes_;       // by block: what each of its edges decides of the branch it enters
  std::vector<std::pair<Edge, std::optional<bool>>> decided_;
  std::vector<Plan> plans_;
};

}  // namespace

void thread_jumps(Module& module, PassContext& context) {
  for (Function& function : module.functions)
    if (context.may_change(function)) JumpThreader(function).run();
}

}  // namespace shrike::passes
