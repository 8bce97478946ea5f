// Columns of the rows: builtins.h.
#include "frontend/builtins.h"

#include <algorithm>
#include <charconv>

#include "frontend/checker.h"
#include "frontend/functions_process.h"
#include "frontend/lower.h"
#include "frontend/registers.h"
#include "frontend/stacks.h"

namespace shrike {

namespace {

using mir::HelperId;
using mir::MemWidth;
using mir::Opcode;
using mir::Type;
using mir::TypeKind;
using mir::ValueId;

const Type* u32(Checker& c, const ast::Expr&) {
  return c.types().integer(4, false);
}
const Type* u64(Checker& c, const ast::Expr&) {
  return c.types().uint64();
}

ValueId high_half(Lower& l, HelperId helper) {
  return l.b().binary(Opcode::shr_u, l.b().call(helper, {}), l.b().constant(32));
}
ValueId low_half(Lower& l, HelperId helper) {
  return l.b().unary(Opcode::zext32, l.b().call(helper, {}));
}

const Type* static_argument_type(Checker& c, const ast::Expr& expr, uint32_t number) {
  const std::vector<StaticArgument>& arguments = c.context().static_arguments;
  const std::string& probe = c.body().points.front().name;
  if (number >= arguments.size()) {
    c.report(Diag::unknown_argument, expr.span, {probe, "arg" + std::to_string(number)})
        .with_hint("it has " + std::to_string(arguments.size()));
    return nullptr;
  }
  if (arguments[number].place == StaticArgument::Place::unknown) {
    c.report(Diag::no_arguments, expr.span, {probe, "`" + arguments[number].text + "` is no integer in a register or in memory"});
    return nullptr;
  }
  return c.types().integer(8, arguments[number].is_signed);
}

ValueId static_argument(Lower& l, const StaticArgument& argument) {
  const Type* type = l.types().integer(argument.size, argument.is_signed);
  ValueId value = argument.base.empty() ? l.b().constant(0) : l.load_register(argument.base);
  switch (argument.place) {
    case StaticArgument::Place::constant: return l.b().constant(argument.constant);
    case StaticArgument::Place::in_register:
      if (argument.is_second_byte) value = l.b().binary(Opcode::shr_u, value, l.b().constant(8));
      return argument.size == 8 ? value : l.extend(value, type);
    default: break;
  }
  if (!argument.index.empty()) {
    ValueId index = l.b().binary(Opcode::mul, l.load_register(argument.index), l.b().constant(argument.scale));
    value = l.b().binary(Opcode::add, value, index);
  }
  value = l.b().binary(Opcode::add, value, l.b().constant(argument.constant));
  return l.load_scalar({value, 0, Place::Memory::user}, type);
}

const Type* numbered_argument_type(Checker& c, const ast::Expr& expr) {
  uint32_t number = *argument_number(expr.as<ast::Ident>()->name);
  if (c.context().row->kind == mir::ProbeKind::usdt) return static_argument_type(c, expr, number);
  bool is_raw = c.context().row->kind == mir::ProbeKind::rawtracepoint;
  auto count = static_cast<uint32_t>(is_raw ? 12 : std::size(argument_registers));
  if (number >= count) {
    c.report(Diag::out_of_range, expr.span,
             {"the number of an argument", std::to_string(number), "0", std::to_string(count - 1)});
    return nullptr;
  }
  return c.types().uint64();
}

ValueId numbered_argument(Lower& l, const ast::Expr& expr) {
  uint32_t number = *argument_number(expr.as<ast::Ident>()->name);
  if (l.body().context.row->kind == mir::ProbeKind::usdt) return static_argument(l, l.body().context.static_arguments[number]);
  if (l.body().context.row->kind == mir::ProbeKind::rawtracepoint)
    return l.b().load(MemWidth::u64, l.context(), static_cast<int32_t>(number * 8));
  return l.load_register(argument_registers[number]);
}

// sargN: words on the stack of a function that has just been entered, behind the address it returns to.
const Type* stack_argument_type(Checker& c, const ast::Expr& expr) {
  std::string_view name = expr.as<ast::Ident>()->name;
  mir::ProbeKind kind = c.context().row->kind;
  if (kind != mir::ProbeKind::kprobe && kind != mir::ProbeKind::uprobe) {
    c.report(Diag::builtin_not_available, expr.span, {std::string(name), std::string(c.context().row->name)});
    return nullptr;
  }
  std::string offset = std::to_string(8 * (*argument_number(name.substr(1)) + 1));
  c.report(Diag::deprecated_builtin, expr.span, {std::string(name)})
      .with_hint("`*(uint64 *)(reg(\"sp\") + " + offset + ")` reads the same word");
  return c.types().uint64();
}

ValueId stack_argument(Lower& l, const ast::Expr& expr) {
  uint32_t number = *argument_number(expr.as<ast::Ident>()->name.substr(1));
  Place word{l.load_register("sp"), 0, memory_of(l.body().context.space)};
  return l.load_scalar(word.at(8 * (number + 1)), l.types().uint64());
}

// What cannot be known of a probe is said once, where it is used first.
void report_no_arguments(Checker& c, Span at, const std::string& why) {
  Diagnostics made;
  made.report(Diag::no_arguments, at, {c.body().points.front().name, why});
  for (const Diagnostic& said : c.diagnostics().all())
    if (said.id == Diag::no_arguments && said.message == made.all().front().message) return;
  c.diagnostics().add(made.all().front());
}

// All of them as one record.
const Type* arguments_record(Checker& c, Span at) {
  NamedTypes fields;
  for (const ProbeArgument& argument : c.context().arguments) {
    bool is_known = !argument.type->is(TypeKind::record) || c.layout(argument.type, at) != nullptr;
    if (!is_known || !c.readable(argument, at)) return nullptr;
    if (!argument.type->is(TypeKind::none)) fields.emplace_back(argument.name, argument.type);
  }
  return record_type(fields, c.types());
}

void arguments_into(Lower& l, const ast::Expr& self, const Place& to) {
  const mir::RecordLayout* layout = l.types().layout(l.type(&self));
  l.zero(to, layout->size);
  auto field = layout->fields.begin();
  for (const ProbeArgument& argument : l.body().context.arguments) {
    if (argument.type->is(TypeKind::none)) continue;
    Place at = to.at(field->offset);
    if (is_scalar(argument.type)) l.store_scalar(at, l.load_argument(argument), argument.type);
    else l.convert(l.argument_place(argument), argument.type, at, argument.type);
    ++field;
  }
}

const Type* named_arguments_type(Checker& c, const ast::Expr& expr) {
  if (c.context().has_arguments) {
    CheckedBody& body = c.body();
    if (body.arguments == nullptr) body.arguments = arguments_record(c, expr.span);
    return body.arguments;
  }
  std::string why = c.context().why_no_arguments;
  if (why.empty())
    why = c.context().row->kind != mir::ProbeKind::tracepoint ? c.facts().btf().why : "its format file cannot be read";
  report_no_arguments(c, expr.span, why.empty() ? "the kernel's types do not list it" : why);
  return nullptr;
}

const Type* result_type(Checker& c, const ast::Expr& expr) {
  const std::optional<ProbeArgument>& result = c.context().result;
  if (result && result->user) {
    c.note(&expr).space = mir::AddressSpace::user;
    return c.readable(*result, expr.span) ? result->type : nullptr;
  }
  if (!c.context().why_no_arguments.empty()) {
    report_no_arguments(c, expr.span, c.context().why_no_arguments);
    return nullptr;
  }
  if (c.context().row->kind != mir::ProbeKind::fexit) return c.types().int64();
  if (result && is_scalar(result->type)) return result->type;
  c.report(Diag::no_arguments, expr.span, {c.body().points.front().name, "it returns nothing that fits a register"});
  return nullptr;
}

ValueId result_value(Lower& l, const ast::Expr&) {
  if (l.body().context.result) return l.load_argument(*l.body().context.result);
  return l.load_register("ax");
}

bool is_user_function(const ProbeContext& context) {
  return context.row->kind == mir::ProbeKind::uprobe || context.row->kind == mir::ProbeKind::uretprobe;
}

// Linux before 6.7 does not tell programs of uretprobes what returned (of single ones: bulk links do), but keeps it while they
// run, in a structure that the task points to: a pointer of its own before it.
constexpr std::string_view probed_task = "uprobe_task";
constexpr int32_t returned_function = 8;

uint32_t offset_of(const mir::RecordLayout& layout, std::string_view name) {
  for (const mir::RecordField& field : layout.fields)
    if (field.name == name) return field.offset;
  UNREACHABLE("a field that was found while checking");
}

bool keeps_returned_function(const mir::TypePool& types, const mir::Type* task, const mir::Type* probed) {
  auto has = [&](const mir::Type* record, std::string_view name) {
    const mir::RecordLayout* layout = types.layout(record);
    return layout != nullptr && std::any_of(layout->fields.begin(), layout->fields.end(),
                                            [&](const mir::RecordField& field) { return field.name == name; });
  };
  return has(task, "utask") && has(probed, "vaddr");
}

}  // namespace

void lay_out_traced_function(Checker& c, Span span) {
  if (c.context().row->kind != mir::ProbeKind::uretprobe || c.facts().btf().status != Lookup::found) return;
  for (std::string_view name : {std::string_view("task_struct"), probed_task})
    c.layout(c.types().record(std::string(name), false), span);
}

namespace {

const Type* func_type(Checker& c, const ast::Expr& expr) {
  lay_out_traced_function(c, expr.span);
  return c.types().simple(is_user_function(c.context()) ? TypeKind::usym : TypeKind::ksym);
}

}  // namespace

ValueId traced_function(Lower& l) {
  // At a uprobe the instruction pointer is the function; elsewhere the kernel remembers which one it was.
  if (l.body().context.row->kind == mir::ProbeKind::uprobe) return l.load_register("ip");
  ValueId told = l.b().call(HelperId::get_func_ip, {l.context()});
  const Type* task = l.types().record("task_struct", false);
  const Type* probed = l.types().record(std::string(probed_task), false);
  if (l.body().context.row->kind != mir::ProbeKind::uretprobe || !keeps_returned_function(l.types(), task, probed)) return told;
  auto word = [&](ValueId address, uint32_t offset) {
    return l.load_scalar({address, static_cast<int32_t>(offset), Place::Memory::kernel}, l.types().uint64());
  };
  return l.choose(
      told, [&] { return told; },
      [&] {
        ValueId own = word(l.b().call(HelperId::get_current_task, {}), offset_of(*l.types().layout(task), "utask"));
        return word(word(own, offset_of(*l.types().layout(probed), "vaddr")), returned_function);
      });
}

namespace {

void func_into(Lower& l, const ast::Expr&, const Place& to) {
  write_user_symbol(l, traced_function(l), to);
}

uint32_t longest_name(const CheckedBody& body) {
  size_t longest = 0;
  for (const mir::AttachPoint& point : body.points) longest = std::max(longest, point.name.size());
  return static_cast<uint32_t>(longest);
}

const Type* probe_type(Checker& c, const ast::Expr& expr) {
  if (c.body().points.empty() && !c.available(use_ctx, "probe", expr.span)) return nullptr;
  if (c.body().names_places) return c.types().string(longest_name(c.body()) + 1);
  const std::string& name = c.body().points.front().name;
  c.note(&expr).constant = name;
  return c.types().string(static_cast<uint32_t>(name.size() + 1));
}

// Each place was attached with its number, from 1, as a cookie; before the names comes an empty one, for none.
void probe_into(Lower& l, const ast::Expr& expr, const Place& to) {
  mir::Builder& b = l.b();
  const std::vector<mir::AttachPoint>& points = l.body().points;
  std::vector<std::string> names = {""};
  for (const mir::AttachPoint& point : points) names.push_back(point.name);
  uint32_t row_size = longest_name(l.body()) + 1;
  auto index = static_cast<size_t>(&l.body() - l.program().bodies.data());
  mir::MapId map = l.table(".probes" + std::to_string(index), std::move(names), row_size);
  ValueId row = b.clamp_u(b.call(HelperId::get_attach_cookie, {l.context()}), points.size());
  ValueId name = b.ptr_add(b.map_value_addr(map, 0), b.binary(Opcode::mul, row, b.constant(row_size)));
  l.convert({name}, l.type(&expr), to, l.type(&expr));
}

// begin and end are `special`.
const Type* probetype_type(Checker& c, const ast::Expr& expr) {
  if (c.body().points.empty() && !c.available(use_ctx, "probetype", expr.span)) return nullptr;
  mir::ProbeKind kind = c.context().row->kind;
  bool is_special = kind == mir::ProbeKind::begin || kind == mir::ProbeKind::end;
  std::string name(is_special ? "special" : c.context().row->name);
  const Type* type = c.types().string(static_cast<uint32_t>(name.size() + 1));
  c.note(&expr).constant = std::move(name);
  return type;
}

const Type* context_type(Checker& c, const ast::Expr&) {
  bool is_record = !c.body().points.empty() && c.context().row->kind == mir::ProbeKind::iter;
  const Type* pointee =
      is_record ? c.types().record(std::string(iterator_context) + c.body().points.front().function, false) : c.types().none();
  return c.types().pointer(pointee, mir::AddressSpace::kernel);
}

const Type* curtask_type(Checker& c, const ast::Expr&) {
  return c.types().pointer(c.types().record("task_struct", false), mir::AddressSpace::kernel);
}

constexpr uint32_t comm_size = 16;  // TASK_COMM_LEN

constexpr BuiltinRow rows[] = {
    {"pid", 0, u32, [](Lower& l, const ast::Expr&) { return current_pid(l); }, nullptr, "process id (the kernel's tgid)"},
    {"tid", 0, u32, [](Lower& l, const ast::Expr&) { return current_tid(l); }, nullptr, "thread id (the kernel's pid)"},
    {"ppid", 0, task_field_type, task_field_scalar, nullptr, "process id of the parent"},
    {"pcomm", 0, task_field_type, nullptr, task_field_into, "name of the process: that of its first thread"},
    {"leader_tid", 0, task_field_type, task_field_scalar, nullptr, "thread id of the process's first thread"},
    {"leader_comm", 0, task_field_type, nullptr, task_field_into, "name of the process's first thread"},
    {"usermode", use_registers, [](Checker& c, const ast::Expr&) { return c.types().boolean(); },
     [](Lower& l, const ast::Expr&) {
       ValueId ring = l.b().binary(Opcode::and_, l.load_register("cs"), l.b().constant(3));
       return l.b().binary(Opcode::ne, ring, l.b().constant(0));
     },
     nullptr, "whether the event interrupted user code rather than the kernel"},
    {"uid", 0, u32, [](Lower& l, const ast::Expr&) { return low_half(l, HelperId::get_current_uid_gid); }, nullptr, "user id"},
    {"gid", 0, u32, [](Lower& l, const ast::Expr&) { return high_half(l, HelperId::get_current_uid_gid); }, nullptr, "group id"},
    {"comm", 0, [](Checker& c, const ast::Expr&) { return c.types().string(comm_size); }, nullptr,
     [](Lower& l, const ast::Expr&, const Place& to) {
       if (!to.is_record) l.zero(to, comm_size);  // before Linux 6.2 or so the helper leaves what follows the NUL as it was
       l.b().call(HelperId::get_current_comm, {l.pointer_at(to), l.b().constant(comm_size)});
     },
     "name of the thread"},
    {"nsecs", 0, u64, [](Lower& l, const ast::Expr&) { return l.b().call(HelperId::ktime_get_boot_ns, {}); }, nullptr,
     "nanoseconds since boot"},
    {"elapsed", 0, u64,
     [](Lower& l, const ast::Expr&) {
       return l.b().binary(Opcode::sub, l.b().call(HelperId::ktime_get_boot_ns, {}),
                           l.b().load(MemWidth::u64, l.globals_pointer(mir::globals::start_ns), 0));
     },
     nullptr, "nanoseconds since tracing began"},
    {"cpu", 0, u64,
     [](Lower& l, const ast::Expr&) { return l.b().unary(Opcode::zext32, l.b().call(HelperId::get_smp_processor_id, {})); },
     nullptr, "number of the processor"},
    {"ncpus", 0, u64, [](Lower& l, const ast::Expr&) { return l.b().constant(l.program().facts->possible_cpus()); }, nullptr,
     "number of possible processors"},
    {"numaid", 0, u64,
     [](Lower& l, const ast::Expr&) { return l.b().unary(Opcode::zext32, l.b().call(HelperId::get_numa_node_id, {})); }, nullptr,
     "number of the NUMA node"},
    {"jiffies", 0, u64, [](Lower& l, const ast::Expr&) { return l.b().call(HelperId::jiffies64, {}); }, nullptr,
     "the kernel's tick count"},
    {"curtask", 0, curtask_type, [](Lower& l, const ast::Expr&) { return l.b().call(HelperId::get_current_task, {}); }, nullptr,
     "pointer to the current task_struct"},
    {"cgroup", 0, u64, [](Lower& l, const ast::Expr&) { return l.b().call(HelperId::get_current_cgroup_id, {}); }, nullptr,
     "id of the cgroup (v2)"},
    {"rand", 0, u64,
     [](Lower& l, const ast::Expr&) { return l.b().unary(Opcode::zext32, l.b().call(HelperId::get_prandom_u32, {})); }, nullptr,
     "random 32-bit number"},
    {"username", 0, [](Checker& c, const ast::Expr&) { return c.types().simple(TypeKind::username); },
     [](Lower& l, const ast::Expr&) { return low_half(l, HelperId::get_current_uid_gid); }, nullptr, "name of the user"},
    {"cpid", 0,
     [](Checker& c, const ast::Expr& self) {
       c.note_cpid(self.span);
       return c.types().uint64();
     },
     [](Lower& l, const ast::Expr&) { return l.b().load(MemWidth::u64, l.globals_pointer(mir::globals::target_pid), 0); },
     nullptr, "process id of the -c child, or of the -p process; 0, and warned of, if there is neither"},
    {"has_cpid", 0,
     [](Checker& c, const ast::Expr&) {
       c.note_has_cpid();
       return c.types().boolean();
     },
     [](Lower& l, const ast::Expr&) {
       ValueId pid = l.b().load(MemWidth::u64, l.globals_pointer(mir::globals::target_pid), 0);
       return l.b().binary(Opcode::ne, pid, l.b().constant(0));
     },
     nullptr, "whether there is a -c child or a -p process"},
    {"argN", use_numbered_args, numbered_argument_type, numbered_argument, nullptr, "argument number N, from arg0"},
    {"sargN", use_numbered_args, stack_argument_type, stack_argument, nullptr,
     "word number N on the stack of a function just entered, from sarg0; deprecated"},
    {"args", use_named_args, named_arguments_type, nullptr, arguments_into,
     "the event's arguments, by name: args.field, or all as a record; of uprobes as debug information tells"},
    {"retval", use_retval, result_type, result_value, nullptr, "value returned by the function"},
    {"func", use_func, func_type, [](Lower& l, const ast::Expr&) { return traced_function(l); }, func_into,
     "the traced function"},
    {"probe", 0, probe_type, nullptr, probe_into, "full name of the probe"},
    {"probetype", 0, probetype_type, nullptr, nullptr, "type of the probe; `special` for begin and end"},
    {"ctx", use_ctx, context_type, [](Lower& l, const ast::Expr&) { return l.b().unary(Opcode::ptr_to_int, l.context()); },
     nullptr, "address of the program's context"},
    {"kstack", use_stack, [](Checker& c, const ast::Expr&) { return default_stack_type(c, TypeKind::kstack); }, nullptr,
     write_stack, "kernel stack"},
    {"ustack", use_stack, [](Checker& c, const ast::Expr&) { return default_stack_type(c, TypeKind::ustack); }, nullptr,
     write_stack, "user stack"},
};

}  // namespace

std::optional<uint32_t> argument_number(std::string_view name) {
  uint32_t number = 0;
  if (!name.starts_with("arg") || name.size() < 4) return std::nullopt;
  auto [end, error] = std::from_chars(name.data() + 3, name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

const BuiltinRow* find_builtin(std::string_view name) {
  if (argument_number(name)) name = "argN";
  if (name.starts_with('s') && argument_number(name.substr(1))) name = "sargN";
  for (const BuiltinRow& row : rows)
    if (row.name == name) return &row;
  return nullptr;
}

const std::vector<const BuiltinRow*>& all_builtins() {
  static const std::vector<const BuiltinRow*> all = [] {
    std::vector<const BuiltinRow*> out;
    for (const BuiltinRow& row : rows) out.push_back(&row);
    return out;
  }();
  return all;
}

}  // namespace shrike
