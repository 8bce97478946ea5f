// Comparisons of bytes. Known lengths are compared word by word without branches; unknown ones byte by byte in a loop that
// the verifier can bound. Of what is too long for that, such a loop gets the chunk that decides.
#include <algorithm>

#include "frontend/lower.h"
#include "frontend/texts.h"

namespace shrike {

using mir::BlockId;
using mir::MemWidth;
using mir::Opcode;
using mir::ValueId;

namespace {

constexpr uint32_t longest_unrolled = 64;

// The widest load at `offset` of a base aligned to 8 that does not pass `end`.
uint32_t step_at(int32_t offset, uint32_t done, uint32_t end) {
  uint32_t step = 8;
  while ((static_cast<uint32_t>(offset) + done) % step != 0 || done + step > end) step /= 2;
  return step;
}

}  // namespace

// What is somewhere else is read to the stack first.
Place Lower::direct_place(const ast::Expr* expr) {
  Place at = place(expr);
  if (at.memory == Place::Memory::direct) return at;
  Place copy{slot("text", type(expr)->size)};
  convert(at, type(expr), copy, type(expr));
  return copy;
}

ValueId Lower::strings_equal(const ast::Expr* left, const ast::Expr* right) {
  if (const auto* literal = std::get_if<std::string>(&note(right).constant)) return equals_literal(left, *literal, true);
  if (const auto* literal = std::get_if<std::string>(&note(left).constant)) return equals_literal(right, *literal, true);
  Place a = direct_place(left);
  Place b_ = direct_place(right);
  return bytes_equal(a, b_, std::min(type(left)->size, type(right)->size), true);
}

ValueId Lower::values_equal(const ast::Expr* left, const ast::Expr* right) {
  const mir::Type* common = unify(type(left), type(right), types());
  auto direct = [&](const ast::Expr* expr) {
    if (type(expr) != common) {
      Place made{slot("compared", common->size)};
      into(expr, common, made);
      return made;
    }
    Place at = place(expr);
    if (at.memory == Place::Memory::direct) return at;
    Place copy{slot("compared", common->size)};
    convert(at, common, copy, common);
    return copy;
  };
  Place a = direct(left);
  Place other = direct(right);
  return bytes_equal(a, other, common->size, false);
}

ValueId Lower::equals_literal(const ast::Expr* text, std::string_view literal, bool with_nul) {
  Place at = direct_place(text);
  uint32_t size = type(text)->size;
  auto count = static_cast<uint32_t>(literal.size()) + (with_nul ? 1 : 0);
  if (count > size) return b().constant(0);  // it can never be that long
  if (count == 0) return b().constant(1);
  ValueId difference;
  for (uint32_t done = 0; done < count;) {
    uint32_t step = step_at(at.offset, done, count);
    uint64_t word = 0;
    for (uint32_t i = 0; i < step && done + i < literal.size(); i++)
      word |= static_cast<uint64_t>(static_cast<uint8_t>(literal[done + i])) << (8 * i);
    ValueId loaded = b().load(mir::mem_width(step, false), at.pointer, at.offset + static_cast<int32_t>(done));
    ValueId bits = b().binary(Opcode::xor_, loaded, b().constant(static_cast<int64_t>(word)));
    difference = difference.is_valid() ? b().binary(Opcode::or_, difference, bits) : bits;
    done += step;
  }
  return b().binary(Opcode::eq, difference, b().constant(0));
}

ValueId Lower::bytes_equal(const Place& left, const Place& right, uint32_t count, bool stops_at_nul) {
  if (!stops_at_nul && count <= longest_unrolled && left.memory == Place::Memory::direct &&
      right.memory == Place::Memory::direct) {
    ValueId difference = b().constant(0);
    for (uint32_t done = 0; done < count;) {
      uint32_t step = std::min(step_at(left.offset, done, count), step_at(right.offset, done, count));
      MemWidth width = mir::mem_width(step, false);
      ValueId a = b().load(width, left.pointer, left.offset + static_cast<int32_t>(done));
      ValueId other = b().load(width, right.pointer, right.offset + static_cast<int32_t>(done));
      difference = b().binary(Opcode::or_, difference, b().binary(Opcode::xor_, a, other));
      done += step;
    }
    return b().binary(Opcode::eq, difference, b().constant(0));
  }
  ValueId a = pointer_at(left);
  ValueId other = pointer_at(right);
  const bool is_long = count > longest_unrolled;
  if (!may_walk(*this, 2 * count)) {
    ChunkPair pair = deciding_chunks(*this, a, other, count, stops_at_nul);
    if (!stops_at_nul) return forget_round(*this, b().binary(Opcode::eq, pair.offset, b().constant(count)));
    a = pair.left;
    other = pair.right;
    count = text_chunk;
  }
  BlockId head = new_block("compare");
  BlockId body = new_block("byte");
  BlockId same = new_block("same");
  BlockId next = new_block("next");
  BlockId end = new_block("end");
  ValueId index = b().add_param(head, {});
  ValueId result = b().add_param(end, {});
  jump_with(head, {b().constant(0)});
  enter_unsealed(head);
  BlockId equal = new_block("equal");
  branch(b().binary(Opcode::lt_u, index, b().constant(count)), body, equal);
  enter(body);
  ValueId left_byte = b().load(MemWidth::u8, b().ptr_add(a, index), 0);
  ValueId right_byte = b().load(MemWidth::u8, b().ptr_add(other, index), 0);
  BlockId differ = new_block("differ");
  branch(b().binary(Opcode::eq, left_byte, right_byte), same, differ);
  enter(same);
  if (stops_at_nul) branch(left_byte, next, equal);
  else jump(next);
  enter(next);
  jump_with(head, {b().binary(Opcode::add, index, b().constant(1))});
  seal(head);
  enter(differ);
  jump_with(end, {b().constant(0)});
  enter(equal);
  jump_with(end, {b().constant(1)});
  enter(end);
  // Old verifiers would walk on from here for both results, and after several comparisons for each combination of them.
  return is_long ? forget_round(*this, result) : result;
}

}  // namespace shrike
