// See algebra.h. One function per family of operations; a rule is an `if` with its law in a comment where it is not plain.
#include "passes/algebra.h"

#include <algorithm>
#include <bit>

#include "mir/evaluate.h"

namespace shrike::passes {

using namespace mir;

namespace {

bool is_commutative(Opcode op) {
  switch (op) {
    case Opcode::add:
    case Opcode::mul:
    case Opcode::and_:
    case Opcode::or_:
    case Opcode::xor_:
    case Opcode::eq:
    case Opcode::ne: return true;
    default: return false;
  }
}

bool is_comparison(Opcode op) {
  return op >= Opcode::eq && op <= Opcode::le_s;
}

// evaluate() for the signed numbers that instructions hold.
std::optional<int64_t> fold(Opcode op, int64_t a, int64_t b) {
  auto value = evaluate(op, static_cast<uint64_t>(a), static_cast<uint64_t>(b));
  return value ? std::optional(static_cast<int64_t>(*value)) : std::nullopt;
}

}  // namespace

RuleScope::RuleScope(Function& function) : function_(function) {
  for (uint32_t b = 0; b < function.blocks.size(); b++) {
    enter(BlockId(b));
    for (const Inst& inst : function.blocks[BlockId(b)].insts) define(inst);
  }
}

void RuleScope::define(const Inst& inst) {
  if (!inst.result.is_valid()) return;
  ValueId a = !inst.operands.empty() ? inst.operands[0] : ValueId();
  ValueId b = inst.operands.size() > 1 ? inst.operands[1] : ValueId();
  definitions_[inst.result] = {true, inst.op, inst.width, a, b, block_, inst.imm, inst.slot};
}

bool RuleScope::has_iterators() {
  auto is_next = [](const Inst& inst) { return inst.op == Opcode::call && inst.helper == HelperId::iter_num_next; };
  if (!has_iterators_)
    has_iterators_ =
        std::ranges::any_of(function_.blocks, [&](const Block& block) { return std::ranges::any_of(block.insts, is_next); });
  return *has_iterators_;
}

std::optional<int64_t> RuleScope::constant_of(ValueId value) const {
  const Definition& definition = definitions_[value];
  if (!definition.is_inst || definition.op != Opcode::constant) return std::nullopt;
  return definition.imm;
}

const Slot* RuleScope::slot_at(ValueId address) const {
  const Definition& definition = definitions_[address];
  return definition.is_inst && definition.op == Opcode::slot_addr ? &function_.slots[definition.slot] : nullptr;
}

ValueId RuleScope::constant(int64_t value) {
  Inst inst{.op = Opcode::constant, .result = function_.values.add({}), .imm = value};
  inst.span = span_;
  define(inst);
  output_->push_back(std::move(inst));
  return output_->back().result;
}

namespace {

// The bits that may be set in a value, as far as its definition alone tells and every verifier sees: kernels before 6.6
// know nothing about a number whose bytes were swapped.
uint64_t possible_bits(ValueId value, RuleScope& scope) {
  const RuleScope::Definition& d = scope.definition(value);
  if (!d.is_inst || !(d.op == Opcode::constant || scope.is_remembered(value))) return ~uint64_t{0};
  if (is_comparison(d.op)) return 1;
  switch (d.op) {
    case Opcode::constant: return static_cast<uint64_t>(d.imm);
    case Opcode::zext8: return 0xff;
    case Opcode::zext16: return 0xffff;
    case Opcode::zext32: return 0xffffffff;
    case Opcode::load: return is_signed(d.width) ? ~uint64_t{0} : ~uint64_t{0} >> (64 - 8 * bytes_of(d.width));
    case Opcode::and_: {
      auto mask = scope.constant_of(d.b);
      return mask ? static_cast<uint64_t>(*mask) : ~uint64_t{0};
    }
    case Opcode::shr_u: {
      auto count = scope.constant_of(d.b);
      return count ? ~uint64_t{0} >> (*count & 63) : ~uint64_t{0};
    }
    default: return ~uint64_t{0};
  }
}

class Rules {
 public:
  Rules(Inst& inst, RuleScope& scope) : inst_(inst), scope_(scope) {
    a_ = inst.operands[0];
    if (inst.operands.size() > 1) b_ = inst.operands[1];
    ka_ = scope.constant_of(a_);
    if (b_.is_valid()) kb_ = scope.constant_of(b_);
  }

  RuleResult apply() {
    if (ka_ && inst_.op == Opcode::clamp_u) return becomes_constant(*fold(inst_.op, *ka_, inst_.imm));
    if (ka_ && (kb_ || !b_.is_valid()))
      if (auto value = fold(inst_.op, *ka_, kb_.value_or(0))) return becomes_constant(*value);
    // Constants stand on the right, where the other rules look for them and instructions take immediates.
    if (ka_ && b_.is_valid() && !kb_ && is_commutative(inst_.op)) return becomes(inst_.op, b_, a_);
    switch (inst_.op) {
      case Opcode::add:
      case Opcode::sub: return sums();
      case Opcode::mul:
      case Opcode::div_u:
      case Opcode::div_s:
      case Opcode::mod_u:
      case Opcode::mod_s: return products();
      case Opcode::and_:
      case Opcode::or_:
      case Opcode::xor_: return bits();
      case Opcode::shl:
      case Opcode::shr_u:
      case Opcode::shr_s: return shifts();
      case Opcode::neg: return same_op_inside() ? is(inside().a) : nothing();
      case Opcode::bswap64: return same_op_inside() ? is(inside().a) : nothing();
      case Opcode::eq:
      case Opcode::ne: return equalities();
      case Opcode::lt_u:
      case Opcode::le_u:
      case Opcode::lt_s:
      case Opcode::le_s: return orders();
      case Opcode::zext8: return extensions(0xff, Opcode::zext8);
      case Opcode::zext16: return extensions(0xffff, Opcode::zext16);
      case Opcode::zext32: return extensions(0xffffffff, Opcode::zext32);
      case Opcode::sext8: return extensions(0x7f, Opcode::sext8);
      case Opcode::sext16: return extensions(0x7fff, Opcode::sext16);
      case Opcode::sext32: return extensions(0x7fffffff, Opcode::sext32);
      case Opcode::clamp_u: return clamps();
      case Opcode::ptr_add: return pointer_sums();
      case Opcode::load:
      case Opcode::store:
      case Opcode::zero:
      case Opcode::atomic_add:
      case Opcode::atomic_fetch_add:
      case Opcode::atomic_cmpxchg: return addresses();
      default: return nothing();
    }
  }

 private:
  static RuleResult nothing() { return {}; }
  static RuleResult is(ValueId value) { return {.changed = true, .replacement = value}; }
  RuleResult becomes_constant(int64_t value) {
    inst_.op = Opcode::constant;
    inst_.operands.clear();
    inst_.imm = value;
    return {.changed = true, .replacement = {}};
  }
  RuleResult becomes(Opcode op, ValueId a, ValueId b) {
    inst_.op = op;
    inst_.operands = {a, b};
    inst_.imm = 0;
    return {.changed = true, .replacement = {}};
  }
  RuleResult becomes(Opcode op, ValueId a, int64_t b) { return becomes(op, a, scope_.constant(b)); }

  const RuleScope::Definition& inside() const { return scope_.definition(a_); }
  bool same_op_inside() const { return inside().is_inst && inside().op == inst_.op; }
  // The constant of `op(x, constant)` as first operand of the same op.
  std::optional<int64_t> inner_constant() const { return same_op_inside() ? scope_.constant_of(inside().b) : std::nullopt; }
  static int64_t log2_of(int64_t power) { return std::countr_zero(static_cast<uint64_t>(power)); }
  static bool is_power_of_two(int64_t value) { return std::has_single_bit(static_cast<uint64_t>(value)); }

  RuleResult sums() {
    if (inst_.op == Opcode::sub) {
      if (a_ == b_) return becomes_constant(0);
      if (kb_) return becomes(Opcode::add, a_, *fold(Opcode::neg, *kb_, 0));
      return nothing();
    }
    if (kb_ == 0) return is(a_);
    if (auto inner = inner_constant(); inner && kb_) return becomes(Opcode::add, inside().a, *fold(Opcode::add, *inner, *kb_));
    return nothing();
  }

  RuleResult products() {
    if (!kb_) return nothing();
    bool is_mul = inst_.op == Opcode::mul, is_mod = inst_.op == Opcode::mod_u || inst_.op == Opcode::mod_s;
    if (*kb_ == 0) return is_mod ? is(a_) : becomes_constant(0);
    if (*kb_ == 1) return is_mod ? becomes_constant(0) : is(a_);
    // Signed division rounds to zero, a shift down: those two are left alone.
    if (inst_.op == Opcode::div_s || inst_.op == Opcode::mod_s || !is_power_of_two(*kb_)) return nothing();
    if (is_mod) return becomes(Opcode::and_, a_, *fold(Opcode::sub, *kb_, 1));
    return becomes(is_mul ? Opcode::shl : Opcode::shr_u, a_, log2_of(*kb_));
  }

  RuleResult bits() {
    if (a_ == b_) return inst_.op == Opcode::xor_ ? becomes_constant(0) : is(a_);
    if (!kb_) return nothing();
    if (inst_.op == Opcode::and_) {
      if (*kb_ == 0) return becomes_constant(0);
      if ((possible_bits(a_, scope_) & ~static_cast<uint64_t>(*kb_)) == 0) return is(a_);
    } else {
      if (*kb_ == 0) return is(a_);
      if (inst_.op == Opcode::or_ && *kb_ == -1) return becomes_constant(-1);
    }
    if (auto inner = inner_constant()) return becomes(inst_.op, inside().a, *fold(inst_.op, *inner, *kb_));
    return nothing();
  }

  RuleResult shifts() {
    if (!kb_) return nothing();
    int64_t count = *kb_ & 63;
    if (count == 0) return is(a_);
    if (count != *kb_) return becomes(inst_.op, a_, count);  // the kernel refuses constant counts of 64 and more
    if (auto inner = inner_constant()) {
      int64_t sum = (*inner & 63) + count;
      if (sum < 64) return becomes(inst_.op, inside().a, sum);
    }
    return nothing();
  }

  RuleResult equalities() {
    bool is_eq = inst_.op == Opcode::eq;
    if (a_ == b_) return becomes_constant(is_eq);
    if (!kb_) return nothing();
    const RuleScope::Definition& d = inside();
    if (d.is_inst && is_comparison(d.op) && (*kb_ == 0 || *kb_ == 1)) {
      if (is_eq == (*kb_ == 1)) return is(a_);
      return inverted(d);
    }
    if (static_cast<uint64_t>(*kb_) & ~possible_bits(a_, scope_)) return becomes_constant(!is_eq);
    // (x + c) == k  is  x == k - c
    if (d.is_inst && d.op == Opcode::add)
      if (auto c = scope_.constant_of(d.b)) return becomes(inst_.op, d.a, *fold(Opcode::sub, *kb_, *c));
    return nothing();
  }

  RuleResult inverted(const RuleScope::Definition& comparison) {
    ValueId a = comparison.a, b = comparison.b;
    switch (comparison.op) {
      case Opcode::eq: return becomes(Opcode::ne, a, b);
      case Opcode::ne: return becomes(Opcode::eq, a, b);
      case Opcode::lt_u: return becomes(Opcode::le_u, b, a);
      case Opcode::le_u: return becomes(Opcode::lt_u, b, a);
      case Opcode::lt_s: return becomes(Opcode::le_s, b, a);
      default: return becomes(Opcode::lt_s, b, a);
    }
  }

  RuleResult orders() {
    if (a_ == b_) return becomes_constant(inst_.op == Opcode::le_u || inst_.op == Opcode::le_s);
    if (inst_.op == Opcode::lt_u && kb_ == 0) return becomes_constant(0);
    if (inst_.op == Opcode::le_u && (ka_ == 0 || kb_ == -1)) return becomes_constant(1);
    return nothing();
  }

  // An extension that leaves the low bits of `mask` alone and finds all others clear changes nothing. Two extensions of
  // the same width in a row are the second one of the first's operand.
  RuleResult extensions(uint64_t mask, Opcode op) {
    if ((possible_bits(a_, scope_) & ~mask) == 0) return is(a_);
    const RuleScope::Definition& d = inside();
    if (!d.is_inst || !scope_.is_remembered(a_)) return nothing();
    if (d.op == op) return is(a_);
    if (op == Opcode::sext8 || op == Opcode::sext16 || op == Opcode::sext32) {
      bool is_narrower = (d.op == Opcode::sext8 && op != Opcode::sext8) || (d.op == Opcode::sext16 && op == Opcode::sext32);
      if (is_narrower) return is(a_);
    }
    bool same_width = (d.op == Opcode::zext8 && op == Opcode::sext8) || (d.op == Opcode::sext8 && op == Opcode::zext8) ||
                      (d.op == Opcode::zext16 && op == Opcode::sext16) || (d.op == Opcode::sext16 && op == Opcode::zext16) ||
                      (d.op == Opcode::zext32 && op == Opcode::sext32) || (d.op == Opcode::sext32 && op == Opcode::zext32);
    if (!same_width) return nothing();
    inst_.operands = {d.a};
    return {.changed = true, .replacement = {}};
  }

  RuleResult clamps() {
    if (possible_bits(a_, scope_) <= static_cast<uint64_t>(inst_.imm)) return is(a_);
    if (!same_op_inside() || !scope_.is_remembered(a_)) return nothing();
    uint64_t inner = static_cast<uint64_t>(inside().imm), outer = static_cast<uint64_t>(inst_.imm);
    if (inner <= outer) return is(a_);
    inst_.operands = {inside().a};
    return {.changed = true, .replacement = {}};
  }

  RuleResult pointer_sums() {
    if (kb_ == 0) return is(a_);
    if (auto inner = inner_constant(); inner && kb_)
      return becomes(Opcode::ptr_add, inside().a, *fold(Opcode::add, *inner, *kb_));
    return nothing();
  }

  // A constant step of the address belongs into the offset, as long as that fits an instruction.
  RuleResult addresses() {
    const RuleScope::Definition& d = inside();
    if (!d.is_inst || d.op != Opcode::ptr_add) return nothing();
    auto step = scope_.constant_of(d.b);
    if (!step || *step < INT16_MIN || *step > INT16_MAX) return nothing();
    int64_t offset = inst_.imm + *step;
    if (offset < INT16_MIN || offset + inst_.length > INT16_MAX) return nothing();
    inst_.operands[0] = d.a;
    inst_.imm = is_outside_slot(d.a, offset) ? 0 : offset;
    return {.changed = true, .replacement = {}};
  }

  // Whether the access would leave its slot. Such a one is never reached: it was proved to be inside, by what is known of ways
  // that no run takes. The validator, which does not see that, shall find it inside.
  bool is_outside_slot(ValueId base, int64_t offset) const {
    const Slot* slot = scope_.slot_at(base);
    const int64_t bytes = inst_.op == Opcode::zero ? inst_.length : bytes_of(inst_.width);
    return slot != nullptr && (offset < 0 || offset + bytes > int64_t{slot->size});
  }

  Inst& inst_;
  RuleScope& scope_;
  ValueId a_, b_;
  std::optional<int64_t> ka_, kb_;
};

}  // namespace

RuleResult apply_rule(Inst& inst, RuleScope& scope) {
  if (inst.operands.empty()) return {};
  return Rules(inst, scope).apply();
}

}  // namespace shrike::passes
