// One walk over the signature items of a row; helpers.def and the map's value type say the rest.
#include "mir/type_rules.h"

#include "mir/signature.h"

namespace shrike::mir {

namespace {

std::string value_name(ValueId id) {
  return "%" + std::to_string(id.index);
}

bool is_readable(Region region) {
  return region == Region::stack || region == Region::map || region == Region::mem || region == Region::key ||
         region == Region::number;
}

bool is_writable(Region region) {
  return region == Region::stack || region == Region::map || region == Region::mem;
}

const char* wanted_by(HelperOperand operand) {
  switch (operand) {
    case HelperOperand::map:
    case HelperOperand::fn: return "";
    case HelperOperand::ctx:
    case HelperOperand::ctx_or_null: return "the context";
    case HelperOperand::integer:
    case HelperOperand::constant: return "an integer";
    case HelperOperand::key:
    case HelperOperand::value:
    case HelperOperand::in:
    case HelperOperand::in_n: return "a pointer to readable memory";
    case HelperOperand::out:
    case HelperOperand::out_n: return "a pointer to writable memory";
    case HelperOperand::str: return "a pointer to a map value";
    case HelperOperand::addr:
    case HelperOperand::any: return "a value that is not null";
    case HelperOperand::rec: return "a reserved ring record";
    case HelperOperand::iter: return "a pointer to a stack slot";
  }
  UNREACHABLE("helper operand");
}

bool fits(HelperOperand operand, ValueType type) {
  if (type.nullable) return false;
  switch (operand) {
    case HelperOperand::map:
    case HelperOperand::fn: return false;
    // Callbacks have it from their caller's memory, where it is a number to us and the context to the kernel.
    case HelperOperand::ctx:
    case HelperOperand::ctx_or_null: return type.region == Region::ctx || type.is_integer();
    case HelperOperand::integer:
    case HelperOperand::constant: return type.is_integer();
    case HelperOperand::key:
    case HelperOperand::value:
    case HelperOperand::in:
    case HelperOperand::in_n: return is_readable(type.region);
    case HelperOperand::out:
    case HelperOperand::out_n: return is_writable(type.region);
    case HelperOperand::str: return type.region == Region::map;
    case HelperOperand::addr:
    case HelperOperand::any: return true;
    case HelperOperand::rec: return type.region == Region::mem;
    case HelperOperand::iter: return type.region == Region::stack;
  }
  UNREACHABLE("helper operand");
}

std::string call_error(const Function& function, const Inst& inst) {
  const HelperRow& row = row_of(inst.helper);
  size_t next = 0;
  for (HelperOperand operand : row.operands) {
    if (operand == HelperOperand::map && !inst.map.is_valid()) return std::string(row.name) + " needs a map";
    if (operand == HelperOperand::fn && !inst.callee.is_valid()) return std::string(row.name) + " needs a callback";
    if (!is_value_operand(operand)) continue;
    if (next == inst.operands.size()) return std::string(row.name) + " needs more operands";
    ValueId value = inst.operands[next++];
    ValueType type = function.values[value].type;
    if (!fits(operand, type))
      return "operand " + value_name(value) + " of " + std::string(row.name) + " is " + text_of(type) + ", not " +
             wanted_by(operand);
  }
  return next == inst.operands.size() ? "" : std::string(row.name) + " takes fewer operands";
}

std::string aggregate_error(const Module& module, const Function& function, const Inst& inst) {
  const MapDecl& map = module.interface.maps[inst.map];
  if (map.value == nullptr || !map.value->is_aggregate()) return "map " + map.name + " holds no aggregate";
  bool takes_value = !map.value->is(TypeKind::count);
  size_t expected = (map.is_keyed ? 1 : 0) + (takes_value ? 1 : 0);
  if (inst.operands.size() != expected) return "an update of " + map.name + " takes " + std::to_string(expected) + " operands";
  if (map.is_keyed && !fits(HelperOperand::key, function.values[inst.operands[0]].type))
    return "key " + value_name(inst.operands[0]) + " is not a pointer to readable memory";
  if (takes_value && !function.values[inst.operands.back()].type.is_integer())
    return "operand " + value_name(inst.operands.back()) + " is not an integer";
  return "";
}

std::string sub_call_error(const Module& module, const Function& function, const Inst& inst) {
  const Function& callee = module.functions[inst.callee];
  if (callee.kind != FunctionKind::subprogram) return callee.name + " is no sub-program";
  const std::vector<ValueId>& params = callee.blocks[callee.entry()].params;
  if (params.size() != inst.operands.size()) return callee.name + " takes " + std::to_string(params.size()) + " operands";
  for (size_t i = 0; i < params.size(); i++) {
    ValueType given = function.values[inst.operands[i]].type;
    ValueType wanted = callee.values[params[i]].type;
    // Passes move slots to map values; to the function called both are memory of its caller.
    bool stands_for_slot = wanted == ValueType{Region::stack, false} && given == ValueType{Region::map, false};
    if (given != wanted && !stands_for_slot)
      return "operand " + value_name(inst.operands[i]) + " of " + callee.name + " is " + text_of(given) + ", not " +
             text_of(wanted);
  }
  return "";
}

// Memory that an op reads or writes by its first operand; `is_write` ones also need it writable.
std::string region_error(const Function& function, const Inst& inst) {
  bool is_store = inst.op == Opcode::store || inst.op == Opcode::zero || inst.op == Opcode::copy || is_atomic(inst.op);
  if (is_store) {
    Region region = function.values[inst.operands[0]].type.region;
    if (!is_writable(region)) return value_name(inst.operands[0]) + " points to memory that may not be written";
  }
  if (inst.op == Opcode::load || inst.op == Opcode::copy) {
    ValueId from = inst.operands.back();
    Region region = function.values[from].type.region;
    if (!is_readable(region) && region != Region::ctx) return value_name(from) + " points to memory that may not be read";
  }
  if (is_atomic(inst.op) && inst.width != MemWidth::u32 && inst.width != MemWidth::u64)
    return "atomic access of a width that is not u32 or u64";
  if (inst.op == Opcode::store && is_signed(inst.width)) return "store of a signed width";
  return "";
}

}  // namespace

std::string operand_error(const Module& module, const Function& function, const Inst& inst) {
  if (inst.op == Opcode::call) return call_error(function, inst);
  if (inst.op == Opcode::call_fn) return sub_call_error(module, function, inst);
  size_t next = 0;
  size_t targets = 0;
  for (SigItem item : signature_of(inst.op)) {
    if (item == SigItem::target) targets++;
    if (item == SigItem::operands) return aggregate_error(module, function, inst);
    if (item != SigItem::integer && item != SigItem::pointer && item != SigItem::nullable) continue;
    if (next == inst.operands.size()) return "too few operands";
    ValueId value = inst.operands[next++];
    ValueType type = function.values[value].type;
    const char* wanted = item == SigItem::integer   ? "an integer"
                         : item == SigItem::pointer ? "a pointer"
                                                    : "a pointer that may be null";
    bool is_fit = type.is_integer() == (item == SigItem::integer) && type.nullable == (item == SigItem::nullable);
    if (!is_fit) return "operand " + value_name(value) + " is " + text_of(type) + ", not " + wanted;
  }
  if (next != inst.operands.size()) return "too many operands";
  if (targets != inst.targets.size()) return "wrong number of targets";
  return region_error(function, inst);
}

std::string result_error(const Function& function, const Inst& inst) {
  OpResult kind = signature_of(inst.op).result;
  ValueType expected;
  if (kind == OpResult::row) {
    HelperResult result = row_of(inst.helper).result;
    kind = result == HelperResult::none ? OpResult::none : OpResult::integer;
    if (result == HelperResult::map_value_or_null) expected = {Region::map, true};
    if (result == HelperResult::mem_or_null) expected = {Region::mem, true};
    if (result == HelperResult::number_or_null) expected = {Region::number, true};
  }
  if (kind == OpResult::stack_pointer) expected = {Region::stack, false};
  if (kind == OpResult::map_pointer) expected = {Region::map, false};
  if (kind == OpResult::same && !inst.operands.empty()) expected = function.values[inst.operands[0]].type;
  if (kind == OpResult::none) return inst.result.is_valid() ? "the op has no result" : "";
  if (!inst.result.is_valid()) return "the result has no name";
  ValueType type = function.values[inst.result].type;
  return type == expected ? "" : "result " + value_name(inst.result) + " is " + text_of(type) + ", not " + text_of(expected);
}

std::string target_error(const Function& function, const Inst& inst, size_t index) {
  const BlockTarget& target = inst.targets[index];
  const Block& block = function.blocks[target.block];
  size_t implied = inst.op == Opcode::branch_null && index == 1 ? 1 : 0;
  if (block.params.size() != target.args.size() + implied)
    return "^" + block.name + " takes " + std::to_string(block.params.size() - std::min(implied, block.params.size())) +
           " arguments";
  if (implied == 1 && !inst.operands.empty()) {
    ValueType expected{function.values[inst.operands[0]].type.region, false};
    if (function.values[block.params[0]].type != expected)
      return "the first parameter of ^" + block.name + " is not " + text_of(expected);
  }
  for (size_t i = 0; i < target.args.size(); i++) {
    ValueType given = function.values[target.args[i]].type;
    ValueType wanted = function.values[block.params[i + implied]].type;
    if (given != wanted)
      return "argument " + value_name(target.args[i]) + " of ^" + block.name + " is " + text_of(given) + ", not " +
             text_of(wanted);
  }
  return "";
}

std::string entry_error(const Function& function) {
  const std::vector<ValueId>& params = function.blocks[function.entry()].params;
  if (function.kind == FunctionKind::subprogram) {
    if (params.size() > most_parameters) return "more parameters than registers for them";
    for (ValueId param : params) {
      ValueType type = function.values[param].type;
      bool is_fit = !type.nullable && (type.is_integer() || type.region == Region::stack || type.region == Region::map);
      if (!is_fit) return "a parameter of a subprogram is " + text_of(type);
    }
    return "";
  }
  std::vector<ValueType> wanted = entry_types(function.kind);
  bool fits = params.size() == wanted.size();
  for (size_t i = 0; fits && i < params.size(); i++) fits = function.values[params[i]].type == wanted[i];
  return fits ? "" : std::string("the parameters are not those of a ") + name_of(function.kind);
}

std::vector<ValueType> entry_types(FunctionKind kind) {
  switch (kind) {
    case FunctionKind::program: return {{Region::ctx, false}};
    case FunctionKind::for_each:
      return {{Region::map_handle, false}, {Region::key, false}, {Region::map, false}, {Region::stack, false}};
    case FunctionKind::loop: return {{Region::integer, false}, {Region::stack, false}};
    case FunctionKind::subprogram: break;  // has no fixed ones
  }
  UNREACHABLE("function kind");
}

}  // namespace shrike::mir
