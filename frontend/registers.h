// Offsets in struct pt_regs of x86-64 (kernel: arch/x86/include/uapi/asm/ptrace.h), by the names reg() takes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace shrike {

struct RegisterRow {
  std::string_view name;
  uint32_t offset;
};

inline constexpr RegisterRow registers[] = {
    {"r15", 0},  {"r14", 8},  {"r13", 16}, {"r12", 24},    {"bp", 32},  {"bx", 40},  {"r11", 48}, {"r10", 56},
    {"r9", 64},  {"r8", 72},  {"ax", 80},  {"cx", 88},     {"dx", 96},  {"si", 104}, {"di", 112}, {"orig_rax", 120},
    {"ip", 128}, {"pc", 128}, {"cs", 136}, {"flags", 144}, {"sp", 152}, {"ss", 160},
};
// Integer arguments of a function call, in order (System V ABI).
inline constexpr std::string_view argument_registers[] = {"di", "si", "dx", "cx", "r8", "r9"};

inline std::optional<uint32_t> register_offset(std::string_view name) {
  for (const RegisterRow& row : registers)
    if (row.name == name) return row.offset;
  return std::nullopt;
}

}  // namespace shrike
