// Functions that read memory.
#include <algorithm>

#include "frontend/addresses.h"
#include "frontend/checker.h"
#include "frontend/function_rows.h"
#include "frontend/lower.h"
#include "frontend/probes.h"

namespace shrike {

namespace {

using mir::BlockId;
using mir::MemWidth;
using mir::Opcode;
using mir::Type;
using mir::TypeKind;
using mir::ValueId;

// A text known while compiling: a literal, or a positional parameter as it was written.
std::optional<std::string> known_text(const CheckedProgram& program, const ast::Expr* expr, const Constant& constant) {
  if (const auto* text = std::get_if<std::string>(&constant)) return *text;
  const auto* position = expr->as<ast::Positional>();
  if (position == nullptr) return std::nullopt;
  const auto& given = program.options.positionals;
  return position->number <= given.size() ? given[position->number - 1] : std::string();
}

bool is_known_length(const Constant& constant) {
  return std::holds_alternative<int64_t>(constant);
}

const Type* check_str(Checker& c, const ast::Expr& self, const ast::Call& call) {
  const Type* type = c.expr(call.args[0]);
  auto capacity = static_cast<uint32_t>(c.program().config.max_strlen);
  if (call.args.size() == 2) {
    if (!c.integer(call.args[1], "the length of `str`")) return nullptr;
    if (const auto* length = std::get_if<int64_t>(&c.constant(call.args[1]))) {
      if (*length < 0) {
        c.report(Diag::out_of_range, call.args[1]->span, {"the length", std::to_string(*length), "0", std::to_string(capacity)});
        return nullptr;
      }
      capacity = static_cast<uint32_t>(std::min<uint64_t>(static_cast<uint64_t>(*length) + 1, capacity));
    }
  }
  if (type == nullptr) return nullptr;
  if (std::optional<std::string> text = known_text(c.program(), call.args[0], c.constant(call.args[0]))) {
    text->resize(std::min<size_t>(text->size(), capacity - 1));
    const Type* result = c.types().string(static_cast<uint32_t>(text->size() + 1));
    if (call.args.size() == 1 || is_known_length(c.constant(call.args[1]))) c.note(&self).constant = std::move(*text);
    return result;
  }
  if (type->is(TypeKind::string)) return call.args.size() == 1 ? type : c.types().string(std::min(type->size, capacity));
  if (!c.leads_somewhere(call.args[0])) return nullptr;
  if (is_address(type) || (type->is(TypeKind::array) && type->element->size == 1)) return c.types().string(capacity);
  c.report(Diag::bad_argument, call.args[0]->span, {"str", "an address", show(type)});
  return nullptr;
}

// A string that went on past max_strlen loses its NUL, which is how printing knows to append str_trunc_trailer. A read that
// filled the buffer may also have ended just there: the byte it stopped before tells.
void mark_cut(Lower& l, const Place& to, uint32_t capacity, ValueId length, ValueId address, Place::Memory memory) {
  mir::Builder& b = l.b();
  BlockId filled = l.new_block("filled");
  BlockId cut = l.new_block("cut");
  BlockId on = l.new_block("on");
  l.branch(b.binary(Opcode::eq, length, b.constant(capacity)), filled, on);
  l.enter(filled);
  Place next{l.slot("next", 8)};
  l.probe_read(next, b.constant(1), l.address_at({address, static_cast<int32_t>(capacity) - 1, memory}), memory);
  l.branch(b.load(MemWidth::u8, next.pointer, 0), cut, on);
  l.enter(cut);
  b.store(MemWidth::u8, to.pointer, b.constant(0xff), to.offset + static_cast<int32_t>(capacity) - 1);
  l.jump(on);
  l.enter(on);
}

void str_into(Lower& l, const ast::Expr& self, const ast::Call& call, const Place& to) {
  const Type* from = l.type(call.args[0]);
  const Type* own = l.type(&self);
  mir::Builder& b = l.b();
  const bool is_limited = call.args.size() == 2 && !is_known_length(l.note(call.args[1]).constant);
  const std::optional<std::string> text = known_text(l.program(), call.args[0], l.note(call.args[0]).constant);
  const bool is_text = text || from->is(TypeKind::string);
  if (is_text && !is_limited) return l.into(call.args[0], own, to);
  Place whole{};
  if (is_text) whole = Place{l.slot("text", own->size)};
  if (text) l.write_bytes(whole, *text, own->size);
  else if (is_text) l.into(call.args[0], own, whole);
  ValueId size = b.constant(own->size);
  if (is_limited) {
    size = b.clamp_u(b.binary(Opcode::add, l.scalar(call.args[1]), b.constant(1)), own->size);
    if (to.is_record) b.store(MemWidth::u8, to.pointer, b.constant(0), to.offset);  // a size of zero writes nothing
  }
  if (is_text) {
    l.read_string(to, own->size, size, l.address_at(whole), Place::Memory::kernel);
    return;
  }
  Place source = l.pointee(call.args[0], l.body().context.space);
  if (from->is(TypeKind::array) && !is_flexible_array(from)) {
    size = b.clamp_u(size, std::min(own->size, from->size));
    l.read_string(to, own->size, size, source.pointer, source.memory);
    return;
  }
  ValueId length = l.read_string(to, own->size, size, source.pointer, source.memory);
  if (call.args.size() == 1) mark_cut(l, to, own->size, length, source.pointer, source.memory);
}

const Type* check_buf(Checker& c, const ast::Expr&, const ast::Call& call) {
  const Type* type = c.expr(call.args[0]);
  auto capacity = static_cast<uint32_t>(c.program().config.max_strlen);
  if (type == nullptr) return nullptr;
  bool is_array = type->is(TypeKind::array) || type->is(TypeKind::string);
  if (!is_array && !is_address(type)) {
    c.report(Diag::bad_argument, call.args[0]->span, {"buf", "an address or an array", show(type)});
    return nullptr;
  }
  if (!c.leads_somewhere(call.args[0])) return nullptr;
  if (call.args.size() == 1) {
    if (!is_array || is_flexible_array(type)) {
      c.report(Diag::wrong_argument_count, call.args[0]->span, {"buf", "2", "1"})
          .with_hint("only arrays know their length: `buf(addr, length)`");
      return nullptr;
    }
    return c.types().buffer(std::min(type->size, capacity));
  }
  if (!c.integer(call.args[1], "the length of `buf`")) return nullptr;
  if (const auto* length = std::get_if<int64_t>(&c.constant(call.args[1]))) {
    if (*length < 1) {
      c.report(Diag::out_of_range, call.args[1]->span, {"the length", std::to_string(*length), "1", std::to_string(capacity)});
      return nullptr;
    }
    capacity = static_cast<uint32_t>(std::min<uint64_t>(static_cast<uint64_t>(*length), capacity));
  }
  return c.types().buffer(capacity);
}

void buf_into(Lower& l, const ast::Expr& self, const ast::Call& call, const Place& to) {
  const Type* from = l.type(call.args[0]);
  const Type* own = l.type(&self);
  mir::Builder& b = l.b();
  bool is_known = call.args.size() == 1 || std::holds_alternative<int64_t>(l.note(call.args[1]).constant);
  ValueId length = is_known ? b.constant(own->count) : b.clamp_u(l.scalar(call.args[1]), own->count);
  if (!to.is_record) l.zero(to, own->size);
  l.store_scalar(to, length, l.types().integer(4, false));
  if (is_address(from) || is_flexible_array(from)) {
    Place source = l.pointee(call.args[0], l.body().context.space);
    l.probe_read(to.at(4), length, source.pointer, source.memory);
    return;
  }
  Place array = l.place(call.args[0]);
  length = b.clamp_u(length, std::min(own->count, from->size));
  l.probe_read(to.at(4), length, l.address_at(array),
               array.memory == Place::Memory::user ? Place::Memory::user : Place::Memory::kernel);
}

const Type* check_path(Checker& c, const ast::Expr& self, const ast::Call& call) {
  if (!c.available(use_ctx, "path", self.span)) return nullptr;
  if (c.context().row->program != mir::ProgramType::tracing) {
    c.report(Diag::builtin_not_available, self.span, {"path", std::string(c.context().row->name)});
    return nullptr;
  }
  const Type* type = c.expr(call.args[0]);
  auto size = static_cast<int64_t>(c.program().config.max_strlen);
  if (call.args.size() == 2) {
    std::optional<int64_t> given = c.constant_integer(call.args[1], "the size of `path`");
    if (!given) return nullptr;
    if (*given < 1 || *given > size) {
      c.report(Diag::out_of_range, call.args[1]->span, {"the size", std::to_string(*given), "1", std::to_string(size)});
      return nullptr;
    }
    size = *given;
  }
  if (type == nullptr) return nullptr;
  const Type* record = type->is(TypeKind::pointer) ? type->element : type;
  if (record->is(TypeKind::record) && record->name == "path" && is_from_context(c, call.args[0]))
    return c.types().string(static_cast<uint32_t>(size));
  c.report(Diag::bad_argument, call.args[0]->span,
           {"path", "an argument, or what `ctx` of iter points to, that is or holds a `struct path`", show(type)});
  return nullptr;
}

// The kernel writes the path from the end of the buffer and moves it to the front: what follows the NUL is left over.
void path_into(Lower& l, const ast::Expr& self, const ast::Call& call, const Place& to) {
  mir::Builder& b = l.b();
  const Type* own = l.type(&self);
  Place made{l.slot("path", own->size)};
  l.zero(made, own->size);
  with_pointer_from_context(l, call.args[0], [&](ValueId path) {
    return b.call(mir::HelperId::d_path, {path, l.pointer_at(made), b.constant(own->size)});
  });
  l.read_string(to, own->size, b.constant(own->size), l.address_at(made), Place::Memory::kernel);
}

constexpr FunctionRow rows[] = {
    {"str", "addr, [length]", 1, 2, false, check_str, nullptr, str_into,
     "string at an address, or the beginning of a string; of up to so many bytes"},
    {"buf", "addr, length", 1, 2, false, check_buf, nullptr, buf_into, "bytes at an address"},
    {"path", "path, [size]", 1, 2, false, check_path, nullptr, path_into,
     "the whole path of a `struct path` that an argument is or holds; of functions that the kernel allows it for, such as "
     "security_file_open"},
};

}  // namespace

bool read_beginning(Lower& l, const ast::Expr& self, const Type* as, const Place& to) {
  const FunctionRow* function = l.note(&self).function;
  if (function == nullptr || function->into != str_into || !as->is(TypeKind::string)) return false;
  const ast::Call& call = *self.as<ast::Call>();
  const Type* from = l.type(call.args[0]);
  const bool is_limited = call.args.size() == 2 && !is_known_length(l.note(call.args[1]).constant);
  if (is_limited || from->is(TypeKind::string) || known_text(l.program(), call.args[0], l.note(call.args[0]).constant))
    return false;
  const bool is_array = from->is(TypeKind::array) && !is_flexible_array(from);
  const uint32_t size = is_array ? std::min(as->size, from->size) : as->size;
  const Place source = l.pointee(call.args[0], l.body().context.space);
  l.read_string(to, as->size, l.b().constant(size), source.pointer, source.memory);
  return true;
}

std::span<const FunctionRow> memory_functions() {
  return rows;
}

}  // namespace shrike
