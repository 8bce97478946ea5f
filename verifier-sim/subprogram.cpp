// Static subprograms are walked inline, once per call. A callback is walked as if the call instruction were a loop: its
// end returns to the call, where states are compared, so that any number of iterations is covered.
#include "verifier-sim/subprogram.h"

#include <algorithm>

namespace shrike::sim {
namespace {

Frame frame_for(const Walk& w, uint32_t function) {
  Frame f;
  f.subprogram = w.structure.subprogram_of(function);
  f.call_site = w.insn;
  Register fp = Register::pointer(Kind::stack);
  fp.frame = static_cast<uint8_t>(w.state.frames.size());
  f.regs[frame_pointer] = fp;
  return f;
}

bool check_depth(Walk& w) {
  if (w.state.frames.size() < w.profile.frames) return true;
  return w.reject(RejectClass::stack_limit, "the call stack of %zu frames is too deep", w.state.frames.size());
}

bool calls_at(const bpf::Insn& i, uint32_t at, uint32_t& target) {
  bool calls = i.opcode == bpf::call_insn && i.src() == bpf::pseudo::call;
  bool hands_over = i.opcode == bpf::ld_imm64 && i.src() == bpf::pseudo::func;
  if (!calls && !hands_over) return false;
  target = at + 1 + static_cast<uint32_t>(i.imm);
  return true;
}

struct Chain {
  int deepest = 0;
  unsigned frames_of_deepest = 0;
  bool too_deep = false;
  unsigned frames = 0;
  bool is_private = false;  // large frames lie on stacks of their own
};

// Programs that a CPU does not enter again while it runs them, and that end in no tail call.
bool has_private_stacks(const Walk& w) {
  if (!w.profile.private_stack || !w.profile.jit) return false;
  for (const bpf::Insn& i : w.program.insns) {
    if (i.opcode == bpf::call_insn && i.src() == 0 && i.imm == 12) return false;
  }
  switch (w.program.type) {
    case ProgramType::kprobe:
    case ProgramType::tracepoint:
    case ProgramType::perf_event:
    case ProgramType::raw_tracepoint: return true;
    case ProgramType::tracing: return w.program.attach != AttachType::iter;
    default: return false;
  }
}

void measure(const Walk& w, uint32_t subprogram, int above, unsigned frames, Chain& chain) {
  constexpr int least_private = 64;
  if (frames > w.profile.frames) {
    chain.too_deep = true;
    chain.frames = frames;
    return;
  }
  auto rounding = static_cast<int>(w.profile.stack_rounding);
  int own = (std::max(w.stack_depths[subprogram], 1) + rounding - 1) / rounding * rounding;
  if (chain.is_private && own >= least_private) own = 0;  // a frame by itself has been held to the limit
  if (above + own > chain.deepest) chain.deepest = above + own, chain.frames_of_deepest = frames;
  const auto& starts = w.structure.starts;
  uint32_t end = subprogram + 1 < starts.size() ? starts[subprogram + 1] : static_cast<uint32_t>(w.program.insns.size());
  for (uint32_t i = starts[subprogram]; i < end && !chain.too_deep; i++) {
    uint32_t target = 0;
    if (calls_at(w.program.insns[i], i, target)) measure(w, w.structure.subprogram_of(target), above + own, frames + 1, chain);
    if (w.program.insns[i].opcode == bpf::ld_imm64) i++;
  }
}

}  // namespace

bool enter_subprogram(Walk& w, uint32_t& next) {
  if (!check_depth(w)) return false;
  next = w.insn + 1 + static_cast<uint32_t>(w.at().imm);
  Frame callee = frame_for(w, next);
  Frame& caller = w.state.current();
  for (unsigned n = 1; n <= 5; n++) callee.regs[n] = caller.regs[n];
  for (unsigned n = 0; n <= 5; n++) caller.regs[n] = Register();
  w.state.frames.push_back(std::move(callee));
  return true;
}

bool push_callback(Walk& w, Callback kind, uint32_t function, const Register& context, uint32_t map) {
  if (!check_depth(w)) return false;
  if (!w.structure.is_start(function)) return w.abstain("callback that is no subprogram");
  for (const Frame& frame : w.state.frames) {
    if (frame.subprogram == w.structure.subprogram_of(function)) return w.abstain("callback that hands out itself");
  }
  if (!w.state.references.empty() && w.profile.version < Version{6, 1}) return w.abstain("reference held across a callback");
  if (!w.profile.callbacks_repeat) return w.abstain("callbacks of this kernel are not modelled");
  State branch = w.state;
  Frame callee = frame_for(w, function);
  callee.callback = kind;
  callee.held = static_cast<uint32_t>(w.state.references.size());
  callee.last_held = callee.held == 0 ? 0 : w.state.references.back().id;
  if (kind == Callback::loop) {
    callee.regs[1] = Register::unknown_scalar();
    callee.regs[2] = context;
  } else {
    callee.regs[1] = Register::pointer(Kind::map_ptr);
    callee.regs[2] = Register::pointer(Kind::map_key);
    callee.regs[3] = Register::pointer(Kind::map_value);
    for (unsigned n = 1; n <= 3; n++) callee.regs[n].object = map;
    callee.regs[4] = context;
  }
  branch.frames.push_back(std::move(callee));
  branch.callback_rounds++;
  return w.push(std::move(branch), function);
}

bool leave_subprogram(Walk& w, uint32_t& next, bool& ended) {
  ended = false;
  const Frame& callee = w.state.current();
  const Register r0 = callee.regs[0];
  if (r0.kind == Kind::stack) return w.reject(RejectClass::retval, "cannot return stack pointer to the caller");
  if (callee.callback == Callback::none) {
    next = callee.call_site + 1;
    w.state.frames.pop_back();
    w.reg(0) = r0;
    return true;
  }
  if (!w.can_read(0)) return false;
  if (!r0.is_scalar()) return w.reject(RejectClass::retval, "R0 not a scalar value");
  if (r0.var.smin < 0 || r0.var.smax > 1)
    return w.reject(RejectClass::retval, "At callback return the register R0 should have been in [0, 1]");
  if (!keeps_held(w.state)) return w.abstain("callback that gives back what its caller holds");
  if (w.state.references.size() > callee.held) {
    const Reference& r = w.state.references[callee.held];
    return w.reject(RejectClass::ref_leak, "Unreleased reference id=%u alloc_insn=%u", r.id, r.insn);
  }
  next = callee.call_site;
  w.state.frames.pop_back();
  return true;
}

bool check_stack_chain(Walk& w) {
  Chain chain;
  chain.is_private = has_private_stacks(w);
  measure(w, 0, 0, 1, chain);
  for (int depth : w.stack_depths) w.verdict.stack_depth = std::max(w.verdict.stack_depth, static_cast<uint32_t>(depth));
  if (chain.too_deep) return w.reject(RejectClass::stack_limit, "the call stack of %u frames is too deep !", chain.frames);
  if (chain.deepest <= static_cast<int>(w.profile.stack_bytes)) return true;
  return w.reject(RejectClass::stack_limit, "combined stack size of %u calls is %d. Too large", chain.frames_of_deepest,
                  chain.deepest);
}

}  // namespace shrike::sim
