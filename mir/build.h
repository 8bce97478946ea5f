// Appends typed instructions to a function. The Builder is how every part of shrike makes MIR: it gives
// each result its type, so that a caller cannot. It checks what the signature says and aborts on misuse.
#pragma once

#include <initializer_list>

#include "mir/module.h"

namespace shrike::mir {

class Builder {
 public:
  // Neither reference is owned. Instructions go to the end of `block`.
  Builder(Module& module, FunctionId function, BlockId block);

  Module& module() { return module_; }
  Function& function() { return module_.functions[function_]; }
  FunctionId function_id() const { return function_; }
  BlockId block() const { return block_; }
  bool is_terminated() const;  // the current block has its last instruction

  void set_span(Span span) { span_ = span; }
  Span span() const { return span_; }

  BlockId add_block(const std::string& name);  // made unique by a suffix
  ValueId add_param(BlockId block, ValueType type);
  SlotId add_slot(const std::string& name, uint32_t size, uint32_t align);
  void move_to(BlockId block) { block_ = block; }

  ValueId constant(int64_t value);
  ValueId binary(Opcode op, ValueId a, ValueId b);
  ValueId unary(Opcode op, ValueId a);
  ValueId clamp_u(ValueId a, uint64_t max);
  ValueId load(MemWidth width, ValueId pointer, int32_t offset);
  ValueId kernel_load(ValueId address, int32_t offset);  // a word
  void store(MemWidth width, ValueId pointer, ValueId value, int32_t offset);
  void zero(ValueId pointer, int32_t offset, uint32_t length);
  void copy(ValueId to, ValueId from, uint32_t length);
  void atomic_add(MemWidth width, ValueId pointer, ValueId value, int32_t offset);
  ValueId atomic_fetch_add(MemWidth width, ValueId pointer, ValueId value, int32_t offset);
  ValueId atomic_cmpxchg(MemWidth width, ValueId pointer, ValueId expected, ValueId value, int32_t offset);
  ValueId ptr_add(ValueId pointer, ValueId bytes);
  ValueId slot_addr(SlotId slot);
  ValueId map_value_addr(MapId map, uint32_t offset);
  // `operands` are the helper's value operands in order, without map and function. Invalid id for void helpers.
  ValueId call(HelperId helper, std::initializer_list<ValueId> operands, MapId map = {}, FunctionId callee = {});
  ValueId call_fn(FunctionId callee, std::vector<ValueId> operands);
  void agg_update(MapId map, ValueId key, ValueId value);  // invalid ids where there is none

  void jump(BlockId to, std::vector<ValueId> args = {});
  void branch(ValueId condition, BlockId then, BlockId otherwise, std::vector<ValueId> then_args = {},
              std::vector<ValueId> otherwise_args = {});
  // Creates the non-null pointer as the first parameter of `ok` and returns it.
  ValueId branch_null(ValueId pointer, BlockId null, BlockId ok);
  void ret(ValueId value);

 private:
  ValueId append(Inst inst, ValueType type);
  void append(Inst inst);

  Module& module_;
  FunctionId function_;
  BlockId block_;
  Span span_;
};

}  // namespace shrike::mir
