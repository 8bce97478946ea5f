// Instruction selection of calls, branches and jumps. A branch on a comparison tests the very registers that were
// compared, so that the kernel learns their bounds.
#include "backend-bpf/select.h"

namespace shrike::bpf {

using lir::Op;
using lir::Reg;
using mir::Opcode;

const ComparisonRow* comparison_row(Opcode op) {
  static constexpr ComparisonRow eq{Op::jeq, Op::jeq, Op::set_eq, Op::set_eq};
  static constexpr ComparisonRow ne{Op::jne, Op::jne, Op::set_ne, Op::set_ne};
  static constexpr ComparisonRow lt_u{Op::jlt, Op::jgt, Op::set_lt, Op::set_gt};
  static constexpr ComparisonRow le_u{Op::jle, Op::jge, Op::set_le, Op::set_ge};
  static constexpr ComparisonRow lt_s{Op::jslt, Op::jsgt, Op::set_slt, Op::set_sgt};
  static constexpr ComparisonRow le_s{Op::jsle, Op::jsge, Op::set_sle, Op::set_sge};
  switch (op) {
    case Opcode::eq: return &eq;
    case Opcode::ne: return &ne;
    case Opcode::lt_u: return &lt_u;
    case Opcode::le_u: return &le_u;
    case Opcode::lt_s: return &lt_s;
    case Opcode::le_s: return &le_s;
    default: return nullptr;
  }
}

namespace {

// The jump that goes by the low halves.
Op half_of(Op jump) {
  switch (jump) {
    case Op::jeq: return Op::jeq32;
    case Op::jne: return Op::jne32;
    case Op::jsgt: return Op::jsgt32;
    case Op::jsge: return Op::jsge32;
    case Op::jslt: return Op::jslt32;
    case Op::jsle: return Op::jsle32;
    default: UNREACHABLE("jump without one of low halves");
  }
}

}  // namespace

lir::BlockTarget Selector::target(const mir::BlockTarget& from) {
  lir::BlockTarget to{blocks_[from.block.index], {}};
  for (mir::ValueId arg : from.args) to.args.push_back(use(arg));
  return to;
}

void Selector::select_call(const mir::Inst& inst) {
  const mir::HelperRow& row = mir::row_of(inst.helper);
  size_t next_operand = 0;
  for (uint32_t i = 0; i < row.operands.size(); i++) {
    Reg arg = lir::physical(i + 1);
    if (row.operands[i] == mir::HelperOperand::map) {
      lir::Inst& map = emit(Op::ld_map);
      map.dst = arg;
      map.map = inst.map;
    } else if (row.operands[i] == mir::HelperOperand::fn) {
      lir::Inst& callback = emit(Op::ld_func);
      callback.dst = arg;
      callback.callee = inst.callee;
    } else {
      move_into(arg, inst.operands[next_operand++]);
    }
  }
  CHECK(next_operand == inst.operands.size(), "operands of call");
  emit(Op::call).helper = inst.helper;
  if (inst.result.is_valid() && registers_[inst.result.index].is_valid()) emit_move(reg_of(inst.result), lir::r0);
}

void Selector::select_call_fn(const mir::Inst& inst) {
  for (uint32_t i = 0; i < inst.operands.size(); i++) move_into(lir::physical(i + 1), inst.operands[i]);
  lir::Inst& call = emit(Op::call_fn);
  call.callee = inst.callee;
  call.imm = static_cast<int64_t>(inst.operands.size());
  if (registers_[inst.result.index].is_valid()) emit_move(reg_of(inst.result), lir::r0);
}

void Selector::select_jump(const mir::Inst& inst) {
  lir::BlockTarget to = target(inst.targets[0]);
  emit(Op::ja).targets.push_back(std::move(to));
}

void Selector::select_branch(const mir::Inst& inst) {
  lir::BlockTarget then = target(inst.targets[0]), otherwise = target(inst.targets[1]);
  // `x == 0` and `x != 0` test x itself, which may be another comparison.
  mir::ValueId condition = inst.operands[0];
  int64_t constant;
  for (const mir::Inst* def = def_of(condition); def; def = def_of(condition)) {
    bool is_test = (def->op == Opcode::eq || def->op == Opcode::ne) && constant_of(def->operands[1], constant) && constant == 0;
    if (!is_test) break;
    if (def->op == Opcode::eq) std::swap(then, otherwise);
    condition = def->operands[0];
  }
  const mir::Inst* def = def_of(condition);
  Op op = Op::jne;
  Reg left;
  Operand right;
  if (const ComparisonRow* row = def ? comparison_row(def->op) : nullptr) {
    mir::ValueId a = def->operands[0], b = def->operands[1];
    bool swap = constant_of(a, constant) && !constant_of(b, constant);
    if (swap) std::swap(a, b);
    op = swap ? row->jump_swapped : row->jump;
    if (compares_halves(*def)) op = half_of(op);
    left = use(a);
    right = use_or_imm(b);
  } else if (def && def->op == Opcode::and_ && constant_of(def->operands[1], constant) &&
             !registers_[condition.index].is_valid()) {
    op = Op::jset;
    left = use(def->operands[0]);
    right = constant_operand(constant);
  } else {
    if (is_extension(condition) && is_half_only(condition)) op = Op::jne32;
    left = use(condition);
  }
  if (!has_op(op)) {
    op = lir::inverse(op);
    std::swap(then, otherwise);
  }
  lir::Inst& jump = emit(op);
  jump.a = left;
  jump.b = right.reg;
  jump.imm = right.imm;
  jump.targets = {std::move(then), std::move(otherwise)};
}

void Selector::select_branch_null(const mir::Inst& inst) {
  Reg pointer = use(inst.operands[0]);
  lir::BlockTarget null = target(inst.targets[0]), ok = target(inst.targets[1]);
  ok.args.insert(ok.args.begin(), pointer);
  lir::Inst& jump = emit(Op::jeq);
  jump.a = pointer;
  jump.targets = {std::move(null), std::move(ok)};
}

}  // namespace shrike::bpf
