// Stack bytes follow the kernel's rules on partial overwrites exactly, including that a spill whose register was
// forgotten by a variable write cannot be read back: guessing better would accept what the kernel rejects.
#include "verifier-sim/stack_access.h"

#include <algorithm>
#include <cinttypes>

#include "verifier-sim/transfer.h"

namespace shrike::sim {
namespace {

constexpr int64_t max_var_offset = 1 << 29;

enum class Purpose : uint8_t { read, write, helper };

const char* words_of(Purpose p) {
  switch (p) {
    case Purpose::read: return " read from";
    case Purpose::write: return " write to";
    default: return " indirect access to";
  }
}

bool may_read_past_frame(const Walk& w) {
  return w.profile.reads_uninit_stack && w.profile.reads_past_frame;
}

// Grows the frame to hold the range. `size` may be zero.
bool check_within(Walk& w, Frame& frame, const Register& pointer, unsigned n, int64_t offset, int64_t size, Purpose purpose,
                  bool may_be_unwritten) {
  int64_t lowest, end;
  if (pointer.var.is_constant()) {
    lowest = offset + static_cast<int64_t>(pointer.var.bits.value);
    end = lowest + size;
  } else {
    if (pointer.var.smax >= max_var_offset || pointer.var.smin <= -max_var_offset) {
      return w.reject(RejectClass::stack_bounds, "invalid unbounded variable-offset%s stack R%u", words_of(purpose), n);
    }
    lowest = pointer.var.smin + offset;
    end = pointer.var.smax + offset + size;
  }
  int64_t written = -static_cast<int64_t>(frame.stack.size() * 8);
  int64_t floor = may_be_unwritten ? -int64_t{w.profile.stack_bytes} : written;
  if (lowest < floor || lowest > -1 || end > 0) {
    if (lowest >= -int64_t{w.profile.stack_bytes} && end <= 0) {
      const char* words = purpose == Purpose::helper ? " indirect read from" : words_of(purpose);
      return w.reject(RejectClass::stack_uninit, "invalid%s stack R%u off %" PRId64 "+0 size %" PRId64, words, n, lowest, size);
    }
    if (pointer.var.is_constant()) {
      return w.reject(RejectClass::stack_bounds, "invalid%s stack R%u off=%" PRId64 " size=%" PRId64, words_of(purpose), n,
                      lowest, size);
    }
    return w.reject(RejectClass::stack_bounds, "invalid variable-offset%s stack R%u var_off=%s off=%" PRId64 " size=%" PRId64,
                    words_of(purpose), n, to_text(pointer.var.bits).c_str(), offset, size);
  }
  if (size > 0 || w.profile.reads_past_frame) frame.grow(static_cast<unsigned>(-lowest));
  uint32_t subprogram = frame.subprogram;
  w.stack_depths[subprogram] = std::max(w.stack_depths[subprogram], static_cast<int>(-lowest));
  return true;
}

void save(Slot& slot, const Register& r, unsigned size) {
  slot.spilled = r;
  for (unsigned i = 0; i < 8; i++) {
    Byte& b = slot.bytes[i];
    if (i < size) b = Byte::spill;
    else if (b == Byte::spill) b = Byte::misc;
  }
}

// Which scalars older kernels remember in a slot.
bool remembered(const Walk& w, const Register& r, unsigned size) {
  if (w.profile.spills_every_scalar) return true;
  if (!w.profile.spills_bounded_scalars) return size == 8 && r.var.is_constant() && !r.is_zero();
  const ScalarBounds& v = r.var;
  bool bounded = v.umin != 0 || v.umax != UINT64_MAX || v.smin != INT64_MIN || v.smax != INT64_MAX || v.umin32 != 0 ||
                 v.umax32 != UINT32_MAX || v.smin32 != INT32_MIN || v.smax32 != INT32_MAX || !v.bits.is_unknown();
  return bounded && !r.is_zero();
}

bool write_fixed(Walk& w, Frame& frame, int offset, unsigned size, const Stored& what) {
  Slot& slot = frame.slot_at(offset);
  if (slot.is_iterator()) return w.abstain("a store over an iterator");
  bool slot_start = offset % 8 == 0;
  if (what.reg && what.reg->is_scalar() && slot_start && remembered(w, *what.reg, size)) {
    bool fits = what.reg->var.width() <= size * 8;
    if (fits && w.profile.spills_every_scalar) link_before_copy(w, *what.reg);
    save(slot, *what.reg, size);
    if (!fits) slot.spilled.id = 0, slot.spilled.has_delta = false, slot.spilled.delta = 0;
    return true;
  }
  if (!what.reg && what.is_immediate && slot_start && w.profile.tracks_stored_constants) {
    save(slot, Register::constant(static_cast<uint64_t>(int64_t{what.immediate})), size);
    return true;
  }
  if (what.reg && what.reg->is_pointer()) {
    if (size != 8) return w.reject(RejectClass::stack_bounds, "invalid size of register spill");
    bool own = &frame == &w.state.current();
    if (!own && what.reg->kind == Kind::stack) {
      return w.reject(RejectClass::other, "cannot spill pointers to stack into stack frame of the caller");
    }
    save(slot, *what.reg, size);
    return true;
  }
  slot.spilled = Register();
  if (slot.is_spill()) slot.scrub();
  Byte kind = what.is_zero() ? Byte::zero : Byte::misc;
  for (unsigned i = 0; i < size; i++) frame.byte_at(offset + static_cast<int>(i)) = kind;
  return true;
}

bool write_variable(Walk& w, Frame& frame, const Register& pointer, int offset, unsigned size, const Stored& what) {
  auto lowest = static_cast<int>(pointer.var.smin + offset), end = static_cast<int>(pointer.var.smax + offset + size);
  bool zero = what.is_zero();
  if (what.reg && what.reg->is_pointer()) return w.abstain("pointer stored to the stack at a variable offset");
  for (int i = lowest; i < end; i++) {
    const Byte b = frame.byte_at(i);
    if (b == Byte::iterator) return w.abstain("a store over an iterator");
    if (b == Byte::invalid && !w.profile.reads_uninit_stack) {
      return w.reject(RejectClass::stack_uninit, "uninit stack in range of var-offset write prohibited; off: %d", i);
    }
  }
  // A zero stays what it is under another, but not one that shares its slot with bytes that are none: 6.1 to 6.18 then take all
  // of the slot for unknown, as if they went from its end.
  for (int i = end; i-- > lowest;) {
    Slot& slot = frame.slot_at(i);
    Byte& b = frame.byte_at(i);
    if (zero && b == Byte::spill && slot.is_spill() && slot.spilled.is_zero()) continue;
    slot.spilled = Register();
    b = zero && b == Byte::zero ? Byte::zero : Byte::misc;
  }
  return true;
}

bool readable(const Walk& w, Byte b) {
  return b == Byte::misc || b == Byte::zero || (b == Byte::invalid && w.profile.reads_uninit_stack);
}

bool read_partial_spill(Walk& w, Frame& frame, Slot& slot, int offset, unsigned size, Register* into) {
  if (!slot.spilled.is_scalar()) return w.reject(RejectClass::stack_bounds, "invalid size of register fill");
  if (!into) return true;
  unsigned spilled = slot.spill_size();
  bool keeps_bounds = w.profile.narrow_fills ? size <= spilled : size == spilled;
  if (keeps_bounds && offset % 8 == 0) {
    if (size == 4 && spilled == 4 && slot.spilled.var.width() <= 32 && w.profile.spills_every_scalar)
      link_before_copy(w, slot.spilled);
    *into = slot.spilled;
    if (slot.spilled.var.width() > size * 8) into->id = 0, into->has_delta = false, into->delta = 0;
    return true;
  }
  unsigned from_spill = 0, zeros = 0;
  for (unsigned i = 0; i < size; i++) {
    Byte b = frame.byte_at(offset + static_cast<int>(i));
    if (b == Byte::spill) from_spill++;
    else if (!readable(w, b))
      return w.reject(RejectClass::stack_uninit, "invalid read from stack off %d+%u size %u", offset, i, size);
    if (b == Byte::zero) zeros++;
  }
  bool zero = w.profile.narrow_fills && ((from_spill == size && slot.spilled.is_zero()) || zeros == size);
  *into = zero ? Register::constant(0) : Register::unknown_scalar();
  return true;
}

bool read_fixed(Walk& w, Frame& frame, int offset, unsigned size, Register* into) {
  Slot& slot = frame.slot_at(offset);
  if (slot.is_spill()) {
    if (size != 8 || slot.spill_size() != 8) return read_partial_spill(w, frame, slot, offset, size, into);
    if (!into) return true;
    if (w.profile.spills_every_scalar) link_before_copy(w, slot.spilled);
    *into = slot.spilled;
    return true;
  }
  unsigned zeros = 0;
  for (unsigned i = 0; i < size; i++) {
    Byte b = frame.byte_at(offset + static_cast<int>(i));
    if (!readable(w, b)) return w.reject(RejectClass::stack_uninit, "invalid read from stack off %d+%u size %u", offset, i, size);
    if (b == Byte::zero) zeros++;
  }
  if (into) *into = zeros == size ? Register::constant(0) : Register::unknown_scalar();
  return true;
}

// Every byte of [lowest, end) must be data or a spill; `clobbers`: the helper may write there.
bool check_initialized(Walk& w, Frame& frame, unsigned n, int lowest, int end, bool clobbers, Purpose purpose) {
  for (int i = lowest; i < end; i++) {
    Slot& slot = frame.slot_at(i);
    Byte& b = frame.byte_at(i);
    if (readable(w, b)) {
      if (clobbers && b != Byte::misc) b = Byte::misc;
      continue;
    }
    if (slot.is_spill()) {
      if (clobbers) {
        slot.spilled = Register::unknown_scalar();
        slot.scrub();
      }
      continue;
    }
    const char* words = purpose == Purpose::helper ? "invalid indirect read from stack" : "invalid read from stack";
    return w.reject(RejectClass::stack_uninit, "%s R%u off %d+%d size %d", words, n, lowest, i - lowest, end - lowest);
  }
  return true;
}

Frame& frame_of(Walk& w, const Register& pointer) {
  return w.state.frames[pointer.frame];
}

bool refuse_variable(Walk& w, const Register& pointer, int offset, unsigned size) {
  return w.reject(RejectClass::stack_bounds, "variable stack access var_off=%s off=%d size=%u", to_text(pointer.var.bits).c_str(),
                  offset, size);
}

}  // namespace

bool read_stack(Walk& w, const Register& pointer, unsigned n, int offset, unsigned size, Register* into) {
  Frame& frame = frame_of(w, pointer);
  if (!pointer.var.is_constant() && !w.profile.variable_stack_access) return refuse_variable(w, pointer, offset, size);
  if (!check_within(w, frame, pointer, n, offset, size, Purpose::read, may_read_past_frame(w))) return false;
  if (pointer.var.is_constant()) {
    return read_fixed(w, frame, offset + static_cast<int>(static_cast<int64_t>(pointer.var.bits.value)), size, into);
  }
  auto lowest = static_cast<int>(pointer.var.smin + offset), end = static_cast<int>(pointer.var.smax + offset + size);
  if (!check_initialized(w, frame, n, lowest, end, false, Purpose::read)) return false;
  if (into) {
    bool zeros = true;
    for (int i = lowest; i < end; i++) zeros = zeros && frame.byte_at(i) == Byte::zero;
    *into = zeros ? Register::constant(0) : Register::unknown_scalar();
  }
  return true;
}

bool write_stack(Walk& w, const Register& pointer, unsigned n, int offset, unsigned size, const Stored& what) {
  Frame& frame = frame_of(w, pointer);
  if (!pointer.var.is_constant() && !w.profile.variable_stack_access) return refuse_variable(w, pointer, offset, size);
  if (!check_within(w, frame, pointer, n, offset, size, Purpose::write, true)) return false;
  if (!pointer.var.is_constant()) return write_variable(w, frame, pointer, offset, size, what);
  return write_fixed(w, frame, offset + static_cast<int>(static_cast<int64_t>(pointer.var.bits.value)), size, what);
}

bool check_stack_for_helper(Walk& w, const HelperMemory& m) {
  const Register pointer = w.reg(m.reg);
  Frame& frame = frame_of(w, pointer);
  if (m.size == 0 && !m.zero_allowed) return w.reject(RejectClass::size_range, "invalid zero-sized read");
  bool fills = m.writes && m.exact && pointer.var.is_constant();
  auto size = static_cast<int64_t>(m.size);
  Purpose purpose = w.profile.version < Version{6, 12} ? Purpose::helper : m.writes ? Purpose::write : Purpose::read;
  if (!check_within(w, frame, pointer, m.reg, pointer.offset, size, purpose, fills || may_read_past_frame(w))) return false;
  auto lowest = static_cast<int>(pointer.var.smin + pointer.offset),
       end = static_cast<int>(pointer.var.smax + pointer.offset + size);
  if (fills) {
    for (int i = lowest; i < end; i++) {
      if (!write_fixed(w, frame, i, 1, Stored{})) return false;
    }
    return true;
  }
  return check_initialized(w, frame, m.reg, lowest, end, m.writes || !w.profile.helper_reads_keep_stack, purpose);
}

}  // namespace shrike::sim
