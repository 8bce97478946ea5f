// The invariants of MIR. Whoever makes MIR establishes all of them; every pass may rely on and must keep them.
//
//  1. Every function has a name of its own and at least one block; block and slot names are unique in it.
//  2. Every block ends with one op that ends it, and no other op in it does.
//  3. Every id (value, block, slot, map, function, helper) names something that exists.
//  4. Every value that is used is defined exactly once, by a block parameter or an instruction.
//  5. A definition dominates its uses. In unreachable blocks nothing is asked.
//  6. Operands have the number, region and nullability of the op's signature or the helper's row; nothing writes to the
//     context or a key, or reads a map handle; atomics are u32 or u64, stores are of unsigned widths.
//  7. Results have the type of the signature or the helper's row, and exist if and only if those have one.
//  8. Block arguments match the parameters in number and type; branch_null's second block begins with the pointer as
//     non-null, and its blocks differ.
//  9. The entry block has the parameters of its FunctionKind and no predecessors.
// 10. `const` operands of helpers are defined by `constant`; callbacks and sub-programs have the kind and program type of the
// call.
// 11. No op remains after the pass that ends its legality.
// 12. Slots have a size and an alignment of 1, 2, 4 or 8.
// 13. An access at a constant offset from a slot lies inside the slot; map_value_addr points inside the value.
// 14. An access at a constant offset from a slot is aligned to its width (the kernel demands it of the stack).
// 15. map_value_addr is of an array map; ring helpers take a ring map, other helpers none.
// 16. Map names are unique; sizes fit kinds and types; user maps have a value type, keyed ones a key type; constants are the end
// of the globals.
// 17. Event fields lie behind the header, inside the record, naturally aligned, or in the event's constants; events that name a
// map have one.
// 18. A probe runs a `program` function.
// 19. No function calls itself, directly or through others, by call_fn or as a callback.
// 20. An iterator is a slot of eight bytes that helpers for iterators are given by its address, and nothing else touches.
// 21. It is begun where none is, stepped and destroyed only when begun, and destroyed on every way to a `ret`; a block is entered
// with the same iterators begun from everywhere.
// Not checked yet: that reserved ring memory is submitted or discarded exactly once on every path; that `copy` does not
// overlap; that timestamp and cgroup values index existing strings.
#include "mir/validate.h"

#include <algorithm>
#include <unordered_set>

#include "mir/analysis/dominators.h"
#include "mir/signature.h"
#include "mir/type_rules.h"
#include "mir/validate_iterators.h"

namespace shrike::mir {

namespace {

bool has_item(Opcode op, SigItem wanted) {
  for (SigItem item : signature_of(op))
    if (item == wanted) return true;
  return false;
}

// Passes are named expand_aggregates in opcodes.def and expand-aggregates on the command line.
bool is_same_pass(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return x == y || (x == '_' && y == '-'); });
}

class FunctionValidator {
 public:
  FunctionValidator(const Module& module, FunctionId id, const std::vector<std::string_view>& finished,
                    std::vector<Violation>& out)
      : module_(module), function_(module.functions[id]), id_(id), finished_(finished), out_(out) {}

  // Each stage relies on the ones before, so the first stage with violations is the last.
  void run() {
    size_t before = out_.size();
    check_names();
    check_blocks();
    check_ids();
    if (out_.size() != before) return;
    check_definitions();
    if (out_.size() != before) return;
    find_slot_offsets();
    check_dominance();
    check_entry();
    each([&](BlockId, const Inst& inst) { check_inst(inst); });
    if (out_.size() != before) return;
    check_iterators(function_, [&](BlockId block, uint32_t inst, int invariant, const std::string& message) {
      block_ = block;
      inst_ = inst;
      violate(invariant, message);
    });
  }

 private:
  template <class Visit>
  void each(Visit visit) {
    for (uint32_t block = 0; block < function_.blocks.size(); block++) {
      block_ = BlockId(block);
      const std::vector<Inst>& insts = function_.blocks[block_].insts;
      for (inst_ = 0; inst_ < insts.size(); inst_++) visit(block_, insts[inst_]);
    }
    inst_ = 0;
  }

  void violate(int invariant, const std::string& message) {
    out_.push_back({id_, block_, inst_, "invariant " + std::to_string(invariant) + ": " + message});
  }

  void check_names() {
    if (function_.name.empty()) violate(1, "function without a name");
    for (uint32_t i = 0; i < id_.index; i++)
      if (module_.functions[FunctionId(i)].name == function_.name) violate(1, "two functions named " + function_.name);
    if (function_.blocks.empty()) violate(1, "function without blocks");
    std::unordered_set<std::string_view> names;
    for (const Block& block : function_.blocks)
      if (!names.insert(block.name).second) violate(1, "two blocks named " + block.name);
    names.clear();
    for (const Slot& slot : function_.slots) {
      if (!names.insert(slot.name).second) violate(1, "two slots named " + slot.name);
      bool is_aligned = slot.align == 1 || slot.align == 2 || slot.align == 4 || slot.align == 8;
      if (slot.size == 0 || !is_aligned) violate(12, "slot " + slot.name + " of no size or odd alignment");
    }
  }

  void check_blocks() {
    for (uint32_t i = 0; i < function_.blocks.size(); i++) {
      block_ = BlockId(i);
      const Block& block = function_.blocks[block_];
      inst_ = 0;
      if (block.insts.empty() || !ends_block(block.insts.back().op)) violate(2, "^" + block.name + " does not end");
      for (; inst_ + 1 < block.insts.size(); inst_++)
        if (ends_block(block.insts[inst_].op)) violate(2, "^" + block.name + " goes on after its end");
    }
  }

  bool exists(ValueId value) const { return value.index < function_.values.size(); }

  void check_ids() {
    for (const Block& block : function_.blocks)
      for (ValueId param : block.params)
        if (!exists(param)) violate(3, "parameter of ^" + block.name + " does not exist");
    each([&](BlockId, const Inst& inst) {
      std::string op(row_of(inst.op).name);
      if (inst.result.is_valid() && !exists(inst.result)) violate(3, "result of " + op + " does not exist");
      for (ValueId operand : inst.operands)
        if (!exists(operand)) violate(3, "operand of " + op + " does not exist");
      for (const BlockTarget& target : inst.targets) {
        if (target.block.index >= function_.blocks.size()) violate(3, "target of " + op + " does not exist");
        for (ValueId arg : target.args)
          if (!exists(arg)) violate(3, "argument of " + op + " does not exist");
      }
      if (has_item(inst.op, SigItem::slot) && inst.slot.index >= function_.slots.size())
        violate(3, "slot of " + op + " does not exist");
      bool needs_map = has_item(inst.op, SigItem::map);
      bool needs_callee = false;
      if (inst.op == Opcode::call) {
        for (HelperOperand operand : row_of(inst.helper).operands) {
          needs_map |= operand == HelperOperand::map;
          needs_callee |= operand == HelperOperand::fn;
        }
      }
      if (needs_map && inst.map.index >= module_.interface.maps.size()) violate(3, "map of " + op + " does not exist");
      needs_callee |= has_item(inst.op, SigItem::callee);
      if (needs_callee && inst.callee.index >= module_.functions.size()) violate(3, "callee of " + op + " does not exist");
    });
  }

  void define(ValueId value) {
    if (definition_[value.index].is_defined) violate(4, "%" + std::to_string(value.index) + " is defined twice");
    definition_[value.index] = {true, block_, inst_};
  }

  void check_definitions() {
    definition_.assign(function_.values.size(), {});
    for (uint32_t i = 0; i < function_.blocks.size(); i++) {
      block_ = BlockId(i);
      inst_ = 0;
      for (ValueId param : function_.blocks[block_].params) define(param);
    }
    for (Definition& definition : definition_) definition.is_param = definition.is_defined;
    each([&](BlockId, const Inst& inst) {
      if (inst.result.is_valid()) define(inst.result);
    });
    each_use([&](ValueId value, BlockId, uint32_t) {
      if (!definition_[value.index].is_defined) violate(4, "%" + std::to_string(value.index) + " is used and nowhere defined");
    });
  }

  template <class Visit>
  void each_use(Visit visit) {
    each([&](BlockId block, const Inst& inst) {
      for (ValueId operand : inst.operands) visit(operand, block, inst_);
      for (const BlockTarget& target : inst.targets)
        for (ValueId arg : target.args) visit(arg, block, inst_);
    });
  }

  void check_dominance() {
    Dominators dominators = find_dominators(function_);
    each_use([&](ValueId value, BlockId block, uint32_t inst) {
      if (!dominators.is_reachable(block)) return;
      const Definition& definition = definition_[value.index];
      bool is_before = definition.block == block ? definition.is_param || definition.inst < inst
                                                 : dominators.dominates(definition.block, block);
      if (!is_before) violate(5, "%" + std::to_string(value.index) + " is used where it may not be defined yet");
    });
    block_ = function_.entry();
    if (!dominators.predecessors[0].empty()) violate(9, "the entry block is jumped to");
  }

  void check_entry() {
    block_ = function_.entry();
    if (std::string error = entry_error(function_); !error.empty()) violate(9, error);
  }

  const Inst* defining(ValueId value) const {
    const Definition& definition = definition_[value.index];
    return definition.is_param ? nullptr : &function_.blocks[definition.block].insts[definition.inst];
  }

  void check_inst(const Inst& inst) {
    std::string_view until = row_of(inst.op).until;
    for (std::string_view pass : finished_)
      if (is_same_pass(until, pass)) violate(11, std::string(row_of(inst.op).name) + " after " + std::string(pass));
    std::string error = operand_error(module_, function_, inst);
    if (!error.empty()) return violate(6, error);
    error = result_error(function_, inst);
    if (!error.empty()) violate(7, error);
    for (size_t i = 0; i < inst.targets.size(); i++)
      if (error = target_error(function_, inst, i); !error.empty()) violate(8, error);
    if (inst.op == Opcode::branch_null && inst.targets[0].block == inst.targets[1].block)
      violate(8, "branch_null to one block twice");
    if (inst.op == Opcode::call) check_call(inst);
    if (inst.op == Opcode::call_fn && module_.functions[inst.callee].program != function_.program)
      violate(10, "call of " + module_.functions[inst.callee].name + ", which is for other programs");
    if (inst.op == Opcode::map_value_addr) check_map_value(inst);
    check_slot_access(inst);
  }

  void check_call(const Inst& inst) {
    const HelperRow& row = row_of(inst.helper);
    std::string name(row.name);
    size_t operand = 0;
    for (HelperOperand kind : row.operands) {
      if (kind == HelperOperand::map) {
        bool is_ring = module_.interface.maps[inst.map].kind == MapKind::ring;
        bool is_of_events = module_.interface.maps[inst.map].kind == MapKind::perf_events;
        if (is_ring != name.starts_with("ringbuf_") || is_of_events != (name == "skb_output" || name.starts_with("perf_event_")))
          violate(15, name + " of map " + module_.interface.maps[inst.map].name);
      } else if (kind == HelperOperand::fn) {
        const Function& callee = module_.functions[inst.callee];
        FunctionKind wanted = inst.helper == HelperId::loop ? FunctionKind::loop : FunctionKind::for_each;
        if (callee.kind != wanted || callee.program != function_.program)
          violate(10, name + " with " + callee.name + " as callback");
      } else if (const Inst* defined = defining(inst.operands[operand++]); kind == HelperOperand::constant) {
        if (defined == nullptr || defined->op != Opcode::constant) violate(10, "operand of " + name + " is not a constant");
      }
    }
  }

  void check_map_value(const Inst& inst) {
    const MapDecl& map = module_.interface.maps[inst.map];
    if (map.kind != MapKind::array) violate(15, "address of the value of " + map.name + ", which is no array");
    if (inst.imm < 0 || inst.imm >= int64_t{map.value_size}) violate(13, "address outside the value of " + map.name);
  }

  // slot_addr, and ptr_add of a constant to one, in definition order; dominance makes one pass per block enough when
  // blocks are visited in any order that repeats until nothing is new.
  void find_slot_offsets() {
    slot_offset_.assign(function_.values.size(), {});
    for (bool changed = true; changed;) {
      changed = false;
      each([&](BlockId, const Inst& inst) {
        if (!inst.result.is_valid() || slot_offset_[inst.result.index].slot.is_valid()) return;
        SlotOffset at;
        if (inst.op == Opcode::slot_addr) at = {inst.slot, 0};
        if (inst.op == Opcode::ptr_add && inst.operands.size() == 2) {
          const Inst* bytes = defining(inst.operands[1]);
          at = slot_offset_[inst.operands[0].index];
          if (bytes == nullptr || bytes->op != Opcode::constant || __builtin_add_overflow(at.offset, bytes->imm, &at.offset))
            at = {};
        }
        slot_offset_[inst.result.index] = at;
        changed |= at.slot.is_valid();
      });
    }
  }

  void check_access(ValueId pointer, int64_t offset, uint64_t bytes, uint32_t align) {
    SlotOffset at = slot_offset_[pointer.index];
    if (!at.slot.is_valid()) return;
    const Slot& slot = function_.slots[at.slot];
    bool is_inside = !__builtin_add_overflow(at.offset, offset, &at.offset) && at.offset >= 0 && bytes <= slot.size &&
                     static_cast<uint64_t>(at.offset) <= slot.size - bytes;
    if (!is_inside) return violate(13, "access outside of slot " + slot.name);
    if (slot.align < align || at.offset % align != 0) violate(14, "access to slot " + slot.name + " is not aligned to its width");
  }

  void check_slot_access(const Inst& inst) {
    switch (inst.op) {
      case Opcode::load:
      case Opcode::store:
      case Opcode::atomic_add:
      case Opcode::atomic_fetch_add:
      case Opcode::atomic_cmpxchg: return check_access(inst.operands[0], inst.imm, bytes_of(inst.width), bytes_of(inst.width));
      case Opcode::zero: return check_access(inst.operands[0], inst.imm, inst.length, 1);
      case Opcode::copy:
        check_access(inst.operands[0], 0, inst.length, 1);
        return check_access(inst.operands[1], 0, inst.length, 1);
      default: return;
    }
  }

  struct Definition {
    bool is_defined = false;
    BlockId block;
    uint32_t inst = 0;
    bool is_param = false;
  };
  struct SlotOffset {
    SlotId slot;
    int64_t offset = 0;
  };

  const Module& module_;
  const Function& function_;
  FunctionId id_;
  const std::vector<std::string_view>& finished_;
  std::vector<Violation>& out_;
  BlockId block_;
  uint32_t inst_ = 0;
  std::vector<Definition> definition_;   // by value
  std::vector<SlotOffset> slot_offset_;  // by value
};

// What is wrong with the pages of a map that names some; null: nothing.
const char* wrong_pages(const Interface& interface, const MapDecl& map) {
  if (map.pages.index >= interface.maps.size()) return "has pages in no map";
  const MapDecl& pages = interface.maps[map.pages];
  if (pages.role != MapRole::pages || pages.kind != MapKind::hash) return "has pages in a map of another kind";
  if (!map.value->is(TypeKind::tseries)) return "has pages and no series";
  if (pages.key_size != (map.key_size + 7) / 8 * 8 + 8) return "has pages whose keys are not its own and a number";
  return pages.value_size % series_slot != 0 ? "has pages that end within an interval" : nullptr;
}

void check_map(const Interface& interface, uint32_t index, std::vector<Violation>& out) {
  const MapDecl& map = interface.maps[MapId(index)];
  const auto violate = [&](const char* message) { out.push_back({{}, {}, 0, "invariant 16: map " + map.name + " " + message}); };
  for (uint32_t i = 0; i < index; i++)
    if (interface.maps[MapId(i)].name == map.name) violate("has the name of another");
  if (map.kind == MapKind::ring) {
    bool is_power = map.max_entries >= 4096 && (map.max_entries & (map.max_entries - 1)) == 0;
    if (!is_power) violate("is a ring whose size is not a power of two of at least a page");
    return;
  }
  if (map.max_entries == 0) violate("has no entries");
  if (map.kind == MapKind::perf_events) {
    if (map.key_size != 4 || map.value_size != 4) violate("is of perf events, whose keys and values are 4 bytes");
    return;
  }
  bool is_array = map.kind == MapKind::array || map.kind == MapKind::percpu_array;
  if (is_array && map.key_size != 4) violate("is an array with a key that is not 4 bytes");
  if (map.key_size == 0) violate("has a key of no size");
  if (map.value_size == 0 || map.value_size % 8 != 0) violate("has a value size that is not a multiple of 8");
  if (map.role == MapRole::table && (map.rows.empty() || map.value_size % map.rows.size() != 0))
    violate("is a table without rows, or of rows that do not divide it");
  if (!map.constants.empty() && (map.role != MapRole::globals || map.constants.size() > map.value_size))
    violate("has constants that are not the end of the globals");
  if (map.role != MapRole::user) return;
  if (map.value == nullptr) return violate("has no value type");
  if (map.pages.is_valid())
    if (const char* wrong = wrong_pages(interface, map)) violate(wrong);
  uint64_t needed = map.pages.is_valid()     ? 8
                    : map.has_present_word() ? (uint64_t{map.value->size} + 7) / 8 * 8 + 8
                                             : map.value->size;
  if (map.value_size < needed) violate("has a value size smaller than its type and present word");
  if (map.is_keyed && map.key == nullptr) violate("is keyed without a key type");
  if (map.is_keyed && map.key != nullptr && map.key_size < map.key->size) violate("has a key size smaller than its type");
}

void check_event(const Interface& interface, EventId id, std::vector<Violation>& out) {
  const EventDecl& event = interface.events[id];
  const auto violate = [&](const std::string& message) {
    out.push_back({{}, {}, 0, "invariant 17: event " + std::to_string(id.index) + " " + message});
  };
  if (event.size < 8 || event.size % 8 != 0) violate("has a size that is not a multiple of 8");
  for (const EventField& field : event.fields) {
    if (field.type == nullptr) {
      violate("has a field without a type");
      continue;
    }
    const uint64_t end = uint64_t{field.offset} + field.type->size;
    const bool is_constant = field.offset >= event.size && end <= uint64_t{event.size} + event.constants.size();
    if (field.offset < 8 || (end > event.size && !is_constant)) violate("has a field outside the record");
    if (field.offset % field.type->align != 0) violate("has a field that is not aligned");
  }
  if (event.next.is_valid() && (event.next.index <= id.index || event.next.index >= interface.events.size()))
    violate("is followed by one that does not come later");
  bool needs_map = event.kind == EventKind::print_map || event.kind == EventKind::print_element ||
                   event.kind == EventKind::clear || event.kind == EventKind::zero;
  if (needs_map != event.map.is_valid() || (needs_map && event.map.index >= interface.maps.size()))
    violate("and its map do not fit");
}

// The functions that `id` calls; those of missing callees are left to invariant 3.
std::vector<FunctionId> callees_of(const Module& module, FunctionId id) {
  std::vector<FunctionId> callees;
  for (const Block& block : module.functions[id].blocks)
    for (const Inst& inst : block.insts)
      if (inst.callee.index < module.functions.size()) callees.push_back(inst.callee);
  return callees;
}

// Takes away functions that call only functions taken away; what is left calls itself or one that does.
void check_recursion(const Module& module, std::vector<Violation>& out) {
  std::vector<bool> ends(module.functions.size());
  for (bool changed = true; changed;) {
    changed = false;
    for (uint32_t f = 0; f < module.functions.size(); f++) {
      if (ends[f]) continue;
      std::vector<FunctionId> callees = callees_of(module, FunctionId(f));
      if (!std::all_of(callees.begin(), callees.end(), [&](FunctionId callee) { return ends[callee.index]; })) continue;
      ends[f] = changed = true;
    }
  }
  auto stuck = std::find(ends.begin(), ends.end(), false);
  if (stuck == ends.end()) return;
  FunctionId id(static_cast<uint32_t>(stuck - ends.begin()));
  out.push_back({id, {}, 0, "invariant 19: " + module.functions[id].name + " leads to a function that calls itself"});
}

}  // namespace

std::vector<Violation> validate(const Module& module, const std::vector<std::string_view>& finished) {
  std::vector<Violation> out;
  const Interface& interface = module.interface;
  for (uint32_t i = 0; i < interface.maps.size(); i++) check_map(interface, i, out);
  for (uint32_t i = 0; i < interface.events.size(); i++) check_event(interface, EventId(i), out);
  for (const AttachPoint& probe : interface.probes) {
    bool fits = probe.program.index < module.functions.size() && module.functions[probe.program].kind == FunctionKind::program;
    if (!fits) out.push_back({probe.program, {}, 0, "invariant 18: probe " + probe.name + " does not run a program"});
  }
  for (uint32_t i = 0; i < module.functions.size(); i++) FunctionValidator(module, FunctionId(i), finished, out).run();
  check_recursion(module, out);
  return out;
}

}  // namespace shrike::mir
