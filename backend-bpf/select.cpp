// MIR to LIR over virtual registers: blocks, operands, constants, arithmetic. Memory and control flow are in
// select_memory.cpp and select_control.cpp; select.h tells the method.
// Needs core operations only. Establishes valid LIR of the given ISA level, with block parameters. Each constant and
// each stack address is made anew where it is used, so that none of them occupies a register across other code.
// Does not simplify: what passes left is translated as it stands, except that unneeded results are not computed.
#include "backend-bpf/select.h"

#include <algorithm>

#include "backend-bpf/backend.h"

namespace shrike::bpf {

using lir::Op;
using lir::Reg;
using mir::Opcode;

namespace {

void visit_postorder(const mir::Function& function, mir::BlockId entry, std::vector<mir::BlockId>& order) {
  struct Frame {
    mir::BlockId block;
    size_t next = 0;
  };
  std::vector<bool> seen(function.blocks.size());
  std::vector<Frame> stack{{entry}};
  seen[entry.index] = true;
  while (!stack.empty()) {
    Frame& frame = stack.back();
    const mir::Block& block = function.blocks[frame.block];
    CHECK(!block.insts.empty(), "empty block in select");
    const auto& targets = block.insts.back().targets;
    if (frame.next == targets.size()) {
      order.push_back(frame.block);
      stack.pop_back();
      continue;
    }
    // The last target first, so that in the final order the first target follows its branch.
    mir::BlockId to = targets[targets.size() - 1 - frame.next++].block;
    if (seen[to.index]) continue;
    seen[to.index] = true;
    stack.push_back({to});
  }
}

}  // namespace

Selector::Selector(const mir::Function& from, int isa_level)
    : from_(from),
      isa_level_(isa_level),
      definitions_(from.values.size()),
      registers_(from.values.size()),
      blocks_(from.blocks.size()) {
  for (const mir::Block& block : from.blocks)
    for (const mir::Inst& inst : block.insts)
      if (inst.result.is_valid()) definitions_[inst.result.index] = &inst;
  note_wanted_signs();
}

bool Selector::is_narrow_signed_load(const mir::Inst& inst) {
  return inst.op == Opcode::load && mir::is_signed(inst.width) && mir::bytes_of(inst.width) < 8;
}

bool Selector::is_extension(mir::ValueId value) const {
  const mir::Inst* inst = def_of(value);
  return inst != nullptr && inst->op == Opcode::sext32;
}

// A number of 32 bits whose sign is spread over the other half.
bool Selector::is_signed_half(mir::ValueId value) const {
  const mir::Inst* inst = def_of(value);
  return is_extension(value) || (inst != nullptr && is_narrow_signed_load(*inst) && mir::bytes_of(inst->width) == 4);
}

// Whose sign nobody wants: the register has the low half, and anything in the other.
bool Selector::is_half_only(mir::ValueId value) const {
  return is_signed_half(value) && !is_sign_wanted_[value.index];
}

// Whether a branch can go by the low halves of what is compared. It tells the verifier nothing of the whole, so that it does so
// only where the sign of one of them is wanted by nobody else.
bool Selector::compares_halves(const mir::Inst& comparison) const {
  return !is_sign_wanted_.empty() && may_compare_halves(comparison) && !has_sign_to_spare(comparison) &&
         (is_half_only(comparison.operands[0]) || is_half_only(comparison.operands[1]));
}

bool Selector::may_compare_halves(const mir::Inst& comparison) const {
  if (!has_op(Op::jeq32)) return false;
  switch (comparison.op) {
    case Opcode::eq:
    case Opcode::ne:
    case Opcode::lt_s:
    case Opcode::le_s: break;
    default: return false;
  }
  const auto is_half = [&](mir::ValueId value) {
    int64_t number = 0;
    return is_signed_half(value) || (constant_of(value, number) && lir::fits_imm(number));
  };
  return is_only_branched_on_[comparison.result.index] && is_half(comparison.operands[0]) && is_half(comparison.operands[1]);
}

// Whether a value is zero, or a number that is not negative, shows without its sign being spread, and so does what the low half
// is by itself; and what is stored again in as many bytes needs no more of them.
void Selector::note_wanted_signs() {
  const auto spreads = [](const mir::Inst& inst) { return inst.op == Opcode::sext32 || is_narrow_signed_load(inst); };
  const auto has_signs = [&](const mir::Block& block) { return std::ranges::any_of(block.insts, spreads); };
  if (std::none_of(from_.blocks.begin(), from_.blocks.end(), has_signs)) return;
  is_only_branched_on_.resize(from_.values.size(), true);
  for (const mir::Block& block : from_.blocks)
    for (const mir::Inst& inst : block.insts) {
      if (inst.op != Opcode::branch)
        for (mir::ValueId operand : inst.operands) is_only_branched_on_[operand.index] = false;
      for (const mir::BlockTarget& target : inst.targets)
        for (mir::ValueId arg : target.args) is_only_branched_on_[arg.index] = false;
    }
  is_sign_wanted_.resize(from_.values.size());
  for (const mir::Block& block : from_.blocks)
    for (const mir::Inst& inst : block.insts) {
      const bool is_test = inst.op == Opcode::branch && (has_op(Op::jeq32) || !is_extension(inst.operands[0]));
      if (!is_test && !has_sign_to_spare(inst) && !may_compare_halves(inst))
        for (mir::ValueId operand : inst.operands) is_sign_wanted_[operand.index] = true;
      for (const mir::BlockTarget& target : inst.targets)
        for (mir::ValueId arg : target.args) is_sign_wanted_[arg.index] = true;
    }
}

// An instruction whose only integer from elsewhere is loaded with a sign that makes no difference to it.
bool Selector::has_sign_to_spare(const mir::Inst& inst) const {
  const bool is_store = inst.op == Opcode::store, is_test = inst.op == Opcode::eq || inst.op == Opcode::ne;
  if (!is_store && !is_test) return false;
  const mir::Inst* load = def_of(inst.operands[is_store ? 1 : 0]);
  if (load == nullptr || !is_narrow_signed_load(*load)) return false;
  const uint32_t bytes = mir::bytes_of(load->width);
  if (is_store) return mir::bytes_of(inst.width) <= bytes;
  int64_t number = -1;
  return constant_of(inst.operands[1], number) && number >= 0 && number < int64_t{1} << (8 * bytes - 1);
}

lir::Function Selector::run() {
  to_.name = from_.name;
  to_.kind = from_.kind;
  to_.program = from_.program;
  to_.params = static_cast<uint32_t>(from_.blocks[from_.entry()].params.size());
  to_.span = from_.span;
  for (const mir::Slot& slot : from_.slots) to_.slots.add({slot.name, slot.size, slot.align});
  std::vector<mir::BlockId> order;
  visit_postorder(from_, from_.entry(), order);
  for (size_t i = order.size(); i-- > 0;) blocks_[order[i].index] = to_.blocks.add({from_.blocks[order[i]].name, {}, {}});
  for (mir::BlockId id : order) {
    const mir::Block& block = from_.blocks[id];
    std::vector<lir::Inst> backwards;
    for (size_t i = block.insts.size(); i-- > 0;) {
      group_.clear();
      span_ = block.insts[i].span;
      select_inst(block.insts[i]);
      backwards.insert(backwards.end(), std::make_move_iterator(group_.rbegin()), std::make_move_iterator(group_.rend()));
    }
    lir::Block& made = to_.blocks[blocks_[id.index]];
    if (id == from_.entry()) {
      group_.clear();
      span_ = from_.span;
      for (uint32_t i = 0; i < block.params.size(); i++)
        if (registers_[block.params[i].index].is_valid()) emit_move(reg_of(block.params[i]), lir::physical(i + 1));
      backwards.insert(backwards.end(), std::make_move_iterator(group_.rbegin()), std::make_move_iterator(group_.rend()));
    } else {
      for (mir::ValueId param : block.params) made.params.push_back(reg_of(param));
    }
    made.insts.assign(std::make_move_iterator(backwards.rbegin()), std::make_move_iterator(backwards.rend()));
  }
  return std::move(to_);
}

bool Selector::constant_of(mir::ValueId value, int64_t& out) const {
  const mir::Inst* inst = def_of(value);
  if (!inst || inst->op != Opcode::constant) return false;
  out = inst->imm;
  return true;
}

Reg Selector::reg_of(mir::ValueId value) {
  Reg& reg = registers_[value.index];
  if (!reg.is_valid()) reg = to_.add_virtual();
  return reg;
}

Reg Selector::use(mir::ValueId value) {
  int64_t ignored;
  Address at;
  if (!constant_of(value, ignored) && !slot_address(value, at)) return reg_of(value);
  Reg fresh = to_.add_virtual();
  move_into(fresh, value);
  return fresh;
}

Operand Selector::constant_operand(int64_t value) {
  if (lir::fits_imm(value)) return {{}, value};
  Reg fresh = to_.add_virtual();
  move_constant(fresh, value);
  return {fresh};
}

Operand Selector::use_or_imm(mir::ValueId value) {
  int64_t constant;
  return constant_of(value, constant) ? constant_operand(constant) : Operand{use(value)};
}

void Selector::move_constant(Reg to, int64_t value) {
  // Moving 32 bits zero-extends: one instruction for what ld_imm64 needs two slots for.
  Op op = lir::fits_imm(value) ? Op::mov64 : value >= 0 && value <= int64_t{UINT32_MAX} ? Op::mov32 : Op::ld_imm64;
  lir::Inst& inst = emit(op);
  inst.dst = to;
  inst.imm = op == Op::mov32 ? static_cast<int32_t>(value) : value;
}

void Selector::move_into(Reg to, mir::ValueId value) {
  int64_t constant;
  if (constant_of(value, constant)) return move_constant(to, constant);
  Address at;
  if (!slot_address(value, at)) return emit_move(to, reg_of(value));
  lir::Inst& lea = emit(Op::lea);
  lea.dst = to;
  lea.slot = at.slot;
  lea.offset = static_cast<int32_t>(at.offset);
}

lir::Inst& Selector::emit(Op op) {
  lir::Inst& inst = group_.emplace_back();
  inst.op = op;
  inst.span = span_;
  return inst;
}

void Selector::emit_alu(Op op, Reg dst, Operand operand) {
  lir::Inst& inst = emit(op);
  inst.dst = dst;
  inst.b = operand.reg;
  inst.imm = operand.imm;
}

void Selector::emit_move(Reg dst, Reg from) {
  emit_alu(Op::mov64, dst, {from});
}

void Selector::select_two_address(const mir::Inst& inst, Op op, bool is_commutative) {
  mir::ValueId a = inst.operands[0], b = inst.operands[1];
  int64_t ignored;
  if (is_commutative && constant_of(a, ignored) && !constant_of(b, ignored)) std::swap(a, b);
  Reg dst = reg_of(inst.result);
  Operand operand = use_or_imm(b);
  move_into(dst, a);
  emit_alu(op, dst, operand);
}

void Selector::select_shift(const mir::Inst& inst, Op op) {
  Reg dst = reg_of(inst.result);
  int64_t count;
  // The kernel refuses constant counts above 63; of a register it takes the count modulo 64 by itself.
  Operand operand = constant_of(inst.operands[1], count) ? Operand{{}, count & 63} : Operand{use(inst.operands[1])};
  move_into(dst, inst.operands[0]);
  emit_alu(op, dst, operand);
}

void Selector::select_division(const mir::Inst& inst) {
  bool is_remainder = inst.op == Opcode::mod_u || inst.op == Opcode::mod_s;
  bool is_signed = inst.op == Opcode::div_s || inst.op == Opcode::mod_s;
  int64_t divisor;
  bool is_constant = constant_of(inst.operands[1], divisor);
  Reg dst = reg_of(inst.result);
  if (is_constant && divisor == 0) {  // refused by the kernel as an immediate
    if (is_remainder) return move_into(dst, inst.operands[0]);
    return move_constant(dst, 0);
  }
  if (is_signed) return select_signed_division(inst);
  Operand operand = use_or_imm(inst.operands[1]);
  move_into(dst, inst.operands[0]);
  emit_alu(is_remainder ? Op::mod64 : Op::div64, dst, operand);
}

// Without sdiv, by magnitudes: with s = x >> 63 (arithmetic), |x| = (x ^ s) - s, and the same step gives a magnitude its
// sign back. Wraps right for INT64_MIN, and unsigned division already does what is asked for divisor 0. No branches.
// sdiv is used for known divisors only: kernels of 6.6 to 6.11 let INT64_MIN / -1 trap in the processor.
void Selector::select_signed_division(const mir::Inst& inst) {
  bool is_remainder = inst.op == Opcode::mod_s;
  Reg dst = reg_of(inst.result);
  int64_t divisor = 0;
  bool is_constant = constant_of(inst.operands[1], divisor);
  if (is_constant && isa_level_ >= 4 && divisor != -1) {
    Operand operand = constant_operand(divisor);
    move_into(dst, inst.operands[0]);
    return emit_alu(is_remainder ? Op::smod64 : Op::sdiv64, dst, operand);
  }
  auto magnitude = [&](Reg value, Reg sign) {
    emit_alu(Op::xor64, value, {sign});
    emit_alu(Op::sub64, value, {sign});
  };
  Reg sign = to_.add_virtual();
  move_into(dst, inst.operands[0]);
  emit_move(sign, dst);
  emit_alu(Op::arsh64, sign, {{}, 63});
  magnitude(dst, sign);
  if (is_constant) {
    uint64_t absolute = divisor < 0 ? -static_cast<uint64_t>(divisor) : static_cast<uint64_t>(divisor);
    emit_alu(is_remainder ? Op::mod64 : Op::div64, dst, constant_operand(static_cast<int64_t>(absolute)));
    magnitude(dst, sign);
    if (divisor < 0 && !is_remainder) emit(Op::neg64).dst = dst;
    return;
  }
  Reg other = to_.add_virtual(), other_sign = to_.add_virtual();
  move_into(other, inst.operands[1]);
  emit_move(other_sign, other);
  emit_alu(Op::arsh64, other_sign, {{}, 63});
  magnitude(other, other_sign);
  emit_alu(is_remainder ? Op::mod64 : Op::div64, dst, {other});
  if (!is_remainder) emit_alu(Op::xor64, sign, {other_sign});
  magnitude(dst, sign);
}

void Selector::select_extension(const mir::Inst& inst, Op native, unsigned bits) {
  Reg dst = reg_of(inst.result);
  if (isa_level_ >= 4) {
    Reg from = use(inst.operands[0]);
    lir::Inst& extend = emit(native);
    extend.dst = dst;
    extend.a = from;
    return;
  }
  move_into(dst, inst.operands[0]);
  emit_alu(Op::lsh64, dst, {{}, 64 - bits});
  emit_alu(Op::arsh64, dst, {{}, 64 - bits});
}

void Selector::select_bswap(const mir::Inst& inst, Op op) {
  Reg dst = reg_of(inst.result);
  move_into(dst, inst.operands[0]);
  emit(op).dst = dst;
}

// The compare and the move that follows it work on one register, the one that is used afterwards: older kernels learn
// bounds for no other.
void Selector::select_clamp(const mir::Inst& inst) {
  Reg dst = reg_of(inst.result);
  Operand limit = constant_operand(inst.imm);
  move_into(dst, inst.operands[0]);
  emit_alu(Op::min64, dst, limit);
}

void Selector::select_comparison(const mir::Inst& inst) {
  const ComparisonRow& row = *comparison_row(inst.op);
  mir::ValueId a = inst.operands[0], b = inst.operands[1];
  int64_t ignored;
  bool swap = constant_of(a, ignored) && !constant_of(b, ignored);
  if (swap) std::swap(a, b);
  Reg left = use(a);
  Operand right = use_or_imm(b);
  lir::Inst& set = emit(swap ? row.set_swapped : row.set);
  set.dst = reg_of(inst.result);
  set.a = left;
  set.b = right.reg;
  set.imm = right.imm;
}

// Arithmetic: everything that only computes its result.
bool Selector::select_simple(const mir::Inst& inst) {
  switch (inst.op) {
    case Opcode::add: select_two_address(inst, Op::add64, true); return true;
    case Opcode::sub: select_two_address(inst, Op::sub64, false); return true;
    case Opcode::mul: select_two_address(inst, Op::mul64, true); return true;
    case Opcode::and_: select_two_address(inst, Op::and64, true); return true;
    case Opcode::or_: select_two_address(inst, Op::or64, true); return true;
    case Opcode::xor_: select_two_address(inst, Op::xor64, true); return true;
    case Opcode::shl: select_shift(inst, Op::lsh64); return true;
    case Opcode::shr_u: select_shift(inst, Op::rsh64); return true;
    case Opcode::shr_s: select_shift(inst, Op::arsh64); return true;
    case Opcode::div_u:
    case Opcode::div_s:
    case Opcode::mod_u:
    case Opcode::mod_s: select_division(inst); return true;
    case Opcode::neg:
      move_into(reg_of(inst.result), inst.operands[0]);
      emit(Op::neg64).dst = reg_of(inst.result);
      return true;
    case Opcode::eq:
    case Opcode::ne:
    case Opcode::lt_u:
    case Opcode::le_u:
    case Opcode::lt_s:
    case Opcode::le_s: select_comparison(inst); return true;
    case Opcode::zext8:
    case Opcode::zext16:
      move_into(reg_of(inst.result), inst.operands[0]);
      emit_alu(Op::and64, reg_of(inst.result), {{}, inst.op == Opcode::zext8 ? 0xff : 0xffff});
      return true;
    case Opcode::zext32: {
      Reg from = use(inst.operands[0]);
      emit_alu(Op::mov32, reg_of(inst.result), {from});
      return true;
    }
    case Opcode::sext8: select_extension(inst, Op::movsx8, 8); return true;
    case Opcode::sext16: select_extension(inst, Op::movsx16, 16); return true;
    case Opcode::sext32:
      if (is_half_only(inst.result)) move_into(reg_of(inst.result), inst.operands[0]);
      else select_extension(inst, Op::movsx32, 32);
      return true;
    case Opcode::bswap16: select_bswap(inst, Op::be16); return true;
    case Opcode::bswap32: select_bswap(inst, Op::be32); return true;
    case Opcode::bswap64: select_bswap(inst, Op::be64); return true;
    case Opcode::clamp_u: select_clamp(inst); return true;
    case Opcode::constant:
    case Opcode::slot_addr: return true;  // made where used
    case Opcode::ptr_to_int: move_into(reg_of(inst.result), inst.operands[0]); return true;
    case Opcode::ptr_add: select_ptr_add(inst); return true;
    default: return false;
  }
}

void Selector::select_inst(const mir::Inst& inst) {
  mir::Effect effect = mir::effect_of(inst);
  bool is_removable = effect == mir::Effect::pure || effect == mir::Effect::clock || effect == mir::Effect::reads;
  if (is_removable && (!inst.result.is_valid() || !registers_[inst.result.index].is_valid())) return;
  if (select_simple(inst)) return;
  switch (inst.op) {
    case Opcode::load:
    case Opcode::kernel_load: return select_load(inst);
    case Opcode::store: return select_store(inst);
    case Opcode::zero: return select_zero(inst);
    case Opcode::copy: return select_copy(inst);
    case Opcode::atomic_add:
    case Opcode::atomic_fetch_add: return select_atomic(inst);
    case Opcode::atomic_cmpxchg: return select_cmpxchg(inst);
    case Opcode::map_value_addr: {
      lir::Inst& value = emit(Op::ld_value);
      value.dst = reg_of(inst.result);
      value.map = inst.map;
      value.offset = static_cast<int32_t>(inst.imm);
      return;
    }
    case Opcode::call: return select_call(inst);
    case Opcode::call_fn: return select_call_fn(inst);
    case Opcode::jump: return select_jump(inst);
    case Opcode::branch: return select_branch(inst);
    case Opcode::branch_null: return select_branch_null(inst);
    case Opcode::ret:
      move_into(lir::r0, inst.operands[0]);
      emit(Op::exit);
      return;
    default: UNREACHABLE("operation in select: " + std::string(mir::row_of(inst.op).name));
  }
}

lir::Module select(mir::Module module, const BackendOptions& options) {
  CHECK(options.isa_level >= 1 && options.isa_level <= 4, "ISA level");
  lir::Module made;
  made.isa_level = options.isa_level;
  for (const mir::Function& function : module.functions) made.functions.add(Selector(function, options.isa_level).run());
  made.interface = std::move(module.interface);
  return made;
}

}  // namespace shrike::bpf
