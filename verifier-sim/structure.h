// Checks that need no states: jump targets, subprogram boundaries, ld_imm64 pairs, reachability, and the fields of single
// instructions. Establishes the Structure that the walk relies on: every target is inside its subprogram.
#pragma once

#include <cstdint>
#include <vector>

#include "verifier-sim/profile.h"
#include "verifier-sim/program.h"
#include "verifier-sim/verdict.h"

namespace shrike::sim {

struct Structure {
  std::vector<uint32_t> starts;      // of subprograms, ascending, starts[0] == 0
  std::vector<int32_t> map_at;       // per instruction: index of the map its ld_imm64 names, or -1
  std::vector<uint8_t> prune_point;  // per instruction: states are compared here
  std::vector<uint8_t> repeats;      // per instruction: a call that runs a callback

  uint32_t subprogram_of(uint32_t insn) const;
  bool is_start(uint32_t insn) const;
};

// False: `verdict` says why.
bool check_structure(const ProgramInput& program, const Profile& profile, Structure& out, Verdict& verdict);

// Fields of one instruction that the walk has reached. Empty: fine. Otherwise the kernel's sentence.
std::string check_fields(const bpf::Insn& insn, const Profile& profile);

// Division by a zero constant, shifts by too many bits; the walk asks after it has read the operands.
std::string check_constant_operand(const bpf::Insn& insn);

int32_t jump_distance(const bpf::Insn& insn);  // in instructions from the next one
bool is_jump(const bpf::Insn& insn);           // conditional or not; neither call nor exit

}  // namespace shrike::sim
