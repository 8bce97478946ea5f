// Control flow, arithmetic and memory of the reference interpreter; helpers and maps are in interpret_helpers.cpp.
#include "mir/interpret.h"

#include <cstring>

#include "mir/evaluate.h"

namespace shrike::mir {

namespace {

constexpr uint64_t guard_bytes = 4096;   // unmapped, between objects
constexpr uint8_t stack_garbage = 0xa5;  // what a slot holds before it is written
constexpr int deepest_call = 8;

}  // namespace

Machine::Machine(const Module& module) : Machine(module.interface, module.functions) {}

Machine::Machine(const Interface& interface, const Table<FunctionId, Function>& functions)
    : interface_(interface), functions_(functions), maps_(interface.maps.size()), random_(1) {}

uint64_t Machine::allocate(std::vector<uint8_t> bytes) {
  uint64_t address = next_address_;
  next_address_ += (bytes.size() + 2 * guard_bytes) / guard_bytes * guard_bytes;
  memory_.emplace(address, std::move(bytes));
  return address;
}

void Machine::add_memory(uint64_t address, std::vector<uint8_t> bytes) {
  memory_[address] = std::move(bytes);
}

const std::vector<uint8_t>* Machine::segment(uint64_t address, size_t size, uint64_t& start) const {
  auto after = memory_.upper_bound(address);
  if (after == memory_.begin()) return nullptr;
  auto found = std::prev(after);
  start = address - found->first;
  bool is_inside = size <= found->second.size() && start <= found->second.size() - size;
  return is_inside ? &found->second : nullptr;
}

bool Machine::read(uint64_t address, void* bytes, size_t size) const {
  uint64_t start = 0;
  const std::vector<uint8_t>* found = segment(address, size, start);
  if (found == nullptr) return false;
  if (size != 0) std::memcpy(bytes, found->data() + start, size);
  return true;
}

bool Machine::write(uint64_t address, const void* bytes, size_t size) {
  uint64_t start = 0;
  auto* found = const_cast<std::vector<uint8_t>*>(segment(address, size, start));
  if (found == nullptr) return false;
  if (size != 0) std::memcpy(found->data() + start, bytes, size);
  return true;
}

uint64_t Machine::fail(const std::string& why) {
  if (fault_.empty()) fault_ = why;
  return 0;
}

uint64_t Machine::checked_load(uint64_t address, uint32_t bytes) {
  uint64_t value = 0;
  if (!read(address, &value, bytes)) return fail("load of " + std::to_string(bytes) + " bytes outside of every object");
  return value;
}

void Machine::checked_store(uint64_t address, uint64_t value, uint32_t bytes) {
  if (!write(address, &value, bytes)) fail("store of " + std::to_string(bytes) + " bytes outside of every object");
}

std::string Machine::bytes_at(uint64_t address, size_t size) {
  uint64_t start = 0;
  const std::vector<uint8_t>* found = segment(address, size, start);
  if (found != nullptr)
    return {found->begin() + static_cast<int64_t>(start), found->begin() + static_cast<int64_t>(start + size)};
  fail(std::to_string(size) + " bytes outside of every object");
  return {};
}

Machine::Outcome Machine::run(FunctionId program, std::vector<uint8_t> context) {
  fault_.clear();
  steps_ = 0;
  depth_ = 0;
  uint64_t address = allocate(std::move(context));
  Outcome outcome;
  outcome.result = call_function(program, {address});
  memory_.erase(address);
  outcome.fault = fault_;
  outcome.steps = steps_;
  return outcome;
}

bool Machine::count_step() {
  if (++steps_ > state.most_steps) fail("too many steps");
  return !has_failed();
}

void Machine::define(Frame& frame, ValueId value, uint64_t number) {
  frame.values[value.index] = number;
  if (on_value) on_value(frame.function, value, number);
}

uint64_t Machine::call_function(FunctionId id, const std::vector<uint64_t>& args) {
  if (++depth_ > deepest_call) return fail("calls nest too deep");
  const Function& function = functions_[id];
  Frame frame{id, std::vector<uint64_t>(function.values.size()), {}};
  for (const Slot& slot : function.slots) frame.slots.push_back(allocate(std::vector<uint8_t>(slot.size, stack_garbage)));
  BlockId outer = current_;
  current_ = function.entry();
  const std::vector<ValueId>& params = function.blocks[current_].params;
  for (size_t i = 0; i < params.size() && i < args.size(); i++) define(frame, params[i], args[i]);

  uint64_t result = 0;
  for (size_t next = 0; fault_.empty();) {
    const Inst& inst = function.blocks[current_].insts[next++];
    count_step();
    uint64_t value = execute(frame, inst);
    if (inst.result.is_valid()) define(frame, inst.result, value);
    if (inst.op == Opcode::ret) {
      result = value;
      break;
    }
    if (ends_block(inst.op)) next = 0;
  }
  for (uint64_t slot : frame.slots) memory_.erase(slot);
  current_ = outer;
  depth_--;
  return result;
}

// All arguments are read before any parameter is written: they may be each other.
void Machine::enter(Frame& frame, const Inst& inst, size_t index) {
  const BlockTarget& target = inst.targets[index];
  std::vector<uint64_t> args;
  if (inst.op == Opcode::branch_null && index == 1) args.push_back(frame.values[inst.operands[0].index]);
  for (ValueId arg : target.args) args.push_back(frame.values[arg.index]);
  const std::vector<ValueId>& params = functions_[frame.function].blocks[target.block].params;
  for (size_t i = 0; i < params.size(); i++) define(frame, params[i], args[i]);
  current_ = target.block;
}

uint64_t Machine::execute(Frame& frame, const Inst& inst) {
  std::vector<uint64_t> args;
  for (ValueId operand : inst.operands) args.push_back(frame.values[operand.index]);
  auto offset = static_cast<uint64_t>(inst.imm);
  uint32_t bytes = bytes_of(inst.width);
  switch (inst.op) {
    case Opcode::load:
    case Opcode::kernel_load: return extend(inst.width, checked_load(args[0] + offset, bytes));
    case Opcode::store: checked_store(args[0] + offset, args[1], bytes); return 0;
    case Opcode::zero: {
      std::string zeros(inst.length, '\0');
      if (!write(args[0] + offset, zeros.data(), zeros.size())) fail("zero outside of every object");
      return 0;
    }
    case Opcode::copy: {
      std::string copied = bytes_at(args[1], inst.length);
      if (!write(args[0], copied.data(), copied.size())) fail("copy to outside of every object");
      return 0;
    }
    case Opcode::atomic_add:
    case Opcode::atomic_fetch_add: {
      uint64_t old = checked_load(args[0] + offset, bytes);
      checked_store(args[0] + offset, old + args[1], bytes);
      return old;
    }
    case Opcode::atomic_cmpxchg: {
      uint64_t old = checked_load(args[0] + offset, bytes);
      if (old == extend(inst.width, args[1])) checked_store(args[0] + offset, args[2], bytes);
      return old;
    }
    case Opcode::ptr_add: return args[0] + args[1];
    case Opcode::ptr_to_int: return args[0];
    case Opcode::slot_addr: return frame.slots[inst.slot.index];
    case Opcode::map_value_addr: {
      const uint8_t first[4] = {};
      return lookup(inst.map, first).value_or(0) + offset;
    }
    case Opcode::call: {
      std::optional<uint64_t> answer = on_call ? on_call(*this, inst, args) : std::nullopt;
      return answer ? *answer : call_helper(inst, args);
    }
    case Opcode::call_fn: return call_function(inst.callee, args);
    case Opcode::agg_update: aggregate(inst, args); return 0;
    case Opcode::jump: enter(frame, inst, 0); return 0;
    case Opcode::branch: enter(frame, inst, args[0] != 0 ? 0 : 1); return 0;
    case Opcode::branch_null: enter(frame, inst, args[0] == 0 ? 0 : 1); return 0;
    case Opcode::ret: return args[0];
    default: break;
  }
  std::optional<uint64_t> value =
      evaluate(inst.op, args.empty() ? 0 : args[0], args.size() > 1 ? args[1] : static_cast<uint64_t>(inst.imm));
  CHECK(value.has_value(), "operation without a meaning: " + std::string(row_of(inst.op).name));
  return *value;
}

}  // namespace shrike::mir
