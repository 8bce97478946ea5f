// Register allocation: colors the interference graph of a function with r0 to r9; what gets no color moves to a spill
// slot, and the graph is built anew, until everything fits. A call writes r0 to r5, so that a value that is live across
// one interferes with them and ends up in r6 to r9 or in the frame by the same rule as all others.
// Needs no block parameters. Establishes physical registers only.
// Spills are whole 8-byte registers in aligned slots: for those the kernel's verifier keeps pointer types and bounds.
// A register that holds a constant or an address which one instruction makes is made again instead of being spilled.
#include <algorithm>
#include <limits>

#include "backend-bpf/color_graph.h"
#include "backend-bpf/stages.h"
#include "mir/base/unique_names.h"

namespace shrike::bpf {

using lir::Function;
using lir::Inst;
using lir::Op;
using lir::Reg;
using lir::Role;

namespace {

constexpr uint32_t max_rounds = 64;
// A compare teaches the verifier bounds of the register it tests, and older kernels do not carry them to the spill slot.
constexpr float compare_weight = 4;

// Loop depth by block: every backward edge in reverse postorder makes a loop of the blocks between its ends.
std::vector<uint32_t> loop_depths(const Function& function) {
  std::vector<uint32_t> depth(function.blocks.size());
  std::vector<uint8_t> state(function.blocks.size());  // 1: on the path, 2: done
  std::vector<std::vector<uint32_t>> predecessors(function.blocks.size());
  std::vector<std::pair<uint32_t, uint32_t>> back_edges, stack{{0, 0}};
  for (uint32_t i = 0; i < function.blocks.size(); i++)
    for (lir::BlockId to : lir::successors(function.blocks[lir::BlockId(i)])) predecessors[to.index].push_back(i);
  state[0] = 1;
  while (!stack.empty()) {
    auto& [block, next] = stack.back();
    std::vector<lir::BlockId> to = lir::successors(function.blocks[lir::BlockId(block)]);
    if (next == to.size()) {
      state[block] = 2;
      stack.pop_back();
      continue;
    }
    uint32_t target = to[next++].index;
    if (state[target] == 1) back_edges.push_back({block, target});
    if (state[target] != 0) continue;
    state[target] = 1;
    stack.push_back({target, 0});
  }
  for (auto [from, header] : back_edges) {  // the natural loop: what reaches `from` without passing the header
    std::vector<bool> inside(function.blocks.size());
    std::vector<uint32_t> todo{from};
    inside[header] = true;
    while (!todo.empty()) {
      uint32_t block = todo.back();
      todo.pop_back();
      if (inside[block]) continue;
      inside[block] = true;
      todo.insert(todo.end(), predecessors[block].begin(), predecessors[block].end());
    }
    for (size_t i = 0; i < depth.size(); i++) depth[i] += inside[i];
  }
  return depth;
}

class Allocator {
 public:
  Allocator(Function& function, const AllocationOptions& options)
      : function_(function), options_(options), depths_(loop_depths(function)), first_temporary_(function.virtual_count) {}

  void run() {
    if (options_.spill_everything) {
      std::vector<Node> all;
      for (uint32_t i = 0; i < function_.virtual_count; i++) all.push_back(lir::allocatable_regs + i);
      find_definitions();
      spill(all, [](Node node) { return node; });
    }
    for (uint32_t round = 0;; round++) {
      CHECK(round < max_rounds, "register allocation of " + function_.name + " does not end");
      find_definitions();
      ColorGraph graph(lir::allocatable_regs + function_.virtual_count);
      build(graph);
      graph.run();
      if (graph.spilled().empty()) return rewrite(graph);
      spill(graph.spilled(), [&](Node node) { return graph.alias(node); });
    }
  }

 private:
  // The only definition of each virtual register, if it has one that can be repeated anywhere.
  void find_definitions() {
    std::vector<uint32_t> count(function_.virtual_count);
    remade_.assign(function_.virtual_count, {});
    can_remake_.assign(function_.virtual_count, false);
    for (const lir::Block& block : function_.blocks)
      for (const Inst& inst : block.insts)
        lir::visit_regs(inst, [&](Reg reg, Role role) {
          if (!reg.is_virtual() || !lir::writes(role)) return;
          can_remake_[reg.number()] = ++count[reg.number()] == 1 && lir::is_rematerialisable(inst);
          if (can_remake_[reg.number()]) remade_[reg.number()] = inst;
        });
    if (options_.spill_everything) can_remake_.assign(function_.virtual_count, false);
  }

  void build(ColorGraph& graph) {
    const std::vector<std::vector<Node>> live_out = live_out_sets(function_);
    NodeSet live(lir::allocatable_regs + function_.virtual_count);
    RegisterEffects effects;
    for (uint32_t i = 0; i < function_.blocks.size(); i++) {
      lir::Block& block = function_.blocks[lir::BlockId(i)];
      live.become(live_out[i]);
      float weight = 1;
      for (uint32_t depth = 0; depth < std::min(depths_[i], 4u); depth++) weight *= 10;
      for (size_t k = block.insts.size(); k-- > 0;) {
        const Inst& inst = block.insts[k];
        effects_of(inst, effects);
        if (lir::is_move(inst) && node_of(inst.b) != no_node) {
          live.reset(node_of(inst.b));
          graph.add_move(node_of(inst.dst), node_of(inst.b));
        }
        for (Node def : effects.defs) live.set(def);
        for (Node def : effects.defs)
          for (Node other : live.nodes()) graph.add_edge(def, other);
        if (effects.early_def != no_node)
          for (Node use : effects.uses) graph.add_edge(effects.early_def, use);
        for (Node def : effects.defs) live.reset(def);
        for (Node use : effects.uses) live.set(use);
        add_costs(graph, inst, effects, weight);
      }
    }
  }

  void add_costs(ColorGraph& graph, const Inst& inst, const RegisterEffects& effects, float weight) {
    lir::Form form = lir::row_of(inst.op).form;
    if (form == lir::Form::jump && inst.imm != 0) weight *= compare_weight;
    auto add = [&](Node node, bool is_def) {
      if (node < lir::allocatable_regs) return;
      uint32_t number = node - lir::allocatable_regs;
      float cost = number >= first_temporary_ ? std::numeric_limits<float>::infinity() : weight;
      if (can_remake_[number]) cost = is_def ? 0 : cost * 0.5f;
      graph.add_cost(node, cost);
    };
    for (Node node : effects.uses) add(node, false);
    for (Node node : effects.defs) add(node, true);
  }

  // Moves the nodes and all that was coalesced with them to memory. Coalesced registers never hold different values
  // at one time, so they share a slot, and moves between them vanish.
  template <class Alias>
  void spill(const std::vector<Node>& nodes, Alias&& alias) {
    std::vector<lir::SlotId> slot_of_alias(lir::allocatable_regs + function_.virtual_count);
    std::vector<bool> is_spilled(slot_of_alias.size());
    for (Node node : nodes) is_spilled[node] = true;
    uint32_t count = function_.virtual_count;
    place_.assign(count, {});
    for (uint32_t number = 0; number < count; number++) {
      Node leader = alias(lir::allocatable_regs + number);
      if (!is_spilled[leader]) continue;
      place_[number].is_spilled = true;
      if (can_remake_[number]) continue;
      lir::SlotId& slot = slot_of_alias[leader];
      if (!slot.is_valid()) slot = function_.slots.add({slot_names_.next(function_.slots, "spill.0"), 8, 8, 0, true});
      place_[number].slot = slot;
    }
    for (lir::Block& block : function_.blocks) {
      std::vector<Inst> made;
      made.reserve(block.insts.size());
      for (Inst& inst : block.insts) spill_operands(inst, made);
      block.insts = std::move(made);
    }
  }

  struct SpillPlace {
    bool is_spilled = false;
    lir::SlotId slot;  // invalid: made again at each use
  };
  const SpillPlace* place_of(Reg reg) const {
    if (!reg.is_virtual() || reg.number() >= place_.size() || !place_[reg.number()].is_spilled) return nullptr;
    return &place_[reg.number()];
  }

  Inst bring_back(Reg reg, Reg into, Span span) const {
    const SpillPlace& place = *place_of(reg);
    Inst inst;
    if (place.slot.is_valid()) {
      inst.op = Op::ldx64;
      inst.slot = place.slot;
    } else {
      inst = remade_[reg.number()];
      inst.origin |= lir::origin_copy;
    }
    inst.dst = into;
    inst.span = span;
    return inst;
  }

  static Inst store_to(lir::SlotId slot, Reg from, Span span) {
    Inst inst;
    inst.op = Op::st64;
    inst.slot = slot;
    inst.b = from;
    inst.span = span;
    return inst;
  }

  void spill_operands(Inst& inst, std::vector<Inst>& made) {
    if (lir::is_move(inst) && spill_move(inst, made)) return;
    const SpillPlace* result = place_of(inst.dst);
    if (result && !result->slot.is_valid()) return;  // its users make it again
    struct Renamed {
      Reg from, to;
      bool is_written;
    };
    std::vector<Renamed> renamed;
    lir::visit_regs(inst, [&](Reg& reg, Role role) {
      if (!place_of(reg)) return;
      auto known = std::find_if(renamed.begin(), renamed.end(), [&](const Renamed& r) { return r.from == reg; });
      if (known == renamed.end()) {
        renamed.push_back({reg, function_.add_virtual(), false});
        known = renamed.end() - 1;
        if (lir::reads(role)) made.push_back(bring_back(reg, known->to, inst.span));
      }
      known->is_written |= lir::writes(role);
      reg = known->to;
    });
    Span span = inst.span;
    made.push_back(std::move(inst));
    for (const Renamed& r : renamed)
      if (r.is_written) made.push_back(store_to(place_of(r.from)->slot, r.to, span));
  }

  // A move to or from memory is a store or a load.
  bool spill_move(const Inst& inst, std::vector<Inst>& made) {
    const SpillPlace *to = place_of(inst.dst), *from = place_of(inst.b);
    if (!to && !from) return false;
    if (to && from && to->slot.is_valid() && to->slot == from->slot) return true;
    if (!to) {
      made.push_back(bring_back(inst.b, inst.dst, inst.span));
    } else if (!from && inst.b != lir::r10) {
      made.push_back(store_to(to->slot, inst.b, inst.span));
    } else if (from) {
      Reg temporary = function_.add_virtual();
      made.push_back(bring_back(inst.b, temporary, inst.span));
      made.push_back(store_to(to->slot, temporary, inst.span));
    } else {
      return false;
    }
    return true;
  }

  void rewrite(const ColorGraph& graph) {
    for (lir::Block& block : function_.blocks) {
      for (Inst& inst : block.insts)
        lir::visit_regs(inst, [&](Reg& reg, Role) {
          if (reg.is_virtual()) reg = lir::physical(graph.color(node_of(reg)));
        });
      std::erase_if(block.insts, [](const Inst& inst) { return lir::is_move(inst) && inst.dst == inst.b; });
    }
    function_.virtual_count = 0;
  }

  Function& function_;
  const AllocationOptions& options_;
  std::vector<uint32_t> depths_;
  uint32_t first_temporary_;  // virtual registers from here on are made by spilling and must not be spilled again
  std::vector<Inst> remade_;  // by number of the virtual register
  std::vector<bool> can_remake_;
  std::vector<SpillPlace> place_;
  UniqueNames slot_names_;
};

}  // namespace

void allocate_registers(Function& function, const AllocationOptions& options) {
  Allocator(function, options).run();
}

void set_origins(Function& function) {
  uint32_t next = 0;
  for (lir::Block& block : function.blocks)
    for (Inst& inst : block.insts) inst.origin = next++;
}

}  // namespace shrike::bpf
