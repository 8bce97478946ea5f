// One case per operation and helper operand that touches memory. What is demanded follows the verifier's checks of
// memory access, helper buffers and pointer arithmetic (kernel/bpf/verifier.c, 5.10 to 6.x).
#include "mir/obligations.h"

#include "mir/type_rules.h"

namespace shrike::mir {

namespace {

// The verifier refuses offsets and buffer sizes from 2^29 on, whatever the object.
constexpr int64_t offset_limit = int64_t{1} << 29;
constexpr uint64_t iterator_bytes = 8;

// For sums of three 64-bit numbers, which do not wrap in it.
__extension__ typedef __int128 Wide;

class Collector {
 public:
  Collector(const Module& module, const Function& function) : module_(module), function_(function) {}

  std::vector<Obligation> run() {
    for (uint32_t block = 0; block < function_.blocks.size(); block++) {
      at_.block = BlockId(block);
      const std::vector<Inst>& insts = function_.blocks[at_.block].insts;
      for (at_.inst = 0; at_.inst < insts.size(); at_.inst++) visit(insts[at_.inst]);
    }
    return std::move(out_);
  }

 private:
  void add(ObligationKind kind, ValueId pointer, ValueId size, int64_t offset, uint64_t bytes) {
    out_.push_back({kind, at_.block, at_.inst, pointer, size, offset, bytes});
  }

  void in_bounds(ValueId pointer, int64_t offset, uint64_t bytes) {
    if (bytes != 0) add(ObligationKind::in_bounds, pointer, {}, offset, bytes);
  }

  // The verifier is strict about the alignment of the stack, the context and atomics; elsewhere the hardware decides.
  void access(const Inst& inst) {
    uint64_t bytes = bytes_of(inst.width);
    Region region = function_.values[inst.operands[0]].type.region;
    bool is_strict = region == Region::stack || region == Region::ctx || is_atomic(inst.op);
    in_bounds(inst.operands[0], inst.imm, bytes);
    if (is_strict && bytes > 1) add(ObligationKind::aligned, inst.operands[0], {}, inst.imm, bytes);
  }

  void visit(const Inst& inst) {
    switch (inst.op) {
      case Opcode::load:
      case Opcode::store:
      case Opcode::atomic_add:
      case Opcode::atomic_fetch_add:
      case Opcode::atomic_cmpxchg: return access(inst);
      case Opcode::zero: return in_bounds(inst.operands[0], inst.imm, inst.length);
      case Opcode::copy: in_bounds(inst.operands[0], 0, inst.length); return in_bounds(inst.operands[1], 0, inst.length);
      case Opcode::ptr_add: return add(ObligationKind::sane_offset, inst.operands[0], inst.operands[1], 0, 0);
      case Opcode::call: return visit_call(inst);
      case Opcode::agg_update: {
        const MapDecl& map = module_.interface.maps[inst.map];
        if (map.is_keyed) in_bounds(inst.operands[0], 0, map.key_size);
        return;
      }
      case Opcode::constant:
      case Opcode::add:
      case Opcode::sub:
      case Opcode::mul:
      case Opcode::div_u:
      case Opcode::div_s:
      case Opcode::mod_u:
      case Opcode::mod_s:
      case Opcode::and_:
      case Opcode::or_:
      case Opcode::xor_:
      case Opcode::shl:
      case Opcode::shr_u:
      case Opcode::shr_s:
      case Opcode::neg:
      case Opcode::eq:
      case Opcode::ne:
      case Opcode::lt_u:
      case Opcode::le_u:
      case Opcode::lt_s:
      case Opcode::le_s:
      case Opcode::zext8:
      case Opcode::zext16:
      case Opcode::zext32:
      case Opcode::sext8:
      case Opcode::sext16:
      case Opcode::sext32:
      case Opcode::bswap16:
      case Opcode::bswap32:
      case Opcode::bswap64:
      case Opcode::clamp_u:
      case Opcode::kernel_load:
      case Opcode::ptr_to_int:
      case Opcode::slot_addr:
      case Opcode::map_value_addr:
      case Opcode::call_fn:
      case Opcode::jump:
      case Opcode::branch:
      case Opcode::branch_null:
      case Opcode::ret: return;
    }
  }

  void visit_call(const Inst& inst) {
    size_t next = 0;
    for (HelperOperand kind : row_of(inst.helper).operands) {
      if (!is_value_operand(kind)) continue;
      ValueId value = inst.operands[next++];
      switch (kind) {
        case HelperOperand::key: in_bounds(value, 0, module_.interface.maps[inst.map].key_size); break;
        case HelperOperand::value: in_bounds(value, 0, module_.interface.maps[inst.map].value_size); break;
        case HelperOperand::in:
        case HelperOperand::out: add(ObligationKind::not_zero, {}, inst.operands[next], 0, 0); [[fallthrough]];
        case HelperOperand::in_n:
        case HelperOperand::out_n: add(ObligationKind::sized_buffer, value, inst.operands[next], 0, 0); break;
        case HelperOperand::iter:
          in_bounds(value, 0, iterator_bytes);
          add(ObligationKind::aligned, value, {}, 0, iterator_bytes);
          break;
        case HelperOperand::map:
        case HelperOperand::fn:
        case HelperOperand::ctx:
        case HelperOperand::ctx_or_null:
        case HelperOperand::integer:
        case HelperOperand::str:
        case HelperOperand::addr:
        case HelperOperand::any:
        case HelperOperand::rec:
        case HelperOperand::constant: break;
      }
    }
  }

  struct Place {
    BlockId block;
    uint32_t inst = 0;
  };
  const Module& module_;
  const Function& function_;
  Place at_;
  std::vector<Obligation> out_;
};

bool lies_inside(const Object& object, const Range& distance, int64_t offset, uint64_t bytes) {
  if (object.kind == ObjectKind::context) return distance.is_exact() && distance.smin + Wide{offset} >= 0;
  Wide low = Wide{distance.smin} + offset;
  Wide high = Wide{distance.smax} + offset + bytes;
  return low >= 0 && high <= Wide{object.size};
}

}  // namespace

std::vector<Obligation> obligations(const Module& module, FunctionId function) {
  return Collector(module, module.functions[function]).run();
}

bool is_proved(const Obligation& obligation, const ValueRanges& ranges) {
  Fact pointer;
  Range size;
  if (obligation.pointer.is_valid()) pointer = ranges.at(obligation.block, obligation.pointer);
  if (obligation.size.is_valid()) size = ranges.at(obligation.block, obligation.size).range;
  bool is_known = pointer.object.kind != ObjectKind::unknown;
  switch (obligation.kind) {
    case ObligationKind::in_bounds:
      return is_known && lies_inside(pointer.object, pointer.range, obligation.offset, obligation.bytes);
    case ObligationKind::sized_buffer:
      return is_known && size.umax < uint64_t{offset_limit} && lies_inside(pointer.object, pointer.range, 0, size.umax);
    case ObligationKind::not_zero: return size.umin > 0;
    case ObligationKind::sane_offset: return size.smin > -offset_limit && size.smax < offset_limit;
    case ObligationKind::aligned: {
      uint64_t low = obligation.bytes - 1;
      Range address =
          apply(Opcode::add, pointer.range, Range::exactly(static_cast<uint64_t>(obligation.offset)), Prover::verifier);
      return is_known && pointer.object.align >= obligation.bytes && (address.known & low) == low && (address.bits & low) == 0;
    }
  }
  UNREACHABLE("obligation kind");
}

namespace {

// Whether some program comes to the function. Calls that never happen go away while passes run, their functions do not.
bool is_reached(const Module& module, FunctionId function) {
  std::vector<bool> seen(module.functions.size());
  std::vector<FunctionId> work;
  for (uint32_t f = 0; f < module.functions.size(); f++)
    if (module.functions[FunctionId(f)].kind == FunctionKind::program) work.emplace_back(f);
  while (!work.empty()) {
    FunctionId at = work.back();
    work.pop_back();
    if (seen[at.index]) continue;
    seen[at.index] = true;
    for (const Block& block : module.functions[at].blocks)
      for (const Inst& inst : block.insts)
        if (inst.callee.is_valid()) work.push_back(inst.callee);
  }
  return seen[function.index];
}

}  // namespace

std::vector<Obligation> unproved(const Module& module, FunctionId function) {
  std::vector<Obligation> all = obligations(module, function);
  if (all.empty()) return all;
  ValueRanges ranges(module, function, Prover::verifier);
  std::erase_if(all, [&](const Obligation& o) { return !ranges.dominators().is_reachable(o.block) || is_proved(o, ranges); });
  // Nothing is known of what a function is given that nobody calls, and nothing needs to be: it is not emitted.
  if (!all.empty() && module.functions[function].kind != FunctionKind::program && !is_reached(module, function)) return {};
  return all;
}

uint64_t greatest_offset(const Obligation& obligation, const ValueRanges& ranges) {
  const Object& object = ranges.of(obligation.pointer).object;
  Wide left = Wide{object.size} - obligation.offset - obligation.bytes;
  return left <= 0 ? 0 : static_cast<uint64_t>(left);
}

std::string text_of(const Obligation& obligation, const Function& function) {
  std::string pointer = "%" + std::to_string(obligation.pointer.index);
  std::string size = "%" + std::to_string(obligation.size.index);
  std::string bytes = std::to_string(obligation.bytes);
  std::string offset = std::to_string(obligation.offset);
  std::string text;
  switch (obligation.kind) {
    case ObligationKind::in_bounds: text = bytes + " bytes at " + pointer + " + " + offset + " lie inside their object"; break;
    case ObligationKind::sized_buffer: text = size + " bytes at " + pointer + " lie inside their object"; break;
    case ObligationKind::not_zero: text = size + " is not zero"; break;
    case ObligationKind::sane_offset: text = size + ", added to " + pointer + ", is between -2^29 and 2^29"; break;
    case ObligationKind::aligned: text = pointer + " + " + offset + " is aligned to " + bytes; break;
  }
  return text + " in ^" + function.blocks[obligation.block].name + ", instruction " + std::to_string(obligation.inst);
}

}  // namespace shrike::mir
