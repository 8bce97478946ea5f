// Functions about processes and what is done to them: fields of the task, signals, and the names of numbers they meet.
#include "frontend/functions_process.h"

#include "frontend/checker.h"
#include "frontend/find_task.h"
#include "frontend/function_rows.h"
#include "frontend/lower.h"
#include "frontend/names.h"
#include "frontend/probes.h"

namespace shrike {

namespace {

using mir::HelperId;
using mir::MemWidth;
using mir::Opcode;
using mir::Type;
using mir::TypeKind;
using mir::ValueId;

// --- what a task_struct tells

struct TaskField {
  std::string_view name;
  std::string_view task;   // the field that leads to another task
  std::string_view field;  // of that one
};
constexpr TaskField task_fields[] = {
    {"ppid", "real_parent", "tgid"},
    {"pcomm", "group_leader", "comm"},
    {"leader_tid", "group_leader", "pid"},
    {"leader_comm", "group_leader", "comm"},
};

const TaskField& task_field(std::string_view name) {
  for (const TaskField& row : task_fields)
    if (row.name == name) return row;
  UNREACHABLE("a field of tasks without a row");
}

std::string_view name_in(const ast::Expr& expr) {
  const auto* call = expr.as<ast::Call>();
  return call != nullptr ? call->name : expr.as<ast::Ident>()->name;
}

struct FoundField {
  const mir::RecordField* task;
  const mir::RecordField* field;
};

FoundField find_field(const TaskField& wanted, const mir::RecordLayout& layout) {
  FoundField found{};
  for (const mir::RecordField& field : layout.fields) {
    if (field.name == wanted.task) found.task = &field;
    if (field.name == wanted.field) found.field = &field;
  }
  CHECK(found.task != nullptr && found.field != nullptr, "a task without the fields that were found in it");
  return found;
}

const Type* check_task_field(Checker& c, const ast::Expr& self, const ast::Call& call) {
  if (!call.args.empty()) {
    const Type* type = c.expr(call.args[0]);
    if (type == nullptr) return nullptr;
    if (!type->is(TypeKind::pointer) && !type->is(TypeKind::integer)) {
      c.report(Diag::bad_argument, call.args[0]->span, {std::string(call.name), "a pointer to a task", show(type)});
      return nullptr;
    }
  }
  return task_field_type(c, self);
}

Place task_field_place(Lower& l, const ast::Expr& self, const mir::RecordField** field) {
  const mir::RecordLayout* layout = l.types().layout(l.types().record("task_struct", false));
  FoundField found = find_field(task_field(name_in(self)), *layout);
  const auto* call = self.as<ast::Call>();
  ValueId task = call == nullptr || call->args.empty() ? l.b().call(HelperId::get_current_task, {}) : l.scalar(call->args[0]);
  ValueId other = l.load_scalar({task, static_cast<int32_t>(found.task->offset), Place::Memory::kernel}, l.types().uint64());
  *field = found.field;
  return {other, static_cast<int32_t>(found.field->offset), Place::Memory::kernel};
}

ValueId lower_task_field(Lower& l, const ast::Expr& self, const ast::Call&) {
  return task_field_scalar(l, self);
}
void into_task_field(Lower& l, const ast::Expr& self, const ast::Call&, const Place& to) {
  task_field_into(l, self, to);
}

// --- comm() of another process

const Type* check_comm(Checker& c, const ast::Expr& self, const ast::Call& call) {
  if (!c.integer(call.args[0], "the argument of `comm`")) return nullptr;
  const mir::RecordField* name = c.field(c.types().record("task_struct", false), "comm", self.span);
  return name != nullptr && can_find_tasks(c, self.span) ? name->type : nullptr;
}

// Empty where there is no such process.
void comm_into(Lower& l, const ast::Expr& self, const ast::Call& call, const Place& to) {
  const mir::RecordLayout* layout = l.types().layout(l.types().record("task_struct", false));
  const Type* own = l.type(&self);
  mir::BlockId there = l.new_block("there");
  mir::BlockId absent = l.new_block("absent");
  mir::BlockId on = l.new_block("on");
  ValueId task = find_task(l, l.scalar(call.args[0]));
  l.branch(task, there, absent);
  l.enter(there);
  for (const mir::RecordField& field : layout->fields) {
    if (field.name != "comm") continue;
    l.convert({task, static_cast<int32_t>(field.offset), Place::Memory::kernel}, own, to, own);
  }
  l.jump(on);
  l.enter(absent);
  if (to.is_record) l.store_scalar(to, l.b().constant(0), l.types().integer(1, false));
  else l.zero(to, own->size);
  l.jump(on);
  l.enter(on);
}

// --- pid() and tid() of a namespace

const Type* check_ids(Checker& c, const ast::Expr&, const ast::Call& call) {
  const auto* name = call.args[0]->as<ast::Ident>();
  if (name != nullptr && (name->name == "init" || name->name == "curr_ns")) return c.types().integer(4, false);
  c.report(Diag::bad_argument, call.args[0]->span, {std::string(call.name), "init or curr_ns", "something else"});
  return nullptr;
}

ValueId lower_ids(Lower& l, const ast::Expr&, const ast::Call& call) {
  bool is_init = call.args[0]->as<ast::Ident>()->name == "init";
  return call.name == "pid" ? current_pid(l, is_init) : current_tid(l, is_init);
}

// --- signals and other interference

const Type* check_signal(Checker& c, const ast::Expr&, const ast::Call& call) {
  const Type* type = c.expr(call.args[0]);
  if (type == nullptr) return nullptr;
  if (const auto* name = std::get_if<std::string>(&c.constant(call.args[0]))) {
    if (signal_number(*name) != 0) return c.types().none();
    c.report(Diag::unknown_signal, call.args[0]->span, {*name});
    return nullptr;
  }
  if (!c.integer(call.args[0], "a signal")) return nullptr;
  if (const auto* number = std::get_if<int64_t>(&c.constant(call.args[0])); number != nullptr && (*number < 1 || *number > 64)) {
    c.report(Diag::out_of_range, call.args[0]->span, {"a signal", std::to_string(*number), "1", "64"});
    return nullptr;
  }
  return c.types().none();
}

template <HelperId helper>
ValueId lower_signal(Lower& l, const ast::Expr&, const ast::Call& call) {
  const auto* name = std::get_if<std::string>(&l.note(call.args[0]).constant);
  l.b().call(helper, {name != nullptr ? l.b().constant(signal_number(*name)) : l.scalar(call.args[0])});
  return {};
}

const Type* check_override(Checker& c, const ast::Expr& self, const ast::Call& call) {
  if (!c.available(use_ctx, "override", self.span)) return nullptr;
  if (c.context().row->kind != mir::ProbeKind::kprobe) {
    c.report(Diag::builtin_not_available, self.span, {"override", std::string(c.context().row->name)});
    return nullptr;
  }
  return c.integer(call.args[0], "the result of the function") ? c.types().none() : nullptr;
}

ValueId lower_override(Lower& l, const ast::Expr&, const ast::Call& call) {
  l.b().call(HelperId::override_return, {l.context(), l.scalar(call.args[0])});
  return {};
}

// write_user(to, value or text, bytes)
const Type* check_write_user(Checker& c, const ast::Expr&, const ast::Call& call) {
  bool is_good = c.integer(call.args[0], "the address that `write_user` writes to");
  const Type* from = c.expr(call.args[1]);
  std::optional<int64_t> bytes = c.constant_integer(call.args[2], "the number of bytes");
  if (!is_good || from == nullptr || !bytes) return nullptr;
  bool has_bytes = from->is_integer_like() || from->is(TypeKind::string) || from->is(TypeKind::array);
  if (!has_bytes) {
    c.report(Diag::bad_argument, call.args[1]->span, {"write_user", "an integer, a string or an array", show(from)});
    return nullptr;
  }
  uint32_t most = from->is_integer_like() ? 8 : from->size;
  if (*bytes >= 1 && *bytes <= most) return c.types().int64();
  c.report(Diag::out_of_range, call.args[2]->span, {"the number of bytes", std::to_string(*bytes), "1", std::to_string(most)});
  return nullptr;
}

ValueId lower_write_user(Lower& l, const ast::Expr&, const ast::Call& call) {
  mir::Builder& b = l.b();
  const Type* type = l.type(call.args[1]);
  ValueId to = l.scalar(call.args[0]);
  Place from{l.slot("written", is_scalar(type) ? 8 : type->size)};
  if (is_scalar(type)) l.store_scalar(from, l.scalar(call.args[1]), l.types().uint64());
  else l.into(call.args[1], type, from);
  return b.call(HelperId::probe_write_user, {to, l.pointer_at(from), l.scalar(call.args[2])});
}

// unwatch(address): what the script said of it in a `watchpoint` probe ends, once user space reads of it.
const Type* check_unwatch(Checker& c, const ast::Expr&, const ast::Call& call) {
  return c.integer(call.args[0], "the address that `unwatch` is given") ? c.types().none() : nullptr;
}

ValueId lower_unwatch(Lower& l, const ast::Expr& self, const ast::Call& call) {
  mir::EventDecl event;
  event.kind = mir::EventKind::unwatch;
  event.span = self.span;
  l.emit(std::move(event), {{l.types().int64(), nullptr, l.scalar(call.args[0])}});
  return {};
}

// --- names of numbers

const NameTable& table_of(std::string_view function) {
  return function == "strerror" ? error_names() : function == "signal_name" ? signal_names() : syscall_names();
}

int64_t absolute(int64_t value) {
  return value < 0 ? -value : value;
}

const Type* check_name(Checker& c, const ast::Expr& self, const ast::Call& call) {
  const NameTable& table = table_of(call.name);
  if (!c.integer(call.args[0], "the argument of `" + std::string(call.name) + "`")) return nullptr;
  const auto* known = std::get_if<int64_t>(&c.constant(call.args[0]));
  if (known == nullptr) return c.types().string(table.row_size);
  std::string name = table.name_of(static_cast<uint64_t>(call.name == "strerror" ? absolute(*known) : *known));
  const Type* type = c.types().string(static_cast<uint32_t>(name.size() + 1));
  c.note(&self).constant = std::move(name);
  return type;
}

// Numbers without a name, negative ones among them, come to the last row.
void name_into(Lower& l, const ast::Expr& self, const ast::Call& call, const Place& to) {
  mir::Builder& b = l.b();
  const NameTable& table = table_of(call.name);
  mir::MapId map = l.table(table.map, table.rows(), table.row_size);
  ValueId number = b.unary(Opcode::sext32, l.scalar(call.args[0]));
  if (call.name == "strerror") {  // functions return errors negated
    ValueId sign = b.binary(Opcode::shr_s, number, b.constant(63));
    number = b.binary(Opcode::sub, b.binary(Opcode::xor_, number, sign), sign);
  }
  ValueId row = b.clamp_u(number, table.names.back().number + 1);
  ValueId name = b.ptr_add(b.map_value_addr(map, 0), b.binary(Opcode::mul, row, b.constant(table.row_size)));
  l.convert({name}, l.type(&self), to, l.type(&self));
}

constexpr FunctionRow rows[] = {
    {"pid", "init or curr_ns", 1, 1, false, check_ids, lower_ids, nullptr,
     "process id as the first namespace counts them, or as shrike's own does, which is also what `pid` gives"},
    {"tid", "init or curr_ns", 1, 1, false, check_ids, lower_ids, nullptr, "thread id, likewise"},
    {"comm", "pid", 1, 1, false, check_comm, nullptr, comm_into,
     "name of a process or thread, by its number in the first namespace; empty if there is none"},
    {"ppid", "[task]", 0, 1, false, check_task_field, lower_task_field, nullptr, "process id of the parent"},
    {"pcomm", "[task]", 0, 1, false, check_task_field, nullptr, into_task_field, "name of the process: that of its first thread"},
    {"leader_tid", "[task]", 0, 1, false, check_task_field, lower_task_field, nullptr, "thread id of the process's first thread"},
    {"leader_comm", "[task]", 0, 1, false, check_task_field, nullptr, into_task_field, "name of the process's first thread"},
    {"signal", "number or \"name\"", 1, 1, true, check_signal, lower_signal<HelperId::send_signal>, nullptr,
     "sends a signal to the current process"},
    {"signal_thread", "number or \"name\"", 1, 1, true, check_signal, lower_signal<HelperId::send_signal_thread>, nullptr,
     "sends a signal to the current thread"},
    {"override", "result", 1, 1, true, check_override, lower_override, nullptr,
     "makes the traced kernel function return this without running; of functions that allow error injection"},
    {"write_user", "address, value, bytes", 3, 3, true, check_write_user, lower_write_user, nullptr,
     "writes to the process's memory; 0, or a negative error"},
    {"unwatch", "address", 1, 1, false, check_unwatch, lower_unwatch, nullptr, "gives back the watchpoints of an address", true},
    {"strerror", "number", 1, 1, false, check_name, nullptr, name_into, "what an error number means; of negative ones too"},
    {"signal_name", "number", 1, 1, false, check_name, nullptr, name_into, "name of a signal, such as SIGINT"},
    {"syscall_name", "number", 1, 1, false, check_name, nullptr, name_into, "name of a system call"},
};

// The helper gives the thread's number, then the process's; zeros for a process that the namespace does not see.
ValueId ids_of_namespace(Lower& l, const PidNamespace& space, uint32_t offset) {
  mir::Builder& b = l.b();
  Place ids{l.slot("ids", 8)};
  b.zero(ids.pointer, 0, 8);
  b.call(HelperId::get_ns_current_pid_tgid, {b.constant(static_cast<int64_t>(space.device)),
                                             b.constant(static_cast<int64_t>(space.inode)), ids.pointer, b.constant(8)});
  return b.load(MemWidth::u32, ids.pointer, static_cast<int32_t>(offset));
}

}  // namespace

ValueId current_pid(Lower& l, bool is_init) {
  std::optional<PidNamespace> space = is_init ? std::nullopt : l.program().facts->pid_namespace();
  if (space) return ids_of_namespace(l, *space, 4);
  return l.b().binary(Opcode::shr_u, l.b().call(HelperId::get_current_pid_tgid, {}), l.b().constant(32));
}

ValueId current_tid(Lower& l, bool is_init) {
  std::optional<PidNamespace> space = is_init ? std::nullopt : l.program().facts->pid_namespace();
  if (space) return ids_of_namespace(l, *space, 0);
  return l.b().unary(Opcode::zext32, l.b().call(HelperId::get_current_pid_tgid, {}));
}

const Type* task_field_type(Checker& c, const ast::Expr& expr) {
  const TaskField& wanted = task_field(name_in(expr));
  const Type* task = c.types().record("task_struct", false);
  const mir::RecordField* other = c.field(task, wanted.task, expr.span);
  const mir::RecordField* field = other == nullptr ? nullptr : c.field(task, wanted.field, expr.span);
  if (field == nullptr) return nullptr;
  return field->type->is(TypeKind::string) ? field->type : c.types().integer(4, false);
}

ValueId task_field_scalar(Lower& l, const ast::Expr& expr) {
  const mir::RecordField* field = nullptr;
  Place place = task_field_place(l, expr, &field);
  return l.load_scalar(place, l.type(&expr));
}

void task_field_into(Lower& l, const ast::Expr& expr, const Place& to) {
  const mir::RecordField* field = nullptr;
  Place place = task_field_place(l, expr, &field);
  l.convert(place, field->type, to, l.type(&expr));
}

std::span<const FunctionRow> process_functions() {
  return rows;
}

}  // namespace shrike
