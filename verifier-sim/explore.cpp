// The order is the kernel's: the fall-through first, the target of a jump later. A state is kept when at least two jumps
// and eight instructions have passed since the last; a state that proves useless is dropped again.
#include "verifier-sim/explore.h"

#include <algorithm>
#include <cstdio>

#include "verifier-sim/branches.h"
#include "verifier-sim/check_access.h"
#include "verifier-sim/check_call.h"
#include "verifier-sim/demand.h"
#include "verifier-sim/kernel_function.h"
#include "verifier-sim/liveness.h"
#include "verifier-sim/packet_access.h"
#include "verifier-sim/subsume.h"
#include "verifier-sim/transfer.h"

namespace shrike::sim {
namespace {

class Explorer {
 public:
  explicit Explorer(Walk& walk) : w(walk), live_(live_registers(walk.program)), demand_(walk), at_(walk.program.insns.size()) {}

  void run();
  bool has_ended() const { return ended_; }  // every path did

 private:
  enum class Met : uint8_t { go_on, covered, failed };

  Met compare_states();
  void remember();
  void widen(const Explored* before, State& round) const;
  void path_ended();
  bool step(uint32_t& next, bool& ended);
  bool next_path();
  void log_step();

  Walk& w;
  std::vector<uint16_t> live_;
  Demand demand_;
  std::vector<std::vector<Explored*>> at_;
  std::vector<std::unique_ptr<Explored>> all_;
  bool ended_ = false;
};

void Explorer::remember() {
  all_.push_back(std::make_unique<Explored>());
  Explored* e = all_.back().get();
  e->state = w.state;
  e->insn = w.insn;
  e->parent = w.parent;
  at_[w.insn].push_back(e);
  w.parent = e;
  w.kept_jumps = w.jumps;
  w.kept_processed = w.verdict.processed;
  w.verdict.peak_states = std::max(w.verdict.peak_states, static_cast<uint32_t>(all_.size()));
}

Explorer::Met Explorer::compare_states() {
  bool forced = w.structure.repeats[w.insn];
  bool add = forced || (w.jumps - w.kept_jumps >= 2 && w.verdict.processed - w.kept_processed >= 8);
  std::vector<Explored*>& known = at_[w.insn];
  for (size_t i = 0; i < known.size(); i++) {
    Explored* e = known[i];
    if (e->branches) {
      if (w.structure.repeats[w.insn]) {
        // Another round of a callback that brings nothing new: any number of rounds is covered.
        const bool goes_on = !steps_iterator(w.program, w.insn) || has_more(w);
        if (goes_on && covers(e->state, w.state, {live_, demand_.registers()}, w.insn, w.profile)) return Met::covered;
      } else if (identical(e->state, w.state)) {
        w.reject(RejectClass::loop, "infinite loop detected at insn %u", w.insn);
        return Met::failed;
      } else if (!w.profile.loops_need_same_stack && same_registers(e->state, w.state)) {
        w.abstain("a round of a loop changes the stack only; this kernel may take it for an endless loop");
        return Met::failed;
      }
      // On a short way round, another state of the same loop would only cost memory.
      if (w.jumps - w.kept_jumps < 20 && w.verdict.processed - w.kept_processed < 100 && !forced) add = false;
    } else if (covers(e->state, w.state, {live_, demand_.registers()}, w.insn, w.profile)) {
      e->hits++;
      return Met::covered;
    }
    if (add) e->misses++;
    if (e->misses > e->hits * 3 + 3 && !forced) {
      e->state = State();
      known.erase(known.begin() + static_cast<ptrdiff_t>(i--));
    }
  }
  if (add) remember();
  return Met::go_on;
}

void Explorer::path_ended() {
  for (Explored* e = w.parent; e; e = e->parent) {
    if (--e->branches) break;
  }
}

bool Explorer::next_path() {
  path_ended();
  if (w.pending.empty()) return false;
  Pending& p = w.pending.back();
  w.state = std::move(p.state);
  w.insn = p.insn;
  w.parent = p.parent;
  if (w.options.log) {
    w.verdict.log +=
        "\nfrom " + std::to_string(p.from) + " to " + std::to_string(p.insn) + ": " + to_text(w.state, w.program.maps) + "\n";
  }
  w.pending.pop_back();
  return true;
}

// Numbers that change from round to round become unknown, so that the rounds converge. `before`: where to look for the last one.
void Explorer::widen(const Explored* before, State& round) const {
  while (before && (before->insn != w.insn || before->state.frames.size() != round.frames.size())) before = before->parent;
  if (!before) return;
  auto widened = [](const Register& then, Register& now) {
    if (then.is_scalar() && now.is_scalar() && (then.var != now.var || then.id != now.id)) now = Register::unknown_scalar();
  };
  for (size_t f = 0; f < round.frames.size(); f++) {
    const Frame& then = before->state.frames[f];
    Frame& now = round.frames[f];
    for (size_t i = 0; i < frame_pointer; i++) widened(then.regs[i], now.regs[i]);
    for (size_t i = 0; i < std::min(then.stack.size(), now.stack.size()); i++) {
      if (then.stack[i].is_spill() && now.stack[i].is_spill()) widened(then.stack[i].spilled, now.stack[i].spilled);
    }
  }
}

bool Explorer::step(uint32_t& next, bool& ended) {
  namespace cls = bpf::cls;
  const bpf::Insn& insn = w.at();
  std::string fault = check_fields(insn, w.profile);
  if (!fault.empty()) return w.reject(RejectClass::opcode, "%s", fault.c_str());
  demand_.see(w);
  next = w.insn + 1;
  switch (insn.opcode & 7) {
    case cls::alu:
    case cls::alu64: return transfer_alu(w);
    case cls::ld:
      if (insn.opcode != bpf::ld_imm64) return transfer_packet_load(w);
      next = w.insn + 2;
      return transfer_ld_imm64(w);
    case cls::ldx: return transfer_load(w);
    case cls::st:
    case cls::stx: return transfer_store(w);
    default: break;
  }
  w.jumps++;
  if (insn.opcode == bpf::call_insn) return transfer_call(w, next);
  if (insn.opcode == bpf::exit_insn) return transfer_exit(w, next, ended);
  return transfer_jump(w, next);
}

void Explorer::log_step() {
  w.verdict.log += std::to_string(w.insn) + ": " + to_text(w.state, w.program.maps) + "\n";
  const bpf::Insn* second = w.at().opcode == bpf::ld_imm64 ? &w.program.insns[w.insn + 1] : nullptr;
  char opcode[8];
  snprintf(opcode, sizeof opcode, "(%02x) ", w.at().opcode);
  w.verdict.log += std::to_string(w.insn) + ": " + opcode + bpf::disassemble(w.at(), second) + "\n";
}

void Explorer::run() {
  for (;;) {
    if (++w.verdict.processed > std::min(w.profile.processed_limit, w.options.budget)) {
      w.abstain("more than " + std::to_string(w.verdict.processed - 1) + " instructions to walk; the kernel may prune more");
      return;
    }
    if (w.structure.prune_point[w.insn]) {
      Met met = compare_states();
      if (met == Met::failed) return;
      if (met == Met::covered) {
        if (!next_path()) break;
        continue;
      }
    }
    w.reached[w.insn] = true;
    if (w.options.log) log_step();
    uint32_t next = 0;
    bool ended = false;
    bool leaves_callback = w.at().opcode == bpf::exit_insn && w.state.current().callback != Callback::none;
    const size_t waiting = w.pending.size();
    const bool steps = steps_iterator(w.program, w.insn);
    if (!step(next, ended)) return;
    // This visit has been remembered: the last round is before it.
    if (steps && w.pending.size() > waiting) widen(w.parent->parent, w.pending.back().state);
    if (ended) {
      if (!next_path()) break;
      continue;
    }
    w.insn = next;
    if (leaves_callback) widen(w.parent, w.state);
  }
  ended_ = true;
}

}  // namespace

bool explore(Walk& w) {
  Explorer explorer(w);
  explorer.run();
  return explorer.has_ended();
}

}  // namespace shrike::sim
