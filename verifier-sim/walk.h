// The state of one verification, shared by the checks: the program, the kernel, the state at the current instruction and
// what is still to be walked. Checks return false after reject() or abstain(); then the walk is over.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "verifier-sim/state.h"
#include "verifier-sim/structure.h"
#include "verifier-sim/verdict.h"

namespace shrike::sim {

struct Explored;

// A branch to walk later.
struct Pending {
  State state;
  uint32_t insn = 0;
  Explored* parent = nullptr;
  uint32_t from = 0;  // the instruction that branched
};

struct Walk {
  const ProgramInput& program;
  const Profile& profile;
  const Options& options;
  const Structure& structure;
  Verdict& verdict;

  State state;
  uint32_t insn = 0;
  Explored* parent = nullptr;  // the last remembered state of this path
  uint32_t id_count = 0;
  uint32_t jumps = 0;
  std::vector<Pending> pending;
  std::vector<int> stack_depths;                // per subprogram, bytes
  std::vector<Kind> accessed_kinds;             // per instruction: the pointer kind it has been seen to access
  uint32_t kept_jumps = 0, kept_processed = 0;  // when a state was last kept
  const GlobalFunction* function = nullptr;     // walked by itself; null: the program
  std::vector<uint32_t> called;                 // global functions, by their first instruction
  std::vector<bool> reached;                    // per instruction

  Register& reg(unsigned n) { return state.current().regs[n]; }
  const bpf::Insn& at() const { return program.insns[insn]; }
  uint32_t fresh_id() { return ++id_count; }
  const Deductions& deductions() const { return profile.deductions; }

  [[gnu::format(printf, 3, 4)]] bool reject(RejectClass c, const char* format, ...);
  bool abstain(std::string reason);
  bool push(State branch, uint32_t to);  // false: too many pending branches

  bool can_read(unsigned n);   // rejects an uninitialised register
  bool can_write(unsigned n);  // rejects the frame pointer
};

}  // namespace shrike::sim
