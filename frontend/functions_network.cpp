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

constexpr FunctionRow rows[] = {
    {"ntop", "[family], address", 1, 2, false, check_ntop, nullptr, ntop_into, "IP address, to be printed"},
    {"pton", "\"address\"", 1, 1, false, check_pton, nullptr, pton_into, "bytes of an IP address, as packets have it"},
    {"macaddr", "address or array", 1, 1, false, check_macaddr, nullptr, macaddr_into, "6 bytes as a MAC address, to be printed"},
    {"socket_cookie", "socket", 1, 1, false, check_socket_cookie, lower_socket_cookie, nullptr,
     "number that the kernel gives a socket for its life; of a socket that is an argument or that an iterator is at"},
};

}  // namespace

std::span<const FunctionRow> network_functions() {
  return rows;
}

}  // namespace shrike
