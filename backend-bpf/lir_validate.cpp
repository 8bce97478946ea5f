// The invariants of LIR, at every stage from select to emit:
//   1  A function has a block; every block ends with its only block-ending instruction.
//   2  Registers are there exactly where the row of the instruction has them; they are r0 to r10 or v0 to v(count-1).
//   3  r10 is only read, and only by mov64 and as the base of memory operands.
//   4  The instruction exists at the module's ISA level.
//   5  Immediates fit 32 bits, shift counts are 0 to 63, divisors are not 0.
//   6  Branches have the targets of their row; targets exist and get one argument for each parameter. The entry has no
//      parameters.
//   7  Slots, maps and callees exist; ld_func has a callback, call_fn a sub-program. Accesses to a slot lie within it and are
//   aligned; a map
//      whose value is addressed is an array, and the offset lies within the value.
//   8  Every register is written on all paths before it is read. A call leaves r1 to r5 unreadable.
//   9  Operands of atomics are not immediates (by 2); their slot accesses are aligned (by 7).
// Not checked: what only the kernel's verifier knows (bounds, pointer types), and frame size (layout_frame reports it).
#include "backend-bpf/lir_validate.h"

#include "backend-bpf/liveness.h"

namespace shrike::lir {

namespace {

uint32_t access_bytes(Op op) {
  switch (op) {
    case Op::ldx8:
    case Op::ldxs8:
    case Op::st8: return 1;
    case Op::ldx16:
    case Op::ldxs16:
    case Op::st16: return 2;
    case Op::ldx32:
    case Op::ldxs32:
    case Op::st32:
    case Op::atomic_add32:
    case Op::fetch_add32:
    case Op::cmpxchg32: return 4;
    case Op::lea: return 0;
    default: return 8;
  }
}

class Validator {
 public:
  Validator(const Module& module, mir::FunctionId id, std::vector<Violation>& violations)
      : module_(module), function_(module.functions[id]), id_(id), violations_(violations) {}

  void run() {
    if (function_.blocks.empty()) return report("1: no blocks");
    if (!function_.blocks[BlockId(uint32_t{0})].params.empty()) report("6: the entry has parameters");
    size_t before = violations_.size();
    for (uint32_t b = 0; b < function_.blocks.size(); b++) {
      block_ = BlockId(b);
      const Block& block = function_.blocks[block_];
      if (block.insts.empty()) report("1: empty block");
      for (Reg param : block.params) check_reg(param);
      for (inst_ = 0; inst_ < block.insts.size(); inst_++) check_inst(block.insts[inst_], inst_ + 1 == block.insts.size());
    }
    if (violations_.size() == before) check_definitions();
  }

 private:
  void report(std::string message) { violations_.push_back({id_, block_, inst_, "invariant " + std::move(message)}); }

  void check_reg(Reg reg) {
    if (!reg.is_valid() || (reg.is_physical() ? reg.index > 10 : reg.number() >= function_.virtual_count))
      report("2: no such register");
  }

  void check_inst(const Inst& inst, bool is_last) {
    const OpRow& row = row_of(inst.op);
    std::string name(row.name);
    if (ends_block(inst.op) != is_last) report("1: `" + name + "` " + (is_last ? "ends the block" : "in the middle of a block"));
    if (row.isa_level > module_.isa_level) report("4: `" + name + "` needs ISA level " + std::to_string(row.isa_level));
    bool has_slot_address = row.has_address && inst.slot.is_valid();
    if (inst.dst.is_valid() != (row.dst != Role::none)) report("2: result of `" + name + "`");
    if (inst.a.is_valid() != (row.a != Role::none && !has_slot_address)) report("2: first operand of `" + name + "`");
    if (inst.b.is_valid() != (row.b != Role::none) && !(row.takes_imm && !inst.b.is_valid()))
      report("2: second operand of `" + name + "`");
    visit_regs(inst, [&](Reg reg, Role role) {
      check_reg(reg);
      if (reg == r10 && (writes(role) || !(is_move(inst) || row.has_address))) report("3: r10 in `" + name + "`");
    });
    if (row.takes_imm && row.form != Form::ld_imm64 && !inst.b.is_valid()) check_imm(inst);
    check_targets(inst, row);
    check_references(inst, row);
  }

  void check_imm(const Inst& inst) {
    if (!fits_imm(inst.imm)) report("5: immediate " + std::to_string(inst.imm));
    bool is_shift = inst.op == Op::lsh64 || inst.op == Op::rsh64 || inst.op == Op::arsh64;
    if (is_shift && (inst.imm < 0 || inst.imm > 63)) report("5: shift by " + std::to_string(inst.imm));
    bool is_division = inst.op == Op::div64 || inst.op == Op::mod64 || inst.op == Op::sdiv64 || inst.op == Op::smod64;
    if (is_division && inst.imm == 0) report("5: division by zero");
  }

  void check_targets(const Inst& inst, const OpRow& row) {
    if (inst.targets.size() != row.targets) return report("6: number of targets");
    for (const BlockTarget& target : inst.targets) {
      if (target.block.index >= function_.blocks.size()) report("6: no such block");
      else if (function_.blocks[target.block].params.size() != target.args.size()) report("6: number of arguments");
    }
  }

  void check_references(const Inst& inst, const OpRow& row) {
    if (row.has_address && inst.slot.is_valid()) check_slot(inst);
    if (row.form == Form::lea && !inst.slot.is_valid()) report("7: no slot");
    if (row.form == Form::ld_map || row.form == Form::ld_value) {
      if (inst.map.index >= module_.interface.maps.size()) return report("7: no such map");
      const mir::MapDecl& map = module_.interface.maps[inst.map];
      if (row.form == Form::ld_value && map.kind != mir::MapKind::array) report("7: address of a value of " + map.name);
      if (row.form == Form::ld_value && (inst.offset < 0 || static_cast<uint32_t>(inst.offset) >= map.value_size))
        report("7: offset into " + map.name);
    }
    if (row.form == Form::ld_func) {
      mir::FunctionKind kind = callee_kind(inst);
      if (kind == mir::FunctionKind::program || kind == mir::FunctionKind::subprogram) report("7: no such callback");
    }
    if (row.form == Form::call_fn) {
      if (callee_kind(inst) != mir::FunctionKind::subprogram) report("7: no such sub-program");
      else if (inst.imm != module_.functions[inst.callee].params) report("7: number of parameters");
    }
  }

  mir::FunctionKind callee_kind(const Inst& inst) const {  // `program`, which nothing calls, if there is none
    bool exists = inst.callee.index < module_.functions.size();
    return exists ? module_.functions[inst.callee].kind : mir::FunctionKind::program;
  }

  void check_slot(const Inst& inst) {
    if (inst.slot.index >= function_.slots.size()) return report("7: no such slot");
    const Slot& slot = function_.slots[inst.slot];
    int64_t bytes = access_bytes(inst.op), offset = inst.offset;
    if (offset < 0 || offset + bytes > int64_t{slot.size}) report("7: access outside of $" + slot.name);
    if (bytes > 1 && (offset % bytes != 0 || slot.align % bytes != 0)) report("7: access to $" + slot.name + " is not aligned");
  }

  // Forward dataflow: the registers written on every path to a block.
  void check_definitions() {
    size_t nodes = allocatable_regs + function_.virtual_count;
    std::vector<bpf::BitSet> in(function_.blocks.size(), bpf::BitSet(nodes));
    std::vector<bool> reached(function_.blocks.size());
    for (uint32_t i = 0; i < function_.params; i++) in[0].set(i + 1);
    reached[0] = true;
    std::vector<BlockId> order = reverse_postorder(function_);
    for (bool changed = true; changed;) {
      changed = false;
      for (BlockId id : order) {
        uint32_t b = id.index;
        bpf::BitSet written = in[b];
        walk(function_.blocks[BlockId(b)], written, false);
        for (BlockId to : successors(function_.blocks[BlockId(b)])) {
          bpf::BitSet joined = written;
          if (reached[to.index]) joined.intersect(in[to.index]);
          if (reached[to.index] && joined == in[to.index]) continue;
          in[to.index] = joined;
          reached[to.index] = changed = true;
        }
      }
    }
    for (uint32_t b = 0; b < function_.blocks.size(); b++) {
      block_ = BlockId(b);
      if (reached[b]) walk(function_.blocks[block_], in[b], true);
    }
  }

  void walk(const Block& block, bpf::BitSet& written, bool reports) {
    for (Reg param : block.params) written.set(bpf::node_of(param));
    bpf::RegisterEffects effects;
    for (inst_ = 0; inst_ < block.insts.size(); inst_++) {
      const Inst& inst = block.insts[inst_];
      bpf::effects_of(inst, effects);
      for (bpf::Node use : effects.uses) {
        if (written.test(use) || !reports) continue;
        Reg reg = bpf::reg_of_node(use);
        report("8: `" + std::string(row_of(inst.op).name) + "` reads " +
               (reg.is_physical() ? "r" + std::to_string(reg.index) : "v" + std::to_string(reg.number())) +
               ", which may not be written");
      }
      for (bpf::Node def : effects.defs) written.set(def);
      for (uint32_t lost = 1; is_call(inst) && lost <= 5; lost++) written.reset(lost);
    }
  }

  const Module& module_;
  const Function& function_;
  mir::FunctionId id_;
  std::vector<Violation>& violations_;
  BlockId block_;
  uint32_t inst_ = 0;
};

}  // namespace

std::vector<Violation> validate(const Module& module) {
  std::vector<Violation> violations;
  for (uint32_t i = 0; i < module.functions.size(); i++) Validator(module, mir::FunctionId(i), violations).run();
  return violations;
}

}  // namespace shrike::lir
