// Keeps a pool of values at hand; each statement takes operands from it and puts its result in the place of another.
#include "tests/backend/random_mir.h"

#include <random>
#include <utility>

namespace shrike::test {

using mir::BlockId;
using mir::MemWidth;
using mir::Opcode;
using mir::ValueId;

namespace {

constexpr int32_t never_written = 4088;  // in @results

class Generator {
 public:
  Generator(RandomProgram& program, uint64_t seed, const RandomShape& shape)
      : program_(program), b_(program.base.builder), random_(seed), shape_(shape) {}

  void run() {
    slot_ = program_.base.slot("buffer", 64);
    other_slot_ = program_.base.slot("other", 48);
    b_.zero(b_.slot_addr(slot_), 0, 64);
    b_.zero(b_.slot_addr(other_slot_), 0, 48);
    ValueId input = b_.map_value_addr(program_.input, 0);
    constexpr MemWidth widths[] = {MemWidth::u64, MemWidth::u64, MemWidth::s32, MemWidth::u32,
                                   MemWidth::s16, MemWidth::u16, MemWidth::s8,  MemWidth::u8};
    for (uint32_t i = 0; i < shape_.live_values; i++)
      pool_.push_back(b_.load(widths[i % 8], input, static_cast<int32_t>(i * 8 % input_bytes)));
    statements(shape_.statements, 0);
    ValueId results = b_.map_value_addr(program_.base.results, 0);
    for (size_t i = 0; i < pool_.size(); i++) b_.store(MemWidth::u64, results, pool_[i], static_cast<int32_t>(i * 8));
    b_.copy(b_.ptr_add(results, b_.constant(2048)), b_.slot_addr(slot_), 64);
    b_.ret(b_.unary(Opcode::zext32, pick()));
  }

 private:
  uint32_t below(uint32_t limit) { return static_cast<uint32_t>(random_() % limit); }

  ValueId pick() { return pool_[below(static_cast<uint32_t>(pool_.size()))]; }
  void put(ValueId value) { pool_[below(static_cast<uint32_t>(pool_.size()))] = value; }

  int64_t interesting_constant() {
    constexpr int64_t edges[] = {
        0, 1, -1, 2, 7, 63, 64, 255, 256, INT32_MAX, INT32_MIN, int64_t{INT32_MAX} + 1, UINT32_MAX, INT64_MAX, INT64_MIN, -3};
    return below(4) == 0 ? static_cast<int64_t>(random_()) : edges[below(std::size(edges))];
  }
  ValueId operand() { return below(3) == 0 ? b_.constant(interesting_constant()) : pick(); }

  void statements(uint32_t count, uint32_t depth) {
    for (uint32_t i = 0; i < count; i++) {
      uint32_t kind = below(100);
      if (kind < 50) arithmetic();
      else if (kind < 62) unary();
      else if (kind < 72) memory();
      else if (kind < 77) call();
      else if (kind < 80) put(b_.clamp_u(pick(), random_() >> below(64)));
      else if (depth < 3 && kind < 95) conditional(count / 4 + 1, depth);
      // Not in a loop of jumps, see passes/iterate_loops.cpp.
      else if (depth < 2 && shape_.iterators && !is_in_loop_ && below(2) == 0) iterator_loop(depth);
      else if (depth < 2) loop(depth);
    }
  }

  void arithmetic() {
    constexpr Opcode ops[] = {Opcode::add,   Opcode::sub,   Opcode::mul,   Opcode::div_u, Opcode::div_s,
                              Opcode::mod_u, Opcode::mod_s, Opcode::and_,  Opcode::or_,   Opcode::xor_,
                              Opcode::shl,   Opcode::shr_u, Opcode::shr_s, Opcode::eq,    Opcode::ne,
                              Opcode::lt_u,  Opcode::le_u,  Opcode::lt_s,  Opcode::le_s};
    put(b_.binary(ops[below(std::size(ops))], operand(), operand()));
  }

  void unary() {
    constexpr Opcode ops[] = {Opcode::neg,    Opcode::zext8,  Opcode::zext16,  Opcode::zext32,  Opcode::sext8,
                              Opcode::sext16, Opcode::sext32, Opcode::bswap16, Opcode::bswap32, Opcode::bswap64};
    put(b_.unary(ops[below(std::size(ops))], pick()));
  }

  void memory() {
    constexpr MemWidth widths[] = {MemWidth::u8,  MemWidth::s8,  MemWidth::u16, MemWidth::s16,
                                   MemWidth::u32, MemWidth::s32, MemWidth::u64};
    MemWidth width = widths[below(std::size(widths))];
    auto bytes = static_cast<int32_t>(mir::bytes_of(width));
    auto offset = static_cast<int32_t>(below(static_cast<uint32_t>(64 / bytes))) * bytes;
    ValueId base = b_.slot_addr(slot_);
    switch (below(6)) {
      case 0: b_.store(mir::mem_width(static_cast<uint32_t>(bytes), false), base, operand(), offset); break;
      case 1: put(b_.load(width, base, offset)); break;
      case 2: {  // at a variable, clamped index
        ValueId index = b_.binary(Opcode::and_, pick(), b_.constant(7));
        ValueId place = b_.ptr_add(base, b_.binary(Opcode::shl, index, b_.constant(3)));
        below(2) == 0 ? b_.store(MemWidth::u64, place, pick(), 0) : put(b_.load(MemWidth::u64, place, 0));
        break;
      }
      case 3: b_.copy(b_.ptr_add(base, b_.constant(16)), b_.slot_addr(other_slot_), 1 + below(48)); break;
      case 4: b_.zero(base, static_cast<int32_t>(below(32)), below(32)); break;
      case 5: {
        MemWidth atomic = below(2) == 0 ? MemWidth::u32 : MemWidth::u64;
        auto place = static_cast<int32_t>(below(8) * 8);
        // What was there before is asked of a map's value only, as scripts do. Of the stack, Linux 6.18 knows the constant that
        // such an instruction finds, but not that a branch which is decided by it depends on the slot: another way that comes
        // there with another value is taken for the same, and what only that one reaches is removed as dead code.
        ValueId fetched = b_.map_value_addr(program_.base.results, 0);
        const int32_t fetched_at = 1024 + place;
        if (below(4) == 0) {
          ValueId expected = below(2) == 0 ? b_.load(atomic, fetched, fetched_at) : pick();
          put(b_.atomic_cmpxchg(atomic, fetched, expected, pick(), fetched_at));
        } else if (below(2) == 0) {
          put(b_.atomic_fetch_add(atomic, fetched, pick(), fetched_at));
        } else {
          b_.atomic_add(atomic, base, pick(), place);
        }
        break;
      }
    }
  }

  void call() {
    ValueId from = b_.unary(Opcode::ptr_to_int, b_.ptr_add(b_.slot_addr(slot_), b_.constant(below(16))));
    b_.call(mir::HelperId::probe_read_kernel, {b_.slot_addr(other_slot_), b_.constant(1 + below(48)), from});
  }

  // A number of 32 bits whose sign nobody else may want, or one to compare it with.
  ValueId half() {
    switch (below(4)) {
      case 0: return b_.constant(static_cast<int32_t>(interesting_constant()));
      case 1: return b_.load(MemWidth::s32, b_.slot_addr(slot_), static_cast<int32_t>(below(16) * 4));
      default: return b_.unary(Opcode::sext32, pick());
    }
  }

  void conditional(uint32_t count, uint32_t depth) {
    BlockId then = b_.add_block("then"), otherwise = b_.add_block("else"), joined = b_.add_block("joined");
    constexpr Opcode ops[] = {Opcode::eq, Opcode::ne, Opcode::lt_u, Opcode::le_u, Opcode::lt_s, Opcode::le_s, Opcode::and_};
    const bool of_halves = below(3) == 0;
    ValueId left = of_halves ? half() : operand(), right = of_halves ? half() : operand();
    ValueId condition = of_halves && below(8) == 0 ? left : b_.binary(ops[below(std::size(ops))], left, right);
    if (below(4) == 0) condition = b_.binary(Opcode::eq, condition, b_.constant(0));
    std::vector<ValueId> before = pool_;
    bool has_else = below(2) == 0;
    uint32_t merged = 1 + below(4);
    std::vector<ValueId> params;
    for (uint32_t i = 0; i < merged; i++) params.push_back(b_.add_param(joined, {}));
    if (has_else) b_.branch(condition, then, otherwise);
    else b_.branch(condition, then, joined, {}, sample(merged));
    b_.move_to(then);
    statements(count, depth + 1);
    b_.jump(joined, sample(merged));
    pool_ = before;
    if (has_else) {
      b_.move_to(otherwise);
      statements(count, depth + 1);
      b_.jump(joined, sample(merged));
      pool_ = before;
    } else {
      b_.move_to(otherwise);  // stays unreachable
      b_.ret(b_.constant(0));
    }
    b_.move_to(joined);
    for (ValueId param : params) put(param);
  }

  std::vector<ValueId> sample(uint32_t count) {
    std::vector<ValueId> picked;
    for (uint32_t i = 0; i < count; i++) picked.push_back(operand());
    return picked;
  }

  // Two or three rounds, with values carried around that may swap places.
  void loop(uint32_t depth) {
    BlockId head = b_.add_block("head"), body = b_.add_block("body"), after = b_.add_block("after");
    uint32_t carried = 1 + below(3);
    std::vector<ValueId> start = sample(carried);
    start.insert(start.begin(), b_.constant(0));
    ValueId count = b_.add_param(head, {});
    std::vector<ValueId> params;
    for (uint32_t i = 0; i < carried; i++) params.push_back(b_.add_param(head, {}));
    b_.jump(head, start);
    b_.move_to(head);
    b_.branch(b_.binary(Opcode::lt_u, count, b_.constant(2 + below(2))), body, after);
    std::vector<ValueId> before = pool_;
    b_.move_to(body);
    for (ValueId param : params) put(param);
    const bool was_in_loop = std::exchange(is_in_loop_, true);
    statements(4, depth + 1);
    is_in_loop_ = was_in_loop;
    std::vector<ValueId> next = below(2) == 0 ? sample(carried) : std::vector<ValueId>(params.rbegin(), params.rend());
    next.insert(next.begin(), b_.binary(Opcode::add, count, b_.constant(1)));
    b_.jump(head, next);
    pool_ = before;
    b_.move_to(after);
    for (ValueId param : params) put(param);
  }

  // The verifier walks rounds until nothing is new. So that this comes soon, it knows nothing of what is carried into the first.
  std::vector<ValueId> unknown_sample(uint32_t count) {
    ValueId zero = b_.load(MemWidth::u64, b_.map_value_addr(program_.base.results, 0), never_written);
    std::vector<ValueId> picked;
    for (uint32_t i = 0; i < count; i++) picked.push_back(b_.binary(Opcode::xor_, operand(), zero));
    return picked;
  }

  // Up to three rounds, which may end before that.
  void iterator_loop(uint32_t depth) {
    BlockId head = b_.add_block("round"), over = b_.add_block("over"), next = b_.add_block("next");
    mir::SlotId iterator = b_.add_slot("iterator", 8, 8);
    b_.call(mir::HelperId::iter_num_new, {b_.slot_addr(iterator), b_.constant(below(2)), b_.constant(1 + below(3))});
    uint32_t carried = 1 + below(3);
    std::vector<ValueId> start = unknown_sample(carried);
    std::vector<ValueId> params;
    for (uint32_t i = 0; i < carried; i++) params.push_back(b_.add_param(head, {}));
    b_.jump(head, start);
    b_.move_to(head);
    BlockId body = b_.add_block("body");
    ValueId number = b_.branch_null(b_.call(mir::HelperId::iter_num_next, {b_.slot_addr(iterator)}), over, body);
    std::vector<ValueId> before = pool_;
    b_.move_to(body);
    put(b_.load(MemWidth::u32, number, 0));
    for (ValueId param : params) put(param);
    statements(4, depth + 1);
    if (below(2) == 0) b_.branch(b_.binary(Opcode::lt_u, pick(), operand()), over, next);
    else b_.jump(next);
    b_.move_to(next);
    b_.jump(head, below(2) == 0 ? unknown_sample(carried) : std::vector<ValueId>(params.rbegin(), params.rend()));
    pool_ = before;
    b_.move_to(over);
    b_.call(mir::HelperId::iter_num_destroy, {b_.slot_addr(iterator)});
    for (ValueId param : params) put(param);
  }

  RandomProgram& program_;
  mir::Builder& b_;
  std::mt19937_64 random_;
  RandomShape shape_;
  std::vector<ValueId> pool_;
  mir::SlotId slot_, other_slot_;
  bool is_in_loop_ = false;  // of jumps
};

}  // namespace

RandomProgram random_program(uint64_t seed, const RandomShape& shape) {
  RandomProgram program;
  program.input = MirProgram::add_array(program.base.module, "@input", input_bytes);
  Generator(program, seed, shape).run();
  return program;
}

}  // namespace shrike::test
