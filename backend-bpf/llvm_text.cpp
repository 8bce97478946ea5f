// Block parameters become phis, slots allocas, helper calls calls of small numbers, as clang writes them for BPF.
// Needs core operations only. Every edge that carries arguments gets a block of its own, since a phi cannot tell two edges from
// one block apart; LLVM folds them. Constants are literals and slots without initial value.
// Does not tell LLVM more than it can see: helpers may write whatever they are given, and the result of clamp_u is opaque, or
// LLVM would take out the very compare that the verifier asks for.
#include "backend-bpf/llvm_text.h"

#include <algorithm>

#include "mir/base/check.h"
#include "mir/edit.h"

namespace shrike::bpf {

namespace {

using namespace mir;

constexpr uint32_t largest_inline = 256;  // longer zero and copy become probe_read_kernel, as in select_memory.cpp

class LlvmWriter {
 public:
  LlvmWriter(const Module& module, int isa_level) : module_(module), isa_level_(isa_level) {}

  std::string run() {
    out_ = "target triple = \"bpf\"\n\n";
    for (uint32_t m = 0; m < module_.interface.maps.size(); m++) {
      // Weak and of unknown size: LLVM may assume nothing about what lies there.
      out_ += "@" + std::string(llvm_map_symbol) + std::to_string(m) + " = external global i8, align 8\n";
      out_ += "@" + std::string(llvm_value_symbol) + std::to_string(m) + " = external global i8, align 8\n";
    }
    for (uint32_t f = 0; f < module_.functions.size(); f++) write_function(FunctionId(f));
    out_ +=
        "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)\n"
        "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)\n"
        "declare i64 @llvm.umin.i64(i64, i64)\ndeclare i16 @llvm.bswap.i16(i16)\n"
        "declare i32 @llvm.bswap.i32(i32)\ndeclare i64 @llvm.bswap.i64(i64)\n";
    for (size_t i = 0; i < helper_count(); i++) declare_kernel_function(static_cast<HelperId>(i));
    return std::move(out_);
  }

 private:
  static std::string symbol(FunctionId id) { return std::string(llvm_function_symbol) + std::to_string(id.index); }

  void declare_kernel_function(HelperId id) {
    const HelperRow& row = row_of(id);
    if (!row.is_kernel_function()) return;
    std::string operands;
    for (HelperOperand operand : row.operands)
      operands += std::string(operands.empty() ? "" : ", ") + (operand == HelperOperand::iter ? "ptr" : "i64");
    const bool is_pointer = row.result == HelperResult::number_or_null;
    out_ += std::string("declare ") +
            (row.result == HelperResult::none ? "void"
             : is_pointer                     ? "ptr"
                                              : "i64") +
            " @" + kernel_name_of(id) + "(" + operands + ")\n";
  }

  void write_function(FunctionId id) {
    const Function& function = module_.functions[id];
    function_ = &function;
    definitions_ = {};
    for (const Block& block : function.blocks)
      for (const Inst& inst : block.insts)
        if (inst.result.is_valid()) definitions_[inst.result] = {&inst};
    edges_ = incoming_edges(function);
    bool is_program = function.kind == FunctionKind::program;
    out_ += "\ndefine i64 @" + symbol(id) + "(";
    const std::vector<ValueId>& params = function.blocks[function.entry()].params;
    for (size_t p = 0; p < params.size(); p++) out_ += (p ? ", " : "") + type_of(params[p]) + " " + value(params[p]);
    out_ += ") nounwind" + (is_program ? " section \"program." + std::to_string(id.index) + "\"" : std::string()) + " {\n";
    for (uint32_t b = 0; b < function.blocks.size(); b++) write_block(BlockId(b));
    out_ += "}\n";
  }

  // --- operands

  std::string value(ValueId id) const {
    if (const Inst* constant = constant_of(id)) return std::to_string(constant->imm);
    return "%v" + std::to_string(id.index);
  }
  const Inst* constant_of(ValueId id) const {
    const Inst* inst = definitions_[id].inst;
    return inst && inst->op == Opcode::constant ? inst : nullptr;
  }
  std::string type_of(ValueId id) const { return function_->values[id].type.is_pointer() ? "ptr" : "i64"; }
  std::string typed(ValueId id) const { return type_of(id) + " " + value(id); }
  std::string fresh() { return "%t" + std::to_string(temporaries_++); }
  static std::string label(BlockId block) { return "b" + std::to_string(block.index); }
  static std::string label(BlockId from, size_t target) {
    return "e" + std::to_string(from.index) + "." + std::to_string(target);
  }
  std::string slot(SlotId id) const { return "%slot" + std::to_string(id.index); }

  void line(const std::string& text) { out_ += "  " + text + "\n"; }
  void define(const Inst& inst, const std::string& text) { line(value(inst.result) + " = " + text); }
  std::string temporary(const std::string& text) {
    std::string name = fresh();
    line(name + " = " + text);
    return name;
  }
  std::string address(ValueId pointer, int64_t offset) {
    if (offset == 0) return value(pointer);
    return temporary("getelementptr i8, ptr " + value(pointer) + ", i64 " + std::to_string(offset));
  }

  // --- blocks

  void write_block(BlockId id) {
    const Block& block = function_->blocks[id];
    out_ += label(id) + ":\n";
    if (id == function_->entry()) write_slots();
    else
      for (size_t p = 0; p < block.params.size(); p++) write_phi(id, p);
    for (const Inst& inst : block.insts) write_inst(id, inst);
    if (!block.insts.empty()) write_edges(id, block.insts.back());
  }

  void write_slots() {
    for (uint32_t s = 0; s < function_->slots.size(); s++) {
      const Slot& decl = function_->slots[SlotId(s)];
      line(slot(SlotId(s)) + " = alloca [" + std::to_string(decl.size) + " x i8], align " + std::to_string(decl.align));
    }
  }

  void write_phi(BlockId id, size_t p) {
    std::string text = "phi " + type_of(function_->blocks[id].params[p]);
    const std::span<const Edge> edges = edges_[id.index];
    for (size_t i = 0; i < edges.size(); i++) {
      ValueId argument = argument_of(*function_, edges[i], p);
      const Inst& end = function_->blocks[edges[i].from].insts.back();
      text += (i ? ", [ " : " [ ") + value(argument.is_valid() ? argument : end.operands[0]) + ", %" +
              label(edges[i].from, edges[i].target) + " ]";
    }
    line(value(function_->blocks[id].params[p]) + " = " + text);
  }

  void write_edges(BlockId from, const Inst& end) {
    for (size_t t = 0; t < end.targets.size(); t++) {
      out_ += label(from, t) + ":\n";
      line("br label %" + label(end.targets[t].block));
    }
  }

  // --- instructions

  void write_inst(BlockId block, const Inst& inst) {
    switch (inst.op) {
      case Opcode::constant: return;
      case Opcode::load: return write_load(inst);
      case Opcode::kernel_load: return write_kernel_load(inst);
      case Opcode::store: return write_store(inst);
      case Opcode::zero: return write_zero(inst);
      case Opcode::copy: return write_copy(inst);
      case Opcode::atomic_add:
      case Opcode::atomic_fetch_add: return write_atomic(inst);
      case Opcode::atomic_cmpxchg: return write_cmpxchg(inst);
      case Opcode::ptr_add:
        return define(inst, "getelementptr i8, ptr " + value(inst.operands[0]) + ", i64 " + value(inst.operands[1]));
      case Opcode::ptr_to_int: return define(inst, "ptrtoint ptr " + value(inst.operands[0]) + " to i64");
      case Opcode::slot_addr: return define(inst, "getelementptr i8, ptr " + slot(inst.slot) + ", i64 0");
      case Opcode::map_value_addr:
        return define(inst, "getelementptr i8, ptr @" + std::string(llvm_value_symbol) + std::to_string(inst.map.index) +
                                ", i64 " + std::to_string(inst.imm));
      case Opcode::call: return write_call(inst);
      case Opcode::call_fn: return write_call_fn(inst);
      case Opcode::jump: return line("br label %" + label(block, 0));
      case Opcode::branch: {
        std::string bit = temporary("icmp ne i64 " + value(inst.operands[0]) + ", 0");
        return line("br i1 " + bit + ", label %" + label(block, 0) + ", label %" + label(block, 1));
      }
      case Opcode::branch_null: {
        std::string bit = temporary("icmp eq ptr " + value(inst.operands[0]) + ", null");
        return line("br i1 " + bit + ", label %" + label(block, 0) + ", label %" + label(block, 1));
      }
      case Opcode::ret: return line("ret i64 " + value(inst.operands[0]));
      default: return write_arithmetic(inst);
    }
  }

  void write_binary(const Inst& inst, const std::string& op) {
    define(inst, op + " i64 " + value(inst.operands[0]) + ", " + value(inst.operands[1]));
  }
  void write_shift(const Inst& inst, const std::string& op) {
    std::string count = constant_of(inst.operands[1]) ? std::to_string(constant_of(inst.operands[1])->imm & 63)
                                                      : temporary("and i64 " + value(inst.operands[1]) + ", 63");
    define(inst, op + " i64 " + value(inst.operands[0]) + ", " + count);
  }
  void write_comparison(const Inst& inst, const std::string& condition) {
    std::string bit = temporary("icmp " + condition + " i64 " + value(inst.operands[0]) + ", " + value(inst.operands[1]));
    define(inst, "zext i1 " + bit + " to i64");
  }
  void write_extension(const Inst& inst, const std::string& how, const std::string& narrow) {
    std::string low = temporary("trunc i64 " + value(inst.operands[0]) + " to " + narrow);
    define(inst, how + " " + narrow + " " + low + " to i64");
  }
  void write_bswap(const Inst& inst, const std::string& narrow) {
    if (narrow == "i64") return define(inst, "call i64 @llvm.bswap.i64(i64 " + value(inst.operands[0]) + ")");
    std::string low = temporary("trunc i64 " + value(inst.operands[0]) + " to " + narrow);
    std::string swapped = temporary("call " + narrow + " @llvm.bswap." + narrow + "(" + narrow + " " + low + ")");
    define(inst, "zext " + narrow + " " + swapped + " to i64");
  }

  // By zero, division gives 0 and the remainder the dividend: so does the instruction, but not LLVM's operation.
  std::string divide(const std::string& assembly, const std::string& a, const std::string& b) {
    return temporary("call i64 asm \"" + assembly + "\", \"=r,r,0\"(i64 " + b + ", i64 " + a + ")");
  }
  void write_division(const Inst& inst, bool is_remainder) {
    const std::string a = value(inst.operands[0]), b = value(inst.operands[1]);
    const Inst* constant = constant_of(inst.operands[1]);
    if (constant && constant->imm != 0) return write_binary(inst, is_remainder ? "urem" : "udiv");
    define(inst, "add i64 0, " + divide(is_remainder ? "$0 %= $1" : "$0 /= $1", a, b));
  }
  // By magnitudes, as select.cpp does without sdiv.
  void write_signed_division(const Inst& inst, bool is_remainder) {
    const std::string a = value(inst.operands[0]), b = value(inst.operands[1]);
    const Inst* constant = constant_of(inst.operands[1]);
    if (constant && isa_level_ >= 4 && constant->imm != 0 && constant->imm != -1)
      return write_binary(inst, is_remainder ? "srem" : "sdiv");
    auto sign_of = [&](const std::string& x) { return temporary("ashr i64 " + x + ", 63"); };
    auto with_sign = [&](const std::string& x, const std::string& sign) {
      std::string flipped = temporary("xor i64 " + x + ", " + sign);
      return temporary("sub i64 " + flipped + ", " + sign);
    };
    std::string sign_a = sign_of(a), sign_b = sign_of(b);
    std::string magnitude_a = with_sign(a, sign_a), magnitude_b = with_sign(b, sign_b);
    std::string result = constant && constant->imm != 0
                             ? temporary((is_remainder ? "urem i64 " : "udiv i64 ") + magnitude_a + ", " + magnitude_b)
                             : divide(is_remainder ? "$0 %= $1" : "$0 /= $1", magnitude_a, magnitude_b);
    std::string sign = is_remainder ? sign_a : temporary("xor i64 " + sign_a + ", " + sign_b);
    define(inst, "add i64 0, " + with_sign(result, sign));
  }

  void write_clamp(const Inst& inst) {
    std::string least =
        temporary("call i64 @llvm.umin.i64(i64 " + value(inst.operands[0]) + ", i64 " + std::to_string(inst.imm) + ")");
    define(inst, "call i64 asm sideeffect \"\", \"=r,0\"(i64 " + least + ")");
  }

  void write_arithmetic(const Inst& inst) {
    switch (inst.op) {
      case Opcode::add: return write_binary(inst, "add");
      case Opcode::sub: return write_binary(inst, "sub");
      case Opcode::mul: return write_binary(inst, "mul");
      case Opcode::and_: return write_binary(inst, "and");
      case Opcode::or_: return write_binary(inst, "or");
      case Opcode::xor_: return write_binary(inst, "xor");
      case Opcode::div_u: return write_division(inst, false);
      case Opcode::mod_u: return write_division(inst, true);
      case Opcode::div_s: return write_signed_division(inst, false);
      case Opcode::mod_s: return write_signed_division(inst, true);
      case Opcode::shl: return write_shift(inst, "shl");
      case Opcode::shr_u: return write_shift(inst, "lshr");
      case Opcode::shr_s: return write_shift(inst, "ashr");
      case Opcode::neg: return define(inst, "sub i64 0, " + value(inst.operands[0]));
      case Opcode::eq: return write_comparison(inst, "eq");
      case Opcode::ne: return write_comparison(inst, "ne");
      case Opcode::lt_u: return write_comparison(inst, "ult");
      case Opcode::le_u: return write_comparison(inst, "ule");
      case Opcode::lt_s: return write_comparison(inst, "slt");
      case Opcode::le_s: return write_comparison(inst, "sle");
      case Opcode::zext8: return write_extension(inst, "zext", "i8");
      case Opcode::zext16: return write_extension(inst, "zext", "i16");
      case Opcode::zext32: return write_extension(inst, "zext", "i32");
      case Opcode::sext8: return write_extension(inst, "sext", "i8");
      case Opcode::sext16: return write_extension(inst, "sext", "i16");
      case Opcode::sext32: return write_extension(inst, "sext", "i32");
      case Opcode::bswap16: return write_bswap(inst, "i16");
      case Opcode::bswap32: return write_bswap(inst, "i32");
      case Opcode::bswap64: return write_bswap(inst, "i64");
      case Opcode::clamp_u: return write_clamp(inst);
      default: UNREACHABLE("operation in print_llvm: " + std::string(row_of(inst.op).name));
    }
  }

  // --- memory

  static std::string int_type(MemWidth width) { return "i" + std::to_string(bytes_of(width) * 8); }

  void write_load(const Inst& inst) {
    std::string from = address(inst.operands[0], inst.imm), type = int_type(inst.width);
    std::string text = "load " + type + ", ptr " + from + ", align " + std::to_string(bytes_of(inst.width));
    if (bytes_of(inst.width) == 8) return define(inst, text);
    define(inst, (is_signed(inst.width) ? "sext " : "zext ") + type + " " + temporary(text) + " to i64");
  }
  void write_kernel_load(const Inst& inst) {
    std::string base = temporary("inttoptr i64 " + value(inst.operands[0]) + " to ptr");
    define(inst,
           "load i64, ptr " + temporary("getelementptr i8, ptr " + base + ", i64 " + std::to_string(inst.imm)) + ", align 8");
  }
  std::string narrowed(ValueId from, MemWidth width) {
    if (bytes_of(width) == 8) return value(from);
    return temporary("trunc i64 " + value(from) + " to " + int_type(width));
  }
  void write_store(const Inst& inst) {
    std::string stored = narrowed(inst.operands[1], inst.width);
    line("store " + int_type(inst.width) + " " + stored + ", ptr " + address(inst.operands[0], inst.imm) + ", align " +
         std::to_string(bytes_of(inst.width)));
  }
  void write_atomic(const Inst& inst) {
    std::string added = narrowed(inst.operands[1], inst.width), type = int_type(inst.width);
    std::string old = temporary("atomicrmw add ptr " + address(inst.operands[0], inst.imm) + ", " + type + " " + added +
                                " monotonic, align " + std::to_string(bytes_of(inst.width)));
    if (inst.op != Opcode::atomic_fetch_add) return;
    define(inst, bytes_of(inst.width) == 8 ? "add i64 0, " + old : "zext " + type + " " + old + " to i64");
  }

  void write_cmpxchg(const Inst& inst) {
    std::string expected = narrowed(inst.operands[1], inst.width), value = narrowed(inst.operands[2], inst.width);
    const std::string type = int_type(inst.width);
    std::string pair = temporary("cmpxchg ptr " + address(inst.operands[0], inst.imm) + ", " + type + " " + expected + ", " +
                                 type + " " + value + " monotonic monotonic, align " + std::to_string(bytes_of(inst.width)));
    std::string old = temporary("extractvalue { " + type + ", i1 } " + pair + ", 0");
    define(inst, bytes_of(inst.width) == 8 ? "add i64 0, " + old : "zext " + type + " " + old + " to i64");
  }

  // Objects begin at multiples of 8 (slots at theirs); constant steps may break that, others are by whole elements.
  uint64_t alignment_of(ValueId pointer, int64_t offset) const {
    uint64_t align = 8;
    for (;;) {
      const Inst* inst = definitions_[pointer].inst;
      if (!inst || (inst->op != Opcode::ptr_add && inst->op != Opcode::slot_addr)) break;
      if (inst->op == Opcode::slot_addr) {
        align = std::max<uint64_t>(1, std::min<uint64_t>(8, function_->slots[inst->slot].align));
        break;
      }
      const Inst* step = constant_of(inst->operands[1]);
      if (!step) return 1;
      offset += step->imm;
      pointer = inst->operands[0];
    }
    while (align > 1 && offset % static_cast<int64_t>(align) != 0) align /= 2;
    return align;
  }
  void write_probe_read(const std::string& to, uint32_t length, const std::string& from) {
    line("call i64 inttoptr (i64 " + std::to_string(row_of(HelperId::probe_read_kernel).number) + " to ptr)(ptr " + to +
         ", i64 " + std::to_string(length) + ", " + from + ")");
  }
  void write_zero(const Inst& inst) {
    std::string to = address(inst.operands[0], inst.imm);
    if (inst.length > largest_inline) return write_probe_read(to, inst.length, "i64 0");
    line("call void @llvm.memset.p0.i64(ptr align " + std::to_string(alignment_of(inst.operands[0], inst.imm)) + " " + to +
         ", i8 0, i64 " + std::to_string(inst.length) + ", i1 false)");
  }
  void write_copy(const Inst& inst) {
    std::string to = value(inst.operands[0]), from = value(inst.operands[1]);
    if (inst.length > largest_inline) return write_probe_read(to, inst.length, "ptr " + from);
    line("call void @llvm.memcpy.p0.p0.i64(ptr align " + std::to_string(alignment_of(inst.operands[0], 0)) + " " + to +
         ", ptr align " + std::to_string(alignment_of(inst.operands[1], 0)) + " " + from + ", i64 " +
         std::to_string(inst.length) + ", i1 false)");
  }

  // --- calls

  void write_call(const Inst& inst) {
    const HelperRow& row = row_of(inst.helper);
    std::string operands;
    size_t next = 0;
    for (HelperOperand operand : row.operands) {
      if (!operands.empty()) operands += ", ";
      if (operand == HelperOperand::map) operands += "ptr @" + std::string(llvm_map_symbol) + std::to_string(inst.map.index);
      else if (operand == HelperOperand::fn) operands += "ptr @" + symbol(inst.callee);
      else operands += typed(inst.operands[next++]);
    }
    std::string callee = row.is_kernel_function() ? " @" + kernel_name_of(inst.helper)
                                                  : " inttoptr (i64 " + std::to_string(row.number) + " to ptr)";
    callee += "(" + operands + ")";
    if (row.result == HelperResult::none) return line("call void" + callee);
    std::string call = "call " + (inst.result.is_valid() ? type_of(inst.result) : std::string("i64")) + callee;
    if (inst.result.is_valid()) define(inst, call);
    else line(call);
  }

  void write_call_fn(const Inst& inst) {
    std::string operands;
    for (ValueId operand : inst.operands) operands += (operands.empty() ? "" : ", ") + typed(operand);
    define(inst, "call i64 @" + symbol(inst.callee) + "(" + operands + ")");
  }

  struct Definition {
    const Inst* inst = nullptr;  // none: a parameter
  };

  const Module& module_;
  int isa_level_;
  const Function* function_ = nullptr;
  SideTable<ValueId, Definition> definitions_;
  Lists<Edge> edges_;
  uint32_t temporaries_ = 0;
  std::string out_;
};

}  // namespace

std::string print_llvm(const Module& module, int isa_level) {
  return LlvmWriter(module, isa_level).run();
}

}  // namespace shrike::bpf
