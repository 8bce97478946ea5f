// Removes what no effect depends on: values, block parameters with their arguments, slots, stores to slots that
// nobody reads, unreachable blocks. Numbers what is left without gaps.
//
// Needs: any valid MIR. Establishes: every block is reachable (old kernels refuse unreachable instructions), no
// unused slot. Destroys: ids; every id from before is void.
// Does not remove whole loops without effect, nor updates of maps.
//
// Marking: roots are instructions with effects and ends of blocks; what they use is alive, and so on. An argument of a
// branch is used by the parameter it feeds, not by the branch.
#include "mir/edit.h"
#include "passes/passes.h"

namespace shrike::passes {

namespace {

using namespace mir;

class Marker {
 public:
  explicit Marker(const Function& function) : function_(function), edges_(incoming_edges(function)) {
    reached_ = reachable_blocks(function);
    definitions_.resize(function.values.size());
    alive_.resize(function.values.size());
    find_definitions();
    find_read_slots();
  }

  // Which values are alive. Parameters of the entry always are: they are the function's signature.
  void mark() {
    for (uint32_t b = 0; b < function_.blocks.size(); b++) {
      if (!reached_[b]) continue;
      for (const Inst& inst : function_.blocks[BlockId(b)].insts)
        if (is_root(inst)) use(inst);
    }
    for (ValueId param : function_.blocks[function_.entry()].params) mark(param);
    mark_provided();
    while (!work_.empty()) {
      ValueId value = work_.back();
      work_.pop_back();
      const Definition definition = definitions_[value.index];
      if (definition.inst) use(*definition.inst);
      else mark_arguments(definition);
    }
  }

  bool is_alive(ValueId value) const { return alive_[value.index] != 0; }
  bool is_needed(const Inst& inst) const { return (inst.result.is_valid() && is_alive(inst.result)) || is_root(inst); }
  bool is_reached(BlockId block) const { return reached_[block.index]; }
  const Lists<Edge>& edges() const { return edges_; }

 private:
  struct Definition {
    const Inst* inst = nullptr;  // or a parameter:
    BlockId block;
    uint32_t param = 0;
  };

  void find_definitions() {
    for (uint32_t b = 0; b < function_.blocks.size(); b++) {
      const Block& block = function_.blocks[BlockId(b)];
      for (size_t p = 0; p < block.params.size(); p++)
        definitions_[block.params[p].index] = {nullptr, BlockId(b), static_cast<uint32_t>(p)};
      for (const Inst& inst : block.insts)
        if (inst.result.is_valid()) definitions_[inst.result.index] = {&inst, BlockId(b), 0};
    }
  }

  // The slot an address leads to without passing a block parameter; invalid otherwise.
  SlotId slot_of(ValueId address) const {
    for (;;) {
      const Inst* inst = definitions_[address.index].inst;
      if (!inst) return {};
      if (inst->op == Opcode::slot_addr) return inst->slot;
      if (inst->op != Opcode::ptr_add) return {};
      address = inst->operands[0];
    }
  }

  static bool only_writes_to_operand_0(Opcode op) { return op == Opcode::store || op == Opcode::zero || op == Opcode::copy; }

  void find_read_slots() {
    is_read_.assign(function_.slots.size(), false);
    auto read = [&](ValueId value) {
      SlotId slot = slot_of(value);
      if (slot.is_valid()) is_read_[slot.index] = true;
    };
    for (uint32_t b = 0; b < function_.blocks.size(); b++) {
      if (!reached_[b]) continue;
      for (const Inst& inst : function_.blocks[BlockId(b)].insts) {
        if (inst.op == Opcode::ptr_add) continue;  // what uses the sum counts
        size_t first = only_writes_to_operand_0(inst.op) ? 1 : 0;
        for (size_t i = first; i < inst.operands.size(); i++) read(inst.operands[i]);
        for (const BlockTarget& target : inst.targets)
          for (ValueId arg : target.args) read(arg);
      }
    }
  }

  bool is_root(const Inst& inst) const {
    Effect effect = effect_of(inst);
    if (effect == Effect::ends) return true;
    if (effect != Effect::writes) return false;
    if (!only_writes_to_operand_0(inst.op)) return true;
    SlotId slot = slot_of(inst.operands[0]);
    return !slot.is_valid() || is_read_[slot.index];
  }

  void mark(ValueId value) {
    if (is_alive(value)) return;
    alive_[value.index] = 1;
    work_.push_back(value);
  }
  void use(const Inst& inst) {
    for (ValueId operand : inst.operands) mark(operand);
  }
  // The pointer that a branch_null provides stays, used or not: its edge has no way to omit it. So what other edges give
  // the same parameter is alive as well.
  void mark_provided() {
    for (uint32_t b = 0; b < function_.blocks.size(); b++) {
      const std::vector<ValueId>& params = function_.blocks[BlockId(b)].params;
      if (params.empty()) continue;
      for (Edge edge : edges_[b])
        if (reached_[edge.from.index] && !argument_of(function_, edge, 0).is_valid()) mark(params[0]);
    }
  }
  void mark_arguments(const Definition& param) {
    for (Edge edge : edges_[param.block.index]) {
      if (!reached_[edge.from.index]) continue;
      ValueId argument = argument_of(function_, edge, param.param);
      if (argument.is_valid()) mark(argument);
    }
  }

  const Function& function_;
  Lists<Edge> edges_;
  std::vector<bool> reached_;
  std::vector<Definition> definitions_;  // by value
  std::vector<bool> is_read_;            // by slot
  std::vector<uint8_t> alive_;           // by value
  std::vector<ValueId> work_;
};

// The pointer that branch_null provides stays: the edge has no way to omit it.
bool may_drop(const Function& function, std::span<const Edge> edges, size_t param) {
  for (Edge edge : edges)
    if (!argument_of(function, edge, param).is_valid()) return false;
  return true;
}

void drop_params(Function& function, const Marker& marker) {
  for (uint32_t b = 1; b < function.blocks.size(); b++) {
    if (!marker.is_reached(BlockId(b))) continue;
    Block& block = function.blocks[BlockId(b)];
    const std::span<const Edge> edges = marker.edges()[b];
    for (size_t p = block.params.size(); p-- > 0;) {
      if (marker.is_alive(block.params[p]) || !may_drop(function, edges, p)) continue;
      for (Edge edge : edges) {
        Inst& end = function.blocks[edge.from].insts.back();
        size_t index = p - (end.op == Opcode::branch_null && edge.target == 1 ? 1 : 0);
        std::vector<ValueId>& args = end.targets[edge.target].args;
        args.erase(args.begin() + static_cast<std::ptrdiff_t>(index));
      }
      block.params.erase(block.params.begin() + static_cast<std::ptrdiff_t>(p));
    }
  }
}

void remove_dead_in(Function& function) {
  {
    Marker marker(function);
    marker.mark();
    // Decide before erasing: the marker looks at the instructions in place.
    std::vector<bool> needed;  // by instruction, block after block
    needed.reserve(function.values.size() * 2);
    for (const Block& block : function.blocks)
      for (const Inst& inst : block.insts) needed.push_back(marker.is_needed(inst));
    drop_params(function, marker);
    size_t at = 0;
    for (Block& block : function.blocks) {
      std::vector<Inst>& insts = block.insts;
      size_t kept = 0;
      for (size_t i = 0; i < insts.size(); i++) {
        if (!needed[at++]) continue;
        if (kept != i) insts[kept] = std::move(insts[i]);
        kept++;
      }
      insts.resize(kept);
    }
  }
  std::vector<bool> used(function.slots.size(), false);
  for (const Block& block : function.blocks)
    for (const Inst& inst : block.insts)
      if (inst.slot.is_valid()) used[inst.slot.index] = true;
  compact(function, used);
}

}  // namespace

void remove_dead(Module& module, PassContext&) {
  for (Function& function : module.functions) remove_dead_in(function);
}

}  // namespace shrike::passes
