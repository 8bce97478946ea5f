// Inside of emission, shared with layout_blocks: how many instruction slots a machine instruction takes.
#pragma once

#include "backend-bpf/lir.h"

namespace shrike::bpf {

// Slots of 8 bytes. For jumps: with a second jump to the second target, which emission may leave out.
uint32_t insn_count(const lir::Inst& inst, int isa_level);

}  // namespace shrike::bpf
