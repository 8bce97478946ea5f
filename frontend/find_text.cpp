// Looks for a text in another: the bytes that the needle would have to be move through a window along the haystack.
//
// The window of a short needle is a few words (find_window). The end of a longer needle is looked for like that before the rest
// of the work begins. That is done with a window that is a hash (Rabin-Karp), whose hits are compared byte by byte; with another
// text the search goes on. Two nested loops would be more branches than verifiers keep in mind: the callback of one loop either
// moves along or compares, a chunk a round.
#include "frontend/find_window.h"

namespace shrike {

namespace {

using mir::BlockId;
using mir::MemWidth;
using mir::Opcode;
using mir::ValueId;

constexpr uint64_t hash_base = 0x9e3779b97f4a7c15;  // odd, with bits all over

// Words of the frame.
enum class Word : uint32_t {
  in_haystack = 0,       // addresses
  in_needle = 8,         //
  haystack_length = 16,  //
  needle_length = 24,    //
  wanted = 32,           // the needle's hash
  power = 40,            // hash_base to the power of the needle's length
  hash = 48,             // of the window
  window_end = 56,       // where in the haystack
  compared = 64,         // 0: moving along; else one more than the bytes of the window that are known to be the needle's
  found_at = 72,
};
static_assert(static_cast<uint32_t>(Word::found_at) + 8 == text_frame_bytes);

class Frame {
 public:
  Frame(Lower& l, const Place& at) : l_(l), at_(at) {}
  ValueId get(Word word) const { return l_.load_scalar(at_.at(static_cast<uint32_t>(word)), l_.types().uint64()); }
  void set(Word word, ValueId value) const {
    l_.store_scalar(at_.at(static_cast<uint32_t>(word)), value, l_.types().uint64());
    l_.blur(at_.at(static_cast<uint32_t>(word)), 8);
  }

 private:
  Lower& l_;
  Place at_;
};

// As many of `rest` bytes, at least one, as a chunk has. In the verifier's eyes it is the same number on every way.
ValueId chunk_count(Lower& l, ValueId rest) {
  mir::Builder& b = l.b();
  ValueId before_last = b.binary(Opcode::sub, b.clamp_u(rest, text_chunk), b.constant(1));
  return b.binary(Opcode::add, b.binary(Opcode::and_, forget_round(l, before_last), b.constant(text_chunk - 1)), b.constant(1));
}

// Calls `step` for the first `count` indices of a chunk; a state goes from each to the next, and is what is returned.
std::vector<ValueId> over_chunk(Lower& l, ValueId count, const std::vector<ValueId>& first,
                                const std::function<std::vector<ValueId>(ValueId index, const std::vector<ValueId>&)>& step) {
  mir::Builder& b = l.b();
  BlockId head = l.new_block("along");
  BlockId bounded = l.new_block("bounded");
  BlockId body = l.new_block("byte");
  BlockId end = l.new_block("through");
  ValueId index = b.add_param(head, {});
  std::vector<ValueId> state;
  for (size_t i = 0; i < first.size(); i++) state.push_back(b.add_param(head, {}));
  std::vector<ValueId> args{b.constant(0)};
  args.insert(args.end(), first.begin(), first.end());
  l.jump_with(head, std::move(args));
  l.enter_unsealed(head);
  l.branch(b.binary(Opcode::lt_u, index, b.constant(text_chunk)), bounded, end);  // what the verifier counts by
  l.enter(bounded);
  l.branch(b.binary(Opcode::lt_u, index, count), body, end);
  l.enter(body);
  args = {ValueId()};
  for (ValueId value : step(index, state)) args.push_back(value);
  args[0] = b.binary(Opcode::add, index, b.constant(1));
  l.jump_with(head, std::move(args));
  l.seal(head);
  l.enter(end);
  return state;
}

ValueId added(Lower& l, ValueId sum, ValueId byte) {
  mir::Builder& b = l.b();
  return b.binary(Opcode::add, b.binary(Opcode::mul, sum, b.constant(static_cast<int64_t>(hash_base))), byte);
}

// Ends the loop where no bytes are left.
void end_without(Lower& l, ValueId rest) {
  mir::Builder& b = l.b();
  BlockId done = l.new_block("done");
  BlockId more = l.new_block("more");
  l.branch(b.binary(Opcode::le_s, rest, b.constant(0)), done, more);
  l.enter(done);
  b.ret(b.constant(1));
  l.enter(more);
}

// One chunk of the needle.
void hash_round(Lower& l, const Place& at, ValueId round) {
  mir::Builder& b = l.b();
  Frame frame(l, at);
  ValueId offset = b.binary(Opcode::mul, round, b.constant(text_chunk));
  ValueId rest = b.binary(Opcode::sub, frame.get(Word::needle_length), offset);
  end_without(l, rest);
  ValueId count = chunk_count(l, rest);
  ValueId bytes = chunk_at(l, "hashed", b.binary(Opcode::add, frame.get(Word::in_needle), offset), count);
  std::vector<ValueId> sums = over_chunk(
      l, count, {frame.get(Word::wanted), frame.get(Word::power)}, [&](ValueId index, const std::vector<ValueId>& sum) {
        ValueId raised = b.binary(Opcode::mul, sum[1], b.constant(static_cast<int64_t>(hash_base)));
        return std::vector<ValueId>{added(l, sum[0], byte_at(l, bytes, index)), raised};
      });
  frame.set(Word::wanted, sums[0]);
  frame.set(Word::power, sums[1]);
  b.ret(b.constant(0));
}

// The window moves on by up to a chunk, or to where its hash is the needle's.
void move_along(Lower& l, const Frame& frame) {
  mir::Builder& b = l.b();
  ValueId length = frame.get(Word::needle_length);
  ValueId end = frame.get(Word::window_end);
  ValueId rest = b.binary(Opcode::sub, frame.get(Word::haystack_length), end);
  end_without(l, rest);
  // The first window grows, and nothing leaves it: reads at no address give zeros.
  ValueId grows_by = b.binary(Opcode::sub, length, end);
  ValueId is_growing = b.binary(Opcode::lt_s, b.constant(0), grows_by);
  ValueId is_near = b.binary(Opcode::and_, is_growing, b.binary(Opcode::lt_s, grows_by, rest));
  ValueId count = chunk_count(l, l.choose(is_near, [&] { return grows_by; }, [&] { return rest; }));
  ValueId address = b.binary(Opcode::add, frame.get(Word::in_haystack), end);
  ValueId leaves_at =
      b.binary(Opcode::and_, b.binary(Opcode::sub, address, length), b.binary(Opcode::sub, is_growing, b.constant(1)));
  ValueId entering = chunk_at(l, "entering", address, count);
  ValueId leaving = chunk_at(l, "leaving", leaves_at, count);
  ValueId needle_hash = frame.get(Word::wanted);
  ValueId raised = frame.get(Word::power);
  std::vector<ValueId> hashes =
      over_chunk(l, count, {frame.get(Word::hash)}, [&](ValueId index, const std::vector<ValueId>& before) {
        ValueId with_new = added(l, before[0], byte_at(l, entering, index));
        ValueId now = b.binary(Opcode::sub, with_new, b.binary(Opcode::mul, byte_at(l, leaving, index), raised));
        BlockId hit = l.new_block("hit");
        BlockId whole = l.new_block("whole");
        BlockId on = l.new_block("on");
        BlockId miss = l.new_block("miss");
        l.branch(b.binary(Opcode::eq, now, needle_hash), hit, miss);
        l.enter(hit);
        ValueId hit_end = b.binary(Opcode::add, b.binary(Opcode::add, end, index), b.constant(1));
        frame.set(Word::hash, now);
        frame.set(Word::window_end, hit_end);
        l.branch(b.binary(Opcode::lt_u, hit_end, length), on, whole);
        l.enter(whole);
        frame.set(Word::compared, b.constant(1));
        l.jump(on);
        l.enter(on);
        b.ret(b.constant(0));
        l.enter(miss);
        return std::vector<ValueId>{now};
      });
  frame.set(Word::hash, hashes[0]);
  frame.set(Word::window_end, b.binary(Opcode::add, end, count));
  b.ret(b.constant(0));
}

// One chunk of the window and the needle.
void compare_chunk(Lower& l, const Frame& frame, ValueId done_and_one) {
  mir::Builder& b = l.b();
  ValueId length = frame.get(Word::needle_length);
  ValueId start = b.binary(Opcode::sub, frame.get(Word::window_end), length);
  ValueId done = b.binary(Opcode::sub, done_and_one, b.constant(1));
  ValueId rest = b.binary(Opcode::sub, length, done);
  ValueId count = chunk_count(l, rest);
  ValueId in_window = b.binary(Opcode::add, frame.get(Word::in_haystack), b.binary(Opcode::add, start, done));
  ValueId window = chunk_at(l, "entering", in_window, count);
  ValueId needle = chunk_at(l, "leaving", b.binary(Opcode::add, frame.get(Word::in_needle), done), count);
  ValueId difference = b.constant(0);
  for (int32_t at = 0; at < static_cast<int32_t>(text_chunk); at += 8) {
    ValueId bits = b.binary(Opcode::xor_, b.load(MemWidth::u64, window, at), b.load(MemWidth::u64, needle, at));
    difference = b.binary(Opcode::or_, difference, bits);
  }
  BlockId same = l.new_block("same");
  BlockId other = l.new_block("other");
  BlockId found = l.new_block("found");
  BlockId on = l.new_block("on");
  l.branch(difference, other, same);
  l.enter(other);
  frame.set(Word::compared, b.constant(0));
  b.ret(b.constant(0));
  l.enter(same);
  l.branch(b.binary(Opcode::le_s, rest, b.constant(text_chunk)), found, on);
  l.enter(found);
  frame.set(Word::found_at, start);
  b.ret(b.constant(1));
  l.enter(on);
  frame.set(Word::compared, b.binary(Opcode::add, done_and_one, b.constant(text_chunk)));
  b.ret(b.constant(0));
}

void find_round(Lower& l, const Place& at, ValueId) {
  Frame frame(l, at);
  BlockId comparing = l.new_block("comparing");
  BlockId moving = l.new_block("moving");
  ValueId done_and_one = frame.get(Word::compared);
  l.branch(done_and_one, comparing, moving);
  l.enter(comparing);
  compare_chunk(l, frame, done_and_one);
  l.enter(moving);
  move_along(l, frame);
}

ValueId find_long(Lower& l, const Text& haystack, const Text& needle, const std::string* literal) {
  mir::Builder& b = l.b();
  constexpr uint32_t most_rounds = 1 << 23;  // of bpf_loop; false hits take more than there are chunks
  ValueId length = literal != nullptr ? b.constant(static_cast<int64_t>(literal->size())) : length_of(l, needle);
  ValueId whole = length_of(l, haystack);
  uint64_t known_hash = 0, known_power = 1;
  if (literal != nullptr) {
    for (char c : *literal) {
      known_hash = known_hash * hash_base + static_cast<uint8_t>(c);
      known_power *= hash_base;
    }
  }
  // Nothing is found at once, and nowhere else.
  ValueId minus_some = b.binary(Opcode::sub, b.constant(0), b.binary(Opcode::ne, length, b.constant(0)));
  if (literal == nullptr) whole = b.binary(Opcode::and_, whole, minus_some);
  const ValueId zero = b.constant(0);
  Place at = l.text_frame({haystack.pointer, needle.pointer, whole, length, b.constant(static_cast<int64_t>(known_hash)),
                           b.constant(static_cast<int64_t>(known_power)), zero, zero, zero, minus_some});
  if (literal == nullptr) l.loop_over_text("hash of a text", b.constant(needle.most_chars / text_chunk + 1), at, hash_round);
  l.loop_over_text("find a text", b.constant(most_rounds), at, find_round);
  return Frame(l, at).get(Word::found_at);
}

}  // namespace

ValueId find_text(Lower& l, const ast::Expr* haystack_expr, const ast::Expr* needle_expr) {
  mir::Builder& b = l.b();
  Text haystack = text_of(l, haystack_expr);
  const auto* literal = std::get_if<std::string>(&l.note(needle_expr).constant);
  if (literal != nullptr && literal->empty()) return b.constant(0);
  if (literal != nullptr && literal->size() > haystack.most_chars) return b.constant(-1);
  EndFound end;
  if (literal != nullptr) {
    end = find_end_of(l, haystack, *literal);
    if (end.is_whole) return end.at;
  }
  Text needle = text_of(l, needle_expr);
  if (literal == nullptr) {
    if (needle.most_chars == 0) return b.constant(0);
    if (!may_walk(l, 2 * haystack.most_chars + needle.most_chars)) return find_long(l, haystack, needle, literal);
    end = {walk_to_end_of(l, haystack, needle), needle.most_chars <= 8 * window_words};
    if (end.is_whole) return end.at;
  }
  ValueId found = end.at;
  BlockId perhaps = l.new_block("perhaps");
  BlockId join = l.new_block("join");
  BlockId absent = l.new_block("absent");
  ValueId result = b.add_param(join, {});
  l.branch(b.binary(Opcode::lt_s, found, b.constant(0)), absent, perhaps);
  l.enter(absent);
  l.jump_with(join, {found});
  l.enter(perhaps);
  l.jump_with(join, {find_long(l, haystack, needle, literal)});
  l.enter(join);
  return forget_round(l, result);
}

}  // namespace shrike
