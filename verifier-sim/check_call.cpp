// A helper's row says what each argument must be; what the rows do not say (which map types a helper takes, what is known
// of its result) is in the small tables here. Helpers without a row are answered `unknown`.
#include "verifier-sim/check_call.h"

#include <algorithm>
#include <optional>

#include "mir/helpers.h"
#include "verifier-sim/check_access.h"
#include "verifier-sim/global_function.h"
#include "verifier-sim/kernel_function.h"
#include "verifier-sim/object_access.h"
#include "verifier-sim/subprogram.h"

namespace shrike::sim {
namespace {

using mir::HelperOperand;
using mir::HelperResult;
using mir::HelperRow;

constexpr uint32_t last_helper = 211;
constexpr uint64_t max_size = 1 << 29;
constexpr int64_t max_errno = 4095;

// What the arguments of one call have told so far.
struct Call {
  const HelperRow& row;
  int32_t map = -1;
  uint64_t size_max = 0;        // of the last pointer and size pair
  uint64_t constant = 0;        // `const` operand
  uint32_t released = 0;        // reference given back
  uint32_t callback = 0;        // first instruction of the function handed over
  std::optional<uint64_t> key;  // the key's bytes, when they are constants (4-byte keys)
};

bool wrong_type(Walk& w, unsigned n, const char* expected) {
  auto name = type_name(w.reg(n));
  return w.reject(RejectClass::arg_type, "R%u type=%.*s expected=%s", n, static_cast<int>(name.size()), name.data(), expected);
}

bool is_memory(const Register& r) {
  return !r.nullable && (r.kind == Kind::stack || r.kind == Kind::map_value || r.kind == Kind::map_key || r.kind == Kind::mem);
}

constexpr const char* memory_kinds = "fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_";

bool is_hash(MapType t) {
  return t == MapType::hash || t == MapType::percpu_hash || t == MapType::lru_hash || t == MapType::lru_percpu_hash;
}
bool is_percpu(MapType t) {
  return t == MapType::percpu_hash || t == MapType::percpu_array || t == MapType::lru_percpu_hash;
}
bool holds_maps(MapType t) {
  return t == MapType::array_of_maps || t == MapType::hash_of_maps;
}
bool is_array(MapType t) {
  return t == MapType::array || t == MapType::percpu_array;
}

// Which map types a helper takes.
bool map_suits(MapType type, uint32_t helper) {
  switch (helper) {
    case 1: return is_hash(type) || is_array(type) || type == MapType::lpm_trie || holds_maps(type);
    case 2:
    case 3: return is_hash(type) || is_array(type) || type == MapType::lpm_trie;
    case 12: return type == MapType::prog_array;
    case 22:
    case 25:
    case 55:
    case 111: return type == MapType::perf_event_array;
    case 27: return type == MapType::stack_trace;
    case 37: return type == MapType::cgroup_array;
    case 130:
    case 131:
    case 134: return type == MapType::ringbuf;
    case 156:
    case 157: return type == MapType::task_storage;
    case 195: return is_percpu(type);
    default: return is_hash(type) || is_array(type);
  }
}

bool check_map(Walk& w, unsigned n, Call& call) {
  const Register& r = w.reg(n);
  if (r.kind != Kind::map_ptr || r.nullable) return wrong_type(w, n, "map_ptr");
  call.map = static_cast<int32_t>(r.object);
  return true;
}

// Four key bytes on the stack that are constants.
std::optional<uint64_t> constant_key(const Walk& w, const Register& r) {
  if (r.kind != Kind::stack || !r.var.is_constant()) return std::nullopt;
  const Frame& frame = w.state.frames[r.frame];
  int offset = r.offset + static_cast<int>(static_cast<int64_t>(r.var.bits.value));
  const Slot& slot = frame.slot_at(offset);
  bool zero = true;
  for (int i = 0; i < 4; i++) zero = zero && frame.byte_at(offset + i) == Byte::zero;
  if (zero) return 0;
  if (offset % 8 != 0 || slot.spill_size() != 4 || !slot.spilled.is_scalar() || !slot.spilled.var.is_constant())
    return std::nullopt;
  return slot.spilled.var.bits.value;
}

bool check_key_or_value(Walk& w, unsigned n, Call& call, bool is_key) {
  if (!is_memory(w.reg(n))) return wrong_type(w, n, memory_kinds);
  if (call.map < 0) return w.abstain("helper row has a key before its map");
  const MapShape& map = w.program.maps[static_cast<size_t>(call.map)];
  HelperMemory m{n, is_key ? map.key_size : map.value_size};
  if (w.profile.version < Version{6, 12} && w.reg(n).kind == Kind::mem) return w.abstain("ring memory as map key or value");
  if (!check_helper_memory(w, m)) return false;
  if (is_key && map.key_size == 4) call.key = constant_key(w, w.reg(n));
  return true;
}

bool check_size(Walk& w, unsigned n, Call& call, bool writes, bool zero_allowed) {
  const Register& r = w.reg(n);
  if (!r.is_scalar()) return wrong_type(w, n, "scalar");
  if (r.var.smin < 0) {
    return w.reject(RejectClass::size_range, "R%u min value is negative, either use unsigned or 'var &= const'", n);
  }
  if (r.var.umin == 0 && !zero_allowed) {
    return w.reject(RejectClass::size_range, "R%u invalid zero-sized read: u64=[0,%llu]", n,
                    static_cast<unsigned long long>(r.var.umax));
  }
  if (r.var.umax >= max_size) {
    return w.reject(RejectClass::size_range, "R%u unbounded memory access, use 'var &= const' or 'if (var < const)'", n);
  }
  call.size_max = r.var.umax;
  HelperMemory m{n - 1, r.var.umax, zero_allowed, writes, r.var.is_constant()};
  return check_helper_memory(w, m);
}

bool check_ctx_argument(Walk& w, unsigned n) {
  const Register& r = w.reg(n);
  if (r.kind != Kind::ctx) return wrong_type(w, n, "ctx");
  if (r.offset || !r.var.is_constant() || r.var.bits.value) {
    return w.reject(RejectClass::ctx_access, "dereference of modified ctx ptr R%u off=%d disallowed", n, r.offset);
  }
  return true;
}

bool check_record(Walk& w, unsigned n, Call& call) {
  const Register& r = w.reg(n);
  if (r.kind != Kind::mem || !r.ring || r.nullable) return wrong_type(w, n, "ringbuf_mem");
  const bool may_have_moved = w.profile.releases_moved_records && r.var.is_constant();
  if (!may_have_moved && !r.is_unmoved()) {
    return w.reject(RejectClass::arg_type, "R%u must have zero offset when passed to release func or trusted arg to kfunc", n);
  }
  if (!r.reference) return w.reject(RejectClass::arg_type, "release helper expects referenced pointer in R%u", n);
  call.released = r.reference;
  return true;
}

bool check_constant(Walk& w, unsigned n, Call& call) {
  const Register& r = w.reg(n);
  if (!r.is_scalar()) return wrong_type(w, n, "scalar");
  if (!r.var.is_constant()) return w.reject(RejectClass::arg_type, "R%u is not a known constant'", n);
  call.constant = r.var.bits.value;
  return true;
}

bool check_string(Walk& w, unsigned n) {
  const Register& r = w.reg(n);
  if (r.kind != Kind::map_value || r.nullable) return wrong_type(w, n, "map_value");
  const MapShape& map = w.program.maps[r.object];
  if (!map.frozen) return w.reject(RejectClass::arg_type, "R%u does not point to a readonly map'", n);
  if (!r.var.is_constant()) return w.reject(RejectClass::arg_type, "R%u is not a constant address'", n);
  if (!check_region(w, n, 0, 1, false)) return false;
  auto at = static_cast<size_t>(r.offset + static_cast<int64_t>(r.var.bits.value));
  if (map.contents.size() < map.value_size) return w.abstain("string in a map whose contents are not given");
  if (std::find(map.contents.begin() + static_cast<ptrdiff_t>(at), map.contents.end(), 0) == map.contents.end()) {
    return w.reject(RejectClass::arg_type, "string is not zero-terminated");
  }
  return true;
}

// The type of the kernel's object that a helper takes as this argument; null: none.
const char* object_type_of(uint32_t helper, unsigned n) {
  switch (helper) {
    case 126:
    case 127: return n == 1 ? "seq_file" : nullptr;
    case 156:
    case 157: return n == 2 ? "task_struct" : nullptr;
    default: return nullptr;
  }
}

bool check_socket(Walk& w, unsigned n) {
  if (w.program.type == ProgramType::socket_filter) return check_ctx_argument(w, n);
  if (w.program.type != ProgramType::tracing) return w.abstain("a helper that takes a packet");
  return check_object_argument(w, n, {"sock_common", "sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_", true});
}

bool check_argument(Walk& w, size_t i, Call& call) {
  auto n = static_cast<unsigned>(i + 1);
  if (call.row.number == 6 && n > 2) return true;  // bpf_trace_printk: as many as its text has places
  if (!w.can_read(n)) return false;
  HelperOperand operand = call.row.operands[i];
  if (call.row.number == 46) return check_socket(w, n);
  if (w.reg(n).kind == Kind::object && operand != HelperOperand::addr && operand != HelperOperand::integer) {
    return w.abstain("helper given a pointer to a kernel object");
  }
  // A size belongs to the pointer before it.
  HelperOperand previous = i ? call.row.operands[i - 1] : HelperOperand::integer;
  switch (previous) {
    case HelperOperand::in: return check_size(w, n, call, false, false);
    case HelperOperand::in_n: return check_size(w, n, call, false, true);
    case HelperOperand::out: return check_size(w, n, call, true, false);
    case HelperOperand::out_n: return check_size(w, n, call, true, true);
    default: break;
  }
  if (const char* type = object_type_of(call.row.number, n)) {
    return is_trusted_object(w, n, type) || w.abstain("an argument that is to be a " + std::string(type));
  }
  if (call.row.number == 147 && n == 1) return check_object_argument(w, n, {"path", "ptr_, trusted_ptr_, rcu_ptr_"});
  if (call.row.number == 156 && n == 3 && !w.reg(n).is_zero()) return w.abstain("a first value for storage of a task");
  switch (operand) {
    case HelperOperand::map: return check_map(w, n, call);
    case HelperOperand::fn:
      if (w.reg(n).kind != Kind::func) return wrong_type(w, n, "func");
      call.callback = w.reg(n).object;
      return true;
    case HelperOperand::ctx: return check_ctx_argument(w, n);
    case HelperOperand::ctx_or_null: return w.reg(n).is_zero() || check_ctx_argument(w, n);
    case HelperOperand::key: return check_key_or_value(w, n, call, true);
    case HelperOperand::value: return check_key_or_value(w, n, call, false);
    case HelperOperand::in:
    case HelperOperand::in_n:
    case HelperOperand::out:
    case HelperOperand::out_n: return is_memory(w.reg(n)) || wrong_type(w, n, memory_kinds);
    case HelperOperand::str: return check_string(w, n);
    case HelperOperand::any: return w.reg(n).kind == Kind::stack || w.reg(n).is_zero() || wrong_type(w, n, "fp");
    case HelperOperand::rec: return check_record(w, n, call);
    case HelperOperand::constant: return check_constant(w, n, call);
    case HelperOperand::integer:
    case HelperOperand::addr: return true;
    case HelperOperand::iter: break;  // of kernel functions, see kernel_function.cpp
  }
  return w.abstain("helper operand of a kind that is not modelled");
}

// Bounds on results beyond "an integer".
void bound_result(Walk& w, const Call& call, Register& result) {
  switch (call.row.number) {
    case 45:
    case 67:
    case 114:
    case 115:
      result.var.smax = static_cast<int64_t>(call.size_max);
      result.var.smax32 = static_cast<int32_t>(call.size_max);
      result.var.smin = -max_errno;
      result.var.smin32 = static_cast<int32_t>(-max_errno);
      result.var.sync(w.deductions());
      break;
    case 8:
      if (!w.profile.known_cpu_range) break;
      result.var.umin = 0, result.var.umin32 = 0, result.var.smin = 0, result.var.smin32 = 0;
      result.var.umax = result.var.umax32 = w.profile.nr_cpus - 1;
      result.var.smax = result.var.smax32 = static_cast<int32_t>(w.profile.nr_cpus - 1);
      result.var.sync(w.deductions());
      break;
    default: break;
  }
}

void set_result(Walk& w, const Call& call) {
  Register& r0 = w.reg(0);
  switch (call.row.result) {
    case HelperResult::none: r0 = Register(); break;
    case HelperResult::integer:
    case HelperResult::signed_integer:
      r0 = Register::unknown_scalar();
      bound_result(w, call, r0);
      break;
    case HelperResult::map_value_or_null: {
      r0 = Register::pointer(Kind::map_value);
      r0.object = static_cast<uint32_t>(call.map);
      const MapShape& map = w.program.maps[r0.object];
      if (holds_maps(map.type)) {
        r0.kind = Kind::map_ptr;
        r0.object = static_cast<uint32_t>(map.inner);
      }
      bool on_this_cpu = call.row.number == 1;  // another CPU's value may be missing
      bool found = w.profile.nonnull_array_lookup && on_this_cpu && is_array(map.type) && call.key && *call.key < map.max_entries;
      if (found) break;
      r0.nullable = true;
      r0.id = w.fresh_id();
      break;
    }
    case HelperResult::mem_or_null:
      r0 = Register::pointer(Kind::mem);
      r0.nullable = r0.ring = true;
      r0.mem_size = static_cast<uint32_t>(call.constant);
      w.fresh_id();  // the kernel numbers the pointer before it numbers the reference
      r0.id = r0.reference = w.fresh_id();
      w.state.references.push_back({r0.id, w.insn});
      break;
    case HelperResult::number_or_null: break;  // of kernel functions
  }
}

// Helpers that a kernel has or not by how it was built and started.
bool check_configured(Walk& w, const HelperRow& row) {
  const bool overrides = row.number == 58;
  if (!overrides && row.number != 36) return true;
  if (!(overrides ? w.profile.overrides_returns : w.profile.writes_user_memory)) {
    return w.reject(RejectClass::helper, "program of this type cannot use helper bpf_%.*s#%u", static_cast<int>(row.name.size()),
                    row.name.data(), row.number);
  }
  w.verdict.assumed = overrides ? "the kernel is built with CONFIG_BPF_KPROBE_OVERRIDE, which bpf_override_return needs"
                                : "the kernel is not locked down, which bpf_probe_write_user needs";
  return true;
}

// Helpers that may be called at some places only: bpf_d_path takes locks, which most functions may hold already.
bool check_place(Walk& w, uint32_t number) {
  constexpr std::string_view places[] = {"security_file_permission",
                                         "security_inode_getattr",
                                         "security_file_open",
                                         "security_path_truncate",
                                         "vfs_truncate",
                                         "vfs_fallocate",
                                         "dentry_open",
                                         "vfs_getattr",
                                         "filp_close"};
  if (number != 147 || w.program.attach == AttachType::iter) return true;
  if (w.program.function.empty()) return w.abstain("whether bpf_d_path may be called at a function that is not told");
  if (w.program.attach != AttachType::raw_tp &&
      std::find(std::begin(places), std::end(places), w.program.function) != std::end(places))
    return true;
  return w.reject(RejectClass::helper, "helper call is not allowed in probe");
}

// Is this helper there at all, for this kernel, type and license?
bool check_available(Walk& w, uint32_t number, const HelperRow*& row) {
  if (number == 0 || number > last_helper) return w.reject(RejectClass::helper, "invalid func unknown#%u", number);
  auto id = mir::find_helper(number);
  if (!id) return w.abstain("helper " + std::to_string(number) + " has no row");
  row = &mir::row_of(*id);
  auto since = parse_version(row->since);
  if (!since) return w.abstain("helper row without a version");
  auto name = row->name;
  int length = static_cast<int>(name.size());
  const bool is_of_tracing = number == 46 && w.program.type == ProgramType::socket_filter;
  if (*since > w.profile.version && is_of_tracing)
    return w.abstain("since when socket filters may call helper 46 is not modelled");
  if (*since > w.profile.version) return w.reject(RejectClass::helper, "invalid func %.*s#%u", length, name.data(), number);
  auto allowed = type_may_call(w.profile, w.program.type, w.program.attach, number);
  if (!allowed) return w.abstain("whether this program type may call helper " + std::to_string(number) + " is not modelled");
  if (!*allowed && number == 173 && w.program.type == ProgramType::tracing) {
    return w.reject(RejectClass::helper, "func bpf_%.*s#%u supported only for fentry/fexit/fmod_ret programs", length,
                    name.data(), number);
  }
  if (!*allowed) {
    return w.reject(RejectClass::helper, "program of this type cannot use helper bpf_%.*s#%u", length, name.data(), number);
  }
  if (!check_configured(w, *row) || !check_place(w, number)) return false;
  if (row->gpl_only && !w.program.gpl) {
    return w.reject(RejectClass::helper, "cannot call GPL-restricted function from non-GPL compatible program");
  }
  return true;
}

bool check_map_type(Walk& w, const Call& call) {
  if (call.map < 0) return true;
  const MapShape& map = w.program.maps[static_cast<size_t>(call.map)];
  if (map_suits(map.type, call.row.number)) return true;
  return w.reject(RejectClass::arg_type, "cannot pass map_type %u into func bpf_%.*s#%u", static_cast<unsigned>(map.type),
                  static_cast<int>(call.row.name.size()), call.row.name.data(), call.row.number);
}

// Falls through where there is no program to go on with; nothing may be owed by then.
bool check_tail_call(Walk& w) {
  if (!w.state.references.empty()) return w.reject(RejectClass::ref_leak, "tail_call would lead to reference leak");
  if (w.profile.version < Version{5, 10} && w.structure.starts.size() > 1)
    return w.reject(RejectClass::other, "tail_calls are not allowed in programs with bpf-to-bpf calls");
  return w.state.frames.size() == 1 || w.abstain("tail call out of a function");
}

bool call_helper(Walk& w) {
  auto number = static_cast<uint32_t>(w.at().imm);
  const HelperRow* row = nullptr;
  if (!check_available(w, number, row)) return false;
  Call call{*row, -1, 0, 0, 0, 0, {}};
  for (size_t i = 0; i < row->operands.size(); i++) {
    if (!check_argument(w, i, call)) return false;
  }
  if (!check_map_type(w, call)) return false;
  // The helper takes anything for a number of rounds; the walk back for its precision ends at a pointer.
  if (number == 181 && !w.reg(1).is_scalar()) return w.reject(RejectClass::other, "verifier bug: backtracking misuse");
  if (number == 12 && !check_tail_call(w)) return false;
  // Newer kernels do not walk the callback of a loop without rounds.
  const bool has_rounds = number != 181 || w.profile.version < Version{6, 12} || w.reg(1).var.umax > 0;
  if ((number == 181 || number == 164) && has_rounds) {
    Register context = w.reg(3);
    Callback kind = number == 181 ? Callback::loop : Callback::for_each;
    if (!push_callback(w, kind, call.callback, context, call.map < 0 ? 0 : static_cast<uint32_t>(call.map))) return false;
  }
  for (unsigned n = 0; n <= 5; n++) w.reg(n) = Register();
  if (call.released) release_reference(w.state, call.released);
  set_result(w, call);
  if (number != 158) return true;
  const uint32_t task = w.program.types == nullptr ? 0 : w.program.types->find_struct("task_struct");
  if (task == 0) return w.abstain("the kernel's types are not at hand");
  w.reg(0) = trusted_object(w, task);
  return true;
}

}  // namespace

bool transfer_call(Walk& w, uint32_t& next) {
  const bpf::Insn& insn = w.at();
  if (insn.src() == bpf::pseudo::kfunc_call) {
    next = w.insn + 1;
    return call_kernel_function(w);
  }
  if (insn.src() == bpf::pseudo::call) {
    const GlobalFunction* function = global_function_at(w, w.insn + 1 + static_cast<uint32_t>(insn.imm));
    if (function == nullptr) return enter_subprogram(w, next);
    next = w.insn + 1;
    return call_global_function(w, *function);
  }
  next = w.insn + 1;
  return call_helper(w);
}

namespace {

// What runs before or after a kernel function must return 0, iterators 0 or 1; other programs what they like.
bool check_tracing_result(Walk& w) {
  int64_t most;
  switch (w.program.attach) {
    case AttachType::raw_tp: return true;
    case AttachType::fentry:
    case AttachType::fexit: most = 0; break;
    case AttachType::iter: most = 1; break;
    default: return w.abstain("the return range of this tracing program is not modelled");
  }
  const Register& r0 = w.reg(0);
  if (!r0.is_scalar()) {
    return w.reject(RejectClass::retval, "At program exit the register R0 is not a known value (%s)",
                    std::string(type_name(r0)).c_str());
  }
  if (r0.var.smin >= 0 && r0.var.smax <= most) return true;
  return w.reject(RejectClass::retval, "At program exit the register R0 has smin=%lld smax=%lld should have been in [0, %lld]",
                  static_cast<long long>(r0.var.smin), static_cast<long long>(r0.var.smax), static_cast<long long>(most));
}

}  // namespace

bool transfer_exit(Walk& w, uint32_t& next, bool& ended) {
  ended = false;
  if (w.state.frames.size() > 1) return leave_subprogram(w, next, ended);
  if (!w.state.references.empty()) {
    const Reference& r = w.state.references.front();
    return w.reject(RejectClass::ref_leak, "Unreleased reference id=%u alloc_insn=%u", r.id, r.insn);
  }
  if (!w.can_read(0)) return false;
  if (w.function != nullptr && !w.reg(0).is_scalar()) {
    return w.reject(RejectClass::retval, "At subprogram exit the register R0 is not a scalar value (%s)",
                    std::string(type_name(w.reg(0))).c_str());
  }
  if (w.function == nullptr && w.program.type == ProgramType::tracing && !check_tracing_result(w)) return false;
  ended = true;
  return true;
}

}  // namespace shrike::sim
