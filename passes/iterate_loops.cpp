// Makes iterator loops of callbacks: where bpf_loop would call a small body, the body is put into the loop of an open-coded
// iterator of the kernel's (bpf_iter_num_new, _next, _destroy; Linux 6.4). What the rounds share is then in registers, not in a
// slot, and a round costs no call.
//
// Needs: inline_functions before it, so that a body's size is what it comes to; a kernel that has the iterators
// (KernelLimits::has_number_iterators, asked only where a loop could use them). Establishes: nothing. Destroys: callbacks, with
// which the numbers of later functions change.
// Does not touch bodies that are called from several places, are long or have many ways through them: the verifier walks a round
// until its states repeat, every way each time. Nor those that change no number they share with the program, or reach into what
// they share at an offset that is not constant, which keeps it in memory: they gain nothing. Callbacks of for_each_map_elem stay.
// Does not touch loops in other loops, be they of jumps, in a callback, or in a function that may be called in one: when the
// verifier comes to such a loop again, it forgets every number that has changed since the last time and has not decided anything
// so far, so that what bounds were proved of is not what it knows. Where no access depends on a number, loops in loops are
// iterated.
//
//   %n = call loop(count, frame, 0, &body)     ^before:  call iter_num_new($iterator, 0, count); jump ^round
//                                              ^round:   %p = call iter_num_next($iterator); branch_null %p, ^over, ^body
//                                              ^body:    the index is what %p leads to; `ret 0` jumps to ^round, `ret 1` to ^left
//                                              ^left:    one more than the index, ^over: count; both jump to ^looped(%n), where
//                                                        iter_num_destroy is: every way comes by there
#include <algorithm>
#include <map>
#include <optional>

#include "mir/analysis/dominators.h"
#include "mir/build.h"
#include "mir/edit.h"
#include "passes/copy_body.h"
#include "passes/passes.h"

namespace shrike::passes {

namespace {

using namespace mir;

// Of a body with those of the loops in it. Measured by bench/loops, see docs/compiler.md.
constexpr uint32_t most_weight = 256;
constexpr uint32_t most_ways = 8;         // two for each branch, one for each test of what was looked up
constexpr int64_t most_rounds = 1 << 23;  // the kernel's limit, of bpf_loop and of iterators

class LoopIterator {
 public:
  LoopIterator(Module& module, const PassContext& context) : module_(module), context_(context) {}

  void run() {
    if (!find_callbacks() || !context_.limits.has_number_iterators()) return;
    for (uint32_t f = 0; f < module_.functions.size(); f++) {
      const Function& function = module_.functions[FunctionId(f)];
      if (function.kind == FunctionKind::program && has_loop(function) && context_.may_change(function)) iterate(FunctionId(f));
    }
    if (std::ranges::find(is_dropped_, true) != is_dropped_.end()) drop_functions(module_, is_dropped_);
  }

 private:
  struct Body {
    uint32_t weight = 0, ways = 0;
    bool changes_shared = false;  // words but the first, which says that it left
    bool has_loop = false;
    bool is_plain = true;  // no access depends on a number
    bool is_suitable = true;
  };

  static bool is_loop(const Inst& inst) { return inst.op == Opcode::call && inst.helper == HelperId::loop; }

  bool has_loop(const Function& function) const {
    return std::ranges::any_of(function.blocks, [&](const Block& block) {
      return std::ranges::any_of(block.insts, [&](const Inst& inst) { return is_loop(inst) && suits(inst.callee); });
    });
  }

  // Whether some loop's body is one to iterate over.
  bool find_callbacks() {
    const size_t count = module_.functions.size();
    if (std::ranges::none_of(module_.functions, [](const Function& each) { return each.kind == FunctionKind::loop; }))
      return false;
    calls_.resize(count);
    bodies_.resize(count);
    is_dropped_.resize(count);
    is_inner_.resize(count);
    for (const Function& function : module_.functions)
      for (const Block& block : function.blocks)
        for (const Inst& inst : block.insts)
          if (inst.callee.is_valid()) calls_[inst.callee.index]++;
    bool is_any = false;
    for (uint32_t f = 0; f < count; f++)
      is_any |= module_.functions[FunctionId(f)].kind == FunctionKind::loop && suits(FunctionId(f));
    return is_any;
  }

  bool suits(FunctionId callback) const {
    const Body& body = body_of(callback);
    return calls_[callback.index] == 1 && body.is_suitable && (body.changes_shared || is_inner_[callback.index]);
  }

  const Body& body_of(FunctionId id) const {
    std::optional<Body>& known = bodies_[id.index];
    if (known) return *known;
    known.emplace();
    Body body;
    for (const Block& block : module_.functions[id].blocks)
      for (const Inst& inst : block.insts)
        if (body.is_suitable) add(id, inst, body);
    if (body.is_suitable) {
      const std::vector<bool> is_in_loop = blocks_in_loops(module_.functions[id]);
      body.is_suitable = std::ranges::find(is_in_loop, true) == is_in_loop.end();
    }
    known = body;
    return *known;
  }

  void add(FunctionId id, const Inst& inst, Body& body) const {
    body.weight += weight_of(inst);
    body.ways += inst.op == Opcode::branch ? 2 : inst.op == Opcode::branch_null ? 1 : 0;
    note_frame(module_.functions[id], inst, body);
    if (inst.op == Opcode::call_fn || (inst.callee.is_valid() && !is_loop(inst))) body.is_suitable = false;
    body.is_plain &= !depends_on_number(module_.functions[id], inst);
    if (is_loop(inst)) {
      body.has_loop = true;
      const Body& inner = body_of(inst.callee);
      body.weight += inner.weight;
      body.ways += inner.ways;
      body.changes_shared |= inner.changes_shared;
      body.is_plain &= inner.is_plain;
      body.is_suitable &= calls_[inst.callee.index] == 1 && inner.is_suitable;
    }
    body.is_suitable &= body.weight <= most_weight && body.ways <= most_ways && (!body.has_loop || body.is_plain);
  }

  static bool is_constant(const Function& function, ValueId value) {
    return std::ranges::any_of(function.blocks, [&](const Block& block) {
      const Inst* defined = defined_before(block.insts, block.insts.size(), value);
      return defined != nullptr && defined->op == Opcode::constant;
    });
  }

  static bool depends_on_number(const Function& function, const Inst& inst) {
    if (inst.op == Opcode::ptr_add) return !is_constant(function, inst.operands[1]);
    if (inst.op != Opcode::call) return false;
    size_t next = 0;
    for (HelperOperand kind : row_of(inst.helper).operands) {
      if (!is_value_operand(kind)) continue;
      next++;
      const bool is_sized =
          kind == HelperOperand::in || kind == HelperOperand::in_n || kind == HelperOperand::out || kind == HelperOperand::out_n;
      if (is_sized && !is_constant(function, inst.operands[next])) return true;
    }
    return false;
  }

  static void note_frame(const Function& callback, const Inst& inst, Body& body) {
    const ValueId frame = callback.blocks[callback.entry()].params[1];
    if (inst.op == Opcode::store) body.changes_shared |= inst.operands[0] == frame && inst.imm != 0;
    if (inst.op == Opcode::ptr_add && inst.operands[0] == frame) body.is_suitable &= is_constant(callback, inst.operands[1]);
  }

  // By block: whether it is in a loop of jumps.
  static std::vector<bool> blocks_in_loops(const Function& function) {
    std::vector<bool> is_in_loop(function.blocks.size());
    const Dominators dominators = find_dominators(function);
    for (BlockId end : dominators.order)
      for (const BlockTarget& target : function.blocks[end].insts.back().targets) {
        if (!dominators.dominates(target.block, end)) continue;
        std::vector<bool> seen(function.blocks.size());
        seen[target.block.index] = is_in_loop[target.block.index] = true;
        std::vector<BlockId> work{end};
        while (!work.empty()) {
          const BlockId block = work.back();
          work.pop_back();
          if (seen[block.index]) continue;
          seen[block.index] = is_in_loop[block.index] = true;
          for (BlockId from : dominators.predecessors[block.index]) work.push_back(from);
        }
      }
    return is_in_loop;
  }

  // Blocks are added behind, and looked at as well: they have the rest of the one that was split, and loops in the loop.
  void iterate(FunctionId id) {
    const std::vector<bool> is_in_loop = blocks_in_loops(module_.functions[id]);
    for (uint32_t b = 0; b < module_.functions[id].blocks.size(); b++) {
      if (b < is_in_loop.size() && is_in_loop[b]) continue;
      const std::vector<Inst>& insts = module_.functions[id].blocks[BlockId(b)].insts;
      for (size_t at = 0; at < insts.size(); at++) {
        if (!is_loop(insts[at]) || !suits(insts[at].callee) || !is_bounded(insts, at)) continue;
        replace(id, BlockId(b), at);
        break;
      }
    }
  }

  static const Inst* defined_before(const std::vector<Inst>& insts, size_t at, ValueId value) {
    while (at-- > 0)
      if (insts[at].result == value) return &insts[at];
    return nullptr;
  }

  // bpf_loop refuses what iterators would refuse otherwise.
  static bool is_bounded(const std::vector<Inst>& insts, size_t at) {
    const Inst* count = defined_before(insts, at, insts[at].operands[0]);
    const Inst* flags = defined_before(insts, at, insts[at].operands[2]);
    const bool is_number = count != nullptr && (count->op == Opcode::constant || count->op == Opcode::clamp_u);
    const bool has_no_flags = flags != nullptr && flags->op == Opcode::constant && flags->imm == 0;
    return is_number && has_no_flags && count->imm >= 0 && count->imm <= most_rounds;
  }

  void replace(FunctionId id, BlockId before, size_t at) {
    Function& function = module_.functions[id];
    const BlockId behind = split_block(function, before, at, "looped");
    std::vector<Inst>& rest = function.blocks[behind].insts;
    const Inst call = std::move(rest.front());
    rest.erase(rest.begin());

    Builder builder(module_, id, before);
    builder.set_span(call.span);
    const SlotId iterator = builder.add_slot("iterator", 8, 8);
    builder.call(HelperId::iter_num_new, {builder.slot_addr(iterator), builder.constant(0), call.operands[0]});
    const BlockId round = builder.add_block("round"), over = builder.add_block("over"), body = builder.add_block("number");
    builder.jump(round);
    builder.move_to(round);
    const ValueId number = builder.branch_null(builder.call(HelperId::iter_num_next, {builder.slot_addr(iterator)}), over, body);
    builder.move_to(over);
    builder.jump(behind, {call.operands[0]});
    builder.move_to(body);
    const ValueId index = builder.load(MemWidth::u32, number, 0);
    const BlockId left = builder.add_block("left");
    const std::vector<BlockId> copied = copy_body(function, module_.functions[call.callee], {index, call.operands[1]});
    builder.jump(copied.front());
    builder.move_to(left);
    builder.jump(behind, {builder.binary(Opcode::add, index, builder.constant(1))});
    for (BlockId block : copied) {
      forget_blurring(function.blocks[block].insts, call.operands[1]);
      go_on(builder, block, round, left);
    }
    put_destroy(builder, behind, iterator, call.result);
    is_dropped_[call.callee.index] = true;
    for (const Block& block : module_.functions[call.callee].blocks)
      for (const Inst& inst : block.insts)
        if (is_loop(inst)) is_inner_[inst.callee.index] = true;
  }

  // A body says by what it returns whether there is to be another round.
  static void go_on(Builder& builder, BlockId block, BlockId round, BlockId left) {
    std::vector<Inst>& insts = builder.function().blocks[block].insts;
    if (insts.back().op != Opcode::ret) return;
    const Inst ret = std::move(insts.back());
    insts.pop_back();
    builder.move_to(block);
    const Inst* value = defined_before(insts, insts.size(), ret.operands[0]);
    if (value != nullptr && value->op == Opcode::constant) builder.jump(value->imm == 0 ? round : left);
    else builder.branch(ret.operands[0], left, round);
  }

  static void put_destroy(Builder& builder, BlockId behind, SlotId iterator, ValueId rounds) {
    Block& block = builder.function().blocks[behind];
    std::vector<Inst> rest = std::move(block.insts);
    block.insts.clear();
    block.params = {rounds};
    builder.move_to(behind);
    builder.call(HelperId::iter_num_destroy, {builder.slot_addr(iterator)});
    Block& end = builder.function().blocks[behind];
    std::ranges::move(rest, std::back_inserter(end.insts));
  }

  // The frontend stores halves of shared words as it loads them, which makes the verifier forget what it knows of a callback's
  // stack. Of registers that changed in a round it forgets that anyway.
  static void forget_blurring(std::vector<Inst>& insts, ValueId frame) {
    for (size_t i = 0; i + 1 < insts.size(); i++) {
      const Inst &load = insts[i], &store = insts[i + 1];
      const bool is_blurring = load.op == Opcode::load && store.op == Opcode::store && store.width == load.width &&
                               bytes_of(load.width) == 4 && store.operands[1] == load.result && store.operands[0] == frame &&
                               load.operands[0] == frame && store.imm == load.imm;
      if (is_blurring) insts.erase(insts.begin() + static_cast<int64_t>(i), insts.begin() + static_cast<int64_t>(i) + 2);
    }
  }

  Module& module_;
  const PassContext& context_;
  std::vector<uint32_t> calls_;                      // by function
  mutable std::vector<std::optional<Body>> bodies_;  // by function
  std::vector<bool> is_dropped_;                     // by function
  std::vector<bool> is_inner_;                       // by function: in a loop that is one of an iterator
};

}  // namespace

void iterate_loops(Module& module, PassContext& context) {
  LoopIterator(module, context).run();
}

}  // namespace shrike::passes
