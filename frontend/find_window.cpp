// Two ways along the haystack: walked by the verifier round by round, or in chunks by a callback, which gets needle and window in
// its frame.
#include "frontend/find_window.h"

#include <algorithm>
#include <vector>

namespace shrike {

using mir::BlockId;
using mir::MemWidth;
using mir::Opcode;
using mir::ValueId;

namespace {

// The last bytes that came: the newest is the lowest of the first word.
using Window = std::vector<ValueId>;

// A needle as a window has it behind its last byte, as far as it fits, and which bits are its (no value: all).
struct ShortNeedle {
  Window wanted, mask;
  ValueId length;  // in the window
};

Window moved_by(Lower& l, const Window& window, ValueId byte) {
  mir::Builder& b = l.b();
  Window moved(window.size());
  for (size_t i = 0; i < window.size(); i++) {
    ValueId entering = i == 0 ? byte : b.binary(Opcode::shr_u, window[i - 1], b.constant(56));
    moved[i] = b.binary(Opcode::or_, b.binary(Opcode::shl, window[i], b.constant(8)), entering);
  }
  return moved;
}

ShortNeedle known_needle(Lower& l, const std::string& text, size_t words) {
  ShortNeedle needle;
  needle.length = l.b().constant(static_cast<int64_t>(std::min<size_t>(text.size(), 8 * words)));
  for (size_t end = text.size(); end > 0 && needle.wanted.size() < words; end -= std::min<size_t>(end, 8)) {
    const size_t begin = end - std::min<size_t>(end, 8);
    uint64_t word = 0, mask = 0;
    for (size_t i = begin; i < end; i++) {
      word = word << 8 | static_cast<uint8_t>(text[i]);
      mask = mask << 8 | 0xff;
    }
    needle.wanted.push_back(l.b().constant(static_cast<int64_t>(word)));
    needle.mask.push_back(mask == UINT64_MAX ? ValueId() : l.b().constant(static_cast<int64_t>(mask)));
  }
  return needle;
}

ShortNeedle read_needle(Lower& l, const Text& text) {
  mir::Builder& b = l.b();
  const size_t words = std::min((text.most_chars + 7) / 8, window_words);
  BlockId head = l.new_block("needle");
  BlockId body = l.new_block("byte");
  BlockId next = l.new_block("next");
  BlockId end = l.new_block("known");
  ValueId index = b.add_param(head, {});
  Window wanted, mask;
  for (Window* window : {&wanted, &mask})
    for (size_t i = 0; i < words; i++) window->push_back(b.add_param(head, {}));
  l.jump_with(head, std::vector<ValueId>(1 + 2 * words, b.constant(0)));
  l.enter_unsealed(head);
  l.branch(b.binary(Opcode::lt_u, index, b.constant(text.most_chars)), body, end);
  l.enter(body);
  ValueId byte = byte_at(l, text.pointer, index);
  l.branch(byte, next, end);
  l.enter(next);
  std::vector<ValueId> args{b.binary(Opcode::add, index, b.constant(1))};
  for (ValueId word : moved_by(l, wanted, byte)) args.push_back(word);
  for (ValueId word : moved_by(l, mask, b.constant(0xff))) args.push_back(word);
  l.jump_with(head, std::move(args));
  l.seal(head);
  l.enter(end);
  const auto bytes = static_cast<uint32_t>(8 + 16 * words);
  Place kept{l.slot("needle", bytes)};
  uint32_t at = 0;
  auto each = [&](auto&& f) {
    at = 0;
    for (Window* window : {&wanted, &mask})
      for (ValueId& word : *window) f(word, at += 8);
  };
  l.store_scalar(kept, index, l.types().uint64());
  each([&](ValueId& word, uint32_t offset) { l.store_scalar(kept.at(offset), word, l.types().uint64()); });
  l.blur(kept, bytes);
  each([&](ValueId& word, uint32_t offset) { word = l.load_scalar(kept.at(offset), l.types().uint64()); });
  return {wanted, mask, b.clamp_u(l.load_scalar(kept, l.types().uint64()), 8 * words)};
}

ValueId difference_of(Lower& l, const Window& window, const ShortNeedle& needle) {
  mir::Builder& b = l.b();
  ValueId difference;
  for (size_t i = 0; i < window.size(); i++) {
    ValueId bits = b.binary(Opcode::xor_, window[i], needle.wanted[i]);
    if (needle.mask[i].is_valid()) bits = b.binary(Opcode::and_, bits, needle.mask[i]);
    difference = i == 0 ? bits : b.binary(Opcode::or_, difference, bits);
  }
  return difference;
}

ValueId find_walking(Lower& l, const Text& haystack, const ShortNeedle& needle) {
  mir::Builder& b = l.b();
  BlockId head = l.new_block("along");
  BlockId body = l.new_block("byte");
  BlockId moved = l.new_block("moved");
  BlockId next = l.new_block("next");
  BlockId found = l.new_block("found");
  BlockId absent = l.new_block("absent");
  BlockId end = l.new_block("end");
  ValueId result = b.add_param(end, {});
  ValueId index = b.add_param(head, {});
  Window window;
  for (size_t i = 0; i < needle.wanted.size(); i++) window.push_back(b.add_param(head, {}));
  l.jump_with(head, std::vector<ValueId>(1 + window.size(), b.constant(0)));
  l.enter_unsealed(head);
  l.branch(b.binary(Opcode::lt_u, index, b.constant(haystack.most_chars)), body, absent);
  l.enter(body);
  ValueId byte = byte_at(l, haystack.pointer, index);
  l.branch(byte, moved, absent);
  l.enter(moved);
  window = moved_by(l, window, byte);
  l.branch(difference_of(l, window, needle), next, found);
  l.enter(next);
  std::vector<ValueId> args{b.binary(Opcode::add, index, b.constant(1))};
  args.insert(args.end(), window.begin(), window.end());
  l.jump_with(head, std::move(args));
  l.seal(head);
  l.enter(found);
  l.jump_with(end, {b.binary(Opcode::sub, b.binary(Opcode::add, index, b.constant(1)), needle.length)});
  l.enter(absent);
  l.jump_with(end, {b.constant(-1)});
  l.enter(end);
  return forget_round(l, result);
}

// The same with a window of one word, a chunk of the haystack a round. Few rounds are fast, but the chunk is on the stack. Words
// of the frame:
constexpr uint32_t chunk = 2 * text_chunk;
constexpr uint32_t chunks_in = 0, chunks_of_bytes = 8, chunks_wanted = 16, chunks_mask = 24, chunks_window = 32, chunks_end = 40;

void set_word(Lower& l, const Place& frame, uint32_t at, ValueId value) {
  l.store_scalar(frame.at(at), value, l.types().uint64());
  l.blur(frame.at(at), 8);
}

// Eight bytes of the haystack, which begin at `offset`, and the window before them.
struct Eight {
  Window window;
  ValueId bytes, offset;
};

// One byte after the other, to the end of the text or of the needle, or on to `next`.
void look_at_bytes(Lower& l, const Place& frame, const ShortNeedle& needle, const Eight& eight, BlockId next) {
  mir::Builder& b = l.b();
  BlockId head = l.new_block("bytes");
  BlockId body = l.new_block("byte");
  BlockId moved = l.new_block("moved");
  BlockId on = l.new_block("on");
  BlockId found = l.new_block("found");
  BlockId absent = l.new_block("absent");
  ValueId index = b.add_param(head, {}), rest = b.add_param(head, {});
  Window window;
  for (size_t i = 0; i < eight.window.size(); i++) window.push_back(b.add_param(head, {}));
  std::vector<ValueId> args{b.constant(0), eight.bytes};
  args.insert(args.end(), eight.window.begin(), eight.window.end());
  l.jump_with(head, std::move(args));
  l.enter_unsealed(head);
  l.branch(b.binary(Opcode::lt_u, index, b.constant(8)), body, next);
  l.enter(body);
  ValueId byte = b.binary(Opcode::and_, rest, b.constant(0xff));
  l.branch(byte, moved, absent);
  l.enter(moved);
  window = moved_by(l, window, byte);
  l.branch(difference_of(l, window, needle), on, found);
  l.enter(on);
  args = {b.binary(Opcode::add, index, b.constant(1)), b.binary(Opcode::shr_u, rest, b.constant(8))};
  args.insert(args.end(), window.begin(), window.end());
  l.jump_with(head, std::move(args));
  l.seal(head);
  l.enter(found);
  set_word(l, frame, chunks_end, b.binary(Opcode::add, b.binary(Opcode::add, eight.offset, index), b.constant(1)));
  b.ret(b.constant(1));
  l.enter(absent);
  b.ret(b.constant(1));
}

// Eight bytes at once where none of them ends the text or may be the needle's last: the window is then what they are.
void window_round(Lower& l, const Place& frame, ValueId round) {
  mir::Builder& b = l.b();
  const auto word = [&](uint32_t at) { return l.load_scalar(frame.at(at), l.types().uint64()); };
  ValueId offset = b.binary(Opcode::mul, round, b.constant(chunk));
  ValueId count = b.clamp_u(b.binary(Opcode::sub, word(chunks_of_bytes), offset), chunk);
  ValueId bytes = chunk_at(l, "entering", b.binary(Opcode::add, word(chunks_in), offset), count, chunk);
  const ShortNeedle needle{{word(chunks_wanted)}, {word(chunks_mask)}, {}};
  ValueId first = word(chunks_window);
  BlockId head = l.new_block("along");
  BlockId body = l.new_block("word");
  BlockId look = l.new_block("look");
  BlockId round_end = l.new_block("next");
  BlockId end = l.new_block("through");
  ValueId number = b.add_param(head, {});
  ValueId last = b.add_param(head, {});
  constexpr int64_t lowest_bits = 0x0101010101010101, highest_bits = INT64_MIN | 0x0080808080808080;
  ValueId last_byte = b.binary(Opcode::and_, needle.wanted[0], b.constant(0xff));
  ValueId pattern = b.binary(Opcode::mul, last_byte, b.constant(lowest_bits));
  l.jump_with(head, {b.constant(0), first});
  l.enter_unsealed(head);
  l.branch(b.binary(Opcode::lt_u, number, b.constant(chunk / 8)), body, end);
  l.enter(body);
  ValueId begin = b.binary(Opcode::mul, number, b.constant(8));
  ValueId eight = b.load(MemWidth::u64, b.ptr_add(bytes, begin), 0);
  // Has a bit for the first byte that is zero, and none if no byte is.
  const auto zeros_in = [&](ValueId bytes_of_word) {
    ValueId borrowed = b.binary(Opcode::sub, bytes_of_word, b.constant(lowest_bits));
    return b.binary(Opcode::and_, borrowed, b.binary(Opcode::xor_, bytes_of_word, b.constant(-1)));
  };
  ValueId marks = b.binary(Opcode::or_, zeros_in(eight), zeros_in(b.binary(Opcode::xor_, eight, pattern)));
  l.branch(b.binary(Opcode::and_, marks, b.constant(highest_bits)), look, round_end);
  l.enter(look);
  look_at_bytes(l, frame, needle, {{last}, eight, b.binary(Opcode::add, offset, begin)}, round_end);
  l.enter(round_end);
  l.jump_with(head, {b.binary(Opcode::add, number, b.constant(1)), b.unary(Opcode::bswap64, eight)});
  l.seal(head);
  l.enter(end);
  set_word(l, frame, chunks_window, last);
  b.ret(b.constant(0));
}

ValueId find_in_chunks(Lower& l, const Text& haystack, const ShortNeedle& needle) {
  mir::Builder& b = l.b();
  ValueId mask = needle.mask[0].is_valid() ? needle.mask[0] : b.constant(-1), zero = b.constant(0);
  ValueId nowhere = b.binary(Opcode::sub, needle.length, b.constant(1));  // an end whose begin is -1
  const Place at = l.text_frame({haystack.pointer, b.constant(haystack.most_chars), needle.wanted[0], mask, zero, nowhere});
  const uint32_t rounds = (haystack.most_chars + chunk - 1) / chunk;
  l.loop_over_text("find a word", b.constant(rounds), at, window_round);
  return b.binary(Opcode::sub, l.load_scalar(at.at(chunks_end), l.types().uint64()), needle.length);
}

}  // namespace

EndFound find_end_of(Lower& l, const Text& haystack, const std::string& needle) {
  const bool is_walked = may_walk(l, 2 * haystack.most_chars);
  const size_t words = is_walked ? window_words : 1;
  const ShortNeedle known = known_needle(l, needle, words);
  return {is_walked ? find_walking(l, haystack, known) : find_in_chunks(l, haystack, known), needle.size() <= 8 * words};
}

// Nothing is found at once.
ValueId walk_to_end_of(Lower& l, const Text& haystack, const Text& needle) {
  const ShortNeedle read = read_needle(l, needle);
  return l.choose(read.length, [&] { return find_walking(l, haystack, read); }, [&] { return l.b().constant(0); });
}

}  // namespace shrike
