// The one entry of the model: would this kernel load this program? Accept and reject are claims; whatever is not modelled
// is answered `unknown` with the reason, never guessed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "verifier-sim/profile.h"
#include "verifier-sim/program.h"

namespace shrike::sim {

enum class Answer : uint8_t { accept, reject, unknown };

enum class RejectClass : uint8_t {
  none,
  opcode,       // unknown instruction, reserved field in use, bad shift, division by zero constant
  cfg,          // jump out of range, fall through the end, into the middle of ld_imm64
  unreachable,  // instruction no path reaches
  uninit_register,
  frame_write,  // write to r10
  pointer_arith,
  scalar_deref,
  nullable_deref,
  stack_bounds,
  stack_uninit,
  misaligned,
  map_bounds,
  mem_bounds,
  ctx_access,
  arg_type,
  size_range,  // negative, unbounded or zero size for a helper
  helper,      // not known, not for this program type, not for this license
  ref_leak,
  stack_limit,  // too many frames or bytes over the call chain
  loop,         // the same state comes round
  complexity,
  program_type,  // this kernel has no such programs
  map_type,      // nor such maps
  retval,
  other,
};

std::string_view name_of(RejectClass c);

struct Verdict {
  Answer answer = Answer::unknown;
  RejectClass reject_class = RejectClass::none;
  uint32_t insn = 0;    // where the rejected path stood
  std::string message;  // the kernel's sentence, or why the model abstains
  std::string assumed;  // what is taken to be so about the kernel's configuration; empty: nothing
  uint32_t processed = 0;
  uint32_t peak_states = 0;
  uint32_t stack_depth = 0;  // deepest frame, bytes
  std::string log;           // with Options::log: states and instructions in the syntax of the kernel's level-2 log
};

struct Options {
  bool log = false;
  uint32_t budget = 1'000'000;  // processed instructions before the answer is unknown
};

Verdict verify(const ProgramInput& program, const Profile& profile, const Options& options = {});

}  // namespace shrike::sim
