// The rows of machine_insts.def with what follows from their operand columns, and the few facts about LIR
// instructions that several stages ask for.
#include "backend-bpf/lir.h"

#include <algorithm>

#include "backend-bpf/isa.h"

namespace shrike::lir {

namespace {

constexpr OpRow make_row(std::string_view name, std::string_view operands, int level, Form form, int opcode) {
  OpRow row{name, operands, static_cast<uint8_t>(level), form, static_cast<uint8_t>(opcode)};
  for (char letter : operands) {
    if (letter == 'D') row.dst = Role::def;
    if (letter == 'E') row.dst = Role::early_def;
    if (letter == 'B') row.dst = Role::both;
    if (letter == 'U' || letter == 'M') row.a = Role::use;
    if (letter == 'X' || letter == 'V') row.b = Role::use;
    if (letter == 'F') row.b = Role::both;
    if (letter == 'M' || letter == 'S') row.has_address = true;
    if (letter == 'X' || letter == 'I') row.takes_imm = true;
    if (letter == 'L') row.targets++;
  }
  return row;
}

namespace rows {
using namespace bpf;
constexpr OpRow table[] = {
#define MACHINE_INST(id, operands, level, form, opcode) make_row(#id, operands, level, Form::form, opcode),
#include "backend-bpf/machine_insts.def"
#undef MACHINE_INST
};
}  // namespace rows

}  // namespace

const OpRow& row_of(Op op) {
  return rows::table[static_cast<size_t>(op)];
}
size_t op_count() {
  return std::size(rows::table);
}

Op op_named(std::string_view name, bool& found) {
  for (size_t i = 0; i < op_count(); i++) {
    if (rows::table[i].name != name) continue;
    found = true;
    return static_cast<Op>(i);
  }
  found = false;
  return Op::exit;
}

uint32_t param_count(mir::FunctionKind kind) {
  switch (kind) {
    case mir::FunctionKind::program: return 1;
    case mir::FunctionKind::for_each: return 4;
    case mir::FunctionKind::loop: return 2;
    case mir::FunctionKind::subprogram: return 0;
  }
  UNREACHABLE("function kind");
}

uint32_t operand_count(mir::HelperId helper) {
  return static_cast<uint32_t>(mir::row_of(helper).operands.size());
}

bool is_call(const Inst& inst) {
  return inst.op == Op::call || inst.op == Op::call_fn;
}

bool ends_block(Op op) {
  Form form = row_of(op).form;
  return form == Form::jump || form == Form::ja || form == Form::exit;
}

bool is_move(const Inst& inst) {
  return inst.op == Op::mov64 && inst.b.is_valid();
}

bool is_rematerialisable(const Inst& inst) {
  switch (row_of(inst.op).form) {
    case Form::ld_imm64:
    case Form::ld_map:
    case Form::ld_value:
    case Form::ld_func:
    case Form::lea: return true;
    default: return (inst.op == Op::mov64 || inst.op == Op::mov32) && !inst.b.is_valid();
  }
}

bool fits_imm(int64_t value) {
  return value == static_cast<int32_t>(value);
}

bool has_inverse(Op jump) {
  return jump != Op::jset;
}

Op inverse(Op jump) {
  switch (jump) {
    case Op::jeq: return Op::jne;
    case Op::jne: return Op::jeq;
    case Op::jgt: return Op::jle;
    case Op::jge: return Op::jlt;
    case Op::jlt: return Op::jge;
    case Op::jle: return Op::jgt;
    case Op::jsgt: return Op::jsle;
    case Op::jsge: return Op::jslt;
    case Op::jslt: return Op::jsge;
    case Op::jsle: return Op::jsgt;
    case Op::jeq32: return Op::jne32;
    case Op::jne32: return Op::jeq32;
    case Op::jsgt32: return Op::jsle32;
    case Op::jsge32: return Op::jslt32;
    case Op::jslt32: return Op::jsge32;
    case Op::jsle32: return Op::jsgt32;
    default: UNREACHABLE("jump without inverse");
  }
}

static bool is_cmpxchg(const Inst& inst) {
  return inst.op == Op::cmpxchg32 || inst.op == Op::cmpxchg64;
}

uint32_t implicit_uses(const Inst& inst) {
  if (inst.op == Op::call) return ((1u << operand_count(inst.helper)) - 1) << 1;
  if (inst.op == Op::call_fn) return ((1u << inst.imm) - 1) << 1;
  if (inst.op == Op::exit || is_cmpxchg(inst)) return 1;
  return 0;
}

uint32_t implicit_defs(const Inst& inst) {
  return is_call(inst) ? 0x3fu : is_cmpxchg(inst) ? 1 : 0;
}

std::vector<BlockId> successors(const Block& block) {
  std::vector<BlockId> found;
  if (block.insts.empty()) return found;
  for (const BlockTarget& target : block.insts.back().targets) found.push_back(target.block);
  return found;
}

std::vector<BlockId> reverse_postorder(const Function& function) {
  std::vector<BlockId> order;
  std::vector<bool> seen(function.blocks.size());
  std::vector<std::pair<BlockId, size_t>> stack{{BlockId(uint32_t{0}), 0}};
  seen[0] = true;
  while (!stack.empty()) {
    auto& [block, next] = stack.back();
    const auto& targets = function.blocks[block].insts.back().targets;
    if (next == targets.size()) {
      order.push_back(block);
      stack.pop_back();
      continue;
    }
    BlockId to = targets[targets.size() - 1 - next++].block;
    if (seen[to.index]) continue;
    seen[to.index] = true;
    stack.push_back({to, 0});
  }
  std::reverse(order.begin(), order.end());
  return order;
}

}  // namespace shrike::lir
