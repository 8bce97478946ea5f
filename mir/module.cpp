// Tables behind the data model: operations with their signatures, memory widths, type names.
#include "mir/module.h"

#include <iterator>

#include "mir/signature.h"

namespace shrike::mir {

namespace {

void misspelt(const char*) {}  // not constexpr, so that reaching it does not compile

consteval OpResult result_of(std::string_view text) {
  if (text == "v") return OpResult::none;
  if (text == "i") return OpResult::integer;
  if (text == "same") return OpResult::same;
  if (text == "p.stack") return OpResult::stack_pointer;
  if (text == "p.map") return OpResult::map_pointer;
  if (text == "row") return OpResult::row;
  misspelt("unknown result in signature");
  return {};
}

consteval SigItem item_of(std::string_view text) {
  if (text == "i") return SigItem::integer;
  if (text == "p") return SigItem::pointer;
  if (text == "p?") return SigItem::nullable;
  if (text == "#imm") return SigItem::imm;
  if (text == "#off") return SigItem::offset;
  if (text == "#len") return SigItem::length;
  if (text == "$slot") return SigItem::slot;
  if (text == "@map") return SigItem::map;
  if (text == "&fn") return SigItem::callee;
  if (text == "*") return SigItem::operands;
  if (text == "^b") return SigItem::target;
  misspelt("unknown item in signature");
  return {};
}

consteval Signature parse_signature(std::string_view text) {
  Signature signature;
  size_t end = text.find(' ');
  signature.result = result_of(text.substr(0, end));
  while (end != std::string_view::npos) {
    text = text.substr(end + 1);
    end = text.find(' ');
    signature.items[signature.count++] = item_of(text.substr(0, end));
  }
  return signature;
}

// C++ keeps and, or, xor for itself, so their enumerators have an underscore the text form does not.
consteval std::string_view text_name(std::string_view id) {
  return id.ends_with('_') ? id.substr(0, id.size() - 1) : id;
}

consteval bool carries_width(std::string_view id) {
  return id.ends_with("load") || id.ends_with("store") || id.starts_with("atomic");
}

constexpr OpRow op_rows[] = {
#define OP(id, signature, effect, until, meaning) \
  {text_name(#id), signature, Effect::effect, #until, meaning, carries_width(#id)},
#include "mir/opcodes.def"
#undef OP
};

constexpr Signature signatures[] = {
#define OP(id, signature, effect, until, meaning) parse_signature(signature),
#include "mir/opcodes.def"
#undef OP
};

struct WidthRow {
  const char* name;
  uint32_t bytes;
  bool is_signed;
};
// In the order of MemWidth.
constexpr WidthRow widths[] = {{"u8", 1, false},  {"s8", 1, true},  {"u16", 2, false}, {"s16", 2, true},
                               {"u32", 4, false}, {"s32", 4, true}, {"u64", 8, false}};

constexpr const char* region_names[] = {"i64",     "ptr.ctx", "ptr.stack",  "ptr.map",
                                        "ptr.mem", "ptr.key", "ptr.number", "ptr.map_handle"};

// In the order of FunctionKind.
constexpr const char* function_kinds[] = {"program", "for_each", "loop", "subprogram"};

}  // namespace

std::string text_of(ValueType type) {
  std::string text = region_names[static_cast<size_t>(type.region)];
  if (type.nullable) text += "?";
  return text;
}

uint32_t bytes_of(MemWidth width) {
  return widths[static_cast<size_t>(width)].bytes;
}

bool is_signed(MemWidth width) {
  return widths[static_cast<size_t>(width)].is_signed;
}

const char* name_of(MemWidth width) {
  return widths[static_cast<size_t>(width)].name;
}

MemWidth mem_width(uint32_t bytes, bool is_signed) {
  if (bytes == 8) return MemWidth::u64;
  for (size_t i = 0; i < std::size(widths); i++)
    if (widths[i].bytes == bytes && widths[i].is_signed == is_signed) return static_cast<MemWidth>(i);
  UNREACHABLE("no memory width of that many bytes");
}

const OpRow& row_of(Opcode op) {
  return op_rows[static_cast<size_t>(op)];
}

size_t op_count() {
  return std::size(op_rows);
}

std::optional<Opcode> find_op(std::string_view name) {
  for (size_t i = 0; i < std::size(op_rows); i++)
    if (op_rows[i].name == name) return static_cast<Opcode>(i);
  return std::nullopt;
}

std::optional<MemWidth> find_width(std::string_view name) {
  for (size_t i = 0; i < std::size(widths); i++)
    if (name == widths[i].name) return static_cast<MemWidth>(i);
  return std::nullopt;
}

std::optional<ValueType> find_value_type(std::string_view text) {
  bool nullable = text.ends_with('?');
  if (nullable) text.remove_suffix(1);
  for (size_t i = 0; i < std::size(region_names); i++) {
    ValueType type{static_cast<Region>(i), nullable};
    if (text == region_names[i] && !(nullable && type.is_integer())) return type;
  }
  return std::nullopt;
}

const char* name_of(FunctionKind kind) {
  return function_kinds[static_cast<size_t>(kind)];
}

std::optional<FunctionKind> find_function_kind(std::string_view name) {
  for (size_t i = 0; i < std::size(function_kinds); i++)
    if (name == function_kinds[i]) return static_cast<FunctionKind>(i);
  return std::nullopt;
}

const Signature& signature_of(Opcode op) {
  return signatures[static_cast<size_t>(op)];
}

Effect effect_of(const Inst& inst) {
  Effect effect = row_of(inst.op).effect;
  return effect == Effect::row ? row_of(inst.helper).effect : effect;
}

}  // namespace shrike::mir
