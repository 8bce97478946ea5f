// Functions that read memory.
#include <algorithm>

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

constexpr int64_t af_inet = 2;
constexpr int64_t af_inet6 = 10;

mir::AddressSpace space_of(const Type* type, const ProbeContext& context) {
  return type->is(TypeKind::pointer) ? type->space : context.space;
}

bool is_address(const Type* type) {
  return type->is(TypeKind::pointer) || type->is(TypeKind::integer);
}

const Type* check_str(Checker& c, const ast::Expr& self, const ast::Call& call) {
  const Type* type = c.expr(call.args[0]);
  auto capacity = static_cast<uint32_t>(std::min<uint64_t>(c.program().config.max_strlen, 65536));
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
  if (const auto* text = std::get_if<std::string>(&c.constant(call.args[0]))) {  // str($1)
    std::string kept = text->substr(0, capacity - 1);
    const Type* result = c.types().string(static_cast<uint32_t>(kept.size() + 1));
    c.note(&self).constant = std::move(kept);
    return result;
  }
  const auto* position = call.args[0]->as<ast::Positional>();
  if (position != nullptr) {  // a positional parameter as it was written
    const auto& given = c.program().options.positionals;
    std::string text = position->number <= given.size() ? given[position->number - 1].substr(0, capacity - 1) : std::string();
    const Type* result = c.types().string(static_cast<uint32_t>(text.size() + 1));
    c.note(&self).constant = std::move(text);
    return result;
  }
  if (type->is(TypeKind::string)) return type;
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
  if (from->is(TypeKind::string)) return l.into(call.args[0], own, to);
  ValueId size = b.constant(own->size);
  bool is_limited = call.args.size() == 2 && !std::holds_alternative<int64_t>(l.note(call.args[1]).constant);
  if (is_limited) {
    size = b.clamp_u(b.binary(Opcode::add, l.scalar(call.args[1]), b.constant(1)), own->size);
    if (to.is_record) b.store(MemWidth::u8, to.pointer, b.constant(0), to.offset);  // a size of zero writes nothing
  }
  if (from->is(TypeKind::array)) {
    Place array = l.place(call.args[0]);
    Place::Memory memory = array.memory == Place::Memory::user ? Place::Memory::user : Place::Memory::kernel;
    size = b.clamp_u(size, std::min(own->size, from->size));
    l.read_string(to, own->size, size, l.address_at(array), memory);
    return;
  }
  ValueId address = l.scalar(call.args[0]);
  Place::Memory memory = memory_of(space_of(from, l.body().context));
  ValueId length = l.read_string(to, own->size, size, address, memory);
  if (call.args.size() == 1) mark_cut(l, to, own->size, length, address, memory);
}

const Type* check_buf(Checker& c, const ast::Expr&, const ast::Call& call) {
  const Type* type = c.expr(call.args[0]);
  auto capacity = static_cast<uint32_t>(std::min<uint64_t>(c.program().config.max_strlen, 65536));
  if (type == nullptr) return nullptr;
  bool is_array = type->is(TypeKind::array) || type->is(TypeKind::string);
  if (!is_array && !is_address(type)) {
    c.report(Diag::bad_argument, call.args[0]->span, {"buf", "an address or an array", show(type)});
    return nullptr;
  }
  if (call.args.size() == 1) {
    if (!is_array) {
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
  if (is_address(from)) {
    l.probe_read(to.at(4), length, l.scalar(call.args[0]), memory_of(space_of(from, l.body().context)));
    return;
  }
  Place array = l.place(call.args[0]);
  length = b.clamp_u(length, std::min(own->count, from->size));
  l.probe_read(to.at(4), length, l.address_at(array),
               array.memory == Place::Memory::user ? Place::Memory::user : Place::Memory::kernel);
}

const Type* check_ntop(Checker& c, const ast::Expr&, const ast::Call& call) {
  if (call.args.size() == 2 && !c.integer(call.args[0], "the address family")) return nullptr;
  const ast::Expr* address = call.args.back();
  const Type* type = c.expr(address);
  if (type == nullptr) return nullptr;
  bool is_bytes = (type->is(TypeKind::array) || type->is(TypeKind::string)) && (type->size == 4 || type->size == 16);
  if (!is_bytes && !converts_to_integer(type)) {
    c.report(Diag::bad_argument, address->span, {"ntop", "an integer or an array of 4 or 16 bytes", show(type)});
    return nullptr;
  }
  return c.types().simple(TypeKind::inet);
}

void ntop_into(Lower& l, const ast::Expr&, const ast::Call& call, const Place& to) {
  mir::Builder& b = l.b();
  const ast::Expr* address = call.args.back();
  const Type* type = l.type(address);
  const Type* word = l.types().integer(4, false);
  bool is_v6 = !is_scalar(type) && type->size == 16;
  ValueId family = call.args.size() == 2 ? l.scalar(call.args[0]) : b.constant(is_v6 ? af_inet6 : af_inet);
  l.store_scalar(to, family, word);
  if (is_scalar(type)) {
    l.store_scalar(to.at(4), l.scalar(address), word);
    for (uint32_t offset : {8u, 12u, 16u}) l.store_scalar(to.at(offset), b.constant(0), word);
    return;
  }
  Place bytes = l.place(address);
  if (bytes.memory == Place::Memory::direct) bytes = {l.address_at(bytes), 0, Place::Memory::kernel};
  if (!is_v6)
    for (uint32_t offset : {8u, 12u, 16u}) l.store_scalar(to.at(offset), b.constant(0), word);
  l.probe_read(to.at(4), b.constant(type->size), l.address_at(bytes), bytes.memory);
}

// pton("::1"): the bytes of an address, in the order of the network.
const Type* check_pton(Checker& c, const ast::Expr&, const ast::Call& call) {
  std::optional<std::string_view> text = c.constant_string(call.args[0], "an IP address");
  if (!text) return nullptr;
  std::optional<std::string> bytes = c.facts().ip_address(*text);
  if (bytes) return c.types().array(c.types().integer(1, false), static_cast<uint32_t>(bytes->size()));
  c.report(Diag::bad_address, call.args[0]->span, {std::string(*text)});
  return nullptr;
}

void pton_into(Lower& l, const ast::Expr&, const ast::Call& call, const Place& to) {
  std::string bytes = *l.program().facts->ip_address(std::get<std::string>(l.note(call.args[0]).constant));
  for (uint32_t i = 0; i < bytes.size(); i++)
    l.store_scalar(to.at(i), l.b().constant(static_cast<uint8_t>(bytes[i])), l.types().integer(1, false));
}

// `args.x`, or a record that lies in what it points to: loaded from the context itself, the kernel knows what it is, which
// is what bpf_d_path() asks for.
bool is_of_argument(Checker& c, const ast::Expr* expr) {
  if (c.note(expr).argument != UINT32_MAX) return c.note(expr).type->is(TypeKind::pointer);
  const auto* field = expr->as<ast::Field>();
  return field != nullptr && c.note(expr).field != nullptr && c.note(expr).type->is(TypeKind::record) &&
         is_of_argument(c, field->object);
}

ValueId argument_address(Lower& l, const ast::Expr* expr) {
  mir::Builder& b = l.b();
  if (uint32_t argument = l.note(expr).argument; argument != UINT32_MAX)
    return b.load(MemWidth::u64, l.context(), static_cast<int32_t>(l.body().context.arguments[argument].offset));
  ValueId record = argument_address(l, expr->as<ast::Field>()->object);
  return b.binary(Opcode::add, record, b.constant(l.note(expr).field->offset));
}

const Type* check_path(Checker& c, const ast::Expr& self, const ast::Call& call) {
  if (!c.available(use_ctx, "path", self.span)) return nullptr;
  if (c.context().row->program != mir::ProgramType::tracing || c.context().row->kind == mir::ProbeKind::iter) {
    c.report(Diag::builtin_not_available, self.span, {"path", std::string(c.context().row->name)});
    return nullptr;
  }
  const Type* type = c.expr(call.args[0]);
  auto size = static_cast<int64_t>(std::min<uint64_t>(c.program().config.max_strlen, 65536));
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
  if (record->is(TypeKind::record) && record->name == "path" && is_of_argument(c, call.args[0]))
    return c.types().string(static_cast<uint32_t>(size));
  c.report(Diag::bad_argument, call.args[0]->span, {"path", "an argument that is or holds a `struct path`", show(type)});
  return nullptr;
}

// The kernel writes the path from the end of the buffer and moves it to the front: what follows the NUL is left over.
void path_into(Lower& l, const ast::Expr& self, const ast::Call& call, const Place& to) {
  mir::Builder& b = l.b();
  const Type* own = l.type(&self);
  Place made{l.slot("path", own->size)};
  l.zero(made, own->size);
  b.call(mir::HelperId::d_path, {argument_address(l, call.args[0]), l.pointer_at(made), b.constant(own->size)});
  l.read_string(to, own->size, b.constant(own->size), l.address_at(made), Place::Memory::kernel);
}

constexpr uint32_t mac_size = 6;

const Type* check_macaddr(Checker& c, const ast::Expr&, const ast::Call& call) {
  const Type* type = c.expr(call.args[0]);
  if (type == nullptr) return nullptr;
  bool is_bytes = (type->is(TypeKind::array) || type->is(TypeKind::string)) && type->size == mac_size;
  if (is_bytes || is_address(type)) return c.types().simple(TypeKind::macaddr);
  c.report(Diag::bad_argument, call.args[0]->span, {"macaddr", "an array of 6 bytes or an address", show(type)});
  return nullptr;
}

void macaddr_into(Lower& l, const ast::Expr&, const ast::Call& call, const Place& to) {
  const Type* type = l.type(call.args[0]);
  Place from =
      is_address(type) ? Place{l.scalar(call.args[0]), 0, memory_of(space_of(type, l.body().context))} : l.place(call.args[0]);
  if (from.memory == Place::Memory::direct) from = {l.address_at(from), 0, Place::Memory::kernel};
  l.probe_read(to, l.b().constant(mac_size), l.address_at(from), from.memory);
}

constexpr FunctionRow rows[] = {
    {"str", "addr, [length]", 1, 2, false, check_str, nullptr, str_into, "string at an address"},
    {"buf", "addr, length", 1, 2, false, check_buf, nullptr, buf_into, "bytes at an address"},
    {"ntop", "[family], address", 1, 2, false, check_ntop, nullptr, ntop_into, "IP address, to be printed"},
    {"path", "path, [size]", 1, 2, false, check_path, nullptr, path_into,
     "the whole path of a `struct path` that an argument is or holds; of functions that the kernel allows it for, such as "
     "security_file_open"},
    {"pton", "\"address\"", 1, 1, false, check_pton, nullptr, pton_into, "bytes of an IP address, as packets have it"},
    {"macaddr", "address or array", 1, 1, false, check_macaddr, nullptr, macaddr_into, "6 bytes as a MAC address, to be printed"},
};

}  // namespace

std::span<const FunctionRow> memory_functions() {
  return rows;
}

}  // namespace shrike
