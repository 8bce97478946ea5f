// The data model of MIR: a typed SSA graph with block parameters instead of phis. Everything is a value
// in a table, addressed by id; copying a Function copies it all. Names in blocks and slots are for
// readers only, but are kept by the text form.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mir/base/table.h"
#include "mir/base/unique_names.h"
#include "mir/helpers.h"
#include "mir/interface.h"

namespace shrike::mir {

using ValueId = Id<struct ValueTag>;
using BlockId = Id<struct BlockTag>;
using SlotId = Id<struct SlotTag>;

// What the verifier tracks about a register, as a type. Addresses of traced memory that must be read
// through probe_read helpers are plain integers.
enum class Region : uint8_t {
  integer,     // not a pointer
  ctx,         // the program's context
  stack,       // a stack slot, or scratch that stands for one before frames are laid out
  map,         // a map value
  mem,         // a reserved ring record
  key,         // the key handed to a for_each callback; read only
  number,      // what an iterator is at: four bytes, read only
  map_handle,  // the map handed to a for_each callback; opaque
};

struct ValueType {
  Region region = Region::integer;
  bool nullable = false;

  bool is_integer() const { return region == Region::integer; }
  bool is_pointer() const { return region != Region::integer; }
  bool operator==(const ValueType&) const = default;
};
// "i64", "ptr.map", "ptr.map?"
std::string text_of(ValueType type);

enum class Opcode : uint8_t {
#define OP(id, signature, effect, until, meaning) id,
#include "mir/opcodes.def"
#undef OP
};

enum class MemWidth : uint8_t { u8, s8, u16, s16, u32, s32, u64 };
uint32_t bytes_of(MemWidth width);
bool is_signed(MemWidth width);
const char* name_of(MemWidth width);
MemWidth mem_width(uint32_t bytes, bool is_signed);  // 1, 2, 4 or 8 bytes

struct BlockTarget {
  BlockId block;
  std::vector<ValueId> args;
};

struct Inst {
  Opcode op = Opcode::constant;
  ValueId result;                 // invalid if the op has none
  std::vector<ValueId> operands;  // values only, in order; maps and functions are below
  int64_t imm = 0;                // constant, clamp_u; #off of memory ops
  uint32_t length = 0;            // #len
  MemWidth width = MemWidth::u64;
  HelperId helper = HelperId::map_lookup_elem;
  MapId map;          // call, agg_update, map_value_addr
  FunctionId callee;  // call: the callback; call_fn: the sub-program
  SlotId slot;
  std::vector<BlockTarget> targets;
  Span span;
};

struct Value {
  ValueType type;
};

struct Slot {
  std::string name;  // unique in the function; "key", "key.1"
  uint32_t size = 8;
  uint32_t align = 8;
};

struct Block {
  std::string name;  // unique in the function
  std::vector<ValueId> params;
  std::vector<Inst> insts;  // the last one ends the block
};

enum class FunctionKind : uint8_t {
  program,     // entered by the kernel: one parameter, ptr.ctx
  for_each,    // callback of for_each_map_elem: ptr.map_handle, ptr.key, ptr.map, ptr.stack (the caller's frame)
  loop,        // callback of bpf_loop: i64 index, ptr.stack
  subprogram,  // called by call_fn: up to five integers and pointers; one to the stack takes map values, too
};

const char* name_of(FunctionKind kind);
std::optional<FunctionKind> find_function_kind(std::string_view name);

struct Function {
  std::string name;
  FunctionKind kind = FunctionKind::program;
  ProgramType program = ProgramType::kprobe;  // of the program itself, or of the one that calls (back)
  Table<ValueId, Value> values;
  Table<BlockId, Block> blocks;  // the first is the entry; its params are the function's
  Table<SlotId, Slot> slots;
  Span span;
  UniqueNames block_names, slot_names;  // for who adds some

  BlockId entry() const { return BlockId(uint32_t{0}); }
};

struct Module {
  Interface interface;
  Table<FunctionId, Function> functions;
};

struct OpRow {
  std::string_view name;  // as written: "and" for and_
  std::string_view signature;
  Effect effect;
  std::string_view until;  // "always" or a pass name
  std::string_view meaning;
  bool has_width;
};
const OpRow& row_of(Opcode op);
std::optional<Opcode> find_op(std::string_view name);  // by its written name
std::optional<MemWidth> find_width(std::string_view name);
std::optional<ValueType> find_value_type(std::string_view text);
size_t op_count();
Effect effect_of(const Inst& inst);  // with `row` resolved to the helper's
inline bool is_atomic(Opcode op) {
  return op == Opcode::atomic_add || op == Opcode::atomic_fetch_add || op == Opcode::atomic_cmpxchg;
}
inline bool ends_block(Opcode op) {
  return row_of(op).effect == Effect::ends;
}

}  // namespace shrike::mir
