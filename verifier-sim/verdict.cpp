// From program to verdict: structure first, then the walk from the first instruction with the context in r1.
#include "verifier-sim/verdict.h"

#include "verifier-sim/explore.h"
#include "verifier-sim/kernel_function.h"
#include "verifier-sim/structure.h"
#include "verifier-sim/subprogram.h"
#include "verifier-sim/walk.h"

namespace shrike::sim {

std::string_view name_of(RejectClass c) {
  static constexpr std::string_view names[] = {
      "none",         "opcode",        "cfg",          "unreachable",    "uninit-register",
      "frame-write",  "pointer-arith", "scalar-deref", "nullable-deref", "stack-bounds",
      "stack-uninit", "misaligned",    "map-bounds",   "mem-bounds",     "ctx-access",
      "arg-type",     "size-range",    "helper",       "ref-leak",       "stack-limit",
      "loop",         "complexity",    "program-type", "map-type",       "retval",
      "other"};
  return names[static_cast<size_t>(c)];
}

namespace {

Register argument_of(Walk& w, const GlobalFunction::Argument& argument) {
  switch (argument.kind) {
    case GlobalFunction::Kind::number: return Register::unknown_scalar();
    case GlobalFunction::Kind::context: return Register::pointer(Kind::ctx);
    case GlobalFunction::Kind::memory: break;
  }
  Register memory = Register::pointer(Kind::mem);
  memory.mem_size = argument.size;
  memory.nullable = !argument.is_nonnull || w.profile.version < Version{6, 8};
  if (memory.nullable) memory.id = w.fresh_id();
  return memory;
}

// Walks the program, or one of its global functions, from its first instruction.
bool walk_function(Walk& w, const GlobalFunction* function) {
  w.function = function;
  w.insn = function == nullptr ? 0 : function->insn;
  w.parent = nullptr;
  w.state = State();
  Frame frame;
  frame.subprogram = w.structure.subprogram_of(w.insn);
  frame.regs[frame_pointer] = Register::pointer(Kind::stack);
  if (function == nullptr) {
    frame.regs[1] = Register::pointer(Kind::ctx);
  } else {
    for (size_t i = 0; i < function->arguments.size(); i++) frame.regs[i + 1] = argument_of(w, function->arguments[i]);
    if (w.options.log) w.verdict.log += "Validating " + function->name + "() func#" + std::to_string(frame.subprogram) + "...\n";
    if (!function->returns_number) {
      return w.reject(RejectClass::retval, "Global function %s() doesn't return scalar. Only those are supported.",
                      function->name.c_str());
    }
    if (w.profile.version < Version{5, 12}) {
      for (size_t i = 0; i < function->arguments.size(); i++) {
        if (function->arguments[i].kind == GlobalFunction::Kind::memory)
          return w.reject(RejectClass::other, "Arg#%zu of %s() is not supported yet.", i, function->name.c_str());
      }
    }
  }
  w.state.frames.push_back(std::move(frame));
  return explore(w);
}

// A function that is handed out and never runs is removed as dead code, and kernels then fail to find it.
bool check_handed_functions(Walk& w) {
  for (uint32_t i = 0; i < w.program.insns.size(); i++) {
    const bpf::Insn& insn = w.program.insns[i];
    if (insn.opcode != bpf::ld_imm64 || insn.src() != bpf::pseudo::func || !w.reached[i]) continue;
    if (!w.reached[i + 1 + static_cast<uint32_t>(insn.imm)]) return w.abstain("a function whose address is taken never runs");
  }
  return true;
}

// The kernel checks first all global functions, or those that turned out to be called after the program.
bool walk_all(Walk& w) {
  const std::vector<GlobalFunction>& functions = w.program.global_functions;
  const bool by_themselves = w.profile.version >= Version{5, 6};
  const bool when_called = w.profile.version >= Version{6, 8};
  if (by_themselves && !when_called) {
    for (const GlobalFunction& function : functions) {
      if (!walk_function(w, &function)) return false;
    }
  }
  if (!walk_function(w, nullptr)) return false;
  for (size_t i = 0; when_called && i < w.called.size(); i++) {
    for (const GlobalFunction& function : functions) {
      if (function.insn == w.called[i] && !walk_function(w, &function)) return false;
    }
  }
  w.insn = 0;
  return check_stack_chain(w) && check_handed_functions(w) && check_kernel_functions(w);
}

}  // namespace

Verdict verify(const ProgramInput& program, const Profile& profile, const Options& options) {
  Verdict verdict;
  verdict.assumed = program.assumed;
  if (!program.not_modelled.empty()) {
    verdict.message = program.not_modelled;
    return verdict;
  }
  Structure structure;
  if (!check_structure(program, profile, structure, verdict)) return verdict;
  Walk w{program, profile, options, structure, verdict, {}, 0, nullptr, 0, 0, {}, {}, {}, 0, 0, nullptr, {}, {}};
  w.reached.assign(program.insns.size(), false);
  w.stack_depths.assign(structure.starts.size(), 0);
  w.accessed_kinds.assign(program.insns.size(), Kind::not_init);
  if (walk_all(w)) verdict.answer = Answer::accept;
  if (options.log) {
    if (verdict.answer != Answer::accept) verdict.log += verdict.message + "\n";
    verdict.log += "processed " + std::to_string(verdict.processed) + " insns (limit " + std::to_string(profile.processed_limit) +
                   ") peak_states " + std::to_string(verdict.peak_states) + "\n";
  }
  return verdict;
}

}  // namespace shrike::sim
