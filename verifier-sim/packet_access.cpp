// Offsets are those of the UAPI's `struct __sk_buff` and `struct bpf_sock`, whose fields the kernel translates into its own.
// Which of them a socket filter gets was measured byte by byte on 6.1, 6.12 and 6.18.
#include "verifier-sim/packet_access.h"

#include <algorithm>
#include <cinttypes>
#include <iterator>

#include "verifier-sim/check_access.h"

namespace shrike::sim {
namespace {

// What of a field of four bytes may be read: all of it, also its first bytes, any of its bytes.
enum class Parts : uint8_t { none, first, any };

// The fields in [begin, end).
struct Fields {
  int64_t begin, end;
  Parts parts = Parts::any;
  Version since{};
};

constexpr Fields control_block{48, 68};
constexpr int64_t socket_pointer = 168;
// Not among them: where the packet lies, its class, its addresses, its times, its length on the wire.
constexpr Fields packet_fields[] = {
    {0, 72},                         // len to hash
    {84, 88},                        // napi_id
    {164, 168},                      // gso_segs
    {176, 180, Parts::any, {5, 7}},  // gso_size
};
// Of a socket that may be none with all its fields.
constexpr Fields socket_fields[] = {
    {0, 4, Parts::none},     // bound_dev_if
    {4, 8, Parts::first},    // family
    {24, 44},                // addresses of this side
    {44, 48, Parts::first},  // src_port
    {48, 50},                // dst_port
    {48, 52, Parts::first},  // and the padding behind it
    {52, 72},                // addresses of the other side
    {72, 76, Parts::first},  // state
    {76, 80, Parts::first},  // rx_queue_mapping
};

bool lies_in(const Fields& fields, int64_t offset, unsigned size) {
  return offset >= fields.begin && offset + size <= fields.end;
}

bool may_read(const Profile& profile, const Fields& fields, int64_t offset, unsigned size) {
  if (fields.since > profile.version || size > 4 || !lies_in(fields, offset, size)) return false;
  switch (fields.parts) {
    case Parts::none: return size == 4;
    case Parts::first: return offset == fields.begin;
    case Parts::any: return true;
  }
  return false;
}

// Functions may hold such loads where their types tell what they return: a load that fails leaves the program from there.
bool check_function(Walk& w) {
  const bool has_functions = w.structure.starts.size() > 1;
  if (has_functions && w.profile.version < Version{5, 10}) {
    return w.reject(RejectClass::other, "BPF_LD_[ABS|IND] instructions cannot be mixed with bpf-to-bpf calls");
  }
  return w.structure.subprogram_of(w.insn) == 0 || w.abstain("a packet load in a function");
}

bool check_packet(Walk& w) {
  constexpr unsigned packet = 6;
  if (!w.can_read(packet)) return false;
  if (!w.state.references.empty()) {
    if (w.profile.version < Version{6, 13}) {
      const Reference& held = w.state.references.front();
      return w.reject(RejectClass::ref_leak, "Unreleased reference id=%u alloc_insn=%u", held.id, held.insn);
    }
    return w.reject(RejectClass::ref_leak, "BPF_LD_[ABS|IND] would lead to reference leak");
  }
  const Register& r = w.reg(packet);
  if (r.kind != Kind::ctx) return w.reject(RejectClass::other, "at the time of BPF_LD_ABS|IND R6 != pointer to skb");
  const bool is_indirect = (w.at().opcode & 0xe0) == bpf::mode::ind;
  if (is_indirect && !w.can_read(w.at().src())) return false;
  return check_unmoved_ctx(w, packet);
}

}  // namespace

bool may_access_packet_ctx(const Profile& profile, int64_t offset, unsigned size, bool writes) {
  if (offset < 0 || offset % size != 0) return false;
  const bool is_scratch = lies_in(control_block, offset, size);
  if (writes || is_scratch) return is_scratch;
  if (offset == socket_pointer) return size == 8;
  return std::any_of(std::begin(packet_fields), std::end(packet_fields),
                     [&](const Fields& fields) { return may_read(profile, fields, offset, size); });
}

bool load_packet_socket(Walk& w, int64_t offset, Register& into) {
  if (w.program.type != ProgramType::socket_filter || offset != socket_pointer) return false;
  into = Register::pointer(Kind::socket);
  into.nullable = true;
  into.id = w.fresh_id();
  return true;
}

bool check_socket_access(Walk& w, const SocketReach& a) {
  if (a.writes) return w.reject(RejectClass::other, "R%u cannot write into sock_common", a.reg);
  if (w.profile.version < Version{6, 1}) return w.abstain("fields of a socket are not known of this kernel");
  const bool is_aligned = a.offset % a.size == 0;
  if (is_aligned && std::any_of(std::begin(socket_fields), std::end(socket_fields),
                                [&](const Fields& fields) { return may_read(w.profile, fields, a.offset, a.size); }))
    return true;
  return w.reject(RejectClass::ctx_access, "R%u invalid sock_common access off=%" PRId64 " size=%u", a.reg, a.offset, a.size);
}

bool transfer_packet_load(Walk& w) {
  if (w.program.type != ProgramType::socket_filter) {
    return w.reject(RejectClass::opcode, "BPF_LD_[ABS|IND] instructions not allowed for this program type");
  }
  const bpf::Insn& insn = w.at();
  const bool is_indirect = (insn.opcode & 0xe0) == bpf::mode::ind;
  if (insn.dst() != 0 || insn.offset != 0 || (!is_indirect && insn.src() != 0)) {
    return w.reject(RejectClass::opcode, "BPF_LD_[ABS|IND] uses reserved fields");
  }
  if (!check_function(w) || !check_packet(w)) return false;
  // It is a call of the kernel's, seen from the registers.
  for (unsigned n = 0; n <= 5; n++) w.reg(n) = Register();
  w.reg(0) = Register::unknown_scalar();
  return true;
}

}  // namespace shrike::sim
