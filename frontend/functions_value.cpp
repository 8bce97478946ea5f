// Functions that make a value from others.
#include "frontend/builtins.h"
#include "frontend/checker.h"
#include "frontend/constants.h"
#include "frontend/function_rows.h"
#include "frontend/lower.h"
#include "frontend/registers.h"
#include "frontend/script_options.h"
#include "frontend/stacks.h"
#include "mir/btf.h"

namespace shrike {

namespace {

using mir::HelperId;
using mir::Opcode;
using mir::Type;
using mir::TypeKind;
using mir::ValueId;

const Type* check_symbol(Checker& c, const ast::Call& call, TypeKind kind) {
  if (!c.integer(call.args[0], "an address")) return nullptr;
  return c.types().simple(kind);
}
const Type* check_ksym(Checker& c, const ast::Expr&, const ast::Call& call) {
  return check_symbol(c, call, TypeKind::ksym);
}
const Type* check_usym(Checker& c, const ast::Expr&, const ast::Call& call) {
  return check_symbol(c, call, TypeKind::usym);
}
ValueId lower_ksym(Lower& l, const ast::Expr&, const ast::Call& call) {
  return l.scalar(call.args[0]);
}
void usym_into(Lower& l, const ast::Expr&, const ast::Call& call, const Place& to) {
  write_user_symbol(l, l.scalar(call.args[0]), to);
}

const Type* check_kaddr(Checker& c, const ast::Expr& self, const ast::Call& call) {
  std::optional<std::string_view> name = c.constant_string(call.args[0], "a symbol");
  if (!name) return nullptr;
  auto answer = c.facts().kernel_address(*name);
  if (answer.status != Lookup::found) {
    c.report(Diag::no_such_symbol, call.args[0]->span,
             {std::string(*name), answer.why.empty() ? "the kernel does not list it" : answer.why});
    return nullptr;
  }
  c.note(&self).constant = static_cast<int64_t>(answer.value);
  return c.types().uint64();
}

// The address of a per-CPU variable is what its symbol says plus the CPU's own offset.
const Type* check_percpu_kaddr(Checker& c, const ast::Expr&, const ast::Call& call) {
  std::optional<std::string_view> name = c.constant_string(call.args[0], "a symbol");
  if (call.args.size() > 1 && !c.integer(call.args[1], "the number of a processor")) return nullptr;
  if (!name) return nullptr;
  for (std::string_view symbol : {*name, cpu_offsets}) {
    auto answer = c.facts().kernel_address(symbol);
    if (answer.status == Lookup::found) continue;
    c.report(Diag::no_such_symbol, call.args[0]->span,
             {std::string(symbol), answer.why.empty() ? "the kernel does not list it" : answer.why});
    return nullptr;
  }
  return c.types().pointer(c.types().uint64(), mir::AddressSpace::kernel);
}

// 0 for a processor that cannot be.
ValueId lower_percpu_kaddr(Lower& l, const ast::Expr&, const ast::Call& call) {
  mir::Builder& b = l.b();
  KernelFacts& facts = *l.program().facts;
  const auto& symbol = std::get<std::string>(l.note(call.args[0]).constant);
  ValueId variable = b.constant(static_cast<int64_t>(facts.kernel_address(symbol).value));
  ValueId cpu =
      call.args.size() > 1 ? l.scalar(call.args[1]) : b.unary(Opcode::zext32, b.call(HelperId::get_smp_processor_id, {}));
  auto address = [&] { return b.binary(Opcode::add, variable, l.cpu_offset(cpu)); };
  if (call.args.size() < 2) return address();
  ValueId is_possible = b.binary(Opcode::lt_u, cpu, b.constant(facts.possible_cpus()));
  return l.choose(is_possible, address, [&] { return b.constant(0); });
}

const Type* check_cgroupid(Checker& c, const ast::Expr& self, const ast::Call& call) {
  std::optional<std::string_view> path = c.constant_string(call.args[0], "the path of a control group");
  if (!path) return nullptr;
  auto answer = c.facts().cgroup_id(*path);
  if (answer.status != Lookup::found) {
    c.report(Diag::no_such_cgroup, call.args[0]->span, {std::string(*path), answer.why});
    return nullptr;
  }
  c.note(&self).constant = static_cast<int64_t>(answer.value);
  return c.types().uint64();
}

const Type* check_cgroup_path(Checker& c, const ast::Expr&, const ast::Call& call) {
  bool is_good = c.integer(call.args[0], "the id of a control group");
  if (call.args.size() > 1) is_good &= c.constant_string(call.args[1], "a pattern of hierarchies").has_value();
  return is_good ? c.types().simple(TypeKind::cgroup_path) : nullptr;
}

void cgroup_path_into(Lower& l, const ast::Expr&, const ast::Call& call, const Place& to) {
  std::string filter = call.args.size() > 1 ? std::get<std::string>(l.note(call.args[1]).constant) : std::string();
  l.store_scalar(to, l.scalar(call.args[0]), l.types().uint64());
  l.store_scalar(to.at(8), l.b().constant(l.string_index(filter)), l.types().uint64());
}

const Type* check_kfunc_exist(Checker& c, const ast::Expr& self, const ast::Call& call) {
  std::optional<std::string_view> name = c.constant_string(call.args[0], "the name of a kfunc");
  if (!name) return nullptr;
  auto btf = c.facts().btf();
  bool is_there = btf.status == Lookup::found && btf.value->find(Btf::Kind::function, *name).has_value();
  c.note(&self).constant = int64_t{is_there};
  return c.types().boolean();
}

// By the type of program that the probe becomes.
const Type* check_kfunc_allowed(Checker& c, const ast::Expr& self, const ast::Call& call) {
  std::optional<std::string_view> name = c.constant_string(call.args[0], "the name of a kfunc");
  if (!name || (c.body().points.empty() && !c.available(use_ctx, "kfunc_allowed", self.span))) return nullptr;
  Answer<bool> answer = c.facts().may_call(*name, c.context().row->program);
  if (answer.status == Lookup::unreadable) {
    c.report(Diag::cannot_look_up_kfunc, self.span, {std::string(*name), answer.why});
    return nullptr;
  }
  c.note(&self).constant = int64_t{answer.value};
  return c.types().boolean();
}

bool has_code_of_process(mir::ProbeKind kind) {
  return kind == mir::ProbeKind::uprobe || kind == mir::ProbeKind::uretprobe || kind == mir::ProbeKind::usdt;
}

const Type* check_uaddr(Checker& c, const ast::Expr& self, const ast::Call& call) {
  std::optional<std::string_view> name = c.constant_string(call.args[0], "a symbol");
  if (!name) return nullptr;
  if (c.body().points.empty() && !c.available(use_ctx, "uaddr", self.span)) return nullptr;
  const mir::AttachPoint& point = c.body().points.front();
  if (!has_code_of_process(point.kind)) {
    c.report(Diag::builtin_not_available, self.span, {"uaddr", std::string(c.context().row->name)});
    return nullptr;
  }
  auto answer = c.facts().user_symbol(point.target, point.address, *name);
  if (answer.status != Lookup::found) {
    c.report(Diag::no_such_symbol, call.args[0]->span,
             {std::string(*name), answer.why.empty() ? "`" + point.target + "` does not have it" : answer.why});
    return nullptr;
  }
  lay_out_traced_function(c, self.span);
  uint32_t size = answer.value.second;
  bool is_word = size == 1 || size == 2 || size == 4 || size == 8;
  return c.types().pointer(c.types().integer(is_word ? size : 8, false), mir::AddressSpace::user);
}

// Where the file is in the process follows from where the probe is: a body with uaddr has one place.
ValueId lower_uaddr(Lower& l, const ast::Expr&, const ast::Call& call) {
  const mir::AttachPoint& point = l.body().points.front();
  const auto& name = std::get<std::string>(l.note(call.args[0]).constant);
  const int64_t distance = l.program().facts->user_symbol(point.target, point.address, name).value.first;
  const ValueId place = point.kind == mir::ProbeKind::uretprobe ? traced_function(l) : l.load_register("ip");
  return l.b().binary(Opcode::add, place, l.b().constant(distance));
}

ValueId lower_constant(Lower&, const ast::Expr&, const ast::Call&) {
  UNREACHABLE("a constant is lowered where it is used");
}

const Type* check_reg(Checker& c, const ast::Expr& self, const ast::Call& call) {
  std::optional<std::string_view> name = c.constant_string(call.args[0], "a register");
  if (!name) return nullptr;
  if (!c.available(use_registers, "reg", self.span)) return nullptr;
  if (!register_offset(*name)) {
    std::vector<std::string_view> names;
    for (const RegisterRow& row : registers) names.push_back(row.name);
    Diagnostic& said = c.report(Diag::unknown_register, call.args[0]->span, {std::string(*name)});
    if (std::string_view near = nearest_name(*name, names); !near.empty())
      said.with_hint("did you mean `" + std::string(near) + "`?");
    return nullptr;
  }
  return c.types().uint64();
}

ValueId lower_reg(Lower& l, const ast::Expr&, const ast::Call& call) {
  const auto& name = std::get<std::string>(l.note(call.args[0]).constant);
  return l.b().load(mir::MemWidth::u64, l.context(), static_cast<int32_t>(*register_offset(name)));
}

const Type* check_kstack(Checker& c, const ast::Expr& self, const ast::Call& call) {
  if (!c.available(use_stack, call.name, self.span)) return nullptr;
  return check_stack_call(c, call, call.name == "ustack" ? TypeKind::ustack : TypeKind::kstack);
}
void stack_into(Lower& l, const ast::Expr& self, const ast::Call&, const Place& to) {
  write_stack(l, self, to);
}

// Its name is known so that the message can say what else there is.
const Type* check_dw_ustack(Checker& c, const ast::Expr& self, const ast::Call&) {
  c.report(Diag::not_in_this_version, self.span, {"dw_ustack", "stacks are walked by frame pointers alone"})
      .with_hint("`ustack` is whole where programs are built with -fno-omit-frame-pointer");
  return nullptr;
}

const Type* check_bswap(Checker& c, const ast::Expr&, const ast::Call& call) {
  if (!c.integer(call.args[0], "the argument of `bswap`")) return nullptr;
  const Type* type = read_as(c.note(call.args[0]).type, c.types());
  return c.types().integer(type->size, false);
}

ValueId lower_bswap(Lower& l, const ast::Expr& self, const ast::Call& call) {
  ValueId value = l.scalar(call.args[0]);
  switch (l.type(&self)->size) {
    case 1: return value;
    case 2: return l.b().unary(Opcode::bswap16, value);
    case 4: return l.b().unary(Opcode::bswap32, value);
    default: return l.b().unary(Opcode::bswap64, value);
  }
}

struct ClockRow {
  std::string_view name;
  HelperId helper;
};
constexpr ClockRow clocks[] = {
    {"boot", HelperId::ktime_get_boot_ns}, {"monotonic", HelperId::ktime_get_ns}, {"tai", HelperId::ktime_get_tai_ns}};

// Older kernels give no TAI time: boot time and what lay between the two when tracing began comes close.
constexpr std::string_view software_tai = "sw_tai";

bool is_software_tai(const ast::Call& call) {
  const auto* name = call.args.empty() ? nullptr : call.args[0]->as<ast::Ident>();
  return name != nullptr && name->name == software_tai;
}

const ClockRow* find_clock(const ast::Call& call) {
  const auto* name = call.args.empty() ? nullptr : call.args[0]->as<ast::Ident>();
  for (const ClockRow& clock : clocks)
    if ((name == nullptr && call.args.empty()) || (name != nullptr && clock.name == name->name)) return &clock;
  return nullptr;
}

// The clock of `nsecs(clock)`; null for anything else.
const ast::Ident* clock_read_by(const ast::Expr* expr) {
  const auto* call = expr->as<ast::Call>();
  return call == nullptr || call->name != "nsecs" || call->args.empty() ? nullptr : call->args[0]->as<ast::Ident>();
}

const Type* check_strftime(Checker& c, const ast::Expr&, const ast::Call& call) {
  bool is_good = c.constant_string(call.args[0], "a time format").has_value();
  is_good &= c.integer(call.args[1], "the time");
  const ast::Ident* clock = clock_read_by(call.args[1]);
  if (is_good && clock != nullptr && clock->name == "monotonic") {
    c.report(Diag::bad_argument, call.args[1]->span,
             {"strftime", "time since boot or TAI", "a clock that stands still while the machine sleeps"})
        .with_hint("`nsecs` goes on meanwhile");
    return nullptr;
  }
  return is_good ? c.types().simple(TypeKind::timestamp) : nullptr;
}

bool reads_since_boot(const ast::Expr* expr) {
  const auto* name = expr->as<ast::Ident>();
  const auto* call = expr->as<ast::Call>();
  const ast::Ident* clock = clock_read_by(expr);
  const bool is_bare = (name != nullptr && name->name == "nsecs") || (call != nullptr && call->name == "nsecs");
  return clock == nullptr ? is_bare : clock->name == "boot";
}

// Timestamps are since boot; TAI is ahead of that by what it was when tracing began: longer than any machine has been up, so
// that numbers tell which of the two they are.
void strftime_into(Lower& l, const ast::Expr&, const ast::Call& call, const Place& to) {
  ValueId time = l.scalar(call.args[1]);
  if (!reads_since_boot(call.args[1])) {
    const ValueId ahead = l.load_scalar({l.globals_pointer(mir::globals::tai_offset)}, l.types().uint64());
    const ValueId is_tai = l.b().binary(Opcode::le_u, ahead, time);
    time = l.choose(is_tai, [&] { return l.b().binary(Opcode::sub, time, ahead); }, [&] { return time; });
  }
  l.store_scalar(to, time, l.types().uint64());
  uint32_t format = l.string_index(std::get<std::string>(l.note(call.args[0]).constant));
  l.store_scalar(to.at(8), l.b().constant(format), l.types().uint64());
}

const Type* check_nsecs(Checker& c, const ast::Expr&, const ast::Call& call) {
  if (find_clock(call) != nullptr || is_software_tai(call)) return c.types().uint64();
  c.report(Diag::bad_argument, call.args[0]->span, {"nsecs", "a clock: boot, monotonic, tai or sw_tai", "something else"});
  return nullptr;
}
ValueId lower_nsecs(Lower& l, const ast::Expr&, const ast::Call& call) {
  if (!is_software_tai(call)) return l.b().call(find_clock(call)->helper, {});
  ValueId offset = l.load_scalar({l.globals_pointer(mir::globals::tai_offset)}, l.types().uint64());
  return l.b().binary(Opcode::add, l.b().call(HelperId::ktime_get_boot_ns, {}), offset);
}

// getopt("name", default, "help"): a named argument of the command line (after --), typed by its default.
const Type* check_getopt(Checker& c, const ast::Expr& self, const ast::Call& call) {
  std::optional<std::string_view> name = c.constant_string(call.args[0], "the name of an option");
  const Type* type = call.args.size() > 1 ? c.expr(call.args[1]) : c.types().boolean();
  if (call.args.size() > 2 && !c.constant_string(call.args[2], "the help of an option")) return nullptr;
  if (!name || type == nullptr) return nullptr;
  if (type->is(TypeKind::integer)) type = c.types().integer(8, type->is_signed);  // what is given may be longer than the default
  Constant& value = c.note(&self).constant;
  value = call.args.size() > 1 ? c.constant(call.args[1]) : Constant(int64_t{0});
  if (std::holds_alternative<std::monostate>(value)) {
    c.report(Diag::expected_constant, call.args[1]->span, {"the default of an option"});
    return nullptr;
  }
  std::string_view help;
  if (call.args.size() > 2) help = std::get<std::string>(c.constant(call.args[2]));
  if (!note_option(c.program(), c.diagnostics(), *name, {type, value, std::string(help), self.span})) return nullptr;
  auto given = c.program().options.named.find(std::string(*name));
  if (given != c.program().options.named.end()) {
    std::string_view text = given->second;
    bool is_yes = text.empty() || text == "true" || text == "1" || text == "on" || text == "yes";
    bool is_no = text == "false" || text == "0" || text == "off" || text == "no";
    if (type->is(TypeKind::string)) {
      value = std::string(text);
    } else if (type->is(TypeKind::boolean) && (is_yes || is_no)) {
      value = int64_t{is_yes};
    } else if (std::optional<int64_t> number = parse_integer(text); number && !type->is(TypeKind::boolean)) {
      value = *number;
    } else {
      c.report(Diag::bad_named_argument, self.span, {std::string(*name), show(type), std::string(text)});
      return nullptr;
    }
  }
  if (const auto* text = std::get_if<std::string>(&value)) return c.types().string(static_cast<uint32_t>(text->size() + 1));
  return type;
}

constexpr FunctionRow rows[] = {
    {"ksym", "addr", 1, 1, false, check_ksym, lower_ksym, nullptr, "kernel symbol of an address, to be printed"},
    {"usym", "addr", 1, 1, false, check_usym, nullptr, usym_into, "user symbol of an address, to be printed"},
    {"kaddr", "\"symbol\"", 1, 1, false, check_kaddr, lower_constant, nullptr, "address of a kernel symbol"},
    {"percpu_kaddr", "\"symbol\", [cpu]", 1, 2, false, check_percpu_kaddr, lower_percpu_kaddr, nullptr,
     "address of a kernel variable that each processor has its own of"},
    {"cgroupid", "\"path\"", 1, 1, false, check_cgroupid, lower_constant, nullptr, "id of the control group with this folder"},
    {"cgroup_path", "id, [\"pattern\"]", 1, 2, false, check_cgroup_path, nullptr, cgroup_path_into,
     "paths of a control group, to be printed; of the hierarchies that match the pattern"},
    {"kfunc_exist", "\"name\"", 1, 1, false, check_kfunc_exist, lower_constant, nullptr,
     "whether the kernel has this function, as its types tell"},
    {"kfunc_allowed", "\"name\"", 1, 1, false, check_kfunc_allowed, lower_constant, nullptr,
     "whether the kernel lets programs of this probe's type call a function of its"},
    {"uaddr", "\"symbol\"", 1, 1, false, check_uaddr, lower_uaddr, nullptr,
     "address of a symbol of the traced binary, in the process"},
    {"reg", "\"name\"", 1, 1, false, check_reg, lower_reg, nullptr, "a processor register"},
    {"kstack", "[mode], [limit]", 0, 2, false, check_kstack, nullptr, stack_into,
     "kernel stack; modes are bpftrace, perf and raw"},
    {"ustack", "[mode], [limit]", 0, 2, false, check_kstack, nullptr, stack_into,
     "user stack; modes are bpftrace, perf, raw and build_id: the file's build id and an offset in it"},
    {"dw_ustack", "[mode], [limit]", 0, 2, false, check_dw_ustack, lower_constant, nullptr,
     "user stack by unwinding tables; not part of this version, which says so"},
    {"bswap", "n", 1, 1, false, check_bswap, lower_bswap, nullptr, "bytes in reverse order, by the width of the operand"},
    {"strftime", "format, nsecs", 2, 2, false, check_strftime, nullptr, strftime_into,
     "time since boot, or `nsecs(tai)`, as a date, to be printed"},
    {"nsecs", "[clock]", 0, 1, false, check_nsecs, lower_nsecs, nullptr, "nanoseconds of a clock: boot, monotonic, tai, sw_tai"},
    {"getopt", "\"name\", [default], [\"help\"]", 1, 3, false, check_getopt, lower_constant, nullptr,
     "named argument of the command line"},
};

}  // namespace

std::span<const FunctionRow> value_functions() {
  return rows;
}

}  // namespace shrike
