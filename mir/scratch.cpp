// Taking a value is a chain of look-ups only where several runs may want one at a time.
#include "mir/scratch.h"

#include <algorithm>

#include "mir/edit.h"
#include "mir/losses.h"

namespace shrike::mir {

namespace {

// Runs of one program that are under way on a CPU at a time; the last is the current one, the others are preempted.
constexpr uint32_t max_nested_runs = 4;
constexpr uint32_t busy_bytes = 8;  // of a value: how many runs want it

// Stores at `key` which value is free and now taken, and goes on in `body`; in `none` if all are taken. `first` is the CPU's
// first.
void take_free_value(Builder& builder, MapId map, ValueId key, ValueId first, BlockId body, BlockId none) {
  for (uint32_t i = 0; i < max_nested_runs; i++) {
    ValueId number = builder.constant(i);
    if (first.is_valid()) number = builder.binary(Opcode::add, first, number);
    builder.store(MemWidth::u32, key, number, 0);
    BlockId found = builder.add_block("found_scratch");
    BlockId next = i + 1 == max_nested_runs ? none : builder.add_block("next_scratch");
    BlockId taken = builder.add_block("scratch_taken");
    ValueId value = builder.branch_null(builder.call(HelperId::map_lookup_elem, {key}, map), none, found);
    builder.move_to(found);
    ValueId others = builder.atomic_fetch_add(MemWidth::u64, value, builder.constant(1), 0);
    builder.branch(others, taken, body);
    builder.move_to(taken);
    builder.atomic_add(MemWidth::u64, value, builder.constant(-1), 0);
    builder.jump(next);
    builder.move_to(next);
  }
}

}  // namespace

bool may_be_preempted(const Module& module, FunctionId id) {
  const Function& function = module.functions[id];
  if (function.program != ProgramType::kprobe) return false;
  return std::any_of(module.interface.probes.begin(), module.interface.probes.end(), [&](const AttachPoint& probe) {
    const bool is_of_user =
        probe.kind == ProbeKind::uprobe || probe.kind == ProbeKind::uretprobe || probe.kind == ProbeKind::usdt;
    return is_of_user && (function.kind != FunctionKind::program || probe.program == id);
  });
}

uint32_t scratch_header(const Module& module, FunctionId id) {
  return may_be_preempted(module, id) ? busy_bytes : 0;
}

MapId add_scratch_map(Module& module, FunctionId id, const std::string& name, uint32_t bytes, uint32_t possible_cpus) {
  const bool is_per_cpu = bytes <= longest_percpu_value;
  MapDecl map{.name = name + "." + std::to_string(id.index),
              .role = MapRole::scratch,
              .kind = is_per_cpu ? MapKind::percpu_array : MapKind::array};
  map.value_size = bytes;
  map.max_entries = (may_be_preempted(module, id) ? max_nested_runs : 1) * (is_per_cpu ? 1 : possible_cpus);
  while (module.interface.find_map(map.name).is_valid()) map.name += "x";
  return module.interface.maps.add(std::move(map));
}

Scratch take_scratch(Builder& builder, MapId map, ValueId key, BlockId body) {
  const bool is_shared = may_be_preempted(builder.module(), builder.function_id());
  ValueId first;  // key of the CPU's values
  if (builder.module().interface.maps[map].kind == MapKind::array) {
    first = builder.call(HelperId::get_smp_processor_id, {});
    if (is_shared) first = builder.binary(Opcode::mul, first, builder.constant(max_nested_runs));
  }
  BlockId missing = builder.add_block("no_scratch");
  if (!is_shared) {
    builder.store(MemWidth::u32, key, first.is_valid() ? first : builder.constant(0), 0);
    ValueId value = builder.branch_null(builder.call(HelperId::map_lookup_elem, {key}, map), missing, body);
    builder.move_to(missing);
    builder.ret(builder.constant(0));
    return {value, {missing}};
  }
  BlockId taken = builder.add_block("scratch");
  take_free_value(builder, map, key, first, taken, missing);
  builder.move_to(missing);
  count_lost(builder);
  builder.ret(builder.constant(0));
  builder.move_to(taken);
  BlockId never = builder.add_block("never");
  ValueId value = builder.branch_null(builder.call(HelperId::map_lookup_elem, {key}, map), never, body);
  builder.move_to(never);
  builder.ret(builder.constant(0));
  return {value, {missing, never}};
}

void give_back_scratch(Module& module, FunctionId id, const Scratch& scratch) {
  if (!may_be_preempted(module, id)) return;
  Function& function = module.functions[id];
  for (uint32_t b = 0; b < function.blocks.size(); b++) {
    Block& block = function.blocks[BlockId(b)];
    if (block.insts.empty() || block.insts.back().op != Opcode::ret) continue;
    if (std::find(scratch.without.begin(), scratch.without.end(), BlockId(b)) != scratch.without.end()) continue;
    Inst minus_one{.op = Opcode::constant, .result = add_value(function, {})};
    minus_one.imm = -1;
    minus_one.span = block.insts.back().span;
    Inst give_back{.op = Opcode::atomic_add, .operands = {scratch.value, minus_one.result}};
    give_back.width = MemWidth::u64;
    give_back.span = minus_one.span;
    InsertionSet insertions;
    insertions.insert(block.insts.size() - 1, std::move(minus_one));
    insertions.insert(block.insts.size() - 1, std::move(give_back));
    insertions.apply(block);
  }
}

}  // namespace shrike::mir
