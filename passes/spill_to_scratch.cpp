// Moves slots to a scratch map (mir/scratch.h) until every chain of frames fits the kernel's stack, largest first.
//
// Needs: remove_dead before it, so that only used slots count; kernels from 4.18, whose helpers take map values for
// keys, values and buffers. Establishes: with check_budget, stack_fits. Destroys: nothing; obligations hold as before,
// since an object keeps its size.
// Does not move slots whose address goes to a callback, nor iterators: the kernel takes only stack pointers there.
//
// Each function that needs it gets one map with a value for each run, looked up once at its entry; moved slots are places in it.
// Registers that calls would lose are on the stack as well: where they will be many, more slots leave.
// A pointer that may lead to one of several slots (a block parameter) has one region, so such slots move together.
#include <algorithm>

#include "mir/analysis/liveness.h"
#include "mir/build.h"
#include "mir/edit.h"
#include "mir/scratch.h"
#include "passes/frames.h"
#include "passes/passes.h"

namespace shrike::passes {

namespace {

using namespace mir;

// The slots of one function in groups that must lie in one region. Union-find over slots and stack pointers.
class SlotGroups {
 public:
  explicit SlotGroups(const Function& function) : function_(function), slots_(function.slots.size()) {
    parent_.resize(slots_ + function.values.size() + 1);
    for (uint32_t i = 0; i < parent_.size(); i++) parent_[i] = i;
    for (const Block& block : function.blocks)
      for (const Inst& inst : block.insts) unite_with(inst);
    // Pointers to a caller's frame.
    for (ValueId param : function.blocks[function.entry()].params) pin(param);
  }

  struct Group {
    std::vector<SlotId> slots;
    uint32_t size = 0;
  };
  // Groups that may leave the stack, the largest first.
  std::vector<Group> movable() {
    std::vector<Group> by_root(parent_.size());
    for (uint32_t s = 0; s < slots_; s++) {
      uint32_t root = find(s);
      if (root == find(pinned())) continue;
      by_root[root].slots.push_back(SlotId(s));
      by_root[root].size += function_.slots[SlotId(s)].size;
    }
    std::erase_if(by_root, [](const Group& group) { return group.slots.empty(); });
    std::stable_sort(by_root.begin(), by_root.end(), [](const Group& a, const Group& b) { return a.size > b.size; });
    return by_root;
  }

  // Whether a pointer leads to a slot of the same group as `slot`.
  bool same_group(ValueId value, SlotId slot) { return find(node(value)) == find(slot.index); }

 private:
  uint32_t node(ValueId value) const { return slots_ + value.index; }
  uint32_t pinned() const { return static_cast<uint32_t>(parent_.size()) - 1; }
  bool is_stack(ValueId value) const { return function_.values[value].type.region == Region::stack; }
  uint32_t find(uint32_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void unite(uint32_t a, uint32_t b) { parent_[find(a)] = find(b); }
  void pin(ValueId value) {
    if (is_stack(value)) unite(node(value), pinned());
  }

  void unite_with(const Inst& inst) {
    if (inst.op == Opcode::slot_addr) unite(node(inst.result), inst.slot.index);
    if (inst.op == Opcode::ptr_add && is_stack(inst.result)) unite(node(inst.result), node(inst.operands[0]));
    if (inst.op == Opcode::call) pin_what_stays(inst);
    for (const BlockTarget& target : inst.targets) {
      const std::vector<ValueId>& params = function_.blocks[target.block].params;
      size_t provided = params.size() - target.args.size();
      for (size_t i = 0; i < target.args.size(); i++)
        if (is_stack(target.args[i])) unite(node(target.args[i]), node(params[i + provided]));
    }
  }

  void pin_what_stays(const Inst& call) {
    size_t next = 0;
    for (HelperOperand operand : row_of(call.helper).operands) {
      if (operand == HelperOperand::map || operand == HelperOperand::fn) continue;
      if (operand == HelperOperand::any || operand == HelperOperand::iter) pin(call.operands[next]);
      next++;
    }
  }

  const Function& function_;
  uint32_t slots_;
  std::vector<uint32_t> parent_;
};

// Makes the entry take a scratch value; returns the pointer to it, good in all of the function's old blocks.
ValueId look_up_scratch(Module& module, FunctionId id, MapId map, Span span) {
  Function& function = module.functions[id];
  BlockId body = split_block(function, function.entry(), 0, "body");
  Builder builder(module, id, function.entry());
  builder.set_span(span);
  ValueId key = builder.slot_addr(builder.add_slot("scratch_key", 4, 4));
  Scratch scratch = take_scratch(builder, map, key, body);
  give_back_scratch(module, id, scratch);
  return scratch.value;
}

// Gives pointers that led to moved slots the region of map values.
void retype(Function& function, SlotGroups& groups, const std::vector<SlotId>& moved) {
  for (uint32_t v = 0; v < function.values.size(); v++) {
    ValueType& type = function.values[ValueId(v)].type;
    if (type.region != Region::stack) continue;
    auto leads_to = [&](SlotId slot) { return groups.same_group(ValueId(v), slot); };
    if (std::any_of(moved.begin(), moved.end(), leads_to)) type.region = Region::map;
  }
}

void replace_addresses(Function& function, ValueId scratch, const std::vector<SlotId>& moved,
                       const std::vector<uint32_t>& offsets) {
  for (Block& block : function.blocks) {
    InsertionSet insertions;
    for (size_t i = 0; i < block.insts.size(); i++) {
      Inst& inst = block.insts[i];
      if (inst.op != Opcode::slot_addr) continue;
      auto found = std::find(moved.begin(), moved.end(), inst.slot);
      if (found == moved.end()) continue;
      Inst offset{.op = Opcode::constant, .result = add_value(function, {})};
      offset.imm = offsets[static_cast<size_t>(found - moved.begin())];
      offset.span = inst.span;
      inst.op = Opcode::ptr_add;
      inst.operands = {scratch, offset.result};
      inst.slot = {};
      insertions.insert(i, std::move(offset));
    }
    insertions.apply(block);
  }
}

void move_slots(Module& module, FunctionId id, SlotGroups& groups, const std::vector<SlotId>& moved, const KernelLimits& limits) {
  std::vector<uint32_t> offsets;
  uint32_t size = scratch_header(module, id);
  for (SlotId slot : moved) {
    offsets.push_back(size);
    size += (module.functions[id].slots[slot].size + 7) & ~7u;
  }
  retype(module.functions[id], groups, moved);
  const uint32_t cpus = size > longest_percpu_value ? limits.possible_cpus() : 1;
  MapId map = add_scratch_map(module, id, ".scratch", size, cpus);
  // The largest slot comes first; if the map turns out too big, its place is the one to tell.
  ValueId scratch = look_up_scratch(module, id, map, span_of(module.functions[id], moved.front()));
  Function& function = module.functions[id];
  replace_addresses(function, scratch, moved, offsets);
  std::vector<bool> kept(function.slots.size(), true);
  for (SlotId slot : moved) kept[slot.index] = false;
  compact(function, kept);
}

// What register allocation will spill around some call, as far as the room for it does not suffice. Constants and addresses are
// made again; four registers keep what they have.
uint32_t crowded_bytes(const Function& function) {
  std::vector<bool> is_made_again(function.values.size(), false);
  for (const Block& block : function.blocks)
    for (const Inst& inst : block.insts)
      if (inst.op == Opcode::constant || inst.op == Opcode::slot_addr || inst.op == Opcode::map_value_addr)
        is_made_again[inst.result.index] = true;
  const Liveness liveness = find_liveness(function);
  constexpr uint32_t kept_in_registers = 4;
  uint32_t most = 0;
  for (uint32_t b = 0; b < function.blocks.size(); b++) {
    std::vector<bool> live = liveness.live_out[b];
    uint32_t count = 0;
    for (uint32_t v = 0; v < live.size(); v++) count += live[v] && !is_made_again[v];
    auto set = [&](ValueId value, bool is_live) {
      if (live[value.index] == is_live) return;
      live[value.index] = is_live;
      if (!is_made_again[value.index]) count += is_live ? 1 : -1;
    };
    const std::vector<Inst>& insts = function.blocks[BlockId(b)].insts;
    for (size_t i = insts.size(); i-- > 0;) {
      if (insts[i].result.is_valid()) set(insts[i].result, false);
      if (insts[i].op == Opcode::call || insts[i].op == Opcode::call_fn) most = std::max(most, count);
      each_use(insts[i], [&](ValueId value) { set(value, true); });
    }
  }
  const uint32_t spilled = most <= kept_in_registers ? 0 : 8 * (most - kept_in_registers);
  return spilled <= register_spill_room ? 0 : spilled - register_spill_room;
}

// What is chosen to leave each function, while nothing has changed yet.
struct Choice {
  SlotGroups groups;
  std::vector<SlotGroups::Group> movable;  // the next to go at the end
  std::vector<SlotId> moved;
};

constexpr uint32_t least_crowded_frame = 128;  // below, there is room enough for what registers cannot hold
constexpr uint32_t key_bytes = 8;              // of the stack, to look the scratch map up

uint32_t bytes_of(const Function& function, const SlotGroups::Group& group) {
  uint32_t bytes = 0;
  for (SlotId slot : group.slots) bytes += frame_bytes(function.slots[slot]);
  return bytes;
}

// Whether the frame gets smaller when some, perhaps all, of what is left to go goes: the first to go needs a key.
bool pays(const Function& function, const Choice& choice) {
  uint32_t gain = 0;
  for (const SlotGroups::Group& group : choice.movable) gain += bytes_of(function, group);
  return gain > (choice.moved.empty() ? key_bytes : 0);
}

// Chooses the largest group of the chain's functions; false if moving what is left would not help.
bool choose_one(const Module& module, const Chain& chain, std::vector<Choice>& choices, std::vector<uint32_t>& frames) {
  Choice* best = nullptr;
  FunctionId best_id;
  for (FunctionId id : chain.functions) {
    Choice& choice = choices[id.index];
    if (!pays(module.functions[id], choice) || (best && choice.movable.back().size <= best->movable.back().size)) continue;
    best = &choice;
    best_id = id;
  }
  if (!best) return false;
  const SlotGroups::Group& group = best->movable.back();
  if (best->moved.empty()) frames[best_id.index] += key_bytes;
  frames[best_id.index] -= bytes_of(module.functions[best_id], group);
  best->moved.insert(best->moved.end(), group.slots.begin(), group.slots.end());
  best->movable.pop_back();
  return true;
}

}  // namespace

void spill_to_scratch(Module& module, PassContext& context) {
  std::vector<uint32_t> frames = frame_bytes(module);
  auto longest = [&](uint32_t f) { return deepest_chain(module, frames, register_spill_room, FunctionId(f)); };
  std::vector<Choice> choices;
  auto choose = [&] {
    for (uint32_t f = 0; f < module.functions.size(); f++) {
      if (longest(f).bytes <= context.limits.stack_bytes) continue;
      for (uint32_t g = static_cast<uint32_t>(choices.size()); g < module.functions.size(); g++) {
        SlotGroups groups(module.functions[FunctionId(g)]);
        std::vector<SlotGroups::Group> movable = groups.movable();
        std::reverse(movable.begin(), movable.end());
        choices.push_back({std::move(groups), std::move(movable), {}});
      }
      while (longest(f).bytes > context.limits.stack_bytes && choose_one(module, longest(f), choices, frames)) {}
    }
  };
  choose();
  bool is_crowded = false;
  for (uint32_t f = 0; f < frames.size(); f++) {
    const uint32_t more = frames[f] > least_crowded_frame ? crowded_bytes(module.functions[FunctionId(f)]) : 0;
    frames[f] += more;
    is_crowded |= more != 0;
  }
  if (is_crowded) choose();
  for (uint32_t f = 0; f < choices.size(); f++)
    if (!choices[f].moved.empty()) move_slots(module, FunctionId(f), choices[f].groups, choices[f].moved, context.limits);
}

}  // namespace shrike::passes
