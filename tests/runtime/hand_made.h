// Objects written by hand, byte by byte, so that loading and attaching are tested without the compiler.
#pragma once

#include <initializer_list>
#include <vector>

#include "backend-bpf/object.h"

namespace shrike::test {

inline constexpr uint8_t mov64_imm = bpf::cls::alu64 | bpf::alu::mov | bpf::src::k;
inline constexpr uint8_t mov64_reg = bpf::cls::alu64 | bpf::alu::mov | bpf::src::x;

inline bpf::Insn insn(uint8_t opcode, uint8_t dst, uint8_t src, int16_t offset, int32_t imm) {
  return {opcode, bpf::make_regs(dst, src), offset, imm};
}

// A map of one u64 counter, and a program that adds one to it.
bpf::Object counting_object(mir::ProgramType type, mir::AttachPoint probe);
// Sends a record of event `id` with the value 42 each time.
bpf::Object sending_object(mir::ProgramType type, mir::AttachPoint probe, uint32_t id);
// Reads through a pointer that may be null: the verifier refuses instruction 6.
bpf::Object refused_object(Span place);

// The probe of a kind, with its parts.
mir::AttachPoint probe_at(mir::ProbeKind kind, std::string target, std::string function);

// Tests that load programs need privileges; those that have none say so and are skipped.
bool can_load_programs();

}  // namespace shrike::test
