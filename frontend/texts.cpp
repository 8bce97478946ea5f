// How texts are read, measured and compared.
#include "frontend/texts.h"

#include <algorithm>

namespace shrike {

using mir::BlockId;
using mir::HelperId;
using mir::MemWidth;
using mir::Opcode;
using mir::Type;
using mir::TypeKind;
using mir::ValueId;

bool is_byte(const Type* type) {
  return type->is(TypeKind::integer) && type->size == 1;
}

bool is_text(const Type* type) {
  bool holds_bytes = (type->is(TypeKind::array) || type->is(TypeKind::pointer)) && is_byte(type->element);
  return type->is(TypeKind::string) || holds_bytes;
}

// Is the text read from where it is? Others have their bytes with them.
bool is_elsewhere(const Type* type) {
  return type->is(TypeKind::pointer) || is_flexible_array(type);
}

// Bytes of the text with its NUL, at most.
uint32_t capacity_of(const Type* type, uint64_t max_strlen) {
  return is_elsewhere(type) ? static_cast<uint32_t>(max_strlen) : type->size;
}

namespace {

// What a helper read, which may have failed.
ValueId without_nul(Lower& l, ValueId read) {
  mir::Builder& b = l.b();
  ValueId failed = b.binary(Opcode::le_s, read, b.constant(0));
  return l.choose(failed, [&] { return b.constant(0); }, [&] { return b.binary(Opcode::sub, read, b.constant(1)); });
}

}  // namespace

bool may_walk(Lower& l, uint32_t branches) {
  constexpr uint32_t most_at_once = 256, most_in_all = 2048, always = 128;
  if (branches > always && (branches > most_at_once || l.walked_branches() + branches > most_in_all)) return false;
  l.walked_branches() += branches;
  return true;
}

Text text_of(Lower& l, const ast::Expr* expr) {
  const Type* type = l.type(expr);
  if (!is_elsewhere(type)) {
    uint32_t most = type->is(TypeKind::string) ? type->size - 1 : type->size;
    return {l.pointer_at(l.direct_place(expr)), type->size, most, {}};
  }
  mir::Builder& b = l.b();
  uint32_t size = capacity_of(type, l.program().config.max_strlen);
  Place copy{l.slot("text", size)};
  Place source = l.pointee(expr);
  ValueId read = l.read_string(copy, size, b.constant(size), source.pointer, source.memory);
  return {copy.pointer, size, size - 1, without_nul(l, read)};
}

ValueId byte_at(Lower& l, ValueId pointer, ValueId index) {
  return l.b().load(MemWidth::u8, l.b().ptr_add(pointer, index), 0);
}

ValueId forget_round(Lower& l, ValueId index) {
  Place kept{l.slot("kept", 8)};
  l.store_scalar(kept, index, l.types().uint64());
  l.blur(kept, 8);
  return l.load_scalar(kept, l.types().uint64());
}

ValueId length_of(Lower& l, const Text& text) {
  if (text.length.is_valid()) return text.length;
  mir::Builder& b = l.b();
  if (!may_walk(l, text.most_chars)) {  // the kernel counts as it copies
    Place copy{l.slot("counted", text.most_chars + 1)};
    ValueId size = b.constant(text.most_chars + 1);
    ValueId address = b.unary(Opcode::ptr_to_int, text.pointer);
    return without_nul(l, b.call(HelperId::probe_read_kernel_str, {copy.pointer, size, address}));
  }
  BlockId head = l.new_block("length");
  BlockId body = l.new_block("byte");
  BlockId next = l.new_block("next");
  BlockId end = l.new_block("end");
  ValueId index = b.add_param(head, {});
  l.jump_with(head, {b.constant(0)});
  l.enter_unsealed(head);
  l.branch(b.binary(Opcode::lt_u, index, b.constant(text.most_chars)), body, end);
  l.enter(body);
  l.branch(byte_at(l, text.pointer, index), next, end);
  l.enter(next);
  l.jump_with(head, {b.binary(Opcode::add, index, b.constant(1))});
  l.seal(head);
  l.enter(end);
  return forget_round(l, index);
}

ValueId chunk_at(Lower& l, const char* name, ValueId address, ValueId bytes, uint32_t chunk) {
  Place copy{l.slot(name, chunk)};
  l.zero(copy, chunk);
  l.b().call(HelperId::probe_read_kernel, {copy.pointer, bytes, address});
  return copy.pointer;
}

namespace {

// Words of the frame while two texts are compared.
constexpr uint32_t in_left = 0, in_right = 8, bytes_in_all = 16, decided_at = 24;

// One chunk of each. `stops_at_nul`: no byte behind the left one's NUL counts.
void compare_round(Lower& l, const Place& frame, ValueId round, bool stops_at_nul) {
  mir::Builder& b = l.b();
  auto word = [&](uint32_t at) { return l.load_scalar(frame.at(at), l.types().uint64()); };
  ValueId offset = b.binary(Opcode::mul, round, b.constant(text_chunk));
  ValueId count = b.clamp_u(b.binary(Opcode::sub, word(bytes_in_all), offset), text_chunk);
  ValueId left = chunk_at(l, "left", b.binary(Opcode::add, word(in_left), offset), count);
  ValueId right = chunk_at(l, "right", b.binary(Opcode::add, word(in_right), offset), count);
  ValueId decision = b.constant(0);
  constexpr int64_t lowest_bits = 0x0101010101010101, highest_bits = INT64_MIN | 0x0080808080808080;
  for (int32_t at = 0; at < static_cast<int32_t>(text_chunk); at += 8) {
    ValueId bytes = b.load(MemWidth::u64, left, at);
    decision = b.binary(Opcode::or_, decision, b.binary(Opcode::xor_, bytes, b.load(MemWidth::u64, right, at)));
    if (!stops_at_nul) continue;
    // Not zero if, and only if, some byte is.
    ValueId borrowed = b.binary(Opcode::sub, bytes, b.constant(lowest_bits));
    ValueId clear = b.binary(Opcode::xor_, bytes, b.constant(-1));
    ValueId marks = b.binary(Opcode::and_, b.binary(Opcode::and_, borrowed, clear), b.constant(highest_bits));
    decision = b.binary(Opcode::or_, decision, marks);
  }
  BlockId decided = l.new_block("decided");
  BlockId on = l.new_block("on");
  l.branch(decision, decided, on);
  l.enter(decided);
  l.store_scalar(frame.at(decided_at), offset, l.types().uint64());
  b.ret(b.constant(1));
  l.enter(on);
  b.ret(b.constant(0));
}

}  // namespace

ChunkPair deciding_chunks(Lower& l, ValueId left, ValueId right, uint32_t count, bool stops_at_nul) {
  mir::Builder& b = l.b();
  Place frame = l.text_frame({left, right, b.constant(count), b.constant(count)});
  const uint32_t rounds = (count + text_chunk - 1) / text_chunk;
  l.loop_over_text(stops_at_nul ? "compare texts" : "compare bytes", b.constant(rounds), frame,
                   [&](Lower& lower, const Place& at, ValueId round) { compare_round(lower, at, round, stops_at_nul); });
  ChunkPair pair;
  pair.offset = l.load_scalar(frame.at(decided_at), l.types().uint64());
  ValueId rest = b.clamp_u(b.binary(Opcode::sub, b.constant(count), pair.offset), text_chunk);
  auto copy = [&](const char* name, uint32_t word) {
    ValueId base = l.load_scalar(frame.at(word), l.types().uint64());
    return chunk_at(l, name, b.binary(Opcode::add, base, pair.offset), rest);
  };
  pair.left = copy("left", in_left);
  pair.right = copy("right", in_right);
  return pair;
}

}  // namespace shrike
