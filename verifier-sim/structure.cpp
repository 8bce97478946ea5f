// The order of these checks is the kernel's: jumps, then opcodes and pairs, then the control-flow graph.
#include "verifier-sim/structure.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "verifier-sim/kernel_function.h"

namespace shrike::sim {
namespace {

using bpf::Insn;
namespace cls = bpf::cls;
namespace mode = bpf::mode;
namespace alu = bpf::alu;
namespace jmp = bpf::jmp;

constexpr uint8_t may_goto = 0xe0;

uint8_t class_of(const Insn& i) {
  return i.opcode & 7;
}
uint8_t operation_of(const Insn& i) {
  return i.opcode & 0xf0;
}
uint8_t size_of(const Insn& i) {
  return i.opcode & 0x18;
}
uint8_t mode_of(const Insn& i) {
  return i.opcode & 0xe0;
}
bool uses_register(const Insn& i) {
  return (i.opcode & 8) != 0;
}

bool opcode_exists(const Insn& i, const Profile& profile) {
  uint8_t op = operation_of(i);
  switch (class_of(i)) {
    case cls::alu:
      if (op == alu::neg) return !uses_register(i);
      return op <= alu::end;
    case cls::alu64:
      if (op == alu::neg) return !uses_register(i);
      if (op == alu::end) return !uses_register(i) && profile.isa >= 4;
      return op < alu::end;
    case cls::jmp:
      if (op == jmp::ja || op == jmp::call || op == jmp::exit) return !uses_register(i);
      if (op == may_goto) return !uses_register(i) && profile.version >= Version{6, 9};
      return op <= jmp::jsle;
    case cls::jmp32:
      if (op == jmp::ja) return !uses_register(i) && profile.far_jumps;
      return op <= jmp::jsle && op != jmp::call && op != jmp::exit;
    case cls::ld:
      if (mode_of(i) == mode::imm) return size_of(i) == bpf::size::dw;
      return (mode_of(i) == mode::abs || mode_of(i) == mode::ind) && size_of(i) != bpf::size::dw;
    case cls::ldx:
      if (mode_of(i) == mode::memsx) return size_of(i) != bpf::size::dw && profile.isa >= 4;
      return mode_of(i) == mode::mem;
    case cls::st: return mode_of(i) == mode::mem;
    default:
      if (mode_of(i) == mode::atomic) return size_of(i) == bpf::size::w || size_of(i) == bpf::size::dw;
      return mode_of(i) == mode::mem;
  }
}

struct Check {
  const ProgramInput& program;
  const Profile& profile;
  Structure& out;
  Verdict& verdict;

  size_t count() const { return program.insns.size(); }

  [[gnu::format(printf, 4, 5)]] bool reject(RejectClass c, size_t insn, const char* format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    verdict.answer = Answer::reject;
    verdict.reject_class = c;
    verdict.insn = static_cast<uint32_t>(insn);
    verdict.message = text;
    return false;
  }
  bool abstain(size_t insn, std::string reason) {
    verdict.answer = Answer::unknown;
    verdict.insn = static_cast<uint32_t>(insn);
    verdict.message = std::move(reason);
    return false;
  }

  bool find_subprograms();
  bool check_packet_loads();
  bool check_jumps();
  bool check_types();
  bool check_map(const MapShape& map, uint32_t insn);
  bool check_pairs();
  bool check_reachable();
  void mark_prune_points();
};

bool names_subprogram(const Insn& i) {
  return (i.opcode == bpf::call_insn && i.src() == bpf::pseudo::call) ||
         (i.opcode == bpf::ld_imm64 && i.src() == bpf::pseudo::func);
}

bool Check::find_subprograms() {
  out.starts.push_back(0);
  auto add = [&](int64_t start) {
    if (start < 0 || start >= static_cast<int64_t>(count())) return false;
    out.starts.push_back(static_cast<uint32_t>(start));
    return true;
  };
  for (size_t i = 0; i < count(); i++) {
    const Insn& insn = program.insns[i];
    if (names_subprogram(insn) && !add(static_cast<int64_t>(i) + insn.imm + 1)) {
      return reject(RejectClass::cfg, i, "call to invalid destination");
    }
    if (insn.opcode == bpf::ld_imm64) i++;
  }
  for (uint32_t start : program.subprogram_starts) {
    if (!add(start)) return abstain(0, "subprogram start outside the program");
  }
  std::sort(out.starts.begin(), out.starts.end());
  out.starts.erase(std::unique(out.starts.begin(), out.starts.end()), out.starts.end());
  if (out.starts.size() > 256) return reject(RejectClass::cfg, 0, "too many subprograms");
  return true;
}

bool Check::check_jumps() {
  for (size_t s = 0; s < out.starts.size(); s++) {
    size_t begin = out.starts[s], end = s + 1 < out.starts.size() ? out.starts[s + 1] : count();
    for (size_t i = begin; i < end; i++) {
      const Insn& insn = program.insns[i];
      if (is_jump(insn)) {
        int64_t target = static_cast<int64_t>(i) + 1 + jump_distance(insn);
        if (target < static_cast<int64_t>(begin) || target >= static_cast<int64_t>(end)) {
          return reject(RejectClass::cfg, i, "jump out of range from insn %zu to %lld", i, static_cast<long long>(target));
        }
      }
      if (i + 1 == end && insn.opcode != bpf::exit_insn && insn.opcode != bpf::ja_insn && insn.opcode != (cls::jmp32 | jmp::ja)) {
        return reject(RejectClass::cfg, i, "last insn is not an exit or jmp");
      }
    }
  }
  return true;
}

// What the kernel refuses before it looks at the program: creating maps, and programs of this type at all.
bool Check::check_types() {
  const TypeRow* type = row_of(program.type);
  if (!type) return abstain(0, "programs of type " + std::to_string(static_cast<unsigned>(program.type)) + " are not modelled");
  if (profile.version < type->since) {
    return reject(RejectClass::program_type, 0, "programs of type %s exist from Linux %u.%u on", std::string(type->name).c_str(),
                  type->since.major, type->since.minor);
  }
  for (const MapReference& r : program.references) {
    if (r.map >= program.maps.size()) return abstain(0, "map reference outside the program");
    const MapShape& map = program.maps[r.map];
    if (!check_map(map, r.insn)) return false;
    if (map.type != MapType::array_of_maps && map.type != MapType::hash_of_maps) continue;
    if (map.inner < 0 || static_cast<size_t>(map.inner) >= program.maps.size())
      return abstain(r.insn, "map of maps without the shape of those inside");
    if (!check_map(program.maps[static_cast<size_t>(map.inner)], r.insn)) return false;
  }
  return true;
}

bool Check::check_map(const MapShape& map, uint32_t insn) {
  const TypeRow* row = row_of(map.type);
  if (!row) return abstain(insn, "maps of type " + std::to_string(static_cast<unsigned>(map.type)) + " are not modelled");
  if (profile.version < row->since) {
    return reject(RejectClass::map_type, insn, "maps of type %s exist from Linux %u.%u on", std::string(row->name).c_str(),
                  row->since.major, row->since.minor);
  }
  const MapType t = map.type;
  bool is_hash = t == MapType::hash || t == MapType::percpu_hash || t == MapType::lru_hash || t == MapType::lru_percpu_hash;
  if (is_hash && map.key_size > profile.hash_key_bytes) {
    return reject(RejectClass::map_type, insn, "maps of type %s have keys of at most %u bytes", std::string(row->name).c_str(),
                  profile.hash_key_bytes);
  }
  return true;
}

bool Check::check_pairs() {
  out.map_at.assign(count(), -1);
  for (const MapReference& r : program.references) {
    if (r.insn >= count()) return abstain(0, "map reference outside the program");
    out.map_at[r.insn] = static_cast<int32_t>(r.map);
  }
  for (size_t i = 0; i < count(); i++) {
    const Insn& insn = program.insns[i];
    if (class_of(insn) == cls::ldx && ((mode_of(insn) != mode::mem && mode_of(insn) != mode::memsx) || insn.imm != 0)) {
      return reject(RejectClass::opcode, i, "BPF_LDX uses reserved fields");
    }
    if (class_of(insn) == cls::stx && mode_of(insn) == mode::atomic && profile.isa < 3 && insn.imm != 0) {
      return reject(RejectClass::opcode, i, "BPF_STX uses reserved fields");
    }
    if (insn.opcode == bpf::ld_imm64) {
      if (i + 1 >= count()) return reject(RejectClass::opcode, i, "invalid bpf_ld_imm64 insn");
      const Insn& second = program.insns[i + 1];
      if (second.opcode != 0 || second.regs != 0 || second.offset != 0) {
        return reject(RejectClass::opcode, i, "invalid bpf_ld_imm64 insn");
      }
      bool is_map = insn.src() == bpf::pseudo::map_fd || insn.src() == bpf::pseudo::map_value;
      if (is_map && out.map_at[i] < 0) return abstain(i, "ld_imm64 names a map that the input does not describe");
      if (insn.src() == bpf::pseudo::func && profile.version < Version{5, 13}) {
        return reject(RejectClass::opcode, i, "unrecognized bpf_ld_imm64 insn");
      }
      if (insn.src() > bpf::pseudo::func || insn.src() == bpf::pseudo::btf_id) {
        return abstain(i, "ld_imm64 of a kernel symbol or a map by index is not modelled");
      }
      i++;
      continue;
    }
    if (!opcode_exists(insn, profile)) return reject(RejectClass::opcode, i, "unknown opcode %02x", insn.opcode);
  }
  return true;
}

bool Check::check_reachable() {
  std::vector<uint8_t> seen(count(), 0);
  std::vector<size_t> work{0};
  bool into_pair = false;
  size_t pair = 0;
  auto push = [&](size_t to) {
    if (to > 0 && program.insns[to].opcode == 0 && program.insns[to - 1].opcode == bpf::ld_imm64) into_pair = true, pair = to - 1;
    if (to < count() && !seen[to]) seen[to] = 1, work.push_back(to);
  };
  seen[0] = 1;
  while (!work.empty()) {
    size_t i = work.back();
    work.pop_back();
    const Insn& insn = program.insns[i];
    if (names_subprogram(insn)) push(i + 1 + static_cast<size_t>(static_cast<int64_t>(insn.imm)));
    if (insn.opcode == bpf::exit_insn) continue;
    if (is_jump(insn)) {
      push(i + 1 + static_cast<size_t>(static_cast<int64_t>(jump_distance(insn))));
      if (operation_of(insn) == jmp::ja) continue;
    }
    size_t next = i + 1;
    if (insn.opcode == bpf::ld_imm64) seen[i + 1] = 1, next = i + 2;
    if (next >= count()) return reject(RejectClass::cfg, i, "jump out of range from insn %zu to %zu", i, next);
    push(next);
    if (into_pair) break;
  }
  if (into_pair) return reject(RejectClass::cfg, pair, "jump into the middle of ldimm64 insn %zu", pair);
  for (size_t i = 0; i < count(); i++) {
    if (!seen[i]) return reject(RejectClass::unreachable, i, "unreachable insn %zu", i);
  }
  return true;
}

// A packet load that fails leaves the program out of any function: whether it may is told by the types of what functions return.
// The kernel demands types of programs that hand out callbacks.
bool Check::check_packet_loads() {
  if (profile.version < Version{5, 10} || program.has_function_types || out.starts.size() < 2) return true;
  bool has_load = false;
  for (size_t i = out.starts[1]; i < count(); i++) {
    const Insn& insn = program.insns[i];
    has_load |= class_of(insn) == cls::ld && (mode_of(insn) == mode::abs || mode_of(insn) == mode::ind);
  }
  if (!has_load) return true;
  for (const Insn& insn : program.insns) {
    if (insn.opcode == bpf::ld_imm64 && insn.src() == bpf::pseudo::func) return true;
  }
  return reject(RejectClass::other, 0, "LD_ABS is not allowed in subprogs without BTF");
}

void Check::mark_prune_points() {
  out.prune_point.assign(count(), 0);
  out.repeats.assign(count(), 0);
  for (size_t i = 0; i < count(); i++) {
    const Insn& insn = program.insns[i];
    if (is_jump(insn)) {
      bool always = operation_of(insn) == jmp::ja;
      if (!always) out.prune_point[i] = 1;
      out.prune_point[i + 1 + static_cast<size_t>(static_cast<int64_t>(jump_distance(insn)))] = 1;
    } else if (insn.opcode == bpf::call_insn) {
      bool calls_back =
          (insn.src() == 0 && (insn.imm == 164 || insn.imm == 181)) || steps_iterator(program, static_cast<uint32_t>(i));
      if (calls_back) out.repeats[i] = 1;
      if (calls_back || insn.src() == bpf::pseudo::call) {
        out.prune_point[i] = 1;
      }
      if ((calls_back || insn.src() == bpf::pseudo::call || profile.compares_after_calls) && i + 1 < count()) {
        out.prune_point[i + 1] = 1;
      }
    } else if (insn.opcode == bpf::ld_imm64) {
      i++;
    }
  }
}

std::string check_alu_fields(const Insn& i, const Profile& profile) {
  uint8_t op = operation_of(i);
  bool is64 = class_of(i) == cls::alu64;
  if (op == alu::end) {
    bool bad = i.src() != 0 || i.offset != 0 || (i.imm != 16 && i.imm != 32 && i.imm != 64);
    return bad ? "BPF_END uses reserved fields" : "";
  }
  if (op == alu::neg) return i.src() != 0 || i.offset != 0 || i.imm != 0 ? "BPF_NEG uses reserved fields" : "";
  bool v4 = profile.isa >= 4;
  if (op == alu::mov) {
    if (uses_register(i)) {
      bool extends = v4 && (i.offset == 8 || i.offset == 16 || (is64 && i.offset == 32));
      return i.imm != 0 || (i.offset != 0 && !extends) ? "BPF_MOV uses reserved fields" : "";
    }
    return i.src() != 0 || i.offset != 0 ? "BPF_MOV uses reserved fields" : "";
  }
  bool is_signed = v4 && (op == alu::div || op == alu::mod) && i.offset == 1;
  if (i.offset != 0 && !is_signed) return "BPF_ALU uses reserved fields";
  if (uses_register(i)) return i.imm != 0 ? "BPF_ALU uses reserved fields" : "";
  if (i.src() != 0) return "BPF_ALU uses reserved fields";
  return "";
}

std::string check_jump_fields(const Insn& i) {
  uint8_t op = operation_of(i);
  bool is32 = class_of(i) == cls::jmp32;
  if (op == jmp::call) {
    bool bad = i.dst() != 0 || i.src() > bpf::pseudo::kfunc_call || (i.src() != bpf::pseudo::kfunc_call && i.offset != 0);
    return bad ? "BPF_CALL uses reserved fields" : "";
  }
  if (op == jmp::exit) return i.imm != 0 || i.regs != 0 ? "BPF_EXIT uses reserved fields" : "";
  if (op == jmp::ja) return i.regs != 0 || (is32 ? i.offset != 0 : i.imm != 0) ? "BPF_JA uses reserved fields" : "";
  if (uses_register(i)) return i.imm != 0 ? "BPF_JMP/JMP32 uses reserved fields" : "";
  return i.src() != 0 ? "BPF_JMP/JMP32 uses reserved fields" : "";
}

}  // namespace

bool is_jump(const Insn& i) {
  uint8_t c = class_of(i), op = operation_of(i);
  return (c == cls::jmp || c == cls::jmp32) && op != jmp::call && op != jmp::exit;
}

int32_t jump_distance(const Insn& i) {
  return i.opcode == (cls::jmp32 | jmp::ja) ? i.imm : i.offset;
}

uint32_t Structure::subprogram_of(uint32_t insn) const {
  return static_cast<uint32_t>(std::upper_bound(starts.begin(), starts.end(), insn) - starts.begin()) - 1;
}

bool Structure::is_start(uint32_t insn) const {
  return std::binary_search(starts.begin(), starts.end(), insn);
}

bool check_structure(const ProgramInput& program, const Profile& profile, Structure& out, Verdict& verdict) {
  Check check{program, profile, out, verdict};
  if (program.insns.empty()) return check.reject(RejectClass::cfg, 0, "empty program");
  if (program.insns.size() > 1'000'000) return check.reject(RejectClass::complexity, 0, "program too large");
  if (!check.check_types() || !check.find_subprograms() || !check.check_jumps() || !check.check_packet_loads() ||
      !check.check_pairs() || !check.check_reachable())
    return false;
  check.mark_prune_points();
  return true;
}

std::string check_constant_operand(const Insn& i) {
  uint8_t op = operation_of(i);
  if (uses_register(i)) return "";
  if ((op == alu::div || op == alu::mod) && i.imm == 0) return "div by zero";
  if (op != alu::lsh && op != alu::rsh && op != alu::arsh) return "";
  int width = class_of(i) == cls::alu64 ? 64 : 32;
  return i.imm < 0 || i.imm >= width ? "invalid shift " + std::to_string(i.imm) : "";
}

std::string check_fields(const Insn& i, const Profile& profile) {
  std::string fault;
  switch (class_of(i)) {
    case cls::alu:
    case cls::alu64: fault = check_alu_fields(i, profile); break;
    case cls::jmp:
    case cls::jmp32: fault = check_jump_fields(i); break;
    case cls::ld: fault = i.opcode == bpf::ld_imm64 && i.offset != 0 ? "BPF_LD_IMM64 uses reserved fields" : ""; break;
    case cls::st: fault = i.src() != 0 ? "BPF_ST uses reserved fields" : ""; break;
    case cls::stx: fault = mode_of(i) == mode::mem && i.imm != 0 ? "BPF_STX uses reserved fields" : ""; break;
    default: break;
  }
  if (!fault.empty()) return fault;
  if (i.src() > 10) return "R" + std::to_string(i.src()) + " is invalid";
  if (i.dst() > 10) return "R" + std::to_string(i.dst()) + " is invalid";
  return "";
}

}  // namespace shrike::sim
