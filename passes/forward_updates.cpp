// Takes what an update has stored, or an addition has made, for what a look-up of the same key would find:
// `@n[comm]++; if (@n[comm] > 9) { ... }` and `@at[tid] = nsecs; print(@at[tid]);` ask the map once.
//
// Needs: reuse_slots before it, so that equal keys are one slot; thread_jumps and simplify, so that blocks which only look up are
// such. Establishes: nothing. Destroys: ids; blocks that nothing enters any more and constants that nobody uses are others'.
//
// Two ways. Where a block does nothing but look a key up, edges on which the value is known are led past it: a value that was
// inserted where the insertion worked, an old value and what was added to it, zero where nothing was found. Otherwise the status
// of an update is asked before the look-up: what the map refused leaves what was there, so that the look-up stays for that.
// A constant that is added right behind an update is stored by it at once: `@n[k] = 1; @n[k] += 2;`.
// What other CPUs do in between is then seen as if it came later; what the program itself writes to the map, or may write through
// a pointer or in a function, ends the knowledge.
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

constexpr size_t most_known = 16;  // updates at a time
constexpr int most_blocks = 4;     // that are looked at before an edge

// What an edge knows of an entry.
struct Known {
  enum class Kind : uint8_t { nothing, missing, stored, added } kind = Kind::nothing;
  StoredWord stored;
  BlockId block;  // of the addition
  uint32_t at = 0;
};

// An update, and what is in the map if it gave zero.
struct Stored {
  MapEntry entry;
  ValueId status;
  StoredWord word;
  bool operator==(const Stored& other) const { return status == other.status; }
};
using Updates = std::vector<Stored>;

// A look-up at the end of its block, of which only the value is wanted.
struct Read {
  BlockId block;
  ValueId lookup;
  BlockId found;
  std::vector<std::pair<Edge, Known>> edges;  // that are led past it
  std::optional<Stored> stored;               // or what its block knows
  std::optional<int64_t> added;               // the value is not wanted: this is added to it, and no more
  BlockTarget then;                           // where that goes on, before other reads lead it past there
};

class UpdateForwarding {
 public:
  UpdateForwarding(Function& function, const Interface& interface) : function_(function), interface_(interface) {}

  void run() {
    if (!has_candidates()) return;
    dominators_ = find_dominators(function_);
    edges_ = incoming_edges(function_);
    note_definitions();
    const SlotContents contents(function_, dominators_);
    walk_forward<Updates>(dominators_, edges_, keep_common, [&](BlockId block, Updates& known) { walk(block, known, contents); });
    if (reads_.empty()) return;
    for (Read& read : reads_) note_additions(read);
    for (auto& [block, sums] : sums_) sums.apply(function_.blocks[BlockId(block)]);
    // First those that need edges as they were found.
    std::ranges::stable_partition(reads_, [](const Read& read) { return !read.stored; });
    for (const Read& read : reads_) apply(read);
    replace_uses(function_, replacements_);
    compact(function_);
  }

 private:
  struct Definition {
    BlockId block;
    const Inst* inst = nullptr;  // none: a parameter
    uint32_t uses = 0;
    uint32_t uses_here = 0;  // in its block
  };

  bool has_candidates() const {
    std::vector<bool> is_updated(interface_.maps.size()), is_asked(interface_.maps.size());
    for (const Block& block : function_.blocks)
      for (const Inst& inst : block.insts) {
        if (is_call_of(inst, HelperId::map_update_elem)) is_updated[inst.map.index] = true;
        if (is_call_of(inst, HelperId::map_lookup_elem)) is_asked[inst.map.index] = true;
      }
    for (uint32_t m = 0; m < is_updated.size(); m++)
      if (is_updated[m] && is_asked[m] && is_word(MapId(m))) return true;
    return false;
  }
  bool is_word(MapId map) const {
    const MapDecl& decl = interface_.maps[map];
    return decl.value_size == 8 && !is_per_cpu(decl.kind);
  }

  void note_definitions() {
    definitions_.resize(function_.values.size());
    for (uint32_t b = 0; b < function_.blocks.size(); b++) {
      for (ValueId param : function_.blocks[BlockId(b)].params) definitions_[param.index].block = BlockId(b);
      for (const Inst& inst : function_.blocks[BlockId(b)].insts)
        if (inst.result.is_valid()) definitions_[inst.result.index] = {.block = BlockId(b), .inst = &inst};
    }
    for (uint32_t b = 0; b < function_.blocks.size(); b++)
      for (const Inst& inst : function_.blocks[BlockId(b)].insts)
        each_use(inst, [&](ValueId use) {
          definitions_[use.index].uses++;
          if (definitions_[use.index].block == BlockId(b)) definitions_[use.index].uses_here++;
        });
  }
  const Inst* definition(ValueId value) const { return definitions_[value.index].inst; }
  std::optional<MapEntry> entry_of_call(const Inst& call, const SlotContents& contents) const {
    return entry_of(call, definition(call.operands[0]), contents);
  }

  static void keep_common(Updates& known, const Updates& other) {
    std::erase_if(known, [&](const Stored& each) { return std::ranges::find(other, each) == other.end(); });
  }

  void walk(BlockId block, Updates& known, const SlotContents& contents) {
    const std::vector<Inst>& insts = function_.blocks[block].insts;
    for (const Inst& inst : insts) {
      if (&inst + 2 == insts.data() + insts.size()) look_for_read(block, inst, known, contents);
      if (may_write_everywhere(inst)) known.clear();
      else if (inst.op == Opcode::call && inst.map.is_valid() && effect_of(inst) == Effect::writes)
        std::erase_if(known, [&](const Stored& each) { return each.entry.map == inst.map; });
      if (is_call_of(inst, HelperId::map_update_elem)) note_update(inst, known, contents);
    }
  }

  void note_update(const Inst& update, Updates& known, const SlotContents& contents) const {
    if (!is_word(update.map)) return;
    const std::optional<MapEntry> entry = entry_of_call(update, contents);
    const std::optional<StoredWord> word = word_at(update.operands[1], definition(update.operands[1]), contents, interface_);
    if (!entry || !word) return;
    if (known.size() == most_known) known.erase(known.begin());
    known.push_back({*entry, update.result, *word});
  }

  // Entries of maps, beside those of the map that a helper is given.
  bool may_write_everywhere(const Inst& inst) const {
    if (inst.op == Opcode::call_fn || inst.callee.is_valid() || inst.op == Opcode::agg_update) return true;
    if (effect_of(inst) != Effect::writes) return false;
    if (is_call_of(inst, HelperId::map_update_elem) || is_call_of(inst, HelperId::map_delete_elem)) return false;
    for (ValueId operand : inst.operands)
      if (function_.values[operand].type.region == Region::map && !is_in_array(operand)) return true;
    return false;
  }
  bool is_in_array(ValueId pointer) const {
    const Inst* inst = definition(pointer);
    while (inst != nullptr && inst->op == Opcode::ptr_add) inst = definition(inst->operands[0]);
    return inst != nullptr && inst->op == Opcode::map_value_addr;
  }

  void look_for_read(BlockId block, const Inst& lookup, const Updates& known, const SlotContents& contents) {
    if (!is_call_of(lookup, HelperId::map_lookup_elem) || !is_word(lookup.map)) return;
    const Inst& end = function_.blocks[block].insts.back();
    if (end.op != Opcode::branch_null || end.operands[0] != lookup.result || definitions_[lookup.result.index].uses != 1) return;
    const std::optional<MapEntry> entry = entry_of_call(lookup, contents);
    if (!entry) return;
    Read read{.block = block,
              .lookup = lookup.result,
              .found = end.targets[1].block,
              .edges = {},
              .stored = {},
              .added = {},
              .then = {}};
    if (!wants_value_only(read.found)) return look_for_addition(read, *entry, known);
    if (may_be_passed(block))
      for (Edge edge : edges_[block.index])
        if (Known value = known_on(edge, *entry, contents); value.kind != Known::Kind::nothing)
          read.edges.emplace_back(edge, value);
    if (read.edges.empty()) {
      const auto stored = std::ranges::find(known, *entry, &Stored::entry);
      if (stored == known.end()) return;
      read.stored = *stored;
    }
    reads_.push_back(std::move(read));
  }

  void look_for_addition(Read& read, const MapEntry& entry, const Updates& known) {
    const auto stored = std::ranges::find(known, entry, &Stored::entry);
    if (stored == known.end() || definitions_[stored->status.index].block != read.block) return;
    const std::vector<Inst>& insts = function_.blocks[read.block].insts;
    auto update = std::ranges::find(insts, stored->status, &Inst::result);
    // Nobody sees what is stored before the addition: not even a clock tells of the time between.
    const bool is_next =
        std::all_of(update + 1, insts.end() - 2, [](const Inst& inst) { return effect_of(inst) == Effect::pure; });
    read.added = added_in(read.found);
    if (!is_next || !read.added) return;
    read.stored = *stored;
    read.then = function_.blocks[read.found].insts.back().targets[0];
    reads_.push_back(std::move(read));
  }

  // Where a block adds a constant to what was found and goes on.
  std::optional<int64_t> added_in(BlockId found) const {
    if (edges_[found.index].size() != 1 || function_.blocks[found].params.size() != 1) return {};
    const ValueId pointer = function_.blocks[found].params[0];
    std::optional<int64_t> added;
    for (const Inst& inst : function_.blocks[found].insts) {
      const bool stays_here =
          !inst.result.is_valid() || definitions_[inst.result.index].uses == definitions_[inst.result.index].uses_here;
      if (inst.op == Opcode::jump) return added;
      if (inst.op == Opcode::constant && stays_here) continue;
      if (added || inst.op != Opcode::atomic_add || inst.operands[0] != pointer || inst.imm != 0 || inst.width != MemWidth::u64)
        return {};
      const Inst* amount = definition(inst.operands[1]);
      if (amount == nullptr || amount->op != Opcode::constant) return {};
      added = amount->imm;
    }
    return {};
  }

  bool wants_value_only(BlockId found) const {
    if (edges_[found.index].size() != 1) return false;
    const ValueId pointer = function_.blocks[found].params[0];
    uint32_t loads = 0;
    for (const Inst& inst : function_.blocks[found].insts)
      if (inst.op == Opcode::load && inst.operands[0] == pointer && inst.width == MemWidth::u64 && inst.imm == 0) loads++;
    return loads > 0 && loads == definitions_[pointer.index].uses;
  }

  // Nothing but the look-up happens there, and what else it makes can be made elsewhere.
  bool may_be_passed(BlockId block) const {
    if (block == function_.entry()) return false;
    for (BlockId from : dominators_.predecessors[block.index])
      if (dominators_.dominates(block, from)) return false;
    const Block& at = function_.blocks[block];
    for (ValueId param : at.params)
      if (definitions_[param.index].uses > 0) return false;
    for (size_t i = 0; i + 2 < at.insts.size(); i++) {
      const Inst& inst = at.insts[i];
      const bool is_unused =
          effect_of(inst) != Effect::writes && inst.result.is_valid() && definitions_[inst.result.index].uses == 0;
      if (!is_unused && !is_remade(inst)) return false;
    }
    return true;
  }
  static bool is_remade(const Inst& inst) {
    return inst.op == Opcode::constant || inst.op == Opcode::slot_addr || inst.op == Opcode::map_value_addr;
  }

  // Backwards from where the edge leaves, to what tells of the entry.
  Known known_on(Edge edge, const MapEntry& entry, const SlotContents& contents) const {
    if (function_.blocks[edge.from].insts.back().op == Opcode::branch_null && edge.target == 1) return {};
    for (int i = 0; i < most_blocks; i++) {
      const std::vector<Inst>& insts = function_.blocks[edge.from].insts;
      const Inst& end = insts.back();
      for (size_t at = insts.size() - 1; at-- > 0;) {
        const Inst& inst = insts[at];
        if (inst.op == Opcode::branch_null || inst.op == Opcode::branch) continue;
        if (end.op == Opcode::branch_null && edge.target == 0 && inst.result == end.operands[0] &&
            is_call_of(inst, HelperId::map_lookup_elem) && entry_of_call(inst, contents) == entry)
          return {.kind = Known::Kind::missing};
        if (inst.op == Opcode::atomic_add && is_found(inst.operands[0], entry, contents) && inst.imm == 0 &&
            inst.width == MemWidth::u64)
          return {.kind = Known::Kind::added, .stored = {}, .block = edge.from, .at = static_cast<uint32_t>(at)};
        const bool is_of_map = inst.op == Opcode::call && inst.map == entry.map && effect_of(inst) == Effect::writes;
        if (!is_of_map && !may_write_everywhere(inst)) continue;
        if (end.op == Opcode::branch && edge.target == 1 && inst.result == end.operands[0] &&
            is_call_of(inst, HelperId::map_update_elem) && entry_of_call(inst, contents) == entry)
          if (auto word = word_at(inst.operands[1], definition(inst.operands[1]), contents, interface_))
            return {.kind = Known::Kind::stored, .stored = *word};
        return {};
      }
      if (edges_[edge.from.index].size() != 1) return {};
      edge = edges_[edge.from.index][0];
    }
    return {};
  }

  // A pointer that a look-up of the entry gave.
  bool is_found(ValueId pointer, const MapEntry& entry, const SlotContents& contents) const {
    const BlockId block = definitions_[pointer.index].block;
    if (definition(pointer) != nullptr || edges_[block.index].size() != 1 || function_.blocks[block].params[0] != pointer)
      return false;
    const Inst& end = function_.blocks[edges_[block.index][0].from].insts.back();
    if (end.op != Opcode::branch_null) return false;
    const Inst* lookup = definition(end.operands[0]);
    return lookup != nullptr && is_call_of(*lookup, HelperId::map_lookup_elem) && entry_of_call(*lookup, contents) == entry;
  }

  // Additions also give the old value, once for all that want it.
  void note_additions(Read& read) {
    for (auto& [edge, known] : read.edges) {
      if (known.kind != Known::Kind::added) continue;
      Inst& addition = function_.blocks[known.block].insts[known.at];
      if (addition.op == Opcode::atomic_add) {
        addition.op = Opcode::atomic_fetch_add;
        addition.result = add_value(function_, {});
        Inst sum{.op = Opcode::add, .result = add_value(function_, {}), .operands = {addition.result, addition.operands[1]}};
        sum.span = addition.span;
        sum_of_[addition.result] = sum.result;
        sums_[known.block.index].insert(known.at + 1, std::move(sum));
      }
      known.stored.value = sum_of_[addition.result];
    }
  }

  void apply(const Read& read) {
    if (read.added) return store_sum(read);
    make_value_param(read);
    remake_values(read.block);
    if (read.stored) return ask_status(read);
    const Inst end = function_.blocks[read.block].insts.back();
    for (const auto& [edge, known] : read.edges) lead_past(edge, known, read, end);
  }

  // ^found(%p): %v = load %p  becomes  ^load(%p): %v = load %p, jump ^found(%v)
  void make_value_param(const Read& read) {
    const BlockId load = add_block(function_, "load");
    Block& found = function_.blocks[read.found];
    Block& before = function_.blocks[load];
    const ValueId pointer = found.params[0], value = add_value(function_, {});
    const auto first = std::ranges::find_if(
        found.insts, [&](const Inst& inst) { return inst.op == Opcode::load && inst.operands[0] == pointer; });
    Inst made = *first;
    made.result = add_value(function_, {});
    Inst jump{.op = Opcode::jump};
    jump.span = made.span;
    jump.targets.push_back({read.found, {made.result}});
    before.params = {pointer};
    for (size_t i = 1; i < found.params.size(); i++) {
      before.params.push_back(add_value(function_, function_.values[found.params[i]].type));
      jump.targets[0].args.push_back(before.params.back());
    }
    found.params[0] = value;
    std::erase_if(found.insts, [&](const Inst& inst) {
      if (inst.op != Opcode::load || inst.operands[0] != pointer) return false;
      replacements_.add(inst.result, value);
      return true;
    });
    before.insts.push_back(std::move(made));
    before.insts.push_back(std::move(jump));
    function_.blocks[read.block].insts.back().targets[1].block = load;
  }

  // Constants and addresses of the block that are used elsewhere are made there.
  void remake_values(BlockId block) {
    const bool is_needed = std::ranges::any_of(function_.blocks[block].insts, [&](const Inst& inst) {
      return inst.result.is_valid() && inst.result.index < definitions_.size() && is_remade(inst) &&
             definitions_[inst.result.index].uses > definitions_[inst.result.index].uses_here;
    });
    if (!is_needed) return;
    for (uint32_t b = 0; b < function_.blocks.size(); b++) {
      if (BlockId(b) == block) continue;
      std::map<ValueId, Inst> made;
      for (Inst& inst : function_.blocks[BlockId(b)].insts)
        each_use(inst, [&](ValueId& use) {
          if (use.index >= definitions_.size() || definitions_[use.index].block != block) return;
          const auto here = std::ranges::find(function_.blocks[block].insts, use, &Inst::result);
          if (here == function_.blocks[block].insts.end() || !is_remade(*here)) return;
          auto [known, is_new] = made.try_emplace(use, *here);
          if (is_new) known->second.result = add_value(function_, function_.values[use].type);
          use = known->second.result;
        });
      std::vector<Inst>& insts = function_.blocks[BlockId(b)].insts;
      for (auto& [value, inst] : made) insts.insert(insts.begin(), std::move(inst));
    }
  }

  ValueId word_before_end(BlockId block, const StoredWord& word) {
    if (!word.constant) return word.value;
    std::vector<Inst>& insts = function_.blocks[block].insts;
    Inst made{.op = Opcode::constant, .result = add_value(function_, {}), .imm = *word.constant};
    made.span = insts.back().span;
    const ValueId value = made.result;
    insts.insert(insts.end() - 1, std::move(made));
    return value;
  }

  void lead_past(Edge edge, const Known& known, const Read& read, const Inst& end) {
    BlockTarget to;
    if (known.kind == Known::Kind::missing) {
      to = end.targets[0];
    } else {
      to = {read.found, {word_before_end(edge.from, known.stored)}};
      to.args.insert(to.args.end(), end.targets[1].args.begin(), end.targets[1].args.end());
    }
    // What the block made for those it leads to.
    for (ValueId& arg : to.args) {
      const std::vector<Inst>& made = function_.blocks[read.block].insts;
      const auto here = std::ranges::find(made, arg, &Inst::result);
      if (here == made.end()) continue;
      Inst again = *here;
      again.result = arg = add_value(function_, function_.values[again.result].type);
      std::vector<Inst>& insts = function_.blocks[edge.from].insts;
      insts.insert(insts.end() - 1, std::move(again));
    }
    function_.blocks[edge.from].insts.back().targets[edge.target] = std::move(to);
  }

  // The update stores the sum, and where it worked the addition is left out.
  void store_sum(const Read& read) {
    std::vector<Inst>& insts = function_.blocks[read.block].insts;
    const auto update = std::ranges::find(insts, read.stored->status, &Inst::result);
    const SlotId slot = function_.slots.add({.name = unique_slot_name(function_, "sum")});
    std::vector<Inst> made;
    auto make = [&](Inst inst, ValueType type) {
      inst.result = add_value(function_, type);
      inst.span = update->span;
      made.push_back(std::move(inst));
      return made.back().result;
    };
    const StoredWord& word = read.stored->word;
    const uint64_t sum = static_cast<uint64_t>(word.constant.value_or(0)) + static_cast<uint64_t>(*read.added);
    ValueId value = make({.op = Opcode::constant, .imm = static_cast<int64_t>(sum)}, {});
    if (!word.constant) value = make({.op = Opcode::add, .operands = {word.value, value}}, {});
    const ValueId address = make({.op = Opcode::slot_addr, .slot = slot}, {Region::stack, false});
    made.push_back({.op = Opcode::store, .operands = {address, value}});
    made.back().span = update->span;
    update->operands[1] = address;
    insts.insert(update, std::make_move_iterator(made.begin()), std::make_move_iterator(made.end()));

    split_at_lookup(read).targets[1].block = read.then.block;
    for (ValueId arg : read.then.args) {
      const std::vector<Inst>& there = function_.blocks[read.found].insts;
      const auto constant = std::ranges::find(there, arg, &Inst::result);
      std::vector<Inst>& here = function_.blocks[read.block].insts;
      const ValueId given = constant == there.end() ? arg : word_before_end(read.block, {.value = {}, .constant = constant->imm});
      here.back().targets[1].args.push_back(given);
    }
  }

  // branch status, ^ask, ^found(stored)
  void ask_status(const Read& read) {
    std::vector<ValueId> args = function_.blocks[read.block].insts.back().targets[1].args;
    split_at_lookup(read).targets[1] = {read.found, std::move(args)};
    const ValueId value = word_before_end(read.block, read.stored->word);
    std::vector<ValueId>& given = function_.blocks[read.block].insts.back().targets[1].args;
    given.insert(given.begin(), value);
  }

  // The block's new end: a test of the status that goes to the look-up where the update was refused.
  Inst& split_at_lookup(const Read& read) {
    const auto& insts = function_.blocks[read.block].insts;
    const auto lookup = std::ranges::find(insts, read.lookup, &Inst::result);
    const Span span = lookup->span;
    const BlockId ask = split_block(function_, read.block, static_cast<size_t>(lookup - insts.begin()), "ask");
    Inst test{.op = Opcode::branch, .operands = {read.stored->status}};
    test.targets = {{ask, {}}, {ask, {}}};
    test.span = span;
    function_.blocks[read.block].insts.push_back(std::move(test));
    return function_.blocks[read.block].insts.back();
  }

  Function& function_;
  const Interface& interface_;
  Dominators dominators_;
  Lists<Edge> edges_;
  std::vector<Definition> definitions_;  // by value
  std::vector<Read> reads_;
  std::map<uint32_t, InsertionSet> sums_;  // by block
  std::map<ValueId, ValueId> sum_of_;      // by the old value
  Replacements replacements_;
};

}  // namespace

void forward_updates(Module& module, PassContext& context) {
  for (Function& function : module.functions)
    if (context.may_change(function)) UpdateForwarding(function, module.interface).run();
}

}  // namespace shrike::passes
