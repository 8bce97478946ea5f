// Functions that send a record to user space.
#include "frontend/checker.h"
#include "frontend/function_rows.h"
#include "frontend/lower.h"
#include "frontend/pinned_output.h"

namespace shrike {

namespace {

using mir::EventKind;
using mir::Type;
using mir::TypeKind;
using mir::ValueId;

constexpr uint32_t any_number = UINT32_MAX;

const Type* check_format(Checker& c, const ast::Expr&, const ast::Call& call) {
  c.format(call, 0);
  return c.types().none();
}

const Type* check_printf(Checker& c, const ast::Expr&, const ast::Call& call) {
  if (c.format(call, 0) && c.program().is_pinned) c.pinned_format(call);
  return c.types().none();
}

ValueId lower_printf(Lower& l, const ast::Expr& self, const ast::Call& call) {
  if (l.program().is_pinned) print_to_reader(l, call);
  else l.formatted(EventKind::printf, self, call, 0);
  return {};
}

template <EventKind kind>
ValueId lower_format(Lower& l, const ast::Expr& self, const ast::Call& call) {
  l.formatted(kind, self, call, 0);
  return {};
}

constexpr size_t most_traced = 3;  // bpf_trace_printk takes no more values

// The kernel formats these: integers only.
const Type* check_debugf(Checker& c, const ast::Expr& self, const ast::Call& call) {
  if (!c.format(call, 0)) return nullptr;
  for (size_t i = 1; i < call.args.size(); i++) {
    const Type* type = c.note(call.args[i]).type;
    if (converts_to_integer(type)) continue;
    c.report(Diag::bad_argument, call.args[i]->span, {"debugf", "an integer", show(type)});
    return nullptr;
  }
  c.report(Diag::for_debugging, self.span, {"debugf"});
  return c.types().none();
}

ValueId lower_debugf(Lower& l, const ast::Expr&, const ast::Call& call) {
  mir::Builder& b = l.b();
  const auto& format = std::get<std::string>(l.note(call.args[0]).constant);
  auto size = static_cast<uint32_t>(format.size() + 1);
  ValueId values[most_traced];
  for (size_t i = 0; i < most_traced; i++) values[i] = i + 1 < call.args.size() ? l.scalar(call.args[i + 1]) : b.constant(0);
  Place text{l.slot("format", size)};
  l.write_bytes(text, format, size);
  b.call(mir::HelperId::trace_printk, {text.pointer, b.constant(size), values[0], values[1], values[2]});
  return {};
}

bool is_whole_map(const ast::Expr* expr) {
  return expr->as<ast::MapRef>() != nullptr && expr->as<ast::MapRef>()->key == nullptr;
}

const Type* check_print(Checker& c, const ast::Expr&, const ast::Call& call) {
  if (is_whole_map(call.args[0])) {
    const UserMap* map = c.whole_map(call.args[0], "print");
    for (size_t i = 1; i < call.args.size(); i++) {
      std::optional<int64_t> value = c.constant_integer(call.args[i], i == 1 ? "the number of entries" : "the divisor");
      if (value && *value < 0)
        c.report(Diag::out_of_range, call.args[i]->span,
                 {i == 1 ? "the number of entries" : "the divisor", std::to_string(*value), "0", std::to_string(INT64_MAX)});
    }
    if (call.args.size() > 1 && map != nullptr && map->value != nullptr && map->value->is(TypeKind::stats))
      c.report(Diag::top_of_stats, call.args[1]->span, {});
    return c.types().none();
  }
  const Type* type = c.expr(call.args[0]);
  if (type == nullptr) return nullptr;
  if (type->is(TypeKind::record) && c.layout(type, call.args[0]->span) == nullptr) return nullptr;
  if (type->is(TypeKind::none) || type->is_chart()) {
    c.report(Diag::bad_argument, call.args[0]->span, {"print", "a value or a whole map", show(type)});
    return nullptr;
  }
  if (call.args.size() > 1) {
    c.report(Diag::expected_map, call.args[0]->span, {"print"}).with_hint("only whole maps are printed by their largest entries");
    return nullptr;
  }
  return c.types().none();
}

ValueId lower_print(Lower& l, const ast::Expr& self, const ast::Call& call) {
  mir::EventDecl event;
  event.span = self.span;
  if (!is_whole_map(call.args[0])) {
    event.kind = EventKind::print_value;
    l.emit_statement(std::move(event), {l.record_field(call.args[0])});
    return {};
  }
  event.kind = EventKind::print_map;
  event.map = l.mir_map(l.note(call.args[0]).map);
  auto number = [&](size_t i) {
    return l.integer_field(i < call.args.size() ? std::get<int64_t>(l.note(call.args[i]).constant) : 0);
  };
  l.emit_statement(std::move(event), {number(1), number(2)});
  return {};
}

const Type* check_whole_map(Checker& c, const ast::Expr&, const ast::Call& call) {
  c.whole_map(call.args[0], call.name);
  return c.types().none();
}

template <EventKind kind>
ValueId lower_map_event(Lower& l, const ast::Expr&, const ast::Call& call) {
  mir::EventDecl event;
  event.kind = kind;
  event.map = l.mir_map(l.note(call.args[0]).map);
  l.emit_statement(std::move(event), {});
  return {};
}

const Type* check_exit(Checker& c, const ast::Expr&, const ast::Call& call) {
  if (!call.args.empty() && !c.integer(call.args[0], "an exit code")) return nullptr;
  return c.types().none();
}

// The code is left in the globals too, where it cannot get lost in a full ring. Who finds it there finds all that the program
// sent before.
void end_trace(Lower& l, const Lower::RecordField& code, ValueId value) {
  mir::Builder& b = l.b();
  mir::EventDecl event;
  event.kind = EventKind::exit;
  l.emit_statement(std::move(event), {code});
  l.emit_gathered();
  Place exit_code{l.globals_pointer(mir::globals::exit_code)};
  mir::BlockId first = l.new_block("first_exit");
  mir::BlockId on = l.new_block("exiting");
  l.branch(l.load_scalar(exit_code, l.types().uint64()), on, first);
  l.enter(first);
  l.store_scalar(exit_code, b.binary(mir::Opcode::add, value, b.constant(1)), l.types().uint64());
  l.jump(on);
  l.enter(on);
  l.leave_program();
}

void end_trace(Lower& l, int64_t code) {
  end_trace(l, l.integer_field(code), l.b().constant(code));
}

ValueId lower_exit(Lower& l, const ast::Expr&, const ast::Call& call) {
  if (call.args.empty()) {
    end_trace(l, 0);
  } else if (const auto* code = std::get_if<int64_t>(&l.note(call.args[0]).constant)) {
    end_trace(l, *code & 0xff);
  } else {
    ValueId value = l.b().unary(mir::Opcode::zext8, l.scalar(call.args[0]));
    end_trace(l, {l.types().int64(), nullptr, value}, value);
  }
  return {};
}

const Type* check_assert(Checker& c, const ast::Expr&, const ast::Call& call) {
  bool is_good = c.integer(call.args[0], "the condition of `assert`");
  const Type* message = c.expr(call.args[1]);
  if (!is_good || message == nullptr) return nullptr;
  if (message->is(TypeKind::string)) return c.types().none();
  c.report(Diag::bad_argument, call.args[1]->span, {"assert", "a message", show(message)});
  return nullptr;
}

// The message is an error of the script's own; what follows it is exit(1).
ValueId lower_assert(Lower& l, const ast::Expr& self, const ast::Call& call) {
  mir::BlockId failed = l.new_block("assert_failed");
  mir::BlockId on = l.new_block("asserted");
  l.branch_on(call.args[0], on, failed);
  l.enter(failed);
  mir::EventDecl event;
  event.kind = EventKind::errorf;
  event.format = "assert failed: %s";
  event.span = self.span;
  l.emit(std::move(event), {l.record_field(call.args[1])});
  end_trace(l, 1);
  l.jump(on);
  l.enter(on);
  return {};
}

const Type* check_time(Checker& c, const ast::Expr&, const ast::Call& call) {
  if (!call.args.empty()) c.constant_string(call.args[0], "a time format");
  return c.types().none();
}

ValueId lower_time(Lower& l, const ast::Expr&, const ast::Call& call) {
  mir::EventDecl event;
  event.kind = EventKind::time;
  event.format = call.args.empty() ? "%H:%M:%S\n" : std::get<std::string>(l.note(call.args[0]).constant);
  l.emit_statement(std::move(event), {});
  return {};
}

constexpr uint32_t join_strings = 16;
constexpr uint32_t join_log_size = 10;
constexpr uint32_t join_string_size = 1 << join_log_size;

const Type* check_join(Checker& c, const ast::Expr&, const ast::Call& call) {
  const Type* type = c.expr(call.args[0]);
  if (type != nullptr && !type->is(TypeKind::pointer) && !type->is(TypeKind::integer)) {
    c.report(Diag::bad_argument, call.args[0]->span, {"join", "a pointer to an array of strings", show(type)});
    return nullptr;
  }
  if (call.args.size() > 1) c.constant_string(call.args[1], "a separator");
  return c.types().none();
}

// Reads pointers up to the first null. The record tells first how many bytes the strings take. The verifier walks each round:
// what it would have to look at again, places and pointers, is added to rather than made from a number of the round.
ValueId lower_join(Lower& l, const ast::Expr&, const ast::Call& call) {
  mir::Builder& b = l.b();
  Place source = l.pointee(call.args[0], l.body().context.space);
  ValueId list = source.pointer;
  Place::Memory memory = source.memory;
  mir::EventDecl event;
  event.kind = EventKind::join;
  event.format = call.args.size() > 1 ? std::get<std::string>(l.note(call.args[1]).constant) : " ";
  event.fields.push_back({l.types().uint64(), 0});
  event.fields.push_back({l.types().array(l.types().string(join_string_size), join_strings), 0});
  l.emit_event(std::move(event), [&](const Place& record, const mir::EventDecl& laid_out) {
    const auto field = [&](size_t i) { return record.offset + static_cast<int32_t>(laid_out.fields[i].offset); };
    Place word{l.slot("argument", 8)};
    mir::BlockId head = l.new_block("argument");
    mir::BlockId read = l.new_block("read"), next = l.new_block("next");
    mir::BlockId ended = l.new_block("ended"), full = l.new_block("full"), end = l.new_block("end");
    l.jump_with(head, {b.constant(0), list});
    l.enter_unsealed(head);
    ValueId at = b.add_param(head, {}), entry = b.add_param(head, {});
    l.probe_read(word, b.constant(8), entry, memory);
    ValueId address = b.load(mir::MemWidth::u64, word.pointer, 0);
    l.branch(address, read, ended);
    l.enter(read);
    // Looked at here, the number is known to be small where the verifier wants to know it.
    ValueId text = b.ptr_add(b.ptr_add(record.pointer, b.constant(field(1))), at);
    l.probe_read_str({text}, b.constant(join_string_size), address, memory);
    ValueId after = b.binary(mir::Opcode::add, at, b.constant(join_string_size));
    ValueId entry_after = b.binary(mir::Opcode::add, entry, b.constant(8));
    l.branch(b.binary(mir::Opcode::le_u, after, b.constant((join_strings - 1) * join_string_size)), next, full);
    l.enter(next);
    l.jump_with(head, {after, entry_after});
    l.seal(head);
    l.enter(ended);
    l.jump_with(end, {at});
    l.enter(full);
    l.jump_with(end, {after});
    l.enter(end);
    b.store(mir::MemWidth::u64, record.pointer, b.add_param(end, {}), field(0));
  });
  return {};
}

constexpr FunctionRow rows[] = {
    {"printf", "format, ...", 1, any_number, false, check_printf, lower_printf, nullptr,
     "prints formatted text; beside those of C, %s shows any value, %r, %rx and %rh show bytes, %gr flags of allocations"},
    {"errorf", "format, ...", 1, any_number, false, check_format, lower_format<EventKind::errorf>, nullptr,
     "prints formatted text to stderr, as an error", true},
    {"warnf", "format, ...", 1, any_number, false, check_format, lower_format<EventKind::warnf>, nullptr,
     "prints formatted text to stderr, as a warning", true},
    {"debugf", "format, up to 3 integers", 1, most_traced + 1, false, check_debugf, lower_debugf, nullptr,
     "writes to the kernel's trace_pipe"},
    {"system", "format, ...", 1, any_number, true, check_format, lower_format<EventKind::system>, nullptr, "runs a shell command",
     true},
    {"cat", "format, ...", 1, any_number, false, check_format, lower_format<EventKind::cat>, nullptr, "prints a file", true},
    {"print", "value or @map, [top], [divisor]", 1, 3, false, check_print, lower_print, nullptr, "prints a value, or a map",
     true},
    {"clear", "@map", 1, 1, false, check_whole_map, lower_map_event<EventKind::clear>, nullptr, "removes every entry of a map",
     true},
    {"zero", "@map", 1, 1, false, check_whole_map, lower_map_event<EventKind::zero>, nullptr, "sets every value of a map to zero",
     true},
    {"exit", "[code]", 0, 1, false, check_exit, lower_exit, nullptr, "ends the trace", true},
    {"assert", "condition, message", 2, 2, false, check_assert, lower_assert, nullptr,
     "ends the trace with an error if the condition is false", true},
    {"time", "[format]", 0, 1, false, check_time, lower_time, nullptr, "prints the time of day", true},
    {"join", "list, [separator]", 1, 2, false, check_join, lower_join, nullptr, "prints an array of strings, such as argv", true},
};

}  // namespace

std::span<const FunctionRow> output_functions() {
  return rows;
}

}  // namespace shrike
