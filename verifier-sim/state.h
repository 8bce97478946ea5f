// What is known at one point of one path: registers, stack bytes and references of every frame. Prints itself as the
// kernel's log does ("R1=ctx() R10=fp0 fp-8=mmmmmmmm"). Holds no rules; those are in transfer, branches and the checks.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "verifier-sim/program.h"
#include "verifier-sim/scalar_bounds.h"

namespace shrike::sim {

enum class Kind : uint8_t { not_init, scalar, ctx, stack, map_ptr, map_value, map_key, mem, func, object, socket };

// How far the kernel trusts a pointer to an object of its own: it decides what a null test and reads from it give.
enum class Trust : uint8_t { plain, trusted, rcu, untrusted };

struct Register {
  Kind kind = Kind::not_init;
  bool nullable = false;      // pointer that may be null until tested
  bool ring = false;          // mem: reserved ring memory
  bool is_read_only = false;  // mem
  bool has_delta = false;     // scalar: equals the other members of `id` plus `delta`
  uint8_t frame = 0;          // stack: whose
  Trust trust = Trust::plain;
  uint32_t id = 0;         // scalar: linked copies; nullable pointer: copies tested together
  uint32_t reference = 0;  // the reference this pointer carries
  int32_t offset = 0;      // pointer: known part
  int32_t delta = 0;
  uint32_t object = 0;  // map index, or func: first instruction of the callback, or the type of a kernel object
  uint32_t mem_size = 0;
  ScalarBounds var;  // scalar: value; pointer: unknown part of the offset

  bool is_pointer() const { return kind != Kind::not_init && kind != Kind::scalar; }
  bool is_scalar() const { return kind == Kind::scalar; }
  bool is_opaque() const { return kind == Kind::object && object == 0; }  // the model has no type of it
  bool is_unmoved() const { return offset == 0 && var.is_constant() && var.bits.value == 0; }
  bool is_zero() const { return is_scalar() && var.is_constant() && var.bits.value == 0; }

  static Register unknown_scalar() {
    Register r;
    r.kind = Kind::scalar;
    return r;
  }
  static Register constant(uint64_t v) {
    Register r = unknown_scalar();
    r.var = ScalarBounds::constant(v);
    return r;
  }
  static Register pointer(Kind kind) {
    Register r;
    r.kind = kind;
    r.var = ScalarBounds::constant(0);
    return r;
  }
};

enum class Byte : uint8_t { invalid, misc, zero, spill, iterator };

// Eight stack bytes; bytes[0] has the lowest address. A spill begins at bytes[0] and covers 1, 2, 4 or 8 of them.
struct Slot {
  std::array<Byte, 8> bytes{};
  Register spilled;
  uint32_t iterator = 0;    // the reference of the iterator that these bytes are
  bool is_drained = false;  // it has nothing more to give
  uint32_t rounds = 0;      // that it has given on this path; two rounds are never one state

  bool is_iterator() const { return bytes[0] == Byte::iterator; }
  bool is_spill() const { return bytes[0] == Byte::spill; }
  unsigned spill_size() const;
  bool is_special() const { return bytes[0] == Byte::spill; }
  void scrub();  // spilled bytes become plain data
};

inline constexpr uint8_t frame_pointer = 10;

enum class Callback : uint8_t { none, loop, for_each };

struct Frame {
  std::array<Register, 11> regs;
  std::vector<Slot> stack;  // slot i covers [-(i + 1) * 8, -i * 8) from the frame pointer
  uint32_t subprogram = 0;
  uint32_t call_site = 0;
  Callback callback = Callback::none;
  uint32_t held = 0, last_held = 0;  // callbacks: how many references their callers hold, and the number of the last

  Slot& slot_at(int offset) { return stack[static_cast<size_t>(-offset - 1) / 8]; }
  Byte& byte_at(int offset) { return slot_at(offset).bytes[static_cast<size_t>(offset) & 7]; }
  const Slot& slot_at(int offset) const { return stack[static_cast<size_t>(-offset - 1) / 8]; }
  Byte byte_at(int offset) const { return slot_at(offset).bytes[static_cast<size_t>(offset) & 7]; }
  void grow(unsigned bytes);
};

struct Reference {
  uint32_t id = 0;
  uint32_t insn = 0;
};

struct State {
  std::vector<Frame> frames;
  std::vector<Reference> references;
  uint32_t callback_rounds = 0;  // callbacks entered on this path

  Frame& current() { return frames.back(); }
  const Frame& current() const { return frames.back(); }
};

std::string_view type_name(const Register& r);  // "map_value_or_null", "fp", "scalar", …
std::string to_text(const Register& r, const std::vector<MapShape>& maps);
std::string to_text(const State& s, const std::vector<MapShape>& maps);

// Every register and spilled register of every frame.
template <typename Visit>
void each_register(State& s, Visit visit) {
  for (Frame& f : s.frames) {
    for (Register& r : f.regs) visit(r);
    for (Slot& slot : f.stack) {
      if (slot.is_spill()) visit(slot.spilled);
    }
  }
}

// Callbacks leave alone what their callers hold: those references come first.
bool keeps_held(const State& s);

// What carries this reference is given back: no pointer to it is left.
void release_reference(State& s, uint32_t reference);

}  // namespace shrike::sim
