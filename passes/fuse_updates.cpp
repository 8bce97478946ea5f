// Stores through the pointer that a look-up found what an update of the same key would make an entry of anew:
// `@delta = nsecs - @last[cpu]; @last[cpu] = nsecs;` and `if (@most[k] < $n) { @most[k] = $n; }` ask the map once.
//
// Needs: reuse_slots before it, so that equal keys are one slot; thread_jumps, so that what follows a test of the value is
// dominated by the look-up that found it. Establishes: nothing. Destroys: ids; slots whose only reader was an update are
// remove_dead's. Where the update is not dominated by the found pointer, a test of what the look-up gave decides between both.
//
// An entry that another CPU deletes or replaces meanwhile may be the memory of another key. So this is done only to maps from
// which nothing is ever deleted or cleared, and all of whose updates, in all programs, are such: what is left of them inserts
// what a look-up has missed. (Three CPUs may still meet: two insert a key at once, and a third has found the first one's entry.
// That is the race between a look-up and an atomic addition in every count of a key.) Values are single words, so that no reader
// sees half of one.
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
constexpr uint32_t word_bytes = 8;

// What a look-up gave, from there on until the entry may have been replaced.
struct Found {
  MapEntry entry;
  ValueId result;           // of the look-up
  ValueId pointer;          // where that is known not to be null
  bool is_missing = false;  // where it is known to be
  bool operator==(const Found&) const = default;
};
using Known = std::vector<Found>;  // the oldest first

// An update behind a look-up of its key.
struct Plan {
  BlockId block;
  uint32_t at = 0;  // in it
  MapId map;
  Found found;
  StoredWord word;
  SlotId slot;  // where the update finds it
};

struct MapUse {
  bool may_fuse = false;
  uint32_t updates = 0, planned = 0;  // that would replace an entry
};

class UpdateFusion {
 public:
  UpdateFusion(Function& function, const Interface& interface, std::vector<MapUse>& maps)
      : function_(function), interface_(interface), maps_(maps) {}

  void plan(bool may_change) {
    may_change_ = may_change;
    dominators_ = find_dominators(function_);
    edges_ = incoming_edges(function_);
    definitions_.resize(function_.values.size());
    for (const Block& block : function_.blocks)
      for (const Inst& inst : block.insts)
        if (inst.result.is_valid()) definitions_[inst.result.index] = &inst;
    const SlotContents contents(function_, dominators_);
    walk_forward<Known>(
        dominators_, edges_, [&](Edge edge, BlockId block, const Known& known) { return with_outcome(edge, block, known); },
        keep_common, [&](BlockId block, Known& known) { walk(block, known, contents); });
  }

  void apply() {
    std::erase_if(plans_, [&](const Plan& plan) { return plan.found.is_missing || !is_fused(plan.map); });
    if (plans_.empty()) return;
    count_uses();
    // From the end, so that places stay what they were.
    std::ranges::sort(plans_, {}, [](const Plan& plan) { return std::pair(plan.block.index, plan.at); });
    for (; !plans_.empty(); plans_.pop_back()) {
      const Plan& plan = plans_.back();
      if (plan.found.pointer.is_valid()) store_instead(plan);
      else choose(plan);
    }
    replace_uses(function_, replacements_);
    compact(function_);
  }

 private:
  bool is_fused(MapId map) const { return maps_[map.index].planned == maps_[map.index].updates; }

  // What an edge out of a test tells. A pointer is one where the edge is the only way in.
  Known with_outcome(Edge edge, BlockId block, Known known) const {
    const Inst& end = function_.blocks[edge.from].insts.back();
    if (end.op != Opcode::branch_null) return known;
    for (Found& found : known) {
      if (found.result != end.operands[0]) continue;
      found.is_missing = edge.target == 0;
      if (edge.target == 1 && edges_[block.index].size() == 1) found.pointer = function_.blocks[block].params[0];
    }
    return known;
  }

  static void keep_common(Known& known, const Known& other) {
    std::erase_if(known, [&](Found& found) {
      auto same = std::ranges::find(other, found.result, &Found::result);
      if (same == other.end()) return true;
      if (same->pointer != found.pointer) found.pointer = {};
      found.is_missing &= same->is_missing;
      return false;
    });
  }

  void walk(BlockId block, Known& known, const SlotContents& contents) {
    const std::vector<Inst>& insts = function_.blocks[block].insts;
    for (uint32_t at = 0; at < insts.size(); at++) {
      const Inst& inst = insts[at];
      if (is_call_of(inst, HelperId::map_lookup_elem)) note_lookup(inst, known, contents);
      else if (is_replacement(inst)) note_update(block, at, known, contents);
      else if (inst.op == Opcode::call_fn || inst.callee.is_valid()) known.clear();
    }
  }

  bool is_replacement(const Inst& inst) const {
    if (!is_call_of(inst, HelperId::map_update_elem)) return false;
    const Inst* flags = definitions_[inst.operands[2].index];
    return flags == nullptr || flags->op != Opcode::constant || flags->imm == 0;
  }

  void note_lookup(const Inst& lookup, Known& known, const SlotContents& contents) const {
    if (!maps_[lookup.map.index].may_fuse) return;
    const std::optional<MapEntry> entry = entry_of(lookup, definitions_[lookup.operands[0].index], contents);
    if (!entry || std::ranges::find(known, *entry, &Found::entry) != known.end()) return;
    if (known.size() == most_known) known.erase(known.begin());
    known.push_back({.entry = *entry, .result = lookup.result, .pointer = {}});
  }

  void note_update(BlockId block, uint32_t at, Known& known, const SlotContents& contents) {
    const Inst& update = function_.blocks[block].insts[at];
    const bool is_in_place = maps_[update.map.index].may_fuse && plan_update(block, at, known, contents);
    // Others of the map may be this one.
    if (!is_in_place) std::erase_if(known, [&](const Found& found) { return found.entry.map == update.map; });
  }

  // True if all that is left of it is a store.
  bool plan_update(BlockId block, uint32_t at, const Known& known, const SlotContents& contents) {
    const Inst& update = function_.blocks[block].insts[at];
    MapUse& use = maps_[update.map.index];
    use.updates++;
    const std::optional<MapEntry> entry = entry_of(update, definitions_[update.operands[0].index], contents);
    if (!entry) return false;
    const auto found = std::ranges::find(known, *entry, &Found::entry);
    if (found == known.end()) return false;
    Plan plan{
        .block = block, .at = at, .map = update.map, .found = *found, .word = {}, .slot = contents.slot_at(update.operands[1])};
    if (!found->is_missing) {
      const auto word = word_at(update.operands[1], definitions_[update.operands[1].index], contents, interface_);
      if (!word) return false;
      plan.word = *word;
    }
    if (!may_change_) return false;
    use.planned++;
    plans_.push_back(plan);
    return found->pointer.is_valid();
  }

  ValueId append_constant(std::vector<Inst>& insts, int64_t value, Span span) {
    Inst made{.op = Opcode::constant, .result = add_value(function_, {}), .imm = value};
    made.span = span;
    insts.push_back(std::move(made));
    return insts.back().result;
  }

  // The store, and zero, which is what an update gives that worked.
  ValueId append_store(std::vector<Inst>& insts, const Plan& plan, ValueId pointer, Span span) {
    const ValueId value = plan.word.constant ? append_constant(insts, *plan.word.constant, span) : plan.word.value;
    Inst store{.op = Opcode::store, .operands = {pointer, value}};
    store.span = span;
    insts.push_back(std::move(store));
    return append_constant(insts, 0, span);
  }

  void store_instead(const Plan& plan) {
    std::vector<Inst>& insts = function_.blocks[plan.block].insts;
    const auto update = insts.begin() + plan.at;
    std::vector<Inst> made;
    replacements_.add(update->result, append_store(made, plan, plan.found.pointer, update->span));
    *update = std::move(made.back());
    made.pop_back();
    insts.insert(insts.begin() + plan.at, std::make_move_iterator(made.begin()), std::make_move_iterator(made.end()));
  }

  void count_uses() {
    uses_.resize(function_.values.size());
    addresses_.resize(function_.slots.size());
    for (const Block& block : function_.blocks)
      for (const Inst& inst : block.insts) {
        if (inst.op == Opcode::slot_addr) addresses_[inst.slot.index]++;
        each_use(inst, [&](ValueId use) { uses_[use.index]++; });
      }
  }

  // branch_null found, ^insert, ^replace, both of which lead to the rest of the block.
  void choose(const Plan& plan) {
    const BlockId insert = add_block(function_, "insert"), replace = add_block(function_, "replace");
    const BlockId rest = split_block(function_, plan.block, plan.at + 1, "on");
    const Span span = function_.blocks[plan.block].insts.back().span;
    const ValueId status = function_.blocks[plan.block].insts.back().result;
    move_update(plan, insert);
    Inst test{.op = Opcode::branch_null, .operands = {plan.found.result}};
    test.targets = {{insert, {}}, {replace, {}}};
    test.span = span;
    function_.blocks[plan.block].insts.push_back(std::move(test));
    const ValueId pointer = add_value(function_, {Region::map, false});
    function_.blocks[replace].params = {pointer};
    const ValueId zero = append_store(function_.blocks[replace].insts, plan, pointer, span);

    std::vector<Inst>& then = function_.blocks[rest].insts;
    if (then.size() == 1 && asks_only(plan.block, then[0], status)) {
      BlockTarget done = then[0].targets[1];
      std::ranges::replace(done.args, status, zero);
      append_jump(replace, std::move(done), span);
      function_.blocks[insert].insts.push_back(std::move(then[0]));
      then.clear();
      return;
    }
    const ValueId inserted = add_value(function_, {}), joined = add_value(function_, {});
    function_.blocks[insert].insts.back().result = inserted;
    append_jump(insert, {rest, {inserted}}, span);
    append_jump(replace, {rest, {zero}}, span);
    function_.blocks[rest].params = {joined};
    replacements_.add(status, joined);
  }

  // With what fills the slot that it alone is pointed to.
  void move_update(const Plan& plan, BlockId to) {
    std::vector<Inst>& from = function_.blocks[plan.block].insts;
    const ValueId pointer = from.back().operands[1];
    std::vector<Inst>& into = function_.blocks[to].insts;
    auto fills = [&](const Inst& inst) { return inst.op == Opcode::store && inst.operands[0] == pointer; };
    const auto store = std::ranges::find_if(from, fills);
    if (store != from.end() && plan.slot.is_valid() && addresses_[plan.slot.index] == 1 && uses_[pointer.index] == 2) {
      into.push_back(std::move(*store));
      from.erase(store);
    }
    into.push_back(std::move(from.back()));
    from.pop_back();
  }

  // The branch, and the block that is entered where it finds an error.
  bool asks_only(BlockId block, const Inst& branch, ValueId status) const {
    if (branch.op != Opcode::branch || branch.operands[0] != status) return false;
    const BlockId refused = branch.targets[0].block;
    if (edges_[refused.index].size() != 1 || branch.targets[1].block == refused) return false;
    uint32_t uses = 0;
    auto count = [&](ValueId use) { uses += use == status ? 1 : 0; };
    each_use(branch, count);
    for (const Inst& inst : function_.blocks[refused].insts) each_use(inst, count);
    return uses == uses_[status.index] && refused != block;
  }

  void append_jump(BlockId from, BlockTarget to, Span span) {
    Inst jump{.op = Opcode::jump};
    jump.targets.push_back(std::move(to));
    jump.span = span;
    function_.blocks[from].insts.push_back(std::move(jump));
  }

  Function& function_;
  const Interface& interface_;
  std::vector<MapUse>& maps_;
  bool may_change_ = true;
  Dominators dominators_;
  Lists<Edge> edges_;
  std::vector<const Inst*> definitions_;  // by value; null: a parameter
  std::vector<Plan> plans_;
  std::vector<uint32_t> uses_, addresses_;  // by value; by slot
  Replacements replacements_;
};

// Hashes of words; false for what is deleted from or cleared.
std::vector<MapUse> maps_to_fuse(const Module& module) {
  std::vector<MapUse> maps(module.interface.maps.size());
  for (uint32_t m = 0; m < maps.size(); m++) {
    const MapDecl& map = module.interface.maps[MapId(m)];
    maps[m].may_fuse = map.role == MapRole::user && map.kind == MapKind::hash && map.value_size == word_bytes;
  }
  for (const EventDecl& event : module.interface.events)
    if (event.kind == EventKind::clear || event.kind == EventKind::zero) maps[event.map.index].may_fuse = false;
  std::vector<bool> is_asked(maps.size()), is_updated(maps.size());
  for (const Function& function : module.functions)
    for (const Block& block : function.blocks)
      for (const Inst& inst : block.insts) {
        if (inst.op != Opcode::call || !inst.map.is_valid()) continue;
        if (inst.helper == HelperId::map_lookup_elem) is_asked[inst.map.index] = true;
        else if (inst.helper == HelperId::map_update_elem) is_updated[inst.map.index] = true;
        else if (inst.helper == HelperId::map_delete_elem) maps[inst.map.index].may_fuse = false;
      }
  for (uint32_t m = 0; m < maps.size(); m++) maps[m].may_fuse = maps[m].may_fuse && is_asked[m] && is_updated[m];
  return maps;
}

}  // namespace

void fuse_updates(Module& module, PassContext& context) {
  std::vector<MapUse> maps = maps_to_fuse(module);
  if (std::ranges::none_of(maps, &MapUse::may_fuse)) return;
  std::vector<UpdateFusion> functions;
  functions.reserve(module.functions.size());
  for (Function& function : module.functions)
    functions.emplace_back(function, module.interface, maps).plan(context.may_change(function));
  for (UpdateFusion& function : functions) function.apply();
}

}  // namespace shrike::passes
