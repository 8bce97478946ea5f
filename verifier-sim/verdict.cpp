// From program to verdict: structure first, then the walk from the first instruction with the context in r1.
#include "verifier-sim/verdict.h"

#include "verifier-sim/explore.h"
#include "verifier-sim/structure.h"
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

Verdict verify(const ProgramInput& program, const Profile& profile, const Options& options) {
  Verdict verdict;
  if (!program.not_modelled.empty()) {
    verdict.message = program.not_modelled;
    return verdict;
  }
  Structure structure;
  if (!check_structure(program, profile, structure, verdict)) return verdict;
  Walk w{program, profile, options, structure, verdict, {}, 0, nullptr, 0, 0, {}, {}, {}};
  w.stack_depths.assign(structure.starts.size(), 0);
  w.accessed_kinds.assign(program.insns.size(), Kind::not_init);
  Frame main;
  main.regs[1] = Register::pointer(Kind::ctx);
  main.regs[frame_pointer] = Register::pointer(Kind::stack);
  w.state.frames.push_back(main);
  explore(w);
  return verdict;
}

}  // namespace shrike::sim
