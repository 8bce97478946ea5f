// Folds constants, applies algebra (algebra.cpp), folds branches, drops trivial block parameters, leads edges
// through blocks that only go on, merges blocks.
//
// Needs: any valid MIR. Establishes: nothing. Destroys: ids; every id from before is void.
// Does not merge equal computations (reuse_values) nor remove what is unused (remove_dead), except unreachable blocks.
//
// Every rule, here and in algebra.cpp, keeps three requirements:
//   1. The result is the same for every input: arithmetic wraps, division by zero and shift counts are as opcodes.def says.
//   2. The function gets smaller or an operation cheaper, never the reverse, so that rounds come to an end.
//   3. The verifier can prove afterwards what it could before: no bound, mask, clamp or null check is removed because of
//      facts that the definition of the value itself does not show, and a pointer keeps its region.
#include <algorithm>
#include <iterator>

#include "mir/edit.h"
#include "passes/algebra.h"
#include "passes/passes.h"

namespace shrike::passes {

namespace {

using namespace mir;

constexpr int round_limit = 16;  // each round finishes what the one before made possible; scripts need two or three
constexpr int rules_per_inst = 16;

class Simplifier {
 public:
  explicit Simplifier(Function& function) : function_(function) {}

  void run() {
    clear_unreachable();
    bool changed = true;
    for (int round = 0; changed && round < round_limit; round++) {
      edges_ = incoming_edges(function_);
      RuleScope scope(function_);
      changed = simplify_values(scope);
      changed |= drop_trivial_params();
      changed |= clearing(fold_branches(scope));
      apply_replacements();
      changed |= clearing(thread_jumps(scope));
      changed |= merge_blocks();
    }
    compact(function_);
  }

 private:
  void clear_unreachable() {
    std::vector<bool> reached = reachable_blocks(function_);
    for (uint32_t b = 0; b < reached.size(); b++) {
      if (reached[b]) continue;
      function_.blocks[BlockId(b)].insts.clear();
      function_.blocks[BlockId(b)].params.clear();
    }
  }
  bool clearing(bool edges_changed) {
    if (edges_changed) clear_unreachable();
    return edges_changed;
  }

  void apply_replacements() {
    replace_uses(function_, replacements_);
    replacements_ = {};
  }

  bool simplify_values(RuleScope& scope) {
    bool changed = false;
    std::vector<Inst> made;  // constants that rules want in front of the instruction at hand
    for (uint32_t b = 0; b < function_.blocks.size(); b++) {
      scope.enter(BlockId(b));
      std::vector<Inst>& insts = function_.blocks[BlockId(b)].insts;
      std::vector<Inst> output;  // used from the first such constant on; instructions stay in place until then
      size_t kept = 0;
      for (size_t i = 0; i < insts.size(); i++) {
        Inst& inst = insts[i];
        scope.set_output(&made, inst.span);
        if (!replacements_.empty()) each_use(inst, [&](ValueId& use) { use = replacements_.resolve(use); });
        RuleResult result{.changed = true, .replacement = {}};
        for (int rule = 0; result.changed && !result.replacement.is_valid() && rule < rules_per_inst; rule++) {
          result = apply_rule(inst, scope);
          changed |= result.changed;
        }
        if (!made.empty() && output.empty()) {
          output.reserve(insts.size() + 4);
          output.assign(std::make_move_iterator(insts.begin()),
                        std::make_move_iterator(insts.begin() + static_cast<std::ptrdiff_t>(kept)));
        }
        std::ranges::move(made, std::back_inserter(output));
        made.clear();
        if (result.replacement.is_valid()) {
          replacements_.add(inst.result, result.replacement);
          continue;
        }
        scope.define(inst);
        if (!output.empty()) output.push_back(std::move(inst));
        else if (kept != i) insts[kept] = std::move(inst);
        kept++;
      }
      if (!output.empty()) insts = std::move(output);
      else insts.resize(kept);
    }
    return changed;
  }

  // A parameter that gets the same value on every edge, apart from itself, is that value.
  bool drop_trivial_params() {
    bool changed = false;
    for (uint32_t b = 1; b < function_.blocks.size(); b++) {
      for (size_t p = function_.blocks[BlockId(b)].params.size(); p-- > 0;) {
        ValueId param = function_.blocks[BlockId(b)].params[p];
        ValueId only = only_argument(BlockId(b), p, param);
        if (!only.is_valid()) continue;
        for (Edge edge : edges_[b]) erase_argument(edge, p);
        std::vector<ValueId>& params = function_.blocks[BlockId(b)].params;
        params.erase(params.begin() + static_cast<std::ptrdiff_t>(p));
        replacements_.add(param, only);
        changed = true;
      }
    }
    return changed;
  }

  ValueId only_argument(BlockId block, size_t p, ValueId param) const {
    ValueId only;
    for (Edge edge : edges_[block.index]) {
      ValueId argument = argument_of(function_, edge, p);
      if (!argument.is_valid()) return {};
      argument = replacements_.resolve(argument);
      if (argument == param || argument == only) continue;
      if (only.is_valid()) return {};
      only = argument;
    }
    return only;
  }

  void erase_argument(Edge edge, size_t p) {
    Inst& end = function_.blocks[edge.from].insts.back();
    size_t index = p - (end.op == Opcode::branch_null && edge.target == 1 ? 1 : 0);
    std::vector<ValueId>& args = end.targets[edge.target].args;
    args.erase(args.begin() + static_cast<std::ptrdiff_t>(index));
  }

  // Before replacements are applied: a definition that the scope knows may still name what is replaced.
  bool fold_branches(const RuleScope& scope) {
    bool changed = false;
    for (Block& block : function_.blocks) {
      if (block.insts.empty() || block.insts.back().op != Opcode::branch) continue;
      Inst& branch = block.insts.back();
      auto [then, otherwise] = std::pair(branch.targets[0], branch.targets[1]);
      branch.operands[0] = replacements_.resolve(branch.operands[0]);
      if (auto known = scope.constant_of(branch.operands[0])) {
        become_jump(branch, *known ? then : otherwise);
        changed = true;
      } else if (then.block == otherwise.block && then.args == otherwise.args) {
        become_jump(branch, then);
        changed = true;
      } else if (fold_condition(branch, scope)) {
        changed = true;
      }
    }
    return changed;
  }

  static void become_jump(Inst& branch, BlockTarget target) {
    branch.op = Opcode::jump;
    branch.operands.clear();
    branch.targets = {std::move(target)};
  }

  // branch (x != 0) is branch x; branch (x == 0) is branch x the other way round.
  bool fold_condition(Inst& branch, const RuleScope& scope) const {
    const RuleScope::Definition& d = scope.definition(branch.operands[0]);
    if (!d.is_inst || (d.op != Opcode::ne && d.op != Opcode::eq) || scope.constant_of(replacements_.resolve(d.b)) != 0)
      return false;
    branch.operands[0] = d.a;
    if (d.op == Opcode::eq) std::swap(branch.targets[0], branch.targets[1]);
    return true;
  }

  // How often each value is used, edges included.
  std::vector<uint32_t> count_uses() const {
    std::vector<uint32_t> uses(function_.values.size());
    for (const Block& block : function_.blocks)
      for (const Inst& inst : block.insts) each_use(inst, [&](ValueId use) { uses[use.index]++; });
    return uses;
  }

  // An edge into a block that only goes on to another one goes there at once; so does one into a block that only
  // branches on a parameter for which the edge gives a constant.
  bool thread_jumps(const RuleScope& scope) {
    std::vector<uint32_t> uses;  // counted when the first such block is met
    bool changed = false;
    for (Block& block : function_.blocks) {
      if (block.insts.empty()) continue;
      Inst& end = block.insts.back();
      for (size_t t = 0; t < end.targets.size(); t++) {
        if (function_.blocks[end.targets[t].block].insts.size() != 1) continue;
        if (uses.empty()) uses = count_uses();
        bool provides_pointer = end.op == Opcode::branch_null && t == 1;
        // The two blocks of branch_null must differ.
        BlockId taken = end.op == Opcode::branch_null ? end.targets[1 - t].block : BlockId();
        changed |= thread_edge(end.targets[t], provides_pointer, taken, scope, uses);
      }
    }
    return changed;
  }

  bool thread_edge(BlockTarget& target, bool provides_pointer, BlockId taken, const RuleScope& scope,
                   std::vector<uint32_t>& uses) const {
    const Block& middle = function_.blocks[target.block];
    const Inst& end = middle.insts.front();
    if (end.op != Opcode::jump && end.op != Opcode::branch) return false;
    // Parameters used behind the block would lose their definition on this path.
    for (ValueId param : middle.params) {
      uint32_t own = 0;
      each_use(end, [&](ValueId use) { own += use == param ? 1 : 0; });
      if (uses[param.index] != own) return false;
    }
    if (provides_pointer) return end.targets[0].block != taken && thread_null_edge(target, middle, end, uses);
    auto argument_for = [&](ValueId value) {
      auto param = std::find(middle.params.begin(), middle.params.end(), value);
      return param == middle.params.end() ? value : target.args[static_cast<size_t>(param - middle.params.begin())];
    };
    const BlockTarget* next = &end.targets[0];
    if (end.op == Opcode::branch) {
      auto known = scope.constant_of(argument_for(end.operands[0]));
      if (!known) return false;
      next = &end.targets[*known ? 0 : 1];
    }
    if (next->block == taken) return false;
    if (next->block == target.block) return false;  // an empty endless loop
    BlockTarget threaded{next->block, {}};
    for (ValueId arg : next->args) threaded.args.push_back(argument_for(arg));
    retarget(target, std::move(threaded), uses);
    return true;
  }

  static void retarget(BlockTarget& target, BlockTarget to, std::vector<uint32_t>& uses) {
    for (ValueId arg : target.args) uses[arg.index]--;
    for (ValueId arg : to.args) uses[arg.index]++;
    target = std::move(to);
  }

  // The pointer that branch_null provides must arrive as the first parameter, and only there.
  bool thread_null_edge(BlockTarget& target, const Block& middle, const Inst& end, std::vector<uint32_t>& uses) const {
    if (end.op != Opcode::jump || end.targets[0].block == target.block) return false;
    const std::vector<ValueId>& args = end.targets[0].args;
    if (args.empty() || args[0] != middle.params[0] || std::count(args.begin(), args.end(), args[0]) != 1) return false;
    BlockTarget threaded{end.targets[0].block, {}};
    for (size_t i = 1; i < args.size(); i++) {
      auto param = std::find(middle.params.begin(), middle.params.end(), args[i]);
      bool is_param = param != middle.params.end();
      threaded.args.push_back(is_param ? target.args[static_cast<size_t>(param - middle.params.begin()) - 1] : args[i]);
    }
    retarget(target, std::move(threaded), uses);
    return true;
  }

  // The block that continues `block`, being entered by its jump only; invalid if there is none.
  BlockId continuation(BlockId block) const {
    const std::vector<Inst>& insts = function_.blocks[block].insts;
    if (insts.empty() || insts.back().op != Opcode::jump) return {};
    const BlockId target = insts.back().targets[0].block;
    return target == block || target == function_.entry() || edges_[target.index].size() != 1 ? BlockId() : target;
  }

  // Rows of blocks that continue each other are gone through from their first, so that each instruction moves once.
  bool merge_blocks() {
    edges_ = incoming_edges(function_);
    bool changed = false;
    std::vector<bool> continues(function_.blocks.size());
    for (uint32_t b = 0; b < function_.blocks.size(); b++)
      if (BlockId next = continuation(BlockId(b)); next.is_valid()) continues[next.index] = true;
    for (uint32_t b = 0; b < function_.blocks.size(); b++) {
      while (!continues[b] && continuation(BlockId(b)).is_valid()) {
        Block& block = function_.blocks[BlockId(b)];
        BlockTarget target = block.insts.back().targets[0];
        Block& next = function_.blocks[target.block];
        for (size_t p = 0; p < next.params.size(); p++) replacements_.add(next.params[p], target.args[p]);
        block.insts.pop_back();
        std::move(next.insts.begin(), next.insts.end(), std::back_inserter(block.insts));
        next.insts.clear();
        next.params.clear();
        changed = true;
      }
    }
    apply_replacements();
    return changed;
  }

  Function& function_;
  Lists<Edge> edges_;
  Replacements replacements_;
};

}  // namespace

void simplify(Module& module, PassContext& context) {
  for (Function& function : module.functions)
    if (context.may_change(function)) Simplifier(function).run();
}

}  // namespace shrike::passes
