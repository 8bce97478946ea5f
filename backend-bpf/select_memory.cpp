// Instruction selection of memory operations: addressing, loads and stores, zeroing and copying, atomics.
// Stack addresses are symbolic until layout_frame; constant parts of an address go into the memory operand.
// zero and copy of more than max_unrolled bytes become probe_read_kernel: one call, and on failure the helper
// zeroes its destination, so that reading from address 0 (always refused) zeroes any memory of any size.
#include <algorithm>
#include <bit>

#include "backend-bpf/select.h"

namespace shrike::bpf {

using lir::Op;
using lir::Reg;
using mir::Opcode;

namespace {

constexpr uint32_t max_unrolled = 256;

Op load_op(uint64_t bytes) {
  switch (bytes) {
    case 1: return Op::ldx8;
    case 2: return Op::ldx16;
    case 4: return Op::ldx32;
    default: return Op::ldx64;
  }
}

Op store_op(uint64_t bytes) {
  switch (bytes) {
    case 1: return Op::st8;
    case 2: return Op::st16;
    case 4: return Op::st32;
    default: return Op::st64;
  }
}

bool fits_offset(int64_t offset) {
  return offset == static_cast<int16_t>(offset);
}

}  // namespace

bool Selector::slot_address(mir::ValueId value, Address& out) const {
  int64_t offset = 0;
  for (;;) {
    const mir::Inst* inst = def_of(value);
    int64_t step;
    if (inst && inst->op == Opcode::slot_addr) {
      out = {{}, lir::SlotId(inst->slot.index), offset};
      return true;
    }
    if (!inst || inst->op != Opcode::ptr_add || !constant_of(inst->operands[1], step)) return false;
    offset += step;
    value = inst->operands[0];
  }
}

Address Selector::address(mir::ValueId pointer, int64_t offset) {
  Address at;
  if (slot_address(pointer, at)) {
    at.offset += offset;
    return at;
  }
  // A chain of constant steps is followed while the sum still fits a memory operand.
  for (;;) {
    const mir::Inst* inst = def_of(pointer);
    int64_t step;
    if (!inst || inst->op != Opcode::ptr_add || !constant_of(inst->operands[1], step) || !fits_offset(offset + step)) break;
    offset += step;
    pointer = inst->operands[0];
  }
  return {use(pointer), {}, offset};
}

Address Selector::memory_operand(mir::ValueId pointer, int64_t offset) {
  Address at = address(pointer, offset);
  if (!at.base.is_valid() || fits_offset(at.offset)) return at;
  Reg moved = to_.add_virtual();
  emit_move(moved, at.base);
  emit_alu(Op::add64, moved, constant_operand(at.offset));
  return {moved, {}, 0};
}

// What is known of the address as a multiple of a power of two. The kernel is strict about stack only; other objects
// begin at multiples of 8 and may be read at any offset.
uint64_t Selector::alignment_of(mir::ValueId value) const {
  if (from_.values[value].type.region != mir::Region::stack) return 8;
  const mir::Inst* inst = def_of(value);
  if (!inst) return 8;
  if (inst->op == Opcode::slot_addr) return std::max<uint64_t>(from_.slots[inst->slot].align, 1);
  if (inst->op != Opcode::ptr_add) return 8;
  uint64_t step = 1;
  int64_t amount;
  const mir::Inst* index = def_of(inst->operands[1]);
  if (constant_of(inst->operands[1], amount)) {
    step = amount == 0 ? 8 : uint64_t{1} << std::min(3, std::countr_zero(static_cast<uint64_t>(amount)));
  } else if (index && index->operands.size() == 2 && constant_of(index->operands[1], amount)) {
    if (index->op == Opcode::shl) step = uint64_t{1} << std::min<int64_t>(3, amount & 63);
    if ((index->op == Opcode::mul || index->op == Opcode::and_) && amount != 0)
      step = uint64_t{1} << std::min(3, std::countr_zero(static_cast<uint64_t>(amount)));
  }
  return std::min(step, alignment_of(inst->operands[0]));
}

void Selector::emit_load(Op op, Reg dst, const Address& from) {
  lir::Inst& inst = emit(op);
  inst.dst = dst;
  inst.a = from.base;
  inst.slot = from.slot;
  inst.offset = static_cast<int32_t>(from.offset);
}

void Selector::emit_store(Op op, const Address& to, Operand value) {
  lir::Inst& inst = emit(op);
  inst.a = to.base;
  inst.slot = to.slot;
  inst.offset = static_cast<int32_t>(to.offset);
  inst.b = value.reg;
  inst.imm = value.imm;
}

void Selector::select_ptr_add(const mir::Inst& inst) {
  Address folded;
  if (slot_address(inst.result, folded)) return;  // made where used
  Reg dst = reg_of(inst.result);
  Operand step = use_or_imm(inst.operands[1]);
  move_into(dst, inst.operands[0]);
  if (step.reg.is_valid() || step.imm != 0) emit_alu(Op::add64, dst, step);
}

void Selector::select_load(const mir::Inst& inst) {
  Reg dst = reg_of(inst.result);
  Address from = memory_operand(inst.operands[0], inst.imm);
  uint32_t bytes = mir::bytes_of(inst.width);
  if (!is_narrow_signed_load(inst) || !is_sign_wanted_[inst.result.index]) return emit_load(load_op(bytes), dst, from);
  // Fields of the context are rewritten by the kernel, which is not to be asked for more than loads.
  const bool is_context = from_.values[inst.operands[0]].type.region == mir::Region::ctx;
  if (isa_level_ >= 4 && !is_context) return emit_load(bytes == 1 ? Op::ldxs8 : bytes == 2 ? Op::ldxs16 : Op::ldxs32, dst, from);
  emit_load(load_op(bytes), dst, from);
  if (isa_level_ >= 4) {
    lir::Inst& extend = emit(bytes == 1 ? Op::movsx8 : bytes == 2 ? Op::movsx16 : Op::movsx32);
    extend.dst = extend.a = dst;
    return;
  }
  emit_alu(Op::lsh64, dst, {{}, 64 - bytes * 8});
  emit_alu(Op::arsh64, dst, {{}, 64 - bytes * 8});
}

void Selector::select_store(const mir::Inst& inst) {
  uint32_t bytes = mir::bytes_of(inst.width);
  int64_t constant;
  Operand value;
  // Only the low bytes count, so that any constant fits a store of up to four.
  if (bytes < 8 && constant_of(inst.operands[1], constant)) value = {{}, static_cast<int32_t>(constant)};
  else value = use_or_imm(inst.operands[1]);
  emit_store(store_op(bytes), memory_operand(inst.operands[0], inst.imm), value);
}

// Atomics that tell what was there came with 5.12, long after the rest of v3, and are counted to it as LLVM does. Below, they
// are several instructions: sums lose nothing, but what was there may be told to two CPUs, and an exchange may undo one of an
// event that comes between. What is exchanged is a CPU's own, and programs at uprobes, whose scratch memory this takes, are not
// preempted there (trace_call_bpf until 5.19).
void Selector::select_atomic(const mir::Inst& inst) {
  bool is_wide = mir::bytes_of(inst.width) == 8;
  bool fetches = inst.op == Opcode::atomic_fetch_add && registers_[inst.result.index].is_valid();
  if (!fetches) {
    Reg value = use(inst.operands[1]);
    Address to = memory_operand(inst.operands[0], inst.imm);
    return emit_store(is_wide ? Op::atomic_add64 : Op::atomic_add32, to, {value});
  }
  Reg result = reg_of(inst.result);
  if (!has_op(Op::fetch_add64)) {
    Reg value = use(inst.operands[1]);
    Address to = memory_operand(inst.operands[0], inst.imm);
    emit_load(is_wide ? Op::ldx64 : Op::ldx32, result, to);
    return emit_store(is_wide ? Op::atomic_add64 : Op::atomic_add32, to, {value});
  }
  Address to = memory_operand(inst.operands[0], inst.imm);
  move_into(result, inst.operands[1]);
  emit_store(is_wide ? Op::fetch_add64 : Op::fetch_add32, to, {result});
}

// Without the instruction: what is there becomes found ^ ((found ^ value) & mask), where the mask has all bits if it is what is
// expected, else none.
void Selector::select_guarded_store(const mir::Inst& inst) {
  bool is_wide = mir::bytes_of(inst.width) == 8;
  Reg value = use(inst.operands[2]);
  Address to = memory_operand(inst.operands[0], inst.imm);
  Reg expected = to_.add_virtual(), found = to_.add_virtual(), mask = to_.add_virtual(), stored = to_.add_virtual();
  move_into(expected, inst.operands[1]);
  if (!is_wide) emit_alu(Op::mov32, expected, {expected});
  emit_load(is_wide ? Op::ldx64 : Op::ldx32, found, to);
  lir::Inst& is_same = emit(Op::set_eq);
  is_same.dst = mask;
  is_same.a = found;
  is_same.b = expected;
  emit(Op::neg64).dst = mask;
  emit_move(stored, found);
  emit_alu(Op::xor64, stored, {value});
  emit_alu(Op::and64, stored, {mask});
  emit_alu(Op::xor64, stored, {found});
  emit_store(is_wide ? Op::st64 : Op::st32, to, {stored});
  if (registers_[inst.result.index].is_valid()) emit_move(reg_of(inst.result), found);
}

void Selector::select_cmpxchg(const mir::Inst& inst) {
  if (!has_op(Op::cmpxchg64)) return select_guarded_store(inst);
  bool is_wide = mir::bytes_of(inst.width) == 8;
  Reg value = use(inst.operands[2]);
  Address to = memory_operand(inst.operands[0], inst.imm);
  move_into(lir::r0, inst.operands[1]);
  emit_store(is_wide ? Op::cmpxchg64 : Op::cmpxchg32, to, {value});
  if (registers_[inst.result.index].is_valid()) emit_move(reg_of(inst.result), lir::r0);
}

// The widest access that is aligned at `offset` and not longer than what is left.
uint64_t Selector::chunk_at(uint64_t align, int64_t offset, uint64_t left) const {
  uint64_t chunk = 8;
  while (chunk > left || chunk > align || offset % static_cast<int64_t>(chunk) != 0) chunk /= 2;
  return chunk;
}

void Selector::select_zero(const mir::Inst& inst) {
  if (inst.length > max_unrolled) return select_big_copy(inst.operands[0], inst.imm, inst.length, nullptr);
  uint64_t align = alignment_of(inst.operands[0]);
  Address to = memory_operand(inst.operands[0], inst.imm);
  if (to.base.is_valid() && !fits_offset(to.offset + max_unrolled)) {
    Reg moved = to_.add_virtual();
    emit_move(moved, to.base);
    emit_alu(Op::add64, moved, {{}, to.offset});
    to = {moved, {}, 0};
  }
  for (uint64_t done = 0; done < inst.length;) {
    uint64_t chunk = chunk_at(align, inst.imm + static_cast<int64_t>(done), inst.length - done);
    emit_store(store_op(chunk), {to.base, to.slot, to.offset + static_cast<int64_t>(done)}, {{}, 0});
    done += chunk;
  }
}

void Selector::select_copy(const mir::Inst& inst) {
  if (inst.length > max_unrolled) return select_big_copy(inst.operands[0], 0, inst.length, &inst.operands[1]);
  uint64_t align = std::min(alignment_of(inst.operands[0]), alignment_of(inst.operands[1]));
  Address to = memory_operand(inst.operands[0], 0), from = memory_operand(inst.operands[1], 0);
  CHECK(!to.base.is_valid() || fits_offset(to.offset + max_unrolled), "copy to a far offset");
  CHECK(!from.base.is_valid() || fits_offset(from.offset + max_unrolled), "copy from a far offset");
  for (uint64_t done = 0; done < inst.length;) {
    uint64_t chunk = chunk_at(align, static_cast<int64_t>(done), inst.length - done);
    auto step = static_cast<int64_t>(done);
    Reg value = to_.add_virtual();
    emit_load(load_op(chunk), value, {from.base, from.slot, from.offset + step});
    emit_store(store_op(chunk), {to.base, to.slot, to.offset + step}, {value});
    done += chunk;
  }
}

void Selector::select_big_copy(mir::ValueId to, int64_t offset, uint32_t length, const mir::ValueId* from) {
  Address at;
  if (from) move_into(lir::physical(3), *from);
  else move_constant(lir::physical(3), 0);
  move_constant(lir::physical(2), length);
  if (slot_address(to, at)) {
    lir::Inst& lea = emit(Op::lea);
    lea.dst = lir::r1;
    lea.slot = at.slot;
    lea.offset = static_cast<int32_t>(at.offset + offset);
  } else {
    Reg base = reg_of(to);
    emit_move(lir::r1, base);
    if (offset != 0) emit_alu(Op::add64, lir::r1, constant_operand(offset));
  }
  emit(Op::call).helper = mir::HelperId::probe_read_kernel;
}

}  // namespace shrike::bpf
