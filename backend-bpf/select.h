// Inside of instruction selection, shared by select*.cpp only.
//
// Blocks are visited in an order in which uses come before definitions, and each block from its end to its start: when an
// instruction is reached, it is known whether anybody needs its result in a register. A user that can fold its operand
// (a constant as immediate, a stack address into a memory operand, a comparison into a branch) simply does not ask for
// the register, and the definition then emits nothing.
#pragma once

#include <vector>

#include "backend-bpf/lir.h"
#include "mir/module.h"

namespace shrike::bpf {

// A register or, if it is invalid, an immediate.
struct Operand {
  lir::Reg reg;
  int64_t imm = 0;
};

struct Address {
  lir::Reg base;  // invalid: the slot
  lir::SlotId slot;
  int64_t offset = 0;
};

class Selector {
 public:
  Selector(const mir::Function& from, int isa_level);
  lir::Function run();

 private:
  bool has_op(lir::Op op) const { return lir::row_of(op).isa_level <= isa_level_; }
  const mir::Inst* def_of(mir::ValueId value) const { return definitions_[value.index]; }
  bool constant_of(mir::ValueId value, int64_t& out) const;
  bool slot_address(mir::ValueId value, Address& out) const;  // constant offset from a slot
  uint64_t alignment_of(mir::ValueId value) const;
  static bool is_narrow_signed_load(const mir::Inst& inst);
  bool is_extension(mir::ValueId value) const;
  bool is_signed_half(mir::ValueId value) const;
  bool is_half_only(mir::ValueId value) const;
  bool may_compare_halves(const mir::Inst& comparison) const;
  bool compares_halves(const mir::Inst& comparison) const;
  void note_wanted_signs();
  bool has_sign_to_spare(const mir::Inst& inst) const;

  // Operands. These append to group_ what it takes to have the value at hand.
  lir::Reg reg_of(mir::ValueId value);  // the register the value lives in
  lir::Reg use(mir::ValueId value);
  Operand use_or_imm(mir::ValueId value);
  Operand constant_operand(int64_t value);
  Address address(mir::ValueId pointer, int64_t offset);
  Address memory_operand(mir::ValueId pointer, int64_t offset);  // as address, with an offset that fits
  void move_into(lir::Reg to, mir::ValueId value);
  void move_constant(lir::Reg to, int64_t value);

  // Emission, in order of execution within the group of one MIR instruction.
  lir::Inst& emit(lir::Op op);
  void emit_alu(lir::Op op, lir::Reg dst, Operand operand);
  void emit_move(lir::Reg dst, lir::Reg from);
  void emit_load(lir::Op op, lir::Reg dst, const Address& from);
  void emit_store(lir::Op op, const Address& to, Operand value);

  void select_inst(const mir::Inst& inst);
  bool select_simple(const mir::Inst& inst);
  void select_two_address(const mir::Inst& inst, lir::Op op, bool is_commutative);
  void select_shift(const mir::Inst& inst, lir::Op op);
  void select_division(const mir::Inst& inst);
  void select_signed_division(const mir::Inst& inst);
  void select_extension(const mir::Inst& inst, lir::Op native, unsigned bits);
  void select_comparison(const mir::Inst& inst);
  void select_bswap(const mir::Inst& inst, lir::Op op);
  void select_clamp(const mir::Inst& inst);
  void select_ptr_add(const mir::Inst& inst);
  void select_load(const mir::Inst& inst);
  void select_store(const mir::Inst& inst);
  void select_atomic(const mir::Inst& inst);
  void select_cmpxchg(const mir::Inst& inst);
  void select_guarded_store(const mir::Inst& inst);
  void select_zero(const mir::Inst& inst);
  void select_copy(const mir::Inst& inst);
  void select_big_copy(mir::ValueId to, int64_t offset, uint32_t length, const mir::ValueId* from);
  void select_call(const mir::Inst& inst);
  void select_call_fn(const mir::Inst& inst);
  void select_jump(const mir::Inst& inst);
  void select_branch(const mir::Inst& inst);
  void select_branch_null(const mir::Inst& inst);
  lir::BlockTarget target(const mir::BlockTarget& from);
  uint64_t chunk_at(uint64_t align, int64_t offset, uint64_t left) const;

  const mir::Function& from_;
  lir::Function to_;
  int isa_level_;
  std::vector<const mir::Inst*> definitions_;  // by value; null for block parameters
  std::vector<lir::Reg> registers_;            // by value; invalid until somebody needs it
  std::vector<lir::BlockId> blocks_;           // by MIR block
  std::vector<bool> is_only_branched_on_;      // by value
  std::vector<bool> is_sign_wanted_;           // by value; empty where no sign is spread
  std::vector<lir::Inst> group_;               // what the current MIR instruction becomes
  Span span_;
};

// How a MIR comparison maps to jumps: `op` for operands as they stand, `swapped` with the operands exchanged.
struct ComparisonRow {
  lir::Op jump, jump_swapped, set, set_swapped;
};
const ComparisonRow* comparison_row(mir::Opcode op);

}  // namespace shrike::bpf
