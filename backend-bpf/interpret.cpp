// One Execution a call of a function: registers, frame and program counter.
#include "backend-bpf/interpret.h"

#include <algorithm>
#include <array>
#include <bit>

#include "mir/base/check.h"
#include "mir/stack.h"

namespace shrike::bpf {

namespace {

constexpr uint8_t stack_garbage = 0xa5;
constexpr uint64_t no_value = 0xbad0bad0bad0bad0;  // of registers that are not written or are lost by a call
// What registers hold for a map and for a function; no object has such an address.
constexpr uint64_t map_handle = uint64_t{0x6d61} << 48, function_handle = uint64_t{0x666e} << 48;
constexpr uint64_t handle_mask = ~uint64_t{0} << 48;

const Table<mir::FunctionId, mir::Function> no_functions;

uint32_t bytes_of_size(uint8_t opcode) {
  switch (opcode & size::dw) {
    case size::b: return 1;
    case size::h: return 2;
    case size::w: return 4;
    default: return 8;
  }
}

uint64_t sign_extend(uint64_t value, unsigned bits) {
  const unsigned above = 64 - bits;
  return static_cast<uint64_t>(static_cast<int64_t>(value << above) >> above);
}

uint64_t swap_bytes(uint64_t value, unsigned bits) {
  uint64_t out = 0;
  for (unsigned i = 0; i < bits; i += 8) out = out << 8 | (value >> i & 0xff);
  return out;
}

// Operands have `bits` valid bits, and so has the result. Offset 1 makes division signed (ISA v4).
uint64_t divide(uint64_t a, uint64_t b, unsigned bits, bool is_signed, bool wants_remainder) {
  if (b == 0) return wants_remainder ? a : 0;
  if (!is_signed) return wants_remainder ? a % b : a / b;
  const auto signed_a = static_cast<int64_t>(sign_extend(a, bits)), signed_b = static_cast<int64_t>(sign_extend(b, bits));
  if (signed_b == -1) return wants_remainder ? 0 : uint64_t{0} - static_cast<uint64_t>(signed_a);
  return static_cast<uint64_t>(wants_remainder ? signed_a % signed_b : signed_a / signed_b);
}

}  // namespace

class Execution {
 public:
  Execution(Interpreter& machine, const Program& program, uint32_t start) : machine_(machine), program_(program), at_(start) {
    registers_.fill(no_value);
  }
  uint64_t run(const std::vector<uint64_t>& args);

 private:
  bool step();  // false at the end of the function
  void compute(const Insn& insn, unsigned bits);
  void swap_ends(const Insn& insn);
  bool holds(const Insn& insn, unsigned bits) const;
  bool jump(const Insn& insn);
  std::optional<mir::HelperId> helper_of(const Insn& insn) const;
  void call(const Insn& insn);
  void load_wide(const Insn& insn);
  void atomic(const Insn& insn);
  uint64_t& dst(const Insn& insn) { return registers_[insn.dst()]; }
  uint64_t operand(const Insn& insn) const {
    return insn.opcode & src::x ? registers_[insn.src()] : sign_extend(static_cast<uint32_t>(insn.imm), 32);
  }
  static uint64_t low(uint64_t value, unsigned bits) { return bits == 64 ? value : value & 0xffffffff; }
  void fail(const std::string& why) { machine_.fail("instruction " + std::to_string(at_) + ": " + why); }

  Interpreter& machine_;
  const Program& program_;
  uint32_t at_;
  std::array<uint64_t, 11> registers_{};
};

uint64_t Execution::run(const std::vector<uint64_t>& args) {
  const uint64_t frame = machine_.allocate(std::vector<uint8_t>(mir::max_stack_bytes, stack_garbage));
  std::copy(args.begin(), args.end(), registers_.begin() + 1);
  registers_[10] = frame + mir::max_stack_bytes;
  while (machine_.count_step() && step()) {}
  machine_.free(frame);
  return registers_[0];
}

bool Execution::step() {
  if (at_ >= program_.insns.size()) {
    fail("the program goes on behind its end");
    return false;
  }
  const Insn& insn = program_.insns[at_];
  const uint64_t address = registers_[insn.dst()] + static_cast<uint64_t>(int64_t{insn.offset});
  const uint8_t access = insn.opcode & 0xe0;
  switch (insn.opcode & 7) {
    case cls::ld: load_wide(insn); return true;
    case cls::ldx: {
      const uint32_t bytes = bytes_of_size(insn.opcode);
      const uint64_t value = machine_.checked_load(registers_[insn.src()] + static_cast<uint64_t>(int64_t{insn.offset}), bytes);
      dst(insn) = access == mode::memsx ? sign_extend(value, 8 * bytes) : value;
      break;
    }
    case cls::st:
      machine_.checked_store(address, sign_extend(static_cast<uint32_t>(insn.imm), 32), bytes_of_size(insn.opcode));
      break;
    case cls::stx:
      if (access == mode::atomic) atomic(insn);
      else machine_.checked_store(address, registers_[insn.src()], bytes_of_size(insn.opcode));
      break;
    case cls::alu: compute(insn, 32); break;
    case cls::alu64: compute(insn, 64); break;
    default: return jump(insn);
  }
  at_++;
  return true;
}

void Execution::compute(const Insn& insn, unsigned bits) {
  const uint8_t operation = insn.opcode & 0xf0;
  if (operation == alu::end) return swap_ends(insn);
  const uint64_t a = low(dst(insn), bits), b = low(operand(insn), bits);
  uint64_t value = 0;
  switch (operation) {
    case alu::add: value = a + b; break;
    case alu::sub: value = a - b; break;
    case alu::mul: value = a * b; break;
    case alu::div:
    case alu::mod: value = divide(a, b, bits, insn.offset == 1, operation == alu::mod); break;
    case alu::or_: value = a | b; break;
    case alu::and_: value = a & b; break;
    case alu::xor_: value = a ^ b; break;
    case alu::lsh: value = a << (b & (bits - 1)); break;
    case alu::rsh: value = a >> (b & (bits - 1)); break;
    case alu::arsh: value = static_cast<uint64_t>(static_cast<int64_t>(sign_extend(a, bits)) >> (b & (bits - 1))); break;
    case alu::neg: value = uint64_t{0} - a; break;
    case alu::mov: value = insn.offset == 0 ? b : sign_extend(b, static_cast<unsigned>(insn.offset)); break;
    default: fail("unknown arithmetic"); break;
  }
  dst(insn) = low(value, bits);
}

// To little endian (alu, k), to big endian (alu, x), or always (alu64).
void Execution::swap_ends(const Insn& insn) {
  const auto bits = static_cast<unsigned>(insn.imm);
  const bool swaps = (insn.opcode & 7) == cls::alu64 || (insn.opcode & src::x);
  if (swaps) dst(insn) = swap_bytes(dst(insn), bits);
  else if (bits < 64) dst(insn) &= (uint64_t{1} << bits) - 1;
}

bool Execution::holds(const Insn& insn, unsigned bits) const {
  const uint64_t a = low(registers_[insn.dst()], bits), b = low(operand(insn), bits);
  const auto signed_a = static_cast<int64_t>(sign_extend(a, bits)), signed_b = static_cast<int64_t>(sign_extend(b, bits));
  switch (insn.opcode & 0xf0) {
    case jmp::jeq: return a == b;
    case jmp::jne: return a != b;
    case jmp::jgt: return a > b;
    case jmp::jge: return a >= b;
    case jmp::jlt: return a < b;
    case jmp::jle: return a <= b;
    case jmp::jset: return (a & b) != 0;
    case jmp::jsgt: return signed_a > signed_b;
    case jmp::jsge: return signed_a >= signed_b;
    case jmp::jslt: return signed_a < signed_b;
    default: return signed_a <= signed_b;
  }
}

bool Execution::jump(const Insn& insn) {
  const unsigned bits = (insn.opcode & 7) == cls::jmp ? 64 : 32;
  if (insn.opcode == exit_insn) return false;
  if (insn.opcode == call_insn) {
    call(insn);
  } else if ((insn.opcode & 0xf0) == jmp::ja) {
    at_ += static_cast<uint32_t>(bits == 64 ? insn.offset : insn.imm);
  } else if (holds(insn, bits)) {
    at_ += static_cast<uint32_t>(int32_t{insn.offset});
  }
  at_++;
  return true;
}

void Execution::load_wide(const Insn& insn) {
  CHECK(insn.opcode == ld_imm64 && at_ + 1 < program_.insns.size(), "only ld_imm64 is left of this class");
  const auto relocation = std::find_if(program_.relocations.begin(), program_.relocations.end(),
                                       [&](const Relocation& each) { return each.insn == at_; });
  if (relocation != program_.relocations.end()) {
    const uint8_t first[4] = {};
    dst(insn) = relocation->is_value ? machine_.lookup(relocation->map, first).value_or(no_value) + relocation->offset
                                     : map_handle | relocation->map.index;
  } else if (insn.src() == pseudo::func) {
    dst(insn) = function_handle | (at_ + 1 + static_cast<uint32_t>(insn.imm));
  } else {
    dst(insn) = static_cast<uint32_t>(insn.imm) | uint64_t{static_cast<uint32_t>(program_.insns[at_ + 1].imm)} << 32;
  }
  at_ += 2;
}

std::optional<mir::HelperId> Execution::helper_of(const Insn& insn) const {
  if (insn.src() != pseudo::kfunc_call) return mir::find_helper(static_cast<uint32_t>(insn.imm));
  for (const KernelCall& call : program_.kernel_calls)
    if (call.insn == at_) return call.function;
  return std::nullopt;
}

void Execution::call(const Insn& insn) {
  std::vector<uint64_t> args(registers_.begin() + 1, registers_.begin() + 6);
  std::fill(registers_.begin() + 1, registers_.begin() + 6, no_value);
  if (insn.src() == pseudo::call) {
    registers_[0] = machine_.call_function(mir::FunctionId(at_ + 1 + static_cast<uint32_t>(insn.imm)), args);
    return;
  }
  const std::optional<mir::HelperId> helper = helper_of(insn);
  if (!helper) return fail("unknown helper");
  mir::Inst call;
  call.op = mir::Opcode::call;
  call.helper = *helper;
  std::vector<uint64_t> values;
  const mir::HelperOperands& operands = mir::row_of(*helper).operands;
  for (size_t i = 0; i < operands.size(); i++) {
    const auto index = static_cast<uint32_t>(args[i]);
    if (mir::is_value_operand(operands[i])) {
      values.push_back(args[i]);
    } else if (operands[i] == mir::HelperOperand::map) {
      if ((args[i] & handle_mask) != map_handle) return fail("no map where a helper wants one");
      call.map = mir::MapId(index);
    } else {
      if ((args[i] & handle_mask) != function_handle) return fail("no function where a helper wants one");
      call.callee = mir::FunctionId(index);
    }
  }
  std::optional<uint64_t> answer = machine_.on_call ? machine_.on_call(machine_, call, values) : std::nullopt;
  registers_[0] = answer ? *answer : machine_.call_helper(call, values);
}

void Execution::atomic(const Insn& insn) {
  const uint64_t address = dst(insn) + static_cast<uint64_t>(int64_t{insn.offset});
  const uint32_t bytes = bytes_of_size(insn.opcode);
  const uint64_t old = machine_.checked_load(address, bytes), with = low(registers_[insn.src()], 8 * bytes);
  uint64_t value = with;  // xchg
  switch (insn.imm & ~atomic::fetch) {
    case atomic::add: value = old + with; break;
    case atomic::or_: value = old | with; break;
    case atomic::and_: value = old & with; break;
    case atomic::xor_: value = old ^ with; break;
    default: break;
  }
  if (insn.imm == atomic::cmpxchg && old != low(registers_[0], 8 * bytes)) value = old;
  machine_.checked_store(address, value, bytes);
  if (insn.imm == atomic::cmpxchg) registers_[0] = old;
  else if (insn.imm & atomic::fetch) registers_[insn.src()] = old;
}

Interpreter::Interpreter(const Object& object) : Machine(object.interface, no_functions), object_(object) {}

mir::Machine::Outcome Interpreter::run_program(size_t program, std::vector<uint8_t> context) {
  program_ = &object_.programs[program];
  depth_ = 0;
  return run(mir::FunctionId(0u), std::move(context));
}

uint64_t Interpreter::call_function(mir::FunctionId function, const std::vector<uint64_t>& args) {
  if (++depth_ > mir::max_call_frames) return fail("calls nest too deep");
  const uint64_t result = Execution(*this, *program_, function.index).run(args);
  depth_--;
  return result;
}

}  // namespace shrike::bpf
