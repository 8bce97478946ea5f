// Rules over single values: folding of constants and algebra. simplify applies them; see there for what each rule keeps.
#pragma once

#include <optional>

#include "mir/module.h"

namespace shrike::passes {

// The function under change, as the rules see it.
class RuleScope {
 public:
  explicit RuleScope(mir::Function& function);

  // The instruction that defines a value, as last seen; constants, parameters and unknown ones have no operands.
  struct Definition {
    bool is_inst = false;
    mir::Opcode op = mir::Opcode::constant;
    mir::MemWidth width = mir::MemWidth::u64;
    mir::ValueId a, b;
    mir::BlockId block;
    int64_t imm = 0;
    mir::SlotId slot;  // of slot_addr
  };
  const Definition& definition(mir::ValueId value) const { return definitions_[value]; }
  std::optional<int64_t> constant_of(mir::ValueId value) const;
  const mir::Slot* slot_at(mir::ValueId address) const;  // null unless it is where a slot begins
  void enter(mir::BlockId block) { block_ = block; }     // where the instructions are that follow
  void define(const mir::Inst& inst);
  // Whether the verifier knows here what the definition of a value says of it. In other blocks of a function with iterators it
  // may have forgotten (mir/analysis/value_ranges.h), and what says it again is needed.
  bool is_remembered(mir::ValueId value) { return definitions_[value].block == block_ || !has_iterators(); }

  // Where constants that rules need are put: in front of the instruction at hand.
  mir::ValueId constant(int64_t value);
  void set_output(std::vector<mir::Inst>* output, Span span) {
    output_ = output;
    span_ = span;
  }

 private:
  bool has_iterators();

  mir::Function& function_;
  SideTable<mir::ValueId, Definition> definitions_;
  mir::BlockId block_;
  std::optional<bool> has_iterators_;  // once it has been asked
  std::vector<mir::Inst>* output_ = nullptr;
  Span span_;
};

struct RuleResult {
  bool changed = false;      // `inst` was rewritten in place
  mir::ValueId replacement;  // valid: the result is this existing value
};
// Applies the first rule that fits.
RuleResult apply_rule(mir::Inst& inst, RuleScope& scope);

}  // namespace shrike::passes
