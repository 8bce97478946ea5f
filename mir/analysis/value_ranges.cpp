// Sweeps over the blocks in reverse postorder until no parameter of a block grows, widening those that keep growing,
// then twice more to take back what widening gave away. Every branch is taken for possible: the verifier may not see
// what we see. A fact refined at a block holds in all blocks it dominates, because values never change.
#include "mir/analysis/value_ranges.h"

#include <algorithm>
#include <optional>

namespace shrike::mir {

namespace {

constexpr int growth_before_widening = 3;
constexpr int growth_before_giving_up = 100;
constexpr int deepest_condition = 8;  // comparisons of comparisons with zero that are looked through
constexpr int deepest_callback = 8;   // frames that hand on their caller's memory

bool is_comparison(Opcode op) {
  return op >= Opcode::eq && op <= Opcode::le_s;
}

// The greatest power of two that divides it, of an address of that alignment.
uint32_t align_after(uint32_t align, uint64_t bytes) {
  while (align > 1 && bytes % align != 0) align /= 2;
  return align;
}

// The same pointer, seen as one to what lies around it: not more than `before` bytes are kept on its left.
Fact cut_left(const Fact& fact, uint64_t before) {
  const uint64_t cut = fact.range.umin - before;
  Object object{ObjectKind::either, 0, fact.object.size - cut, align_after(fact.object.align, cut)};
  return {Range::exactly(before), object};
}

// The verifier walks each way by itself, so what fits the smaller object is proved for both. Where both pointers are at known
// places it is the room around these that counts: frames lie somewhere in scratch maps, each in its own.
Fact joined(const Fact& a, const Fact& b) {
  if (a.object == b.object) return {join(a.range, b.range), a.object};
  if (a.object.size == 0 || b.object.size == 0) return {};
  const auto is_inside = [](const Fact& fact) { return fact.range.is_exact() && fact.range.umin <= fact.object.size; };
  if (is_inside(a) && is_inside(b) && a.range != b.range) {
    const uint64_t before = std::min(a.range.umin, b.range.umin);
    return joined(cut_left(a, before), cut_left(b, before));
  }
  Object either{ObjectKind::either, 0, std::min(a.object.size, b.object.size), std::min(a.object.align, b.object.align)};
  return {join(a.range, b.range), either};
}

Fact object_fact(ObjectKind kind, uint32_t id, uint64_t size, uint32_t align) {
  return {Range::exactly(0), {kind, id, size, align}};
}

// Where `callee` is called back from: the map that is walked and the memory handed along, as far as all callers agree.
struct Callers {
  Object frame, map_value, map_key;
  bool is_first = true;
};

Callers find_callers(const Module& module, FunctionId callee, int depth);

void add_caller(Callers& callers, const Module& module, FunctionId caller_id, const Inst& call, int depth) {
  const Function& caller = module.functions[caller_id];
  const std::vector<ValueId>& caller_params = caller.blocks[caller.entry()].params;
  Object frame{ObjectKind::frame, 0, 0, 8};
  size_t operand = 0;
  for (HelperOperand kind : row_of(call.helper).operands) {
    if (!is_value_operand(kind)) continue;
    ValueId value = call.operands[operand++];
    if (kind != HelperOperand::any) continue;
    bool is_handed_on = std::find(caller_params.begin(), caller_params.end(), value) != caller_params.end();
    if (is_handed_on && depth < deepest_callback) frame = find_callers(module, caller_id, depth + 1).frame;
    for (const Block& block : caller.blocks) {
      for (const Inst& inst : block.insts) {
        if (inst.result != value || inst.op != Opcode::slot_addr) continue;
        frame.size = caller.slots[inst.slot].size;
        frame.align = caller.slots[inst.slot].align;
      }
    }
  }
  Object value, key;
  if (call.map.is_valid()) {
    const MapDecl& map = module.interface.maps[call.map];
    value = {ObjectKind::map_value, call.map.index, map.value_size, 8};
    key = {ObjectKind::map_key, call.map.index, map.key_size, 8};
  }
  if (callers.is_first) {
    callers = {frame, value, key, false};
    return;
  }
  callers.frame.size = std::min(callers.frame.size, frame.size);
  callers.frame.align = std::min(callers.frame.align, frame.align);
  if (callers.map_value != value) callers.map_value = {};
  if (callers.map_key != key) callers.map_key = {};
}

Callers find_callers(const Module& module, FunctionId callee, int depth) {
  Callers callers;
  for (uint32_t f = 0; f < module.functions.size(); f++)
    for (const Block& block : module.functions[FunctionId(f)].blocks)
      for (const Inst& inst : block.insts)
        if (inst.op == Opcode::call && inst.callee == callee) add_caller(callers, module, FunctionId(f), inst, depth);
  return callers;
}

// A caller's own slot is, to the function called, memory of its caller.
Fact as_seen_by_callee(Fact fact) {
  if (fact.object.kind == ObjectKind::slot) fact.object = {ObjectKind::frame, 0, fact.object.size, fact.object.align};
  return fact;
}

// What all calls of sub-program `callee` together say of its parameters. The verifier walks it anew at each call.
std::vector<Fact> given_parameters(const Module& module, FunctionId callee, size_t count, Prover prover) {
  std::vector<Fact> given(count);
  bool is_first = true;
  for (uint32_t f = 0; f < module.functions.size(); f++) {
    std::optional<ValueRanges> caller;  // of a function that does call it
    const Table<BlockId, Block>& blocks = module.functions[FunctionId(f)].blocks;
    for (uint32_t b = 0; b < blocks.size(); b++) {
      for (const Inst& inst : blocks[BlockId(b)].insts) {
        if (inst.op != Opcode::call_fn || inst.callee != callee) continue;
        if (!caller) caller.emplace(module, FunctionId(f), prover);
        if (!caller->dominators().is_reachable(BlockId(b))) continue;
        for (size_t i = 0; i < count && i < inst.operands.size(); i++) {
          Fact fact = as_seen_by_callee(caller->at(BlockId(b), inst.operands[i]));
          given[i] = is_first ? fact : joined(given[i], fact);
        }
        is_first = false;
      }
    }
  }
  return given;
}

}  // namespace

ValueRanges::ValueRanges(const Module& module, FunctionId function, Prover prover)
    : module_(module),
      function_(module.functions[function]),
      id_(function),
      prover_(prover),
      dominators_(find_dominators(function_)),
      facts_(function_.values.size()),
      is_known_(function_.values.size()),
      growth_(function_.values.size()),
      refined_(function_.values.size()),
      refined_ranges_(1),
      defined_at_(function_.values.size(), {UINT32_MAX, UINT32_MAX}) {
  std::vector<bool> has_next;  // by block: iter_num_next is in it; empty if it is in none
  for (uint32_t block = 0; block < function_.blocks.size(); block++) {
    const std::vector<Inst>& insts = function_.blocks[BlockId(block)].insts;
    for (ValueId param : function_.blocks[BlockId(block)].params) defined_at_[param.index].first = block;
    for (uint32_t i = 0; i < insts.size(); i++) {
      if (!insts[i].result.is_valid()) continue;
      defined_at_[insts[i].result.index] = {block, i};
      if (insts[i].op != Opcode::call || insts[i].helper != HelperId::iter_num_next) continue;
      has_next.resize(function_.blocks.size());
      has_next[block] = true;
    }
  }
  if (!has_next.empty()) find_rounds(has_next);
  entry_facts();
  if (!has_loop()) {
    sweep(false);
    return;
  }
  do {
    changed_ = false;
    sweep(true);
  } while (changed_);
  sweep(false);
  sweep(false);
}

// Without loops, reverse postorder visits everything behind all that it depends on: one sweep says it all.
bool ValueRanges::has_loop() const {
  std::vector<bool> visited(function_.blocks.size());
  for (BlockId block : dominators_.order) {
    for (BlockId predecessor : dominators_.predecessors[block.index])
      if (!visited[predecessor.index] || predecessor == block) return true;
    visited[block.index] = true;
  }
  return false;
}

void ValueRanges::find_rounds(const std::vector<bool>& has_next) {
  round_.resize(function_.blocks.size());
  for (BlockId block : dominators_.order) {
    const BlockId above = dominators_.immediate[block.index];
    if (above.is_valid()) round_[block.index] = has_next[above.index] ? above : round_[above.index];
  }
}

// Whether the verifier may have forgotten what it knew of a value when it was defined.
bool ValueRanges::is_forgotten(BlockId block, ValueId value) const {
  if (round_.empty() || !round_[block.index].is_valid() || !function_.values[value].type.is_integer()) return false;
  const Inst* defined = definition(value);
  if (defined != nullptr && defined->op == Opcode::constant) return false;
  const BlockId round = round_[block.index];
  const BlockId home(defined_at_[value.index].first);
  return home == round || !dominators_.dominates(round, home);
}

void ValueRanges::entry_facts() {
  if (function_.kind == FunctionKind::subprogram) return parameter_facts();
  Callers callers;
  if (function_.kind != FunctionKind::program) callers = find_callers(module_, id_, 0);
  for (ValueId param : function_.blocks[function_.entry()].params) {
    Fact& fact = facts_[param.index];
    is_known_[param.index] = true;
    const auto known = [&](const Object& object) {
      if (object.kind != ObjectKind::unknown) fact = {Range::exactly(0), object};
    };
    switch (function_.values[param].type.region) {
      case Region::ctx: fact = object_fact(ObjectKind::context, 0, 0, 8); break;
      case Region::stack: known(callers.frame); break;
      case Region::map: known(callers.map_value); break;
      case Region::key: known(callers.map_key); break;
      case Region::integer:
      case Region::mem:
      case Region::number:
      case Region::map_handle: break;
    }
  }
}

// Only pointers are asked of the callers: what integers may be is not worth the walk.
void ValueRanges::parameter_facts() {
  const std::vector<ValueId>& params = function_.blocks[function_.entry()].params;
  bool has_pointer = false;
  for (ValueId param : params) {
    is_known_[param.index] = true;
    has_pointer |= function_.values[param].type.is_pointer();
  }
  if (!has_pointer) return;
  std::vector<Fact> given = given_parameters(module_, id_, params.size(), prover_);
  for (size_t i = 0; i < params.size(); i++)
    if (function_.values[params[i]].type.is_pointer()) facts_[params[i].index] = given[i];
}

void ValueRanges::sweep(bool is_ascending) {
  for (BlockId block : dominators_.order) {
    const Block& code = function_.blocks[block];
    for (size_t i = 0; i < code.params.size() && block != function_.entry(); i++) {
      ValueId param = code.params[i];
      Fact fact = param_fact(block, i);
      Fact& old = facts_[param.index];
      if (is_ascending && is_known_[param.index]) {
        Fact grown = joined(old, fact);
        if (grown == old) continue;
        changed_ = true;
        if (++growth_[param.index] > growth_before_widening && grown.object == old.object)
          grown.range = widen(old.range, grown.range);
        fact = grown;
      }
      if (is_ascending && !is_known_[param.index]) changed_ = true;
      old = fact;
      is_known_[param.index] = true;
    }
    refine_block(block);
    for (const Inst& inst : code.insts) {
      if (!inst.result.is_valid()) continue;
      facts_[inst.result.index] = inst_fact(block, inst);
      is_known_[inst.result.index] = true;
    }
  }
}

const Inst* ValueRanges::definition(ValueId value) const {
  auto [block, inst] = defined_at_[value.index];
  return inst == UINT32_MAX ? nullptr : &function_.blocks[BlockId(block)].insts[inst];
}

Fact ValueRanges::at(BlockId block, ValueId value) const {
  Fact fact = facts_[value.index];
  const Step* refined = refinement_at(block, value);
  if (is_forgotten(block, value)) {
    fact.range = {};
    if (refined != nullptr && refined->since <= dominators_.tree_first[round_[block.index].index]) return fact;
  }
  if (refined == nullptr || refined->range == 0) return fact;
  Range narrowed = meet(fact.range, refined_ranges_[refined->range]);
  if (!narrowed.is_empty()) fact.range = narrowed;
  return fact;
}

// Null if nothing was found out.
const ValueRanges::Step* ValueRanges::refinement_at(BlockId block, ValueId value) const {
  const std::vector<Step>& steps = refined_[value.index];
  if (steps.empty() || !dominators_.is_reachable(block)) return nullptr;
  auto next = std::upper_bound(steps.begin(), steps.end(), dominators_.tree_first[block.index],
                               [](uint32_t number, const Step& step) { return number < step.first; });
  return next == steps.begin() ? nullptr : &*std::prev(next);
}

// Blocks are refined after all that dominate them, so what holds here up to now is what holds again behind the last block
// below this one.
void ValueRanges::add_refinement(BlockId block, ValueId value, const Range& range) {
  std::vector<Step>& steps = refined_[value.index];
  const uint32_t first = dominators_.tree_first[block.index];
  const uint32_t behind = dominators_.tree_last[block.index] + 1;
  auto place = [&](uint32_t number) {
    return std::lower_bound(steps.begin(), steps.end(), number, [](const Step& step, uint32_t n) { return step.first < n; });
  };
  auto here = place(first);
  const bool is_there = here != steps.end() && here->first == first;
  if (is_there && here->is_refinement) {
    refined_ranges_[here->range] = range;
    return;
  }
  const Step made{first, static_cast<uint32_t>(refined_ranges_.size()), true, first};
  const Step* around = refinement_at(block, value);
  const Step outer = around != nullptr ? *around : Step{0, 0, false, 0};
  refined_ranges_.push_back(range);
  if (is_there) *here = made;
  else steps.insert(here, made);
  auto end = place(behind);
  if (end == steps.end() || end->first != behind) steps.insert(end, Step{behind, outer.range, false, outer.since});
}

// The join over the edges that have been visited.
Fact ValueRanges::param_fact(BlockId block, size_t param) const {
  Fact fact;
  bool is_first = true;
  BlockId previous;
  for (BlockId predecessor : dominators_.predecessors[block.index]) {
    if (predecessor == previous) continue;  // both targets of one branch; seen below
    previous = predecessor;
    const Inst& end = function_.blocks[predecessor].insts.back();
    for (size_t target = 0; target < end.targets.size(); target++) {
      if (end.targets[target].block != block) continue;
      size_t implied = end.op == Opcode::branch_null && target == 1 ? 1 : 0;
      ValueId arg = param < implied ? end.operands[0] : end.targets[target].args[param - implied];
      if (!is_known_[arg.index]) continue;
      Fact given = at(predecessor, arg);
      refine_edge(predecessor, target, arg, given.range);
      fact = is_first ? given : joined(fact, given);
      is_first = false;
    }
  }
  return fact;
}

void ValueRanges::condition_facts(BlockId block, ValueId condition, bool holds, int depth,
                                  std::vector<std::pair<ValueId, Range>>& out) const {
  Range zero = Range::exactly(0);
  Range own = at(block, condition).range;
  out.push_back({condition, refine(Opcode::ne, holds, own, zero).first});
  const Inst* inst = definition(condition);
  if (inst == nullptr || !is_comparison(inst->op) || depth == deepest_condition) return;
  ValueId a = inst->operands[0];
  ValueId b = inst->operands[1];
  auto [range_a, range_b] = refine(inst->op, holds, at(block, a).range, at(block, b).range);
  out.push_back({a, range_a});
  out.push_back({b, range_b});
  const Inst* other = definition(b);
  bool is_zero_test =
      (inst->op == Opcode::eq || inst->op == Opcode::ne) && other != nullptr && other->op == Opcode::constant && other->imm == 0;
  if (is_zero_test) condition_facts(block, a, holds == (inst->op == Opcode::ne), depth + 1, out);
}

void ValueRanges::refine_edge(BlockId block, size_t target, ValueId value, Range& range) const {
  const Inst& end = function_.blocks[block].insts.back();
  if (end.op != Opcode::branch) return;
  std::vector<std::pair<ValueId, Range>> facts;
  condition_facts(block, end.operands[0], target == 0, 0, facts);
  for (const auto& [about, refined] : facts) {
    Range narrowed = about == value ? meet(range, refined) : range;
    if (!narrowed.is_empty()) range = narrowed;
  }
}

void ValueRanges::refine_block(BlockId block) {
  const std::span<const BlockId> predecessors = dominators_.predecessors[block.index];
  if (predecessors.size() != 1) return;
  const Inst& end = function_.blocks[predecessors[0]].insts.back();
  if (end.op != Opcode::branch) return;
  std::vector<std::pair<ValueId, Range>> facts;
  condition_facts(predecessors[0], end.operands[0], end.targets[0].block == block, 0, facts);
  for (size_t i = 0; i < facts.size(); i++) {
    const auto& [value, range] = facts[i];
    const auto is_same = [id = value](const auto& fact) { return fact.first == id; };
    const bool is_first = std::none_of(facts.begin(), facts.begin() + static_cast<std::ptrdiff_t>(i), is_same);
    // What a condition says is narrower than what was known before it.
    const Range narrowed = is_first ? range : meet(at(block, value).range, range);
    if (!narrowed.is_empty()) add_refinement(block, value, narrowed);
    else if (is_first) add_refinement(block, value, at(predecessors[0], value).range);
  }
}

Range ValueRanges::call_range(BlockId block, const Inst& inst) const {
  // The verifier, too, bounds what these return: an error, or at most the size of the buffer.
  constexpr int64_t most_negative_error = -4095;
  switch (inst.helper) {
    case HelperId::probe_read_str:
    case HelperId::probe_read_user_str:
    case HelperId::probe_read_kernel_str:
    case HelperId::get_stack: {
      size_t size_operand = inst.helper == HelperId::get_stack ? 2 : 1;
      Range size = at(block, inst.operands[size_operand]).range;
      if (size.smin < 0) return {};
      return Range::between_signed(most_negative_error, size.smax);
    }
    default: return {};
  }
}

Fact ValueRanges::inst_fact(BlockId block, const Inst& inst) const {
  switch (inst.op) {
    case Opcode::constant: return {Range::exactly(static_cast<uint64_t>(inst.imm)), {}};
    case Opcode::load:
    case Opcode::kernel_load:
    case Opcode::atomic_fetch_add:
    case Opcode::atomic_cmpxchg: return {range_of(inst.width), {}};
    case Opcode::slot_addr: {
      const Slot& slot = function_.slots[inst.slot];
      return object_fact(ObjectKind::slot, inst.slot.index, slot.size, slot.align);
    }
    case Opcode::map_value_addr: {
      Fact fact = object_fact(ObjectKind::map_value, inst.map.index, module_.interface.maps[inst.map].value_size, 8);
      fact.range = Range::exactly(static_cast<uint64_t>(inst.imm));
      return fact;
    }
    case Opcode::ptr_add: {
      Fact base = at(block, inst.operands[0]);
      if (base.object.kind == ObjectKind::unknown) return {};
      return {apply(Opcode::add, base.range, at(block, inst.operands[1]).range, prover_), base.object};
    }
    case Opcode::call:
      if (row_of(inst.helper).result == HelperResult::map_value_or_null)
        return object_fact(ObjectKind::map_value, inst.map.index, module_.interface.maps[inst.map].value_size, 8);
      if (row_of(inst.helper).result == HelperResult::number_or_null) return object_fact(ObjectKind::number, 0, 4, 4);
      if (inst.helper == HelperId::ringbuf_reserve) {
        const Inst* size = definition(inst.operands[0]);
        bool is_constant = size != nullptr && size->op == Opcode::constant && size->imm >= 0;
        return object_fact(ObjectKind::record, 0, is_constant ? static_cast<uint64_t>(size->imm) : 0, 8);
      }
      return {call_range(block, inst), {}};
    case Opcode::call_fn: return {};
    default: {
      if (inst.operands.empty() || !function_.values[inst.operands[0]].type.is_integer()) return {};
      Range a = at(block, inst.operands[0]).range;
      Range b = inst.operands.size() > 1 ? at(block, inst.operands[1]).range : Range::exactly(static_cast<uint64_t>(inst.imm));
      return {apply(inst.op, a, b, prover_), {}};
    }
  }
}

}  // namespace shrike::mir
