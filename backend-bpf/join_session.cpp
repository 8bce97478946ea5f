// Jumps, calls and addresses of callbacks are distances inside of a program, so that both are appended as they stand.
#include "backend-bpf/join_session.h"

namespace shrike::bpf {

namespace {

void append(const Program& part, Program& joined) {
  const auto begin = static_cast<uint32_t>(joined.insns.size());
  joined.insns.insert(joined.insns.end(), part.insns.begin(), part.insns.end());
  for (Relocation relocation : part.relocations) {
    relocation.insn += begin;
    joined.relocations.push_back(relocation);
  }
  for (KernelCall call : part.kernel_calls) {
    call.insn += begin;
    joined.kernel_calls.push_back(call);
  }
  for (LineEntry line : part.lines) {
    line.insn += begin;
    joined.lines.push_back(line);
  }
  for (Subprogram subprogram : part.subprograms) {
    subprogram.insn += begin;
    joined.subprograms.push_back(std::move(subprogram));
  }
  joined.has_callbacks |= part.has_callbacks;
}

}  // namespace

Program join_session(const Program& entry, const Program& exit, int32_t is_return) {
  constexpr uint8_t context = 1, saved = 6, answer = 0;
  Program joined;
  joined.name = entry.name;
  joined.type = entry.type;
  joined.subprograms.push_back({0, "session", 0});
  if (!entry.lines.empty()) joined.lines.push_back({0, entry.lines.front().span});
  joined.insns = {
      alu_reg(cls::alu64 | alu::mov, saved, context),
      call_kernel_function(is_return),
      alu_reg(cls::alu64 | alu::mov, context, saved),
      alu_imm(cls::alu64 | alu::and_, answer, 0xff),  // a bool: of the register only its lowest byte is the function's
      jump_imm(cls::jmp | jmp::jne, answer, 0, 2),
      call_subprogram(),
      jump_always(1),
      call_subprogram(),
      // Other values at entry mean that the return is not to be seen.
      alu_imm(cls::alu64 | alu::mov, 0, 0),
      exit_program(),
  };
  constexpr size_t calls[] = {5, 7};
  for (size_t i = 0; i < 2; i++) {
    joined.insns[calls[i]].imm = static_cast<int32_t>(joined.insns.size() - calls[i]) - 1;
    append(i == 0 ? entry : exit, joined);
  }
  return joined;
}

}  // namespace shrike::bpf
