// Functions about the network: its addresses, and the kernel's sockets.
#include "frontend/addresses.h"
#include "frontend/checker.h"
#include "frontend/function_rows.h"
#include "frontend/lower.h"
#include "frontend/probes.h"

namespace shrike {

namespace {

using mir::Type;
using mir::TypeKind;
using mir::ValueId;

constexpr int64_t af_inet = 2;
constexpr int64_t af_inet6 = 10;

const Type* check_ntop(Checker& c, const ast::Expr&, const ast::Call& call) {
  const ast::Expr* address = call.args.back();
  if (call.args.size() == 2) {
    if (!c.integer(call.args[0], "the address family")) return nullptr;
    const auto* family = std::get_if<int64_t>(&c.constant(call.args[0]));
    if (family != nullptr && *family != af_inet && *family != af_inet6) {
      c.report(Diag::bad_argument, call.args[0]->span, {"ntop", "AF_INET (2) or AF_INET6 (10)", std::to_string(*family)});
      return nullptr;
    }
  }
  const Type* type = c.expr(address);
  if (type == nullptr) return nullptr;
  if (std::holds_alternative<std::string>(c.constant(address))) {
    c.report(Diag::bad_argument, address->span, {"ntop", "an address as packets have it", "text"})
        .with_hint("`pton(\"...\")` makes one of text");
    return nullptr;
  }
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

constexpr uint32_t mac_size = 6;

const Type* check_macaddr(Checker& c, const ast::Expr&, const ast::Call& call) {
  const Type* type = c.expr(call.args[0]);
  if (type == nullptr) return nullptr;
  bool is_bytes = (type->is(TypeKind::array) || type->is(TypeKind::string)) && type->size == mac_size;
  if (!c.leads_somewhere(call.args[0])) return nullptr;
  if (is_bytes || is_address(type)) return c.types().simple(TypeKind::macaddr);
  c.report(Diag::bad_argument, call.args[0]->span, {"macaddr", "an array of 6 bytes or an address", show(type)});
  return nullptr;
}

void macaddr_into(Lower& l, const ast::Expr&, const ast::Call& call, const Place& to) {
  const Type* type = l.type(call.args[0]);
  Place from = is_address(type) ? l.pointee(call.args[0], l.body().context.space) : l.place(call.args[0]);
  if (from.memory == Place::Memory::direct) from = {l.address_at(from), 0, Place::Memory::kernel};
  l.probe_read(to, l.b().constant(mac_size), l.address_at(from), from.memory);
}

// Whether the kernel takes a record of this type for a socket: sockets begin with what they have in common.
bool is_socket(Checker& c, const Type* type, Span span) {
  while (type->is(TypeKind::record)) {
    if (type->name == "sock_common") return true;
    const mir::RecordLayout* layout = c.layout(type, span);
    if (layout == nullptr || layout->fields.empty() || layout->fields.front().offset != 0) return false;
    type = layout->fields.front().type;
  }
  return false;
}

const Type* check_socket_cookie(Checker& c, const ast::Expr& self, const ast::Call& call) {
  if (!c.available(use_ctx, "socket_cookie", self.span)) return nullptr;
  if (c.context().row->program != mir::ProgramType::tracing) {
    c.report(Diag::builtin_not_available, self.span, {"socket_cookie", std::string(c.context().row->name)})
        .with_hint(
            "the kernel has it for fentry, fexit and iter; elsewhere `__sk_common.skc_cookie.counter` of a "
            "`struct sock` is the cookie, or 0 before anybody asked for it");
    return nullptr;
  }
  const Type* type = c.expr(call.args[0]);
  if (type == nullptr) return nullptr;
  bool is_pointer = type->is(TypeKind::pointer) && is_from_context(c, call.args[0]);
  if (is_pointer && is_socket(c, type->element, call.args[0]->span)) return c.types().uint64();
  c.report(Diag::bad_argument, call.args[0]->span,
           {"socket_cookie", "an argument, or a pointer that `ctx` of iter has, to a `struct sock`", show(type)});
  return nullptr;
}

ValueId lower_socket_cookie(Lower& l, const ast::Expr&, const ast::Call& call) {
  return with_pointer_from_context(l, call.args[0],
                                   [&](ValueId socket) { return l.b().call(mir::HelperId::get_socket_cookie, {socket}); });
}

// skboutput(file, skb, length, offset): the kernel copies the packet, wherever its pieces are.
const Type* check_skboutput(Checker& c, const ast::Expr& self, const ast::Call& call) {
  bool is_good = c.constant_string(call.args[0], "the name of a file").has_value();
  if (!c.available(use_ctx, "skboutput", self.span)) return nullptr;
  if (c.context().row->kind != mir::ProbeKind::fentry && c.context().row->kind != mir::ProbeKind::fexit) {
    c.report(Diag::builtin_not_available, self.span, {"skboutput", std::string(c.context().row->name)})
        .with_hint("the kernel copies packets for fentry and fexit alone");
    return nullptr;
  }
  const Type* type = c.expr(call.args[1]);
  is_good &= c.integer(call.args[2], "the length of `skboutput`");
  is_good &= c.integer(call.args[3], "the offset of `skboutput`");
  if (type == nullptr) return nullptr;
  bool is_packet = type->is(TypeKind::pointer) && type->element->is(TypeKind::record) && type->element->name == "sk_buff";
  if (!is_packet || !is_from_context(c, call.args[1])) {
    c.report(Diag::bad_argument, call.args[1]->span, {"skboutput", "an argument that is a `struct sk_buff *`", show(type)});
    return nullptr;
  }
  return is_good && c.field(type->element, "len", call.args[1]->span) != nullptr ? c.types().int64() : nullptr;
}

mir::MapId packets_map(Lower& l) {
  mir::Interface& interface = l.module().interface;
  if (mir::MapId known = interface.find_map(".packets"); known.is_valid()) return known;
  mir::MapDecl map;
  map.name = ".packets";
  map.role = mir::MapRole::packets;
  map.kind = mir::MapKind::perf_events;
  map.key_size = map.value_size = 4;
  map.max_entries = l.program().facts->possible_cpus();
  return interface.maps.add(std::move(map));
}

ValueId lower_skboutput(Lower& l, const ast::Expr& self, const ast::Call& call) {
  mir::Builder& b = l.b();
  const Type* word = l.types().uint64();
  mir::EventDecl event;
  event.kind = mir::EventKind::packet;
  event.format = std::get<std::string>(l.note(call.args[0]).constant);
  event.span = self.span;
  for (uint32_t i = 1; i <= 4; i++) event.fields.push_back({word, 8 * i});
  event.size = 40;
  const mir::EventId id = l.module().interface.events.add(event);
  const mir::MapId packets = packets_map(l);
  const Type* record = l.type(call.args[1])->element;
  int32_t length_offset = 0;
  for (const mir::RecordField& field : l.types().layout(record)->fields)
    if (field.name == "len") length_offset = static_cast<int32_t>(field.offset);

  ValueId length = l.scalar(call.args[2]);
  ValueId offset = b.clamp_u(l.scalar(call.args[3]), mir::longest_packet);
  Place at{l.slot("packet", event.size)};
  return with_pointer_from_context(l, call.args[1], [&](ValueId packet) {
    ValueId whole = l.load_scalar({packet, length_offset, Place::Memory::kernel}, l.types().integer(4, false));
    ValueId values[] = {b.constant(id.index), b.call(mir::HelperId::ktime_get_boot_ns, {}), offset, length, whole};
    for (uint32_t i = 0; i < 5; i++) l.store_scalar(at.at(8 * i), values[i], word);
    ValueId wanted = b.binary(mir::Opcode::add, offset, b.clamp_u(length, mir::longest_packet));
    ValueId fits = b.binary(mir::Opcode::lt_u, wanted, whole);
    ValueId bytes = b.clamp_u(l.choose(fits, [&] { return wanted; }, [&] { return whole; }), mir::longest_packet);
    constexpr int64_t this_cpu = 0xffffffff;  // BPF_F_CURRENT_CPU; above it is the number of bytes
    ValueId flags = b.binary(mir::Opcode::or_, b.binary(mir::Opcode::shl, bytes, b.constant(32)), b.constant(this_cpu));
    return b.call(mir::HelperId::skb_output, {packet, flags, l.pointer_at(at), b.constant(event.size)}, packets);
  });
}

constexpr FunctionRow rows[] = {
    {"ntop", "[family], address", 1, 2, false, check_ntop, nullptr, ntop_into, "IP address, to be printed"},
    {"pton", "\"address\"", 1, 1, false, check_pton, nullptr, pton_into, "bytes of an IP address, as packets have it"},
    {"macaddr", "address or array", 1, 1, false, check_macaddr, nullptr, macaddr_into, "6 bytes as a MAC address, to be printed"},
    {"socket_cookie", "socket", 1, 1, false, check_socket_cookie, lower_socket_cookie, nullptr,
     "number that the kernel gives a socket for its life; of a socket that is an argument or that an iterator is at"},
    {"skboutput", "\"file\", skb, length, offset", 4, 4, false, check_skboutput, lower_skboutput, nullptr,
     "writes a packet to a file for tcpdump, without the bytes before the offset; 0, or a negative error"},
};

}  // namespace

std::span<const FunctionRow> network_functions() {
  return rows;
}

}  // namespace shrike
