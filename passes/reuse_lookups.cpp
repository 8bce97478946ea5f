// Takes what a look-up in a map has found, and what was loaded there, for what a second look-up of the same key would find:
// `/@start[tid]/ { @ = hist(nsecs - @start[tid]); }` asks the map once.
//
// Needs: reuse_slots before it, so that equal keys are one slot; thread_jumps, so that what follows a test of the value is
// dominated by the look-up that found it. Establishes: nothing. Destroys: nothing; blocks that nothing enters any more and
// parameters that get one value are simplify's. Does not reuse pointers: the entry may be deleted on another CPU, and its memory
// be another key's. So the second look-up goes away only where all it loads was loaded before. What other CPUs do in between is
// then seen as if it came later; what the program itself writes to the map, or may write through a pointer or in a function, ends
// the reuse.
#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "mir/analysis/dominators.h"
#include "mir/edit.h"
#include "passes/map_entries.h"
#include "passes/passes.h"
#include "passes/slot_contents.h"
#include "passes/walk_forward.h"

namespace shrike::passes {

namespace {

using namespace mir;

constexpr size_t most_known = 16;  // look-ups at a time

class LookupReuse {
 public:
  explicit LookupReuse(Function& function) : function_(function) {}

  void run() {
    if (!has_two_lookups()) return;
    dominators_ = find_dominators(function_);
    edges_ = incoming_edges(function_);
    SlotContents contents(function_, dominators_);
    note_definitions();
    walk_forward<Known>(dominators_, edges_, keep_common, [&](BlockId block, Known& known) { walk(block, known, contents); });
    replace_uses(function_, replacements_);
  }

 private:
  struct Load {
    int64_t offset = 0;
    MemWidth width = MemWidth::u64;
    ValueId value;
    bool operator==(const Load&) const = default;
  };
  struct Found {
    MapEntry entry;
    ValueId pointer;
    std::vector<Load> loads;
  };
  using Known = std::vector<Found>;  // the oldest first

  struct Definition {
    BlockId block;
    const Inst* inst = nullptr;  // none: a parameter
  };

  static bool is_lookup(const Inst& inst) { return is_call_of(inst, HelperId::map_lookup_elem); }

  bool has_two_lookups() const {
    size_t lookups = 0;
    for (const Block& block : function_.blocks) lookups += static_cast<size_t>(std::ranges::count_if(block.insts, is_lookup));
    return lookups >= 2;
  }

  // Instructions stay where they are until run() ends; only what they are changes.
  void note_definitions() {
    definitions_.resize(function_.values.size());
    users_.resize(function_.values.size());
    for (uint32_t b = 0; b < function_.blocks.size(); b++) {
      for (ValueId param : function_.blocks[BlockId(b)].params) definitions_[param.index] = {BlockId(b), nullptr};
      for (Inst& inst : function_.blocks[BlockId(b)].insts) {
        if (inst.result.is_valid()) definitions_[inst.result.index] = {BlockId(b), &inst};
        each_use(inst, [&](ValueId use) { users_[use.index].push_back(&inst); });
      }
    }
  }

  static void keep_common(Known& known, const Known& other) {
    std::erase_if(known, [&](Found& found) {
      auto same = std::ranges::find(other, found.entry, &Found::entry);
      if (same == other.end() || same->pointer != found.pointer) return true;
      std::erase_if(found.loads, [&](const Load& load) { return std::ranges::find(same->loads, load) == same->loads.end(); });
      return false;
    });
  }

  static void add(Known& known, const MapEntry& entry, ValueId pointer) {
    if (std::ranges::find(known, entry, &Found::entry) != known.end()) return;
    if (known.size() == most_known) known.erase(known.begin());
    known.push_back({entry, pointer, {}});
  }

  void walk(BlockId block, Known& known, const SlotContents& contents) {
    // The only way in is the branch that found the pointer, and nothing has come between it and the look-up.
    if (auto found = found_by_.find(block); found != found_by_.end())
      add(known, found->second, function_.blocks[block].params[0]);
    std::map<ValueId, MapEntry> asked;  // by result, while nothing has been written since
    for (Inst& inst : function_.blocks[block].insts) {
      if (is_lookup(inst)) {
        if (std::optional<MapEntry> entry = entry_of(inst, definitions_[inst.operands[0].index].inst, contents)) {
          auto first = std::ranges::find(known, *entry, &Found::entry);
          if (first != known.end() && take(block, inst, *first)) continue;
          asked[inst.result] = *entry;
        }
        continue;
      }
      if (inst.op == Opcode::load) note_load(inst, known);
      else if (inst.op == Opcode::branch_null) note_found(inst, asked);
      else forget(inst, known, asked);
    }
  }

  // Only what is loaded is of interest: the value of each load was loaded before.
  bool take(BlockId block, Inst& lookup, const Found& first) {
    Inst& end = function_.blocks[block].insts.back();
    const std::vector<Inst*>& users = users_[lookup.result.index];
    if (users.size() != 1 || users[0] != &end || end.op != Opcode::branch_null) return false;
    const BlockId then = end.targets[1].block;
    if (edges_[then.index].size() != 1) return false;
    const ValueId again = function_.blocks[then].params[0];
    std::vector<std::pair<ValueId, ValueId>> same;
    for (const Inst* user : users_[again.index]) {
      if (user->op != Opcode::load) return false;
      auto load = std::ranges::find_if(first.loads,
                                       [&](const Load& each) { return each.offset == user->imm && each.width == user->width; });
      if (load == first.loads.end()) return false;
      same.emplace_back(user->result, load->value);
    }
    for (auto [from, to] : same)
      if (from != to) replacements_.add(from, to);
    BlockTarget target = std::move(end.targets[1]);
    target.args.insert(target.args.begin(), first.pointer);
    const Span span = end.span;
    end = Inst{.op = Opcode::jump};
    end.targets = {std::move(target)};
    end.span = span;
    return true;
  }

  void note_load(const Inst& load, Known& known) const {
    for (Found& found : known)
      if (found.pointer == load.operands[0]) found.loads.push_back({load.imm, load.width, load.result});
  }

  void note_found(const Inst& branch, const std::map<ValueId, MapEntry>& asked) {
    auto found = asked.find(branch.operands[0]);
    if (found != asked.end() && edges_[branch.targets[1].block.index].size() == 1)
      found_by_.emplace(branch.targets[1].block, found->second);
  }

  // What each edge into the block hands it is found in one map.
  MapId map_of_found(BlockId block) const {
    MapId map;
    for (Edge edge : edges_[block.index]) {
      const Inst& end = function_.blocks[edge.from].insts.back();
      if (end.op != Opcode::branch_null || edge.target != 1) return {};
      const Inst* lookup = definitions_[end.operands[0].index].inst;
      if (lookup == nullptr || lookup->op != Opcode::call || (map.is_valid() && lookup->map != map)) return {};
      map = lookup->map;
    }
    return map;
  }

  // The map that a pointer leads into; invalid if it is not known.
  MapId map_of(ValueId pointer) const {
    for (;;) {
      const Definition& definition = definitions_[pointer.index];
      const Inst* inst = definition.inst;
      if (inst == nullptr) {
        const bool is_first = function_.blocks[definition.block].params[0] == pointer;
        return is_first && definition.block != function_.entry() ? map_of_found(definition.block) : MapId();
      }
      if (inst->op == Opcode::map_value_addr) return inst->map;
      if (inst->op != Opcode::ptr_add) return {};
      pointer = inst->operands[0];
    }
  }

  static void forget_map(MapId map, Known& known, std::map<ValueId, MapEntry>& asked) {
    auto is_of_map = [&](MapId each) { return !map.is_valid() || each == map; };
    std::erase_if(known, [&](const Found& found) { return is_of_map(found.entry.map); });
    std::erase_if(asked, [&](const auto& each) { return is_of_map(each.second.map); });
  }

  void forget(const Inst& inst, Known& known, std::map<ValueId, MapEntry>& asked) const {
    if (effect_of(inst) != Effect::writes) return;
    if (inst.op == Opcode::call_fn || inst.callee.is_valid() || inst.op == Opcode::agg_update)
      return forget_map({}, known, asked);
    if (inst.op == Opcode::call && inst.map.is_valid()) forget_map(inst.map, known, asked);
    // A helper may write where a pointer leads; what it only reads there costs a look-up.
    for (ValueId operand : inst.operands)
      if (function_.values[operand].type.region == Region::map && is_written(inst, operand))
        forget_map(map_of(operand), known, asked);
  }

  static bool is_written(const Inst& inst, ValueId operand) {
    if (inst.op != Opcode::call) return operand == inst.operands[0];
    size_t next = 0;
    for (HelperOperand kind : row_of(inst.helper).operands) {
      if (!is_value_operand(kind)) continue;
      const bool is_this = inst.operands[next++] == operand;
      const bool is_read = kind == HelperOperand::key || kind == HelperOperand::value || kind == HelperOperand::in ||
                           kind == HelperOperand::in_n || kind == HelperOperand::str;
      if (is_this && !is_read) return true;
    }
    return false;
  }

  Function& function_;
  Dominators dominators_;
  Lists<Edge> edges_;
  std::vector<Definition> definitions_;    // by value
  std::vector<std::vector<Inst*>> users_;  // by value
  std::map<BlockId, MapEntry> found_by_;   // blocks that are entered with what a look-up found
  Replacements replacements_;
};

}  // namespace

void reuse_lookups(Module& module, PassContext& context) {
  for (Function& function : module.functions)
    if (context.may_change(function)) LookupReuse(function).run();
}

}  // namespace shrike::passes
