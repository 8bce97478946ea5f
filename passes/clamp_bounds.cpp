// Makes every access at a variable offset and every size operand provable by the kernel's verifier.
//
// Needs: no_aggregate_ops; language-level errors (an index out of range) told by code that the frontend made.
// Establishes: accesses_checked. Destroys: nothing.
// Does not change what a program does where its accesses are in bounds; where one is not, it now reaches some other byte
// of the same object. Does not merge or drop checks: simplify and drop_proved_checks do. Does not bound pointers that a
// loop moves, nor sizes and offsets whose sum alone is bounded: whoever makes such code has to bound both.
//
// The bound is put on the very value that is added to the pointer or passed as size, right where that happens: older
// verifiers do not carry bounds from one register to another. A mask is preferred, since it needs no branch; it fits where
// the object has a power of two of bytes and the offset's alignment keeps the last access inside. Else clamp_u.
#include <algorithm>
#include <bit>
#include <optional>

#include "mir/build.h"
#include "mir/edit.h"
#include "mir/obligations.h"
#include "passes/passes.h"

namespace shrike::passes {

namespace {

using namespace mir;

constexpr int round_limit = 8;                     // a bound may uncover the next; two or three rounds are usual
constexpr uint64_t offset_limit = (1u << 29) - 1;  // what the verifier adds to a pointer at most

// How a value is to be narrowed where an instruction uses it.
struct Bound {
  BlockId block;
  uint32_t inst = 0;
  size_t operand = 0;
  uint64_t max = UINT64_MAX;
  uint64_t object_size = 0;  // of what the offset is in; 0: never mask
  uint64_t align = 1;        // round down to a multiple of it
  uint64_t known_align = 1;  // a multiple of this it is anyway
  bool is_size = false;      // at least 1
};

class Clamper {
 public:
  Clamper(Module& module, FunctionId id) : module_(module), id_(id), function_(module.functions[id]) {}

  // True if something was bounded, so that the rest has to be looked at again.
  bool run_round() {
    ValueRanges ranges(module_, id_, Prover::verifier);
    std::vector<Obligation> missing;
    for (Obligation& obligation : obligations(module_, id_))
      if (!is_proved(obligation, ranges)) missing.push_back(obligation);
    if (missing.empty()) return false;
    find_definitions();
    // Offsets first: they may prove what else is asked of the pointers they make.
    for (const Obligation& obligation : missing)
      if (obligation.kind == ObligationKind::in_bounds || obligation.kind == ObligationKind::aligned)
        bound_offset(obligation, ranges);
    drop_idle_bounds(ranges);
    if (bounds_.empty()) {
      for (const Obligation& obligation : missing) bound_rest(obligation, ranges);
      drop_idle_bounds(ranges);
    }
    apply();
    added_ += static_cast<uint32_t>(bounds_.size());
    return !bounds_.empty();
  }
  uint32_t added() const { return added_; }

 private:
  struct Place {
    BlockId block;
    uint32_t inst = UINT32_MAX;
  };

  void find_definitions() {
    for (uint32_t b = 0; b < function_.blocks.size(); b++) {
      const std::vector<Inst>& insts = function_.blocks[BlockId(b)].insts;
      for (uint32_t i = 0; i < insts.size(); i++)
        if (insts[i].result.is_valid()) places_[insts[i].result] = {BlockId(b), i};
    }
  }

  const Inst* definition(ValueId value) const {
    Place place = places_[value];
    return place.inst == UINT32_MAX ? nullptr : &function_.blocks[place.block].insts[place.inst];
  }

  // The addition that gave the pointer its unknown part. Known parts added behind it count in `after`.
  std::optional<ValueId> variable_addition(ValueId pointer, int64_t& after, const ValueRanges& ranges) const {
    for (;;) {
      const Inst* inst = definition(pointer);
      if (!inst || inst->op != Opcode::ptr_add) return std::nullopt;
      const Range& step = ranges.at(places_[pointer].block, inst->operands[1]).range;
      if (!step.is_exact()) return pointer;
      after += step.smin;
      pointer = inst->operands[0];
    }
  }

  Bound& bound_on(BlockId block, uint32_t inst, size_t operand) {
    for (Bound& bound : bounds_)
      if (bound.block == block && bound.inst == inst && bound.operand == operand) return bound;
    bounds_.push_back({.block = block, .inst = inst, .operand = operand});
    return bounds_.back();
  }

  void bound_offset(const Obligation& obligation, const ValueRanges& ranges) {
    int64_t after = 0;
    std::optional<ValueId> sum = variable_addition(obligation.pointer, after, ranges);
    if (!sum) return;
    Place place = places_[*sum];
    const Inst& addition = *definition(*sum);
    Fact base = ranges.at(place.block, addition.operands[0]);
    if (base.range.umax > offset_limit) return bound_inner(addition.operands[0], ranges);
    Bound& bound = bound_on(place.block, place.inst, 1);
    if (obligation.kind == ObligationKind::aligned) {
      bound.align = std::max(bound.align, obligation.bytes);
      return;
    }
    int64_t room = static_cast<int64_t>(greatest_offset(obligation, ranges)) - after - static_cast<int64_t>(base.range.umax);
    bound.max = std::min(bound.max, static_cast<uint64_t>(std::max<int64_t>(room, 0)));
    if (base.range.is_exact() && base.range.umax == 0 && after == 0) bound.object_size = base.object.size;
  }

  // A variable step from a pointer that is itself not bounded yet: that one first, to its whole object.
  void bound_inner(ValueId pointer, const ValueRanges& ranges) {
    int64_t after = 0;
    std::optional<ValueId> sum = variable_addition(pointer, after, ranges);
    if (!sum) return;
    Place place = places_[*sum];
    Fact base = ranges.at(place.block, definition(*sum)->operands[0]);
    if (base.object.size == 0) return;
    Bound& bound = bound_on(place.block, place.inst, 1);
    bound.max = std::min(bound.max, base.object.size - 1);
  }

  void bound_rest(const Obligation& obligation, const ValueRanges& ranges) {
    switch (obligation.kind) {
      case ObligationKind::in_bounds:
      case ObligationKind::aligned: return;
      case ObligationKind::sane_offset: return bound_step(obligation, ranges);
      case ObligationKind::not_zero:
        if (Bound* bound = bound_on_size(obligation)) {
          bound->is_size = true;
          bound->max = std::min(bound->max, ranges.at(obligation.block, obligation.size).range.umax);
        }
        return;
      case ObligationKind::sized_buffer: return bound_buffer(obligation, ranges);
    }
  }

  void bound_step(const Obligation& obligation, const ValueRanges& ranges) {
    uint64_t size = ranges.at(obligation.block, obligation.pointer).object.size;
    Bound& bound = bound_on(obligation.block, obligation.inst, 1);
    bound.max = std::min(bound.max, size == 0 ? offset_limit : size);
  }

  Bound* bound_on_size(const Obligation& obligation) {
    const Inst& inst = function_.blocks[obligation.block].insts[obligation.inst];
    for (size_t i = 0; i < inst.operands.size(); i++)
      if (inst.operands[i] == obligation.size) return &bound_on(obligation.block, obligation.inst, i);
    return nullptr;
  }

  // A constant size says how far the pointer may go; a variable one gets the room behind the pointer.
  void bound_buffer(const Obligation& obligation, const ValueRanges& ranges) {
    Fact pointer = ranges.at(obligation.block, obligation.pointer);
    Range size = ranges.at(obligation.block, obligation.size).range;
    if (size.is_exact()) {
      Obligation whole{.kind = ObligationKind::in_bounds, .block = obligation.block, .inst = obligation.inst};
      whole.pointer = obligation.pointer;
      whole.bytes = size.umax;
      return bound_offset(whole, ranges);
    }
    if (pointer.object.size <= pointer.range.umax) return;
    if (Bound* bound = bound_on_size(obligation)) bound->max = std::min(bound->max, pointer.object.size - pointer.range.umax);
  }

  // A bound that the value is already within proves nothing new: what is missing cannot be had this way.
  void drop_idle_bounds(const ValueRanges& ranges) {
    std::erase_if(bounds_, [&](Bound& bound) {
      ValueId value = function_.blocks[bound.block].insts[bound.inst].operands[bound.operand];
      Range range = ranges.at(bound.block, value).range;
      uint64_t maybe_set = ~range.known | range.bits;
      bound.known_align = maybe_set == 0 ? 8 : uint64_t{1} << std::min(std::countr_zero(maybe_set), 3);
      return !bound.is_size && range.umax <= bound.max && bound.align <= bound.known_align;
    });
  }

  void apply() {
    // From the back, so that places in front stay right.
    std::stable_sort(bounds_.begin(), bounds_.end(),
                     [](const Bound& a, const Bound& b) { return std::pair(a.block, a.inst) > std::pair(b.block, b.inst); });
    for (size_t i = 0; i < bounds_.size();) {
      BlockId block = bounds_[i].block;
      uint32_t at = bounds_[i].inst;
      std::vector<Inst>& insts = function_.blocks[block].insts;
      std::vector<Inst> rest(std::make_move_iterator(insts.begin() + at), std::make_move_iterator(insts.end()));
      insts.resize(at);
      Builder builder(module_, id_, block);
      builder.set_span(rest.front().span);
      for (; i < bounds_.size() && bounds_[i].block == block && bounds_[i].inst == at; i++) {
        ValueId& operand = rest.front().operands[bounds_[i].operand];
        operand = narrowed(builder, operand, bounds_[i]);
      }
      std::move(rest.begin(), rest.end(), std::back_inserter(function_.blocks[block].insts));
    }
  }

  static ValueId narrowed(Builder& b, ValueId value, const Bound& bound) {
    if (bound.is_size) {
      // Zero becomes the greatest size, the only way to exclude it that is one unsigned bound.
      uint64_t max = std::max<uint64_t>(std::min(bound.max, offset_limit), 1);
      ValueId one = b.constant(1);
      return b.binary(Opcode::add, b.clamp_u(b.binary(Opcode::sub, value, one), max - 1), one);
    }
    auto masked = [&](uint64_t mask) { return b.binary(Opcode::and_, value, b.constant(static_cast<int64_t>(mask))); };
    if (bound.max == UINT64_MAX) return masked(~(bound.align - 1));
    uint64_t align = std::max(bound.align, bound.known_align);
    uint64_t mask = (bound.object_size - 1) & ~(align - 1);
    bool keeps_all = mask <= bound.max && mask + align > bound.max;
    if (std::has_single_bit(bound.object_size) && keeps_all) return masked(mask);
    if (bound.align > bound.known_align) value = masked(~(bound.align - 1));
    return b.clamp_u(value, bound.max & ~(align - 1));
  }

  Module& module_;
  FunctionId id_;
  Function& function_;
  SideTable<ValueId, Place> places_;
  std::vector<Bound> bounds_;
  uint32_t added_ = 0;
};

}  // namespace

void clamp_bounds(Module& module, PassContext& context) {
  for (uint32_t f = 0; f < module.functions.size(); f++) {
    for (int round = 0; round < round_limit; round++) {
      Clamper clamper(module, FunctionId(f));
      bool is_done = !clamper.run_round();
      if (context.bounds != nullptr) (*context.bounds)[FunctionId(f)].added += clamper.added();
      if (is_done) break;
    }
  }
}

}  // namespace shrike::passes
