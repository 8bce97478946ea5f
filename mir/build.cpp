// Appends instructions and types their results from the rows of opcodes.def and helpers.def. Misuse is a bug in
// shrike and aborts here, next to its cause, instead of in the validator later.
#include "mir/build.h"

#include "mir/edit.h"
#include "mir/signature.h"

namespace shrike::mir {

Builder::Builder(Module& module, FunctionId function, BlockId block) : module_(module), function_(function), block_(block) {}

bool Builder::is_terminated() const {
  const std::vector<Inst>& insts = module_.functions[function_].blocks[block_].insts;
  return !insts.empty() && ends_block(insts.back().op);
}

BlockId Builder::add_block(const std::string& name) {
  return mir::add_block(function(), name);
}

ValueId Builder::add_param(BlockId block, ValueType type) {
  ValueId value = function().values.add(Value{type});
  function().blocks[block].params.push_back(value);
  return value;
}

SlotId Builder::add_slot(const std::string& name, uint32_t size, uint32_t align) {
  CHECK(size > 0 && (align == 1 || align == 2 || align == 4 || align == 8), "slot of no size or odd alignment");
  return function().slots.add(Slot{unique_slot_name(function(), name), size, align});
}

void Builder::append(Inst inst) {
  CHECK(!is_terminated(), "instruction after the end of block " + function().blocks[block_].name);
  const Function& fn = function();
  auto operand = inst.operands.begin();
  for (SigItem item : signature_of(inst.op)) {
    if (item != SigItem::integer && item != SigItem::pointer && item != SigItem::nullable) continue;
    CHECK(operand != inst.operands.end(), "too few operands");
    ValueType type = fn.values[*operand++].type;
    CHECK((item == SigItem::integer) == type.is_integer(), std::string("operand kind of ") + std::string(row_of(inst.op).name));
    CHECK(type.nullable == (item == SigItem::nullable),
          std::string("nullability of operand of ") + std::string(row_of(inst.op).name));
  }
  inst.span = span_;
  function().blocks[block_].insts.push_back(std::move(inst));
}

ValueId Builder::append(Inst inst, ValueType type) {
  ValueId result = function().values.add(Value{type});
  inst.result = result;
  append(std::move(inst));
  return result;
}

ValueId Builder::constant(int64_t value) {
  return append(Inst{.op = Opcode::constant, .imm = value}, ValueType{});
}

ValueId Builder::binary(Opcode op, ValueId a, ValueId b) {
  const Signature& signature = signature_of(op);
  CHECK(signature.result == OpResult::integer && signature.count == 2 && !row_of(op).has_width, "not a binary operation");
  return append(Inst{.op = op, .operands = {a, b}}, ValueType{});
}

ValueId Builder::unary(Opcode op, ValueId a) {
  const Signature& signature = signature_of(op);
  CHECK(signature.result == OpResult::integer && signature.count == 1 && op != Opcode::constant, "not a unary operation");
  return append(Inst{.op = op, .operands = {a}}, ValueType{});
}

ValueId Builder::clamp_u(ValueId a, uint64_t max) {
  return append(Inst{.op = Opcode::clamp_u, .operands = {a}, .imm = static_cast<int64_t>(max)}, ValueType{});
}

ValueId Builder::load(MemWidth width, ValueId pointer, int32_t offset) {
  return append(Inst{.op = Opcode::load, .operands = {pointer}, .imm = offset, .width = width}, ValueType{});
}

ValueId Builder::kernel_load(ValueId address, int32_t offset) {
  return append(Inst{.op = Opcode::kernel_load, .operands = {address}, .imm = offset, .width = MemWidth::u64}, ValueType{});
}

void Builder::store(MemWidth width, ValueId pointer, ValueId value, int32_t offset) {
  append(Inst{.op = Opcode::store, .operands = {pointer, value}, .imm = offset, .width = width});
}

void Builder::zero(ValueId pointer, int32_t offset, uint32_t length) {
  append(Inst{.op = Opcode::zero, .operands = {pointer}, .imm = offset, .length = length});
}

void Builder::copy(ValueId to, ValueId from, uint32_t length) {
  append(Inst{.op = Opcode::copy, .operands = {to, from}, .length = length});
}

void Builder::atomic_add(MemWidth width, ValueId pointer, ValueId value, int32_t offset) {
  append(Inst{.op = Opcode::atomic_add, .operands = {pointer, value}, .imm = offset, .width = width});
}

ValueId Builder::atomic_fetch_add(MemWidth width, ValueId pointer, ValueId value, int32_t offset) {
  return append(Inst{.op = Opcode::atomic_fetch_add, .operands = {pointer, value}, .imm = offset, .width = width}, ValueType{});
}

ValueId Builder::atomic_cmpxchg(MemWidth width, ValueId pointer, ValueId expected, ValueId value, int32_t offset) {
  return append(Inst{.op = Opcode::atomic_cmpxchg, .operands = {pointer, expected, value}, .imm = offset, .width = width},
                ValueType{});
}

ValueId Builder::ptr_add(ValueId pointer, ValueId bytes) {
  return append(Inst{.op = Opcode::ptr_add, .operands = {pointer, bytes}}, function().values[pointer].type);
}

ValueId Builder::slot_addr(SlotId slot) {
  return append(Inst{.op = Opcode::slot_addr, .slot = slot}, ValueType{Region::stack, false});
}

ValueId Builder::map_value_addr(MapId map, uint32_t offset) {
  return append(Inst{.op = Opcode::map_value_addr, .imm = offset, .map = map}, ValueType{Region::map, false});
}

ValueId Builder::call(HelperId helper, std::initializer_list<ValueId> operands, MapId map, FunctionId callee) {
  const HelperRow& row = row_of(helper);
  size_t values = 0;
  bool takes_map = false;
  bool takes_callback = false;
  for (HelperOperand operand : row.operands) {
    values += is_value_operand(operand);
    takes_map |= operand == HelperOperand::map;
    takes_callback |= operand == HelperOperand::fn;
  }
  CHECK(values == operands.size(), "operand count of " + std::string(row.name));
  CHECK(takes_map == map.is_valid() && takes_callback == callee.is_valid(), "map or callback of " + std::string(row.name));
  Inst inst{.op = Opcode::call, .operands = operands, .helper = helper, .map = map, .callee = callee};
  switch (row.result) {
    case HelperResult::none: append(std::move(inst)); return {};
    case HelperResult::integer:
    case HelperResult::signed_integer: return append(std::move(inst), ValueType{});
    case HelperResult::map_value_or_null: return append(std::move(inst), ValueType{Region::map, true});
    case HelperResult::number_or_null: return append(std::move(inst), ValueType{Region::number, true});
    case HelperResult::mem_or_null: return append(std::move(inst), ValueType{Region::mem, true});
  }
  UNREACHABLE("helper result");
}

ValueId Builder::call_fn(FunctionId callee, std::vector<ValueId> operands) {
  const Function& called = module_.functions[callee];
  CHECK(called.kind == FunctionKind::subprogram && called.blocks[called.entry()].params.size() == operands.size(),
        "call of " + called.name);
  return append(Inst{.op = Opcode::call_fn, .operands = std::move(operands), .callee = callee}, ValueType{});
}

void Builder::agg_update(MapId map, ValueId key, ValueId value) {
  Inst inst{.op = Opcode::agg_update, .map = map};
  if (key.is_valid()) inst.operands.push_back(key);
  if (value.is_valid()) inst.operands.push_back(value);
  append(std::move(inst));
}

void Builder::jump(BlockId to, std::vector<ValueId> args) {
  Inst inst{.op = Opcode::jump};
  inst.targets.push_back({to, std::move(args)});
  append(std::move(inst));
}

void Builder::branch(ValueId condition, BlockId then, BlockId otherwise, std::vector<ValueId> then_args,
                     std::vector<ValueId> otherwise_args) {
  Inst inst{.op = Opcode::branch, .operands = {condition}};
  inst.targets.push_back({then, std::move(then_args)});
  inst.targets.push_back({otherwise, std::move(otherwise_args)});
  append(std::move(inst));
}

ValueId Builder::branch_null(ValueId pointer, BlockId null, BlockId ok) {
  ValueType type = function().values[pointer].type;
  ValueId not_null = function().values.add(Value{{type.region, false}});
  std::vector<ValueId>& params = function().blocks[ok].params;
  params.insert(params.begin(), not_null);
  Inst inst{.op = Opcode::branch_null, .operands = {pointer}};
  inst.targets.push_back({null, {}});
  inst.targets.push_back({ok, {}});
  append(std::move(inst));
  return not_null;
}

void Builder::ret(ValueId value) {
  append(Inst{.op = Opcode::ret, .operands = {value}});
}

}  // namespace shrike::mir
