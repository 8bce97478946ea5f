// Functions that make a value from others.
#include "frontend/checker.h"
#include "frontend/constants.h"
#include "frontend/function_rows.h"
#include "frontend/lower.h"
#include "frontend/registers.h"
#include "frontend/stacks.h"

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

const Type* check_uaddr(Checker& c, const ast::Expr& self, const ast::Call& call) {
  std::optional<std::string_view> name = c.constant_string(call.args[0], "a symbol");
  if (!name) return nullptr;
  if (c.body().points.empty() && !c.available(use_ctx, "uaddr", self.span)) return nullptr;
  const mir::AttachPoint& point = c.body().points.front();
  if (point.kind != mir::ProbeKind::uprobe && point.kind != mir::ProbeKind::uretprobe) {
    c.report(Diag::builtin_not_available, self.span, {"uaddr", std::string(c.context().row->name)});
    return nullptr;
  }
  auto answer = c.facts().user_address(point.target, *name);
  if (answer.status != Lookup::found) {
    c.report(Diag::no_such_symbol, call.args[0]->span,
             {std::string(*name), answer.why.empty() ? "`" + point.target + "` does not have it" : answer.why});
    return nullptr;
  }
  c.note(&self).constant = static_cast<int64_t>(answer.value.first);
  uint32_t size = answer.value.second;
  bool is_word = size == 1 || size == 2 || size == 4 || size == 8;
  return c.types().pointer(c.types().integer(is_word ? size : 8, false), mir::AddressSpace::user);
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

const Type* check_strftime(Checker& c, const ast::Expr&, const ast::Call& call) {
  bool is_good = c.constant_string(call.args[0], "a time format").has_value();
  is_good &= c.integer(call.args[1], "the time");
  return is_good ? c.types().simple(TypeKind::timestamp) : nullptr;
}

void strftime_into(Lower& l, const ast::Expr&, const ast::Call& call, const Place& to) {
  l.store_scalar(to, l.scalar(call.args[1]), l.types().uint64());
  uint32_t format = l.string_index(std::get<std::string>(l.note(call.args[0]).constant));
  l.store_scalar(to.at(8), l.b().constant(format), l.types().uint64());
}

struct ClockRow {
  std::string_view name;
  HelperId helper;
};
constexpr ClockRow clocks[] = {
    {"boot", HelperId::ktime_get_boot_ns}, {"monotonic", HelperId::ktime_get_ns}, {"tai", HelperId::ktime_get_tai_ns}};

const ClockRow* find_clock(const ast::Call& call) {
  const auto* name = call.args.empty() ? nullptr : call.args[0]->as<ast::Ident>();
  for (const ClockRow& clock : clocks)
    if ((name == nullptr && call.args.empty()) || (name != nullptr && clock.name == name->name)) return &clock;
  return nullptr;
}

const Type* check_nsecs(Checker& c, const ast::Expr&, const ast::Call& call) {
  if (find_clock(call) != nullptr) return c.types().uint64();
  c.report(Diag::bad_argument, call.args[0]->span, {"nsecs", "a clock: boot, monotonic or tai", "something else"});
  return nullptr;
}
ValueId lower_nsecs(Lower& l, const ast::Expr&, const ast::Call& call) {
  return l.b().call(find_clock(call)->helper, {});
}

// Numbers of signal(7), x86-64.
struct SignalRow {
  std::string_view name;
  int64_t number;
};
constexpr SignalRow signals[] = {
    {"HUP", 1},   {"INT", 2},     {"QUIT", 3},  {"ILL", 4},    {"TRAP", 5},  {"ABRT", 6},  {"BUS", 7},   {"FPE", 8},
    {"KILL", 9},  {"USR1", 10},   {"SEGV", 11}, {"USR2", 12},  {"PIPE", 13}, {"ALRM", 14}, {"TERM", 15}, {"STKFLT", 16},
    {"CHLD", 17}, {"CONT", 18},   {"STOP", 19}, {"TSTP", 20},  {"TTIN", 21}, {"TTOU", 22}, {"URG", 23},  {"XCPU", 24},
    {"XFSZ", 25}, {"VTALRM", 26}, {"PROF", 27}, {"WINCH", 28}, {"IO", 29},   {"PWR", 30},  {"SYS", 31},
};

int64_t signal_number(std::string_view name) {
  if (name.starts_with("SIG")) name.remove_prefix(3);
  for (const SignalRow& row : signals)
    if (row.name == name) return row.number;
  return 0;
}

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

ValueId lower_signal(Lower& l, const ast::Expr&, const ast::Call& call) {
  const auto* name = std::get_if<std::string>(&l.note(call.args[0]).constant);
  l.b().call(HelperId::send_signal, {name != nullptr ? l.b().constant(signal_number(*name)) : l.scalar(call.args[0])});
  return {};
}

// getopt("name", default, "help"): a named argument of the command line (after --), typed by its default.
const Type* check_getopt(Checker& c, const ast::Expr& self, const ast::Call& call) {
  std::optional<std::string_view> name = c.constant_string(call.args[0], "the name of an option");
  const Type* type = call.args.size() > 1 ? c.expr(call.args[1]) : c.types().boolean();
  if (call.args.size() > 2 && !c.constant_string(call.args[2], "the help of an option")) return nullptr;
  if (!name || type == nullptr) return nullptr;
  Constant& value = c.note(&self).constant;
  value = call.args.size() > 1 ? c.constant(call.args[1]) : Constant(int64_t{0});
  if (std::holds_alternative<std::monostate>(value)) {
    c.report(Diag::expected_constant, call.args[1]->span, {"the default of an option"});
    return nullptr;
  }
  c.program().option_names.insert(std::string(*name));
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
    {"uaddr", "\"symbol\"", 1, 1, false, check_uaddr, lower_constant, nullptr, "address of a symbol of the traced binary"},
    {"reg", "\"name\"", 1, 1, false, check_reg, lower_reg, nullptr, "a processor register"},
    {"kstack", "[mode], [limit]", 0, 2, false, check_kstack, nullptr, stack_into, "kernel stack"},
    {"ustack", "[mode], [limit]", 0, 2, false, check_kstack, nullptr, stack_into, "user stack"},
    {"bswap", "n", 1, 1, false, check_bswap, lower_bswap, nullptr, "bytes in reverse order, by the width of the operand"},
    {"strftime", "format, nsecs", 2, 2, false, check_strftime, nullptr, strftime_into,
     "time since boot as a date, to be printed"},
    {"nsecs", "[clock]", 0, 1, false, check_nsecs, lower_nsecs, nullptr, "nanoseconds of a clock: boot, monotonic, tai"},
    {"getopt", "\"name\", [default], [\"help\"]", 1, 3, false, check_getopt, lower_constant, nullptr,
     "named argument of the command line"},
    {"signal", "number or \"name\"", 1, 1, true, check_signal, lower_signal, nullptr, "sends a signal to the current process"},
};

}  // namespace

std::span<const FunctionRow> value_functions() {
  return rows;
}

}  // namespace shrike
