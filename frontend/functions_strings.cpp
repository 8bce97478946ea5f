// Functions on strings and on what looks like one: arrays of bytes, and pointers to bytes, which are read up to max_strlen.
#include <algorithm>

#include "frontend/checker.h"
#include "frontend/function_rows.h"
#include "frontend/texts.h"

namespace shrike {

namespace {

using mir::BlockId;
using mir::MemWidth;
using mir::Opcode;
using mir::Type;
using mir::TypeKind;
using mir::ValueId;

const Type* check_text(Checker& c, const ast::Call& call, size_t index) {
  const Type* type = c.expr(call.args[index]);
  if (type == nullptr) return nullptr;
  if (is_text(type)) return c.leads_somewhere(call.args[index]) ? type : nullptr;
  c.report(Diag::bad_argument, call.args[index]->span,
           {std::string(call.name), "a string, an array of bytes or a pointer to bytes", show(type)});
  return nullptr;
}

// A literal's text, where a call of this function may fold it.
const std::string* literal(const Constant& constant) {
  return std::get_if<std::string>(&constant);
}

const Type* check_strlen(Checker& c, const ast::Expr& self, const ast::Call& call) {
  if (check_text(c, call, 0) == nullptr) return nullptr;
  if (const std::string* text = literal(c.constant(call.args[0]))) c.note(&self).constant = static_cast<int64_t>(text->size());
  return c.types().uint64();
}
ValueId lower_strlen(Lower& l, const ast::Expr&, const ast::Call& call) {
  return length_of(l, text_of(l, call.args[0]));
}

const Type* check_strcap(Checker& c, const ast::Expr& self, const ast::Call& call) {
  const Type* type = check_text(c, call, 0);
  if (type == nullptr) return nullptr;
  if (!is_elsewhere(type)) c.note(&self).constant = int64_t{type->size};
  return c.types().int64();
}

const Type* check_strncmp(Checker& c, const ast::Expr& self, const ast::Call& call) {
  const Type* a = c.expr(call.args[0]);
  const Type* b = c.expr(call.args[1]);
  std::optional<int64_t> count = c.constant_integer(call.args[2], "the length of `strncmp`");
  for (size_t i : {0u, 1u}) {
    const Type* type = i == 0 ? a : b;
    if (type != nullptr && !type->is(TypeKind::string))
      c.report(Diag::bad_argument, call.args[i]->span, {"strncmp", "a string", show(type)});
  }
  if (count && *count < 0)
    c.report(Diag::out_of_range, call.args[2]->span, {"the length", std::to_string(*count), "0", std::to_string(longest_string)});
  const auto* left = std::get_if<std::string>(&c.constant(call.args[0]));
  const auto* right = std::get_if<std::string>(&c.constant(call.args[1]));
  if (left != nullptr && right != nullptr && count && *count >= 0)
    c.note(&self).constant = int64_t{left->compare(0, static_cast<size_t>(*count), *right, 0, static_cast<size_t>(*count)) != 0};
  return c.types().int64();
}

ValueId lower_strncmp(Lower& l, const ast::Expr&, const ast::Call& call) {
  auto count = static_cast<uint64_t>(std::get<int64_t>(l.note(call.args[2]).constant));
  ValueId equal;
  for (size_t i : {0u, 1u}) {
    const auto* literal = std::get_if<std::string>(&l.note(call.args[i]).constant);
    if (literal == nullptr) continue;
    bool with_nul = literal->size() < count;
    equal = l.equals_literal(call.args[1 - i], std::string_view(*literal).substr(0, count), with_nul);
  }
  if (!equal.is_valid()) {
    auto size = std::min<uint64_t>({count, l.type(call.args[0])->size, l.type(call.args[1])->size});
    equal = l.bytes_equal(l.direct_place(call.args[0]), l.direct_place(call.args[1]), static_cast<uint32_t>(size), true);
  }
  return l.b().binary(Opcode::xor_, equal, l.b().constant(1));
}

const Type* check_two_texts(Checker& c, const ast::Expr& self, const ast::Call& call) {
  const Type* haystack = check_text(c, call, 0);
  const Type* needle = check_text(c, call, 1);
  if (haystack == nullptr || needle == nullptr) return nullptr;
  const std::string* left = literal(c.constant(call.args[0]));
  const std::string* right = literal(c.constant(call.args[1]));
  bool is_index = call.name == "strstr";
  if (left != nullptr && right != nullptr) {
    size_t at = left->find(*right);
    int64_t index = at == std::string::npos ? -1 : static_cast<int64_t>(at);
    c.note(&self).constant = is_index ? index : int64_t{index >= 0};
  }
  return is_index ? c.types().int64() : c.types().boolean();
}

ValueId lower_strstr(Lower& l, const ast::Expr&, const ast::Call& call) {
  return find_text(l, call.args[0], call.args[1]);
}
ValueId lower_strcontains(Lower& l, const ast::Expr& self, const ast::Call& call) {
  return l.b().binary(Opcode::le_s, l.b().constant(0), lower_strstr(l, self, call));
}

const Type* check_str_concat(Checker& c, const ast::Expr& self, const ast::Call& call) {
  const Type* left = check_text(c, call, 0);
  const Type* right = check_text(c, call, 1);
  if (left == nullptr || right == nullptr) return nullptr;
  const std::string* a = literal(c.constant(call.args[0]));
  const std::string* b = literal(c.constant(call.args[1]));
  if (a != nullptr && b != nullptr) {
    std::string joined = (*a + *b).substr(0, longest_joined - 1);
    const Type* type = c.types().string(static_cast<uint32_t>(joined.size() + 1));
    c.note(&self).constant = std::move(joined);
    return type;
  }
  uint64_t max_strlen = c.program().config.max_strlen;
  // An array may be full to its last byte, with no NUL.
  uint32_t both = capacity_of(left, max_strlen) + capacity_of(right, max_strlen) + (left->is(TypeKind::array) ? 1 : 0) +
                  (right->is(TypeKind::array) ? 1 : 0) - 1;
  return c.types().string(std::min(both, longest_joined));
}

// The second goes right behind the first, into a place with room for both; what is longer than the result loses its end.
void str_concat_into(Lower& l, const ast::Expr& self, const ast::Call& call, const Place& to) {
  mir::Builder& b = l.b();
  const Type* own = l.type(&self);
  Text first = text_of(l, call.args[0]);
  Text second = text_of(l, call.args[1]);
  uint32_t whole = first.most_chars + second.most_chars + 1;
  bool fits = whole <= own->size && to.memory == Place::Memory::direct;
  Place made = fits ? to : Place{l.slot("joined", whole)};
  if (!made.is_record) l.zero(made, fits ? own->size : whole);
  auto append = [&](const Text& text, ValueId at) {
    ValueId from = b.unary(Opcode::ptr_to_int, text.pointer);
    ValueId end = at.is_valid() ? b.ptr_add(l.pointer_at(made), at) : l.pointer_at(made);
    return b.call(mir::HelperId::probe_read_kernel_str, {end, b.constant(text.most_chars + 1), from});
  };
  ValueId read = append(first, {});
  append(second, b.clamp_u(b.binary(Opcode::sub, read, b.constant(1)), first.most_chars));
  if (!fits) l.convert(made, l.types().string(whole), to, own);
}

const Type* check_memcmp(Checker& c, const ast::Expr&, const ast::Call& call) {
  uint64_t most = c.program().config.max_strlen;
  bool is_fine = true;
  for (size_t i : {0u, 1u}) {
    const Type* type = c.expr(call.args[i]);
    is_fine &= type != nullptr;
    if (type == nullptr || type->is(TypeKind::pointer)) continue;
    bool has_bytes = type->is(TypeKind::string) || type->is(TypeKind::array);
    if (!has_bytes) c.report(Diag::bad_argument, call.args[i]->span, {"memcmp", "a string, an array or a pointer", show(type)});
    is_fine &= has_bytes;
    most = std::min<uint64_t>(most, type->size);
  }
  std::optional<int64_t> count = c.constant_integer(call.args[2], "the length of `memcmp`");
  if (is_fine && count && (*count < 0 || static_cast<uint64_t>(*count) > most))
    c.report(Diag::out_of_range, call.args[2]->span, {"the length", std::to_string(*count), "0", std::to_string(most)});
  return c.types().int64();
}

ValueId bytes_of(Lower& l, const ast::Expr* expr, uint32_t count) {
  const Type* type = l.type(expr);
  Place at = type->is(TypeKind::pointer) ? l.pointee(expr) : l.place(expr);
  if (at.memory == Place::Memory::direct) return l.pointer_at(at);
  Place copy{l.slot("bytes", count)};
  l.probe_read(copy, l.b().constant(count), l.address_at(at), at.memory);
  return copy.pointer;
}

// The difference of the first two bytes that differ.
ValueId lower_memcmp(Lower& l, const ast::Expr&, const ast::Call& call) {
  mir::Builder& b = l.b();
  auto count = static_cast<uint32_t>(std::get<int64_t>(l.note(call.args[2]).constant));
  if (count == 0) return b.constant(0);
  ValueId left = bytes_of(l, call.args[0], count);
  ValueId right = bytes_of(l, call.args[1], count);
  if (!may_walk(l, count)) {
    ChunkPair pair = deciding_chunks(l, left, right, count, false);
    left = pair.left;
    right = pair.right;
    count = text_chunk;
  }
  BlockId head = l.new_block("compare");
  BlockId body = l.new_block("byte");
  BlockId same = l.new_block("same");
  BlockId differ = l.new_block("differ");
  BlockId next = l.new_block("next");
  BlockId end = l.new_block("end");
  ValueId index = b.add_param(head, {});
  ValueId result = b.add_param(end, {});
  l.jump_with(head, {b.constant(0)});
  l.enter_unsealed(head);
  l.branch(b.binary(Opcode::lt_u, index, b.constant(count)), body, same);
  l.enter(body);
  ValueId difference = b.binary(Opcode::sub, byte_at(l, left, index), byte_at(l, right, index));
  l.branch(difference, differ, next);
  l.enter(next);
  l.jump_with(head, {b.binary(Opcode::add, index, b.constant(1))});
  l.seal(head);
  l.enter(differ);
  l.jump_with(end, {difference});
  l.enter(same);
  l.jump_with(end, {b.constant(0)});
  l.enter(end);
  return forget_round(l, result);
}

constexpr FunctionRow rows[] = {
    {"strlen", "text", 1, 1, false, check_strlen, lower_strlen, nullptr, "bytes of a string before its NUL"},
    {"strcap", "text", 1, 1, false, check_strcap, lower_strlen, nullptr,
     "bytes that the place of a string has; of a pointer, the length of what is there"},
    {"strncmp", "a, b, length", 3, 3, false, check_strncmp, lower_strncmp, nullptr,
     "0 if the first bytes of two strings are equal"},
    {"strstr", "haystack, needle", 2, 2, false, check_two_texts, lower_strstr, nullptr,
     "where a string first has another in it; -1 if it does not"},
    {"strcontains", "haystack, needle", 2, 2, false, check_two_texts, lower_strcontains, nullptr,
     "whether a string has another in it"},
    {"str_concat", "a, b", 2, 2, false, check_str_concat, nullptr, str_concat_into, "two strings as one, of up to 1023 bytes"},
    {"memcmp", "a, b, length", 3, 3, false, check_memcmp, lower_memcmp, nullptr,
     "0 if the first bytes are equal, else the sign tells which is less"},
};

}  // namespace

std::span<const FunctionRow> string_functions() {
  return rows;
}

}  // namespace shrike
