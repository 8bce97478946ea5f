// The data model of LIR: BPF machine instructions over virtual or physical registers. `select` makes it with virtual
// registers and block parameters, `allocate` turns it step by step into what `emit` only has to encode; the data
// model is the same all along, so that every step prints, parses back and can be run from its text.
//
// A branch has two targets until the very end: `emit` leaves out the jump to the block that follows.
// Physical registers appear before allocation where the machine demands them: call operands in r1 to r5, results in
// r0, function parameters in r1 to r4 at entry.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mir/base/table.h"
#include "mir/interface.h"
#include "mir/module.h"

namespace shrike::lir {

using BlockId = Id<struct LirBlockTag>;
using SlotId = Id<struct LirSlotTag>;

// r0 to r10, or a virtual register v0, v1, ...
struct Reg {
  static constexpr uint32_t none = UINT32_MAX;
  static constexpr uint32_t first_virtual = 16;

  uint32_t index = none;

  constexpr bool is_valid() const { return index != none; }
  constexpr bool is_physical() const { return index < first_virtual; }
  constexpr bool is_virtual() const { return index >= first_virtual && index != none; }
  constexpr uint32_t number() const { return index - first_virtual; }  // of a virtual register
  constexpr auto operator<=>(const Reg&) const = default;
};
inline constexpr Reg physical(uint32_t number) {
  return Reg{number};
}
inline constexpr Reg virtual_reg(uint32_t number) {
  return Reg{Reg::first_virtual + number};
}
inline constexpr Reg r0 = physical(0), r1 = physical(1), r10 = physical(10);
inline constexpr uint32_t allocatable_regs = 10;  // r0 to r9
inline constexpr bool is_saved_by_callee(uint32_t physical_number) {
  return physical_number >= 6;
}

enum class Op : uint8_t {
#define MACHINE_INST(id, operands, level, form, opcode) id,
#include "backend-bpf/machine_insts.def"
#undef MACHINE_INST
};

enum class Form : uint8_t {
  alu,
  alu_signed,
  alu_unary,
  movsx,
  end,
  ldx,
  st,
  atomic,
  ld_imm64,
  ld_map,
  ld_value,
  ld_func,
  lea,
  min,
  set,
  call,
  call_fn,
  jump,
  ja,
  exit,
};

// How an instruction uses one of its register operands.
enum class Role : uint8_t { none, use, def, early_def, both };

struct OpRow {
  std::string_view name;
  std::string_view operands;
  uint8_t isa_level;
  Form form;
  uint8_t opcode;
  // Derived from `operands`.
  Role dst = Role::none;
  Role a = Role::none;
  Role b = Role::none;       // for X: use, if b is valid
  bool has_address = false;  // M or S
  bool takes_imm = false;    // X or I
  uint8_t targets = 0;
};
const OpRow& row_of(Op op);
size_t op_count();
Op op_named(std::string_view name, bool& found);

struct BlockTarget {
  BlockId block;
  std::vector<Reg> args;  // only before lower_block_params
};

// In Inst::origin: the instruction repeats the one with that number elsewhere.
inline constexpr uint32_t origin_copy = 1u << 31;

struct Inst {
  Op op = Op::exit;
  Reg dst, a, b;
  SlotId slot;         // M without `a`, S
  int32_t offset = 0;  // M, S, O
  int64_t imm = 0;
  mir::MapId map;
  mir::FunctionId callee;
  mir::HelperId helper = mir::HelperId::map_lookup_elem;
  std::vector<BlockTarget> targets;
  Span span;
  uint32_t origin = UINT32_MAX;  // while allocating: position of the instruction in the function given; none for spill code
};

struct Slot {
  std::string name;  // unique in the function
  uint32_t size = 8;
  uint32_t align = 8;
  int32_t offset = 0;  // from r10; negative once laid out
  bool is_spill = false;
};

struct Block {
  std::string name;  // unique in the function
  std::vector<Reg> params;
  std::vector<Inst> insts;  // the last one, and no other, ends the block
};

struct Function {
  std::string name;
  mir::FunctionKind kind = mir::FunctionKind::program;
  mir::ProgramType program = mir::ProgramType::kprobe;
  uint32_t params = 1;           // that arrive in r1, r2, ...
  Table<BlockId, Block> blocks;  // the first is the entry and has no params; the order is the order of emission
  Table<SlotId, Slot> slots;
  uint32_t virtual_count = 0;  // virtual registers are v0 to v(count-1)
  uint32_t frame_bytes = 0;    // once laid out
  Span span;

  Reg add_virtual() { return virtual_reg(virtual_count++); }
};

struct Module {
  mir::Interface interface;
  Table<mir::FunctionId, Function> functions;
  int isa_level = 3;
};

// Number of parameters that arrive in r1, r2, ...; a sub-program says its own.
uint32_t param_count(mir::FunctionKind kind);
bool is_call(const Inst& inst);
uint32_t operand_count(mir::HelperId helper);  // in r1, r2, ...
bool ends_block(Op op);
bool is_move(const Inst& inst);              // mov64 from a register
bool is_rematerialisable(const Inst& inst);  // its result depends on nothing that can change
bool fits_imm(int64_t value);                // as a sign-extended 32-bit immediate
// The jump taken exactly when `jump` is not; jset has none.
bool has_inverse(Op jump);
Op inverse(Op jump);

// Calls f(Reg&, Role) for each register operand that is there, uses before definitions; what a call or exit does to
// physical registers is not visited, see implicit_uses and implicit_defs.
template <class I, class F>
void visit_regs(I& inst, F&& f) {
  const OpRow& row = row_of(inst.op);
  if (row.a != Role::none && inst.a.is_valid()) f(inst.a, row.a);
  if (row.b != Role::none && inst.b.is_valid()) f(inst.b, row.b);
  for (auto& target : inst.targets)
    for (auto& arg : target.args) f(arg, Role::use);
  if (row.dst != Role::none && inst.dst.is_valid()) f(inst.dst, row.dst);
}
inline bool reads(Role role) {
  return role == Role::use || role == Role::both;
}
inline bool writes(Role role) {
  return role == Role::def || role == Role::early_def || role == Role::both;
}
// Bit n stands for rn.
uint32_t implicit_uses(const Inst& inst);
uint32_t implicit_defs(const Inst& inst);  // includes registers that become unreadable

std::vector<BlockId> successors(const Block& block);
// The blocks that the entry reaches, each before its successors but for loops; first targets follow their branch.
std::vector<BlockId> reverse_postorder(const Function& function);

}  // namespace shrike::lir
