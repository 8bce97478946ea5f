// LIR to bytes. Each function that is a program becomes a bpf::Program: its own instructions, then those of the
// callbacks it hands to helpers and of the sub-programs it calls, each once. Leaves map addresses to the loader (relocations).
// Needs physical registers and laid out frames. Expands pseudo instructions as machine_insts.def says.
#include "backend-bpf/emit.h"

#include <algorithm>

#include "backend-bpf/backend.h"

namespace shrike::bpf {

using lir::Form;
using lir::Inst;
using lir::Op;

namespace {

uint8_t reg(lir::Reg r) {
  CHECK(r.is_physical(), "virtual register in emit");
  return static_cast<uint8_t>(r.index);
}

int16_t narrow(int64_t offset) {
  CHECK(offset == static_cast<int16_t>(offset), "offset of " + std::to_string(offset) + " in emit");
  return static_cast<int16_t>(offset);
}

int32_t imm32(int64_t imm) {
  CHECK(lir::fits_imm(imm), "immediate of " + std::to_string(imm) + " in emit");
  return static_cast<int32_t>(imm);
}

class Emitter {
 public:
  Emitter(const lir::Module& module, Program& program) : module_(module), program_(program) {}

  void run(mir::FunctionId main) {
    subprograms_.push_back(main);
    for (size_t i = 0; i < subprograms_.size(); i++) emit_function(subprograms_[i]);
    for (const Fixup& fixup : function_fixups_) {
      auto index =
          static_cast<size_t>(std::find(subprograms_.begin(), subprograms_.end(), fixup.function) - subprograms_.begin());
      program_.insns[fixup.insn].imm =
          static_cast<int32_t>(program_.subprograms[index].insn) - static_cast<int32_t>(fixup.insn) - 1;
    }
  }

 private:
  struct Fixup {
    uint32_t insn;
    lir::BlockId block;
    mir::FunctionId function;
  };

  uint32_t here() const { return static_cast<uint32_t>(program_.insns.size()); }
  void put(Insn insn) { program_.insns.push_back(insn); }

  void emit_function(mir::FunctionId id) {
    function_ = &module_.functions[id];
    program_.subprograms.push_back({here(), function_->name, function_->frame_bytes});
    block_starts_.assign(function_->blocks.size(), 0);
    jump_fixups_.clear();
    note_line(function_->span);
    for (uint32_t i = 0; i < function_->blocks.size(); i++) {
      block_starts_[i] = here();
      next_block_ = lir::BlockId(i + 1);
      for (const Inst& inst : function_->blocks[lir::BlockId(i)].insts) {
        note_line(inst.span);
        emit_inst(inst);
      }
    }
    for (const Fixup& fixup : jump_fixups_) {
      int64_t distance = int64_t{block_starts_[fixup.block.index]} - fixup.insn - 1;
      Insn& insn = program_.insns[fixup.insn];
      if (insn.opcode == jump_far(0).opcode) insn.imm = imm32(distance);
      else insn.offset = narrow(distance);
    }
  }

  void note_line(Span span) {
    if (!span.is_known()) return;
    std::vector<LineEntry>& lines = program_.lines;
    bool is_new_function = program_.subprograms.back().insn == here();
    if (!lines.empty() && lines.back().insn == here()) {
      lines.back().span = span;
    } else if (lines.empty() || is_new_function || !(lines.back().span == span)) {
      lines.push_back({here(), span});
    }
  }

  void jump_to(Insn insn, lir::BlockId block) {
    jump_fixups_.push_back({here(), block, {}});
    put(insn);
  }

  // Base register and offset of a memory operand.
  uint8_t base_of(const Inst& inst) const { return inst.slot.is_valid() ? 10 : reg(inst.a); }
  int16_t offset_of(const Inst& inst) const {
    if (!inst.slot.is_valid()) return narrow(inst.offset);
    const lir::Slot& slot = function_->slots[inst.slot];
    CHECK(slot.offset < 0, "slot " + slot.name + " has no place");
    return narrow(slot.offset + inst.offset);
  }

  void put_alu(uint8_t opcode, const Inst& inst, int16_t offset = 0) {
    put(inst.b.is_valid() ? alu_reg(opcode, reg(inst.dst), reg(inst.b), offset)
                          : alu_imm(opcode, reg(inst.dst), imm32(inst.imm), offset));
  }

  void put_compare(uint8_t opcode, lir::Reg a, const Inst& inst, int16_t distance) {
    put(inst.b.is_valid() ? jump_reg(opcode, reg(a), reg(inst.b), distance)
                          : jump_imm(opcode, reg(a), imm32(inst.imm), distance));
  }

  void put_wide(const Inst& inst, uint8_t kind, uint64_t value) {
    put(wide_low(reg(inst.dst), kind, static_cast<int32_t>(value)));
    put(wide_high(static_cast<int32_t>(value >> 32)));
  }

  static int32_t operation_of(Op op) {
    if (op == Op::cmpxchg32 || op == Op::cmpxchg64) return atomic::cmpxchg;
    return op == Op::fetch_add32 || op == Op::fetch_add64 ? atomic::add | atomic::fetch : atomic::add;
  }

  void emit_inst(const Inst& inst) {
    const lir::OpRow& row = lir::row_of(inst.op);
    switch (row.form) {
      case Form::alu: return put_alu(row.opcode, inst);
      case Form::alu_signed: return put_alu(row.opcode, inst, 1);
      case Form::alu_unary: return put(alu_imm(row.opcode, reg(inst.dst), 0));
      case Form::movsx: {
        auto bits = static_cast<int16_t>(inst.op == Op::movsx8 ? 8 : inst.op == Op::movsx16 ? 16 : 32);
        return put(alu_reg(row.opcode, reg(inst.dst), reg(inst.a), bits));
      }
      case Form::end: return put(alu_imm(row.opcode, reg(inst.dst), inst.op == Op::be16 ? 16 : inst.op == Op::be32 ? 32 : 64));
      case Form::ldx: return put(load(row.opcode, reg(inst.dst), base_of(inst), offset_of(inst)));
      case Form::st:
        return put(inst.b.is_valid() ? store_reg(row.opcode, base_of(inst), offset_of(inst), reg(inst.b))
                                     : store_imm(row.opcode, base_of(inst), offset_of(inst), imm32(inst.imm)));
      case Form::atomic: return put(atomic_op(row.opcode, base_of(inst), offset_of(inst), reg(inst.b), operation_of(inst.op)));
      case Form::ld_imm64: return put_wide(inst, 0, static_cast<uint64_t>(inst.imm));
      case Form::ld_map: program_.relocations.push_back({here(), inst.map, false, 0}); return put_wide(inst, pseudo::map_fd, 0);
      case Form::ld_value:
        program_.relocations.push_back({here(), inst.map, true, static_cast<uint32_t>(inst.offset)});
        return put_wide(inst, pseudo::map_value, 0);
      case Form::ld_func: return emit_function_address(inst);
      case Form::lea:
        put(alu_reg(cls::alu64 | alu::mov, reg(inst.dst), 10));
        return put(alu_imm(cls::alu64 | alu::add, reg(inst.dst), offset_of(inst)));
      case Form::min: return emit_min(inst);
      case Form::set: return emit_set(inst);
      case Form::call_fn: refer_to(inst.callee); return put(call_subprogram());
      case Form::call: return emit_call(inst.helper);
      case Form::jump: return emit_branch(inst);
      case Form::ja:
        if (inst.targets[0].block == next_block_) return;
        return jump_to(inst.op == Op::ja ? jump_always(0) : jump_far(0), inst.targets[0].block);
      case Form::exit: return put(exit_program());
    }
  }

  void emit_call(mir::HelperId helper) {
    const mir::HelperRow& row = mir::row_of(helper);
    if (!row.is_kernel_function()) return put(call_helper(static_cast<int32_t>(row.number)));
    program_.kernel_calls.push_back({here(), helper});
    put(call_kernel_function(0));
  }

  // The next instruction gets the distance to `function`, which thereby belongs to the program.
  void refer_to(mir::FunctionId function) {
    if (std::find(subprograms_.begin(), subprograms_.end(), function) == subprograms_.end()) subprograms_.push_back(function);
    function_fixups_.push_back({here(), {}, function});
  }

  void emit_function_address(const Inst& inst) {
    refer_to(inst.callee);
    program_.has_callbacks = true;
    put_wide(inst, pseudo::func, 0);
  }

  void emit_min(const Inst& inst) {
    if (module_.isa_level >= 2) {
      put_compare(lir::row_of(Op::jle).opcode, inst.dst, inst, 1);
    } else {
      put_compare(lir::row_of(Op::jgt).opcode, inst.dst, inst, 1);
      put(jump_always(1));
    }
    put_alu(cls::alu64 | alu::mov, inst);
  }

  void emit_set(const Inst& inst) {
    Op jump = static_cast<Op>(static_cast<int>(Op::jeq) + static_cast<int>(inst.op) - static_cast<int>(Op::set_eq));
    CHECK(lir::row_of(jump).opcode == lir::row_of(inst.op).opcode, "set and jump rows differ in order");
    int32_t if_true = 1;
    if (lir::row_of(jump).isa_level > module_.isa_level) {
      jump = lir::inverse(jump);
      if_true = 0;
    }
    put(alu_imm(cls::alu64 | alu::mov, reg(inst.dst), if_true));
    put_compare(lir::row_of(jump).opcode, inst.a, inst, 1);
    put(alu_imm(cls::alu64 | alu::mov, reg(inst.dst), 1 - if_true));
  }

  // If the first target is the next block, the inverse jump to the second one needs no jump after it.
  void emit_branch(const Inst& inst) {
    Op op = inst.op;
    size_t first = 0;
    bool inverts = inst.targets[0].block == next_block_ && lir::has_inverse(op);
    if (inverts && lir::row_of(lir::inverse(op)).isa_level <= module_.isa_level) {
      op = lir::inverse(op);
      first = 1;
    }
    jump_fixups_.push_back({here(), inst.targets[first].block, {}});
    put_compare(lir::row_of(op).opcode, inst.a, inst, 0);
    if (inst.targets[1 - first].block != next_block_) jump_to(jump_always(0), inst.targets[1 - first].block);
  }

  const lir::Module& module_;
  Program& program_;
  const lir::Function* function_ = nullptr;
  lir::BlockId next_block_;
  std::vector<uint32_t> block_starts_;
  std::vector<Fixup> jump_fixups_, function_fixups_;
  std::vector<mir::FunctionId> subprograms_;
};

}  // namespace

uint32_t insn_count(const Inst& inst, int isa_level) {
  switch (lir::row_of(inst.op).form) {
    case Form::ld_imm64:
    case Form::ld_map:
    case Form::ld_value:
    case Form::ld_func:
    case Form::lea:
    case Form::jump: return 2;
    case Form::min: return isa_level >= 2 ? 2 : 3;
    case Form::set: return 3;
    default: return 1;
  }
}

Object emit(lir::Module module) {
  Object object;
  for (uint32_t i = 0; i < module.functions.size(); i++) {
    const lir::Function& function = module.functions[mir::FunctionId(i)];
    object.program_of.push_back(UINT32_MAX);
    if (function.kind != mir::FunctionKind::program) continue;
    object.program_of.back() = static_cast<uint32_t>(object.programs.size());
    Program& program = object.programs.emplace_back();
    program.name = function.name;
    program.type = function.program;
    Emitter(module, program).run(mir::FunctionId(i));
  }
  object.interface = std::move(module.interface);
  return object;
}

}  // namespace shrike::bpf
