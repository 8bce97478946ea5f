// Pointer arithmetic keeps a pointer's known offset apart from its unknown part; the limits on both are the kernel's, so
// that no later addition of offset and size can wrap.
#include "verifier-sim/transfer.h"

#include <cinttypes>
#include <string_view>

#include "verifier-sim/scalar_alu.h"

namespace shrike::sim {
namespace {

namespace alu = bpf::alu;

constexpr int64_t max_var_offset = 1 << 29;

uint8_t operation_of(const bpf::Insn& i) {
  return i.opcode & 0xf0;
}
bool uses_register(const bpf::Insn& i) {
  return (i.opcode & 8) != 0;
}

std::string_view symbol_of(uint8_t operation) {
  static constexpr std::string_view symbols[] = {
      "+=", "-=", "*=", "/=", "|=", "&=", "<<=", ">>=", "neg", "%=", "^=", "=", "s>>=", "end"};
  return symbols[operation >> 4];
}

// Neither a known offset nor the range of an unknown one may come near 32 bits.
bool check_sane_offset(Walk& w, const Register& r, const Register& pointer) {
  auto name = type_name(pointer);
  int length = static_cast<int>(name.size());
  auto value = static_cast<int64_t>(r.var.bits.value);
  if (r.var.is_constant() && (value >= max_var_offset || value <= -max_var_offset)) {
    return w.reject(RejectClass::pointer_arith, "math between %.*s pointer and %" PRId64 " is not allowed", length, name.data(),
                    value);
  }
  if (r.offset >= max_var_offset || r.offset <= -max_var_offset) {
    return w.reject(RejectClass::pointer_arith, "%.*s pointer offset %d is not allowed", length, name.data(), r.offset);
  }
  if (r.var.smin == INT64_MIN) {
    return w.reject(RejectClass::pointer_arith, "math between %.*s pointer and register with unbounded min value is not allowed",
                    length, name.data());
  }
  if (r.var.smin >= max_var_offset || r.var.smin <= -max_var_offset) {
    return w.reject(RejectClass::pointer_arith, "value %" PRId64 " makes %.*s pointer be out of bounds", r.var.smin, length,
                    name.data());
  }
  return true;
}

// dst takes `pointer op number`; the operands are copies, dst may be either.
bool pointer_arithmetic(Walk& w, unsigned dst_number, const Register pointer, const Register number, bool number_is_dst) {
  const bpf::Insn& insn = w.at();
  Register& dst = w.reg(dst_number);
  uint8_t operation = operation_of(insn);
  auto name = type_name(pointer);
  int length = static_cast<int>(name.size());
  if (number.var.contradictory()) return w.abstain("pointer arithmetic with contradictory bounds");
  if ((insn.opcode & 7) != bpf::cls::alu64) {
    if (operation == alu::sub) {
      dst = Register::unknown_scalar();
      return true;
    }
    return w.reject(RejectClass::pointer_arith, "R%u 32-bit pointer arithmetic prohibited", dst_number);
  }
  if (pointer.nullable) {
    return w.reject(RejectClass::pointer_arith, "R%u pointer arithmetic on %.*s prohibited, null-check it first", dst_number,
                    length, name.data());
  }
  bool known = number.var.is_constant();
  int64_t by = number.var.smin;
  if (pointer.kind == Kind::func) return w.abstain("arithmetic on a callback address");
  if (pointer.kind == Kind::socket) {
    return w.reject(RejectClass::pointer_arith, "R%u pointer arithmetic on %.*s prohibited", dst_number, length, name.data());
  }
  if (pointer.kind == Kind::map_ptr && !(known && by == 0 && operation == alu::add)) {
    return w.reject(RejectClass::pointer_arith, "R%u pointer arithmetic on %.*s prohibited", dst_number, length, name.data());
  }
  if (!check_sane_offset(w, number, pointer) || !check_sane_offset(w, pointer, pointer)) return false;

  Register r = pointer;
  r.var.forget32();
  auto fits = [](int64_t v) { return v == static_cast<int32_t>(v); };
  if (operation == alu::add) {
    if (known && fits(pointer.offset + by)) {
      r.offset = static_cast<int32_t>(pointer.offset + by);
    } else {
      add_ranges64(r.var, number.var, w.deductions());
      r.var.bits = add(r.var.bits, number.var.bits);
    }
  } else if (operation == alu::sub) {
    if (number_is_dst) return w.reject(RejectClass::pointer_arith, "R%u tried to subtract pointer from scalar", dst_number);
    if (pointer.kind == Kind::stack) {
      return w.reject(RejectClass::pointer_arith, "R%u subtraction from stack pointer prohibited", dst_number);
    }
    if (known && fits(pointer.offset - by)) {
      r.offset = static_cast<int32_t>(pointer.offset - by);
    } else {
      sub_ranges64(r.var, number.var, w.deductions());
      r.var.bits = sub(r.var.bits, number.var.bits);
    }
  } else {
    bool bitwise = operation == alu::and_ || operation == alu::or_ || operation == alu::xor_;
    auto symbol = symbol_of(operation);
    return w.reject(
        RejectClass::pointer_arith,
        bitwise ? "R%u bitwise operator %.*s on pointer prohibited" : "R%u pointer arithmetic with %.*s operator prohibited",
        dst_number, static_cast<int>(symbol.size()), symbol.data());
  }
  if (!check_sane_offset(w, r, pointer)) return false;
  r.var.sync(w.deductions());
  dst = r;
  return true;
}

void remember_delta(Walk& w, Register& dst, const Register& before, const Register& src, uint8_t operation, bool is64) {
  dst.id = 0, dst.has_delta = false, dst.delta = 0;
  if (!w.profile.constant_deltas || !is64 || operation != alu::add || !before.id || before.has_delta) return;
  if (!src.var.is_constant() || src.var.bits.value > INT32_MAX) return;
  dst.id = before.id;
  dst.has_delta = true;
  dst.delta = static_cast<int32_t>(src.var.bits.value);
}

bool arithmetic(Walk& w) {
  const bpf::Insn& insn = w.at();
  uint8_t operation = operation_of(insn);
  bool is64 = (insn.opcode & 7) == bpf::cls::alu64;
  unsigned d = insn.dst();
  if (uses_register(insn) && !w.can_read(insn.src())) return false;
  if (!w.can_read(d)) return false;
  if (w.reg(d).is_opaque() || (uses_register(insn) && w.reg(insn.src()).is_opaque())) {
    return w.abstain("arithmetic on a pointer to a kernel object");
  }
  std::string fault = check_constant_operand(insn);
  if (!fault.empty()) return w.reject(RejectClass::opcode, "%s", fault.c_str());
  if (!w.can_write(d)) return false;
  Register before = w.reg(d);
  Register src = uses_register(insn) ? w.reg(insn.src()) : Register::constant(static_cast<uint64_t>(int64_t{insn.imm}));
  if (before.is_pointer() && src.is_pointer()) {
    if (operation == alu::sub) {
      w.reg(d) = Register::unknown_scalar();
      return true;
    }
    auto symbol = symbol_of(operation);
    return w.reject(RejectClass::pointer_arith, "R%u pointer %.*s pointer prohibited", d, static_cast<int>(symbol.size()),
                    symbol.data());
  }
  if (src.is_pointer()) return pointer_arithmetic(w, d, src, before, true);
  if (before.is_pointer()) return pointer_arithmetic(w, d, before, src, false);
  if (before.var.contradictory() || src.var.contradictory()) return w.abstain("arithmetic with contradictory bounds");
  Register& dst = w.reg(d);
  dst.var = compute(operation, is64, before.var, src.var, w.deductions());
  remember_delta(w, dst, before, src, operation, is64);
  return true;
}

// neg and byte swaps.
bool unary(Walk& w) {
  const bpf::Insn& insn = w.at();
  unsigned d = insn.dst();
  if (!w.can_read(d) || !w.can_write(d)) return false;
  bool is64 = (insn.opcode & 7) == bpf::cls::alu64;
  Register before = w.reg(d);
  Register& dst = w.reg(d);
  dst = Register::unknown_scalar();
  if (operation_of(insn) == alu::neg) {
    if (before.is_scalar() && w.deductions().negation) dst.var = compute(alu::neg, is64, before.var, before.var, w.deductions());
    else if (!is64) dst.var.zero_extend(w.deductions());
  } else if (before.is_scalar()) {
    bool swaps = is64 || uses_register(insn);
    dst.var = change_byte_order(before.var, swaps, static_cast<unsigned>(insn.imm) / 8, w.deductions());
  }
  return true;
}

bool move_register(Walk& w) {
  const bpf::Insn& insn = w.at();
  bool is64 = (insn.opcode & 7) == bpf::cls::alu64;
  unsigned extend = static_cast<unsigned>(insn.offset) / 8;
  Register& src = w.reg(insn.src());
  Register& dst = w.reg(insn.dst());
  if (is64 && extend == 0) {
    link_before_copy(w, src);
    dst = src;
    return true;
  }
  if (!src.is_scalar()) {
    dst = Register::unknown_scalar();
    if (!is64) dst.var.zero_extend(w.deductions());
    return true;
  }
  // The copy stays linked only if the narrowing changes nothing.
  bool same = extend ? src.var.umax < uint64_t{1} << (insn.offset - 1) : src.var.width() <= 32;
  if (same) link_before_copy(w, src);
  dst = src;
  if (!same) dst.id = 0, dst.has_delta = false, dst.delta = 0;
  if (is64) {
    dst.var.sign_extend(extend);
  } else {
    if (extend) dst.var.sign_extend32(extend);
    dst.var.zero_extend(w.deductions());
  }
  return true;
}

}  // namespace

void link_before_copy(Walk& w, Register& r) {
  if (!r.is_scalar() || !w.profile.links_copies) return;
  if (r.has_delta) r.id = 0, r.has_delta = false, r.delta = 0;
  if (!r.id && !r.var.is_constant()) r.id = w.fresh_id();
}

bool transfer_alu(Walk& w) {
  const bpf::Insn& insn = w.at();
  uint8_t operation = operation_of(insn);
  if (operation == alu::end || operation == alu::neg) return unary(w);
  if (operation != alu::mov) return arithmetic(w);
  if (uses_register(insn)) {
    if (!w.can_read(insn.src()) || !w.can_write(insn.dst())) return false;
    return move_register(w);
  }
  if (!w.can_write(insn.dst())) return false;
  bool is64 = (insn.opcode & 7) == bpf::cls::alu64;
  w.reg(insn.dst()) = Register::constant(is64 ? static_cast<uint64_t>(int64_t{insn.imm}) : static_cast<uint32_t>(insn.imm));
  return true;
}

bool transfer_ld_imm64(Walk& w) {
  const bpf::Insn& insn = w.at();
  const bpf::Insn& second = w.program.insns[w.insn + 1];
  if (!w.can_write(insn.dst())) return false;
  Register& dst = w.reg(insn.dst());
  switch (insn.src()) {
    case 0:
      dst = Register::constant(static_cast<uint64_t>(static_cast<uint32_t>(second.imm)) << 32 | static_cast<uint32_t>(insn.imm));
      return true;
    case bpf::pseudo::map_fd:
      if (second.imm != 0) return w.abstain("second half of a map reference is not zero");
      dst = Register::pointer(Kind::map_ptr);
      dst.object = static_cast<uint32_t>(w.structure.map_at[w.insn]);
      return true;
    case bpf::pseudo::map_value: {
      const MapShape& map = w.program.maps[static_cast<size_t>(w.structure.map_at[w.insn])];
      if (map.type != MapType::array || map.max_entries > 1)
        return w.abstain("address of a value in a map that is no single-element array");
      auto offset = static_cast<uint32_t>(second.imm);
      if (offset >= map.value_size) {
        return w.reject(RejectClass::map_bounds, "invalid access to map value pointer, value_size=%u off=%u", map.value_size,
                        offset);
      }
      dst = Register::pointer(Kind::map_value);
      dst.object = static_cast<uint32_t>(w.structure.map_at[w.insn]);
      dst.offset = static_cast<int32_t>(offset);
      return true;
    }
    default:
      dst = Register::pointer(Kind::func);
      dst.object = w.insn + 1 + static_cast<uint32_t>(insn.imm);
      return true;
  }
}

}  // namespace shrike::sim
