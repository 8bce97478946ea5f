// A small interpreter of MIR, on purpose not the one in mir/: the backend is judged by something of its own.
#include "tests/backend/evaluate.h"

#include <cstring>

namespace shrike::test {

using mir::Inst;
using mir::Opcode;

namespace {

int64_t as_signed(uint64_t value) {
  return static_cast<int64_t>(value);
}

uint64_t divide_signed(uint64_t a, uint64_t b, bool remainder) {
  if (b == 0) return remainder ? a : 0;
  if (as_signed(a) == INT64_MIN && as_signed(b) == -1) return remainder ? 0 : a;
  return static_cast<uint64_t>(remainder ? as_signed(a) % as_signed(b) : as_signed(a) / as_signed(b));
}

uint8_t* pointer(uint64_t address) {
  return reinterpret_cast<uint8_t*>(address);
}

uint64_t load(mir::MemWidth width, uint64_t address) {
  uint64_t raw = 0;
  uint32_t bytes = mir::bytes_of(width);
  memcpy(&raw, pointer(address), bytes);
  if (!mir::is_signed(width) || bytes == 8) return raw;
  unsigned shift = 64 - bytes * 8;
  return static_cast<uint64_t>(as_signed(raw << shift) >> shift);
}

class Evaluator {
 public:
  Evaluator(const mir::Function& function, MapValues& maps) : function_(function), maps_(maps), values_(function.values.size()) {
    for (const mir::Slot& slot : function.slots) slots_.emplace_back(slot.size / 8 + 1);
  }

  uint64_t run() {
    mir::BlockId block = function_.entry();
    for (;;) {
      const Inst* end = nullptr;
      for (const Inst& inst : function_.blocks[block].insts) {
        end = &inst;
        if (!mir::ends_block(inst.op)) step(inst);
      }
      if (end->op == Opcode::ret) return value(*end, 0);
      size_t taken = 0;
      if (end->op == Opcode::branch) taken = value(*end, 0) != 0 ? 0 : 1;
      if (end->op == Opcode::branch_null) taken = value(*end, 0) == 0 ? 0 : 1;
      const mir::BlockTarget& target = end->targets[taken];
      std::vector<uint64_t> args;
      if (end->op == Opcode::branch_null && taken == 1) args.push_back(value(*end, 0));
      for (mir::ValueId arg : target.args) args.push_back(values_[arg.index]);
      const std::vector<mir::ValueId>& params = function_.blocks[target.block].params;
      for (size_t i = 0; i < args.size(); i++) values_[params[i].index] = args[i];
      block = target.block;
    }
  }

 private:
  uint64_t value(const Inst& inst, size_t operand) const { return values_[inst.operands[operand].index]; }

  void step(const Inst& inst) {
    uint64_t result = 0;
    switch (inst.op) {
      case Opcode::constant: result = static_cast<uint64_t>(inst.imm); break;
      case Opcode::clamp_u: result = std::min(value(inst, 0), static_cast<uint64_t>(inst.imm)); break;
      case Opcode::load:
      case Opcode::kernel_load: result = load(inst.width, value(inst, 0) + static_cast<uint64_t>(inst.imm)); break;
      case Opcode::store: {
        uint64_t stored = value(inst, 1);
        memcpy(pointer(value(inst, 0) + static_cast<uint64_t>(inst.imm)), &stored, mir::bytes_of(inst.width));
        return;
      }
      case Opcode::zero: memset(pointer(value(inst, 0) + static_cast<uint64_t>(inst.imm)), 0, inst.length); return;
      case Opcode::copy: memcpy(pointer(value(inst, 0)), pointer(value(inst, 1)), inst.length); return;
      case Opcode::atomic_add:
      case Opcode::atomic_fetch_add: {
        uint64_t address = value(inst, 0) + static_cast<uint64_t>(inst.imm);
        result = load(inst.width, address);
        uint64_t sum = result + value(inst, 1);
        memcpy(pointer(address), &sum, mir::bytes_of(inst.width));
        break;
      }
      case Opcode::atomic_cmpxchg: {
        uint64_t address = value(inst, 0) + static_cast<uint64_t>(inst.imm), stored = value(inst, 2);
        result = load(inst.width, address);
        const uint64_t expected = inst.width == mir::MemWidth::u32 ? static_cast<uint32_t>(value(inst, 1)) : value(inst, 1);
        if (result == expected) memcpy(pointer(address), &stored, mir::bytes_of(inst.width));
        break;
      }
      case Opcode::ptr_add: result = value(inst, 0) + value(inst, 1); break;
      case Opcode::ptr_to_int: result = value(inst, 0); break;
      case Opcode::slot_addr: result = reinterpret_cast<uint64_t>(slots_[inst.slot.index].data()); break;
      case Opcode::map_value_addr:
        result = reinterpret_cast<uint64_t>(maps_[inst.map.index].data()) + static_cast<uint64_t>(inst.imm);
        break;
      case Opcode::call: result = call(inst); break;
      default:
        result = inst.operands.size() == 2 ? evaluate_binary(inst.op, value(inst, 0), value(inst, 1))
                                           : evaluate_unary(inst.op, value(inst, 0));
    }
    if (inst.result.is_valid()) values_[inst.result.index] = result;
  }

  uint64_t call(const mir::Inst& inst) {
    switch (inst.helper) {
      case mir::HelperId::probe_read_kernel: memcpy(pointer(value(inst, 0)), pointer(value(inst, 2)), value(inst, 1)); return 0;
      case mir::HelperId::iter_num_new: {
        const uint32_t words[2] = {static_cast<uint32_t>(value(inst, 1)) - 1, static_cast<uint32_t>(value(inst, 2))};
        memcpy(pointer(value(inst, 0)), words, sizeof words);
        return 0;
      }
      case mir::HelperId::iter_num_next: {
        auto* words = static_cast<uint32_t*>(static_cast<void*>(pointer(value(inst, 0))));
        return ++words[0] == words[1] ? 0 : value(inst, 0);
      }
      case mir::HelperId::iter_num_destroy: return 0;
      default: CHECK(false, "helper the evaluator does not know");
    }
    return 0;
  }

  const mir::Function& function_;
  MapValues& maps_;
  std::vector<uint64_t> values_;
  std::vector<std::vector<uint64_t>> slots_;
};

}  // namespace

uint64_t evaluate_binary(Opcode op, uint64_t a, uint64_t b) {
  switch (op) {
    case Opcode::add: return a + b;
    case Opcode::sub: return a - b;
    case Opcode::mul: return a * b;
    case Opcode::div_u: return b == 0 ? 0 : a / b;
    case Opcode::mod_u: return b == 0 ? a : a % b;
    case Opcode::div_s: return divide_signed(a, b, false);
    case Opcode::mod_s: return divide_signed(a, b, true);
    case Opcode::and_: return a & b;
    case Opcode::or_: return a | b;
    case Opcode::xor_: return a ^ b;
    case Opcode::shl: return a << (b & 63);
    case Opcode::shr_u: return a >> (b & 63);
    case Opcode::shr_s: return static_cast<uint64_t>(as_signed(a) >> (b & 63));
    case Opcode::eq: return a == b;
    case Opcode::ne: return a != b;
    case Opcode::lt_u: return a < b;
    case Opcode::le_u: return a <= b;
    case Opcode::lt_s: return as_signed(a) < as_signed(b);
    case Opcode::le_s: return as_signed(a) <= as_signed(b);
    default: UNREACHABLE("binary operation the evaluator does not know");
  }
}

uint64_t evaluate_unary(Opcode op, uint64_t a) {
  switch (op) {
    case Opcode::neg: return 0 - a;
    case Opcode::zext8: return a & 0xff;
    case Opcode::zext16: return a & 0xffff;
    case Opcode::zext32: return a & 0xffffffff;
    case Opcode::sext8: return static_cast<uint64_t>(static_cast<int8_t>(a));
    case Opcode::sext16: return static_cast<uint64_t>(static_cast<int16_t>(a));
    case Opcode::sext32: return static_cast<uint64_t>(static_cast<int32_t>(a));
    case Opcode::bswap16: return __builtin_bswap16(static_cast<uint16_t>(a));
    case Opcode::bswap32: return __builtin_bswap32(static_cast<uint32_t>(a));
    case Opcode::bswap64: return __builtin_bswap64(a);
    default: UNREACHABLE("unary operation the evaluator does not know");
  }
}

uint64_t evaluate(const mir::Module& module, mir::FunctionId function, MapValues& maps) {
  return Evaluator(module.functions[function], maps).run();
}

}  // namespace shrike::test
