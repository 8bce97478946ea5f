// Which numbers can still decide something: those that reach a jump, the address of an access, a size, the stack or a result.
// States that differ in the others lead to the same answer, so they need not be walked apart; the kernel comes to the same by its
// precision marks. What an instruction does with a register (is it a pointer? does the store hit the stack?) is learned from the
// walk, so the answer holds for a state from which every path has been walked.
#pragma once

#include <cstdint>
#include <vector>

#include "verifier-sim/walk.h"

namespace shrike::sim {

class Demand {
 public:
  explicit Demand(const Walk& walk);

  // Before each instruction: what it is about to do.
  void see(const Walk& walk);
  // By instruction: the registers whose numbers matter before it.
  const std::vector<uint16_t>& registers();

 private:
  uint16_t before(uint32_t insn) const;

  const ProgramInput& program_;
  std::vector<bool> moves_pointer_;  // by instruction
  std::vector<bool> hits_stack_;
  std::vector<uint16_t> wanted_;
  bool is_all_;  // nothing is left out
  bool is_old_ = true;
};

}  // namespace shrike::sim
