// What of a program needs which kernel at least: its type, maps, helpers and instructions, each with the first upstream version
// that has it. Looks at single instructions only; whether a kernel's verifier follows the program is for verify() to say.
#pragma once

#include <string>
#include <vector>

#include "verifier-sim/profile.h"
#include "verifier-sim/program.h"

namespace shrike::sim {

struct Requirement {
  Version since;
  uint32_t insn = 0;  // the first that needs it
  std::string what;   // "helper bpf_loop", "maps of type ringbuf"
};

// The newest first; of one kind of thing only the first instruction.
std::vector<Requirement> requirements_of(const ProgramInput& program);

std::string to_text(Version v);  // "5.17"

}  // namespace shrike::sim
