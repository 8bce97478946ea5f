// Finds a task by its number without the kernel's help: bpf_task_from_pid() came with Linux 6.2 and is not given to most types
// of programs. The first pid namespace keeps its numbers in an xarray, a tree whose inner nodes are addresses with bit 1 set;
// each says how far to shift a number for the index of its slot. What is read meanwhile may change, as with every read of
// kernel memory; programs run where RCU keeps what they came to.
#include "frontend/find_task.h"

#include "frontend/checker.h"
#include "mir/type.h"

namespace shrike {

namespace {

using mir::BlockId;
using mir::Opcode;
using mir::RecordField;
using mir::Type;
using mir::TypeKind;
using mir::ValueId;

constexpr uint32_t most_levels = 6;  // of the tree: numbers have 22 bits, nodes 64 slots, or 16 in the smallest kernels
constexpr int64_t kind_bits = 3;     // of an entry
constexpr int64_t inner_node = 2;    // what they say of one
constexpr uint32_t longest_shift = 6 * 4;

struct Step {
  std::string_view record, field;
};
// From the current task to the table, from a node to the next, from what is in the table to a task.
constexpr Step to_numbers{"task_struct", "thread_pid"}, first_number{"pid", "numbers"}, to_namespace{"upid", "ns"},
    table{"pid_namespace", "idr"}, tree{"idr", "idr_rt"}, root{"xarray", "xa_head"}, shift{"xa_node", "shift"},
    slots{"xa_node", "slots"}, tasks{"pid", "tasks"}, first_task{"hlist_head", "first"}, in_task{"task_struct", "pid_links"};
constexpr const Step* all_steps[] = {&to_numbers, &first_number, &to_namespace, &table,      &tree,   &root,
                                     &shift,      &slots,        &tasks,        &first_task, &in_task};

const RecordField& field_of(Lower& l, const Step& step) {
  const mir::RecordLayout* layout = l.types().layout(l.types().record(step.record, false));
  CHECK(layout != nullptr, "a record that was looked at before");
  for (const RecordField& field : layout->fields)
    if (field.name == step.field) return field;
  UNREACHABLE("a field that was found before");
}

ValueId word_at(Lower& l, ValueId address, std::initializer_list<const Step*> steps) {
  uint32_t offset = 0;
  for (const Step* step : steps) offset += field_of(l, *step).offset;
  return l.load_scalar({address, static_cast<int32_t>(offset), Place::Memory::kernel}, l.types().uint64());
}

}  // namespace

bool can_find_tasks(Checker& c, Span span) {
  for (const Step* step : all_steps)
    if (c.field(c.types().record(step->record, false), step->field, span) == nullptr) return false;
  return true;
}

ValueId find_task(Lower& l, ValueId number) {
  mir::Builder& b = l.b();
  const Type* slot_list = field_of(l, slots).type;
  const int64_t slot_count = slot_list->is(TypeKind::array) && slot_list->count != 0 ? slot_list->count : 64;
  ValueId numbers = word_at(l, b.call(mir::HelperId::get_current_task, {}), {&to_numbers});
  ValueId space = word_at(l, numbers, {&first_number, &to_namespace});
  ValueId entry = word_at(l, space, {&table, &tree, &root});

  BlockId level = l.new_block("level");
  BlockId look = l.new_block("look");
  BlockId inner = l.new_block("inner");
  BlockId leaf = l.new_block("leaf");
  BlockId there = l.new_block("there");
  BlockId absent = l.new_block("absent");
  BlockId end = l.new_block("end");
  BlockId inside = l.new_block("inside");
  ValueId round = b.add_param(level, {});
  ValueId at = b.add_param(level, {});
  ValueId rest = b.add_param(level, {});  // of the number, below what led here
  ValueId result = b.add_param(end, {});
  l.jump_with(level, {b.constant(0), entry, number});
  l.enter_unsealed(level);
  l.branch(b.binary(Opcode::lt_u, round, b.constant(most_levels)), look, absent);
  l.enter(look);
  ValueId is_inner = b.binary(Opcode::eq, b.binary(Opcode::and_, at, b.constant(kind_bits)), b.constant(inner_node));
  l.branch(is_inner, inner, leaf);
  l.enter(inner);
  ValueId node = b.binary(Opcode::sub, at, b.constant(inner_node));
  Place bits{node, static_cast<int32_t>(field_of(l, shift).offset), Place::Memory::kernel};
  ValueId distance = b.clamp_u(l.load_scalar(bits, l.types().integer(1, false)), longest_shift);
  ValueId index = b.binary(Opcode::shr_u, rest, distance);
  l.branch(b.binary(Opcode::lt_u, index, b.constant(slot_count)), inside, absent);
  l.enter(inside);
  ValueId slot = b.binary(Opcode::add, node, b.binary(Opcode::mul, index, b.constant(8)));
  l.jump_with(level, {b.binary(Opcode::add, round, b.constant(1)), word_at(l, slot, {&slots}),
                      b.binary(Opcode::sub, rest, b.binary(Opcode::shl, index, distance))});
  l.seal(level);

  l.enter(leaf);
  l.branch(at, there, absent);
  l.enter(there);
  ValueId link = word_at(l, at, {&tasks, &first_task});
  BlockId linked = l.new_block("linked");
  l.branch(link, linked, absent);
  l.enter(linked);
  l.jump_with(end, {b.binary(Opcode::sub, link, b.constant(field_of(l, in_task).offset))});
  l.enter(absent);
  l.jump_with(end, {b.constant(0)});
  l.enter(end);
  return result;
}

}  // namespace shrike
