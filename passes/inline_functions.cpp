// Puts the bodies of the script's functions where they are called: what a call passes and returns is then known to the passes
// behind, and the flag by which a function says that it left the program is a value like any other.
//
// Needs: expand_aggregates before it, so that a body's size is what it comes to. Establishes: nothing. Destroys: nothing but
// functions that nobody calls any more, with which the numbers of later ones change.
// Does not touch callbacks, which the kernel calls: those of an inlined body get the slot in its new frame. Does not copy what
// is called from several places unless it is small, nor into functions that are long already, nor where the frame would grow
// out of what other slots are likely to need.
//
// Callees come first, so that a body is whole before it is copied. Within a block the last call goes first: each instruction
// is moved once.
#include <algorithm>

#include "mir/edit.h"
#include "passes/copy_body.h"
#include "passes/frames.h"
#include "passes/passes.h"

namespace shrike::passes {

namespace {

using namespace mir;

constexpr uint32_t small_body = 16;        // instructions that may be copied to each of several callers: a call costs about six
constexpr uint32_t longest_caller = 8000;  // instructions, far from what check_length refuses
constexpr uint32_t most_frame = 256;       // bytes of slots before they are shared, half of what there is

class Inliner {
 public:
  Inliner(Module& module, const PassContext& context) : module_(module), context_(context), frames_(frame_bytes(module)) {
    weights_.resize(module.functions.size());
    calls_.resize(module.functions.size());
    is_done_.resize(module.functions.size());
    for (const Function& function : module.functions)
      for (const Block& block : function.blocks)
        for (const Inst& inst : block.insts) has_calls_ |= count_call(inst);
  }

  void run() {
    if (!has_calls_) return;
    for (uint32_t f = 0; f < module_.functions.size(); f++) finish(FunctionId(f));
    drop_uncalled();
  }

 private:
  bool count_call(const Inst& inst) {
    if (inst.op != Opcode::call_fn) return false;
    calls_[inst.callee.index]++;
    return true;
  }

  // A function and, before it, those that it calls; none calls itself.
  void finish(FunctionId id) {
    if (is_done_[id.index]) return;
    is_done_[id.index] = true;
    for (const Block& block : module_.functions[id].blocks)
      for (const Inst& inst : block.insts)
        if (inst.callee.is_valid()) finish(inst.callee);
    weights_[id.index] = weight_of(module_.functions[id]);
    if (!context_.may_change(module_.functions[id])) return;
    // Blocks that are added hold no calls to be looked at: a callee's are those that stay.
    const auto blocks = static_cast<uint32_t>(module_.functions[id].blocks.size());
    for (uint32_t b = 0; b < blocks; b++) inline_into(id, BlockId(b));
  }

  void inline_into(FunctionId id, BlockId block) {
    for (size_t at = module_.functions[id].blocks[block].insts.size(); at-- > 0;) {
      const Inst& inst = module_.functions[id].blocks[block].insts[at];
      if (inst.op != Opcode::call_fn || !pays(id, inst.callee)) continue;
      const FunctionId callee = inst.callee;
      calls_[callee.index]--;
      weights_[id.index] += weights_[callee.index];
      frames_[id.index] += frames_[callee.index];
      replace_call(module_.functions[id], block, at, module_.functions[callee]);
      inlined_.push_back(callee);
    }
  }

  bool pays(FunctionId caller, FunctionId callee) const {
    const bool is_only_call = calls_[callee.index] == 1;
    const uint32_t weight = weights_[callee.index];
    return (is_only_call || weight <= small_body) && weights_[caller.index] + weight <= longest_caller &&
           (frames_[callee.index] == 0 || frames_[caller.index] + frames_[callee.index] <= most_frame);
  }

  static void replace_call(Function& function, BlockId block, size_t at, const Function& callee) {
    BlockId behind = split_block(function, block, at, callee.name + "_done");
    std::vector<Inst>& rest = function.blocks[behind].insts;
    Inst call = std::move(rest.front());
    rest.erase(rest.begin());
    function.blocks[behind].params = {call.result};

    const std::vector<BlockId> blocks = copy_body(function, callee, call.operands);
    for (BlockId copied : blocks)
      if (Inst& last = function.blocks[copied].insts.back(); last.op == Opcode::ret) go_on(last, behind);
    Inst enter{.op = Opcode::jump, .targets = {{blocks.front(), {}}}};
    enter.span = call.span;
    function.blocks[block].insts.push_back(std::move(enter));
  }

  static void go_on(Inst& ret, BlockId behind) {
    ret.op = Opcode::jump;
    ret.targets = {{behind, std::move(ret.operands)}};
    ret.operands.clear();
  }

  void drop_uncalled() {
    if (inlined_.empty()) return;
    std::vector<bool> is_dropped(module_.functions.size());
    for (FunctionId id : inlined_) is_dropped[id.index] = calls_[id.index] == 0;
    drop_functions(module_, is_dropped);
  }

  Module& module_;
  const PassContext& context_;
  std::vector<uint32_t> frames_, weights_, calls_;  // by function
  std::vector<bool> is_done_;
  std::vector<FunctionId> inlined_;
  bool has_calls_ = false;
};

}  // namespace

void inline_functions(Module& module, PassContext& context) {
  Inliner(module, context).run();
}

}  // namespace shrike::passes
