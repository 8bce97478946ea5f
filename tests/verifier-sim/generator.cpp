// Snippets of five to ten instructions are strung together: arithmetic, comparisons, stack traffic, map values behind
// null checks and bounds, helper calls, bounded loops, ring records, atomics, a subprogram.
#include "tests/verifier-sim/generator.h"

namespace shrike::sim::test {
namespace {

enum class Holds : uint8_t { nothing, number, small, ctx, stack, value, record };

constexpr uint32_t array_map = 0, hash_map = 1, ring_map = 2, percpu_map = 3;

class Generator {
 public:
  Generator(uint64_t seed, ProgramType type) : state_(seed * 0x9e3779b97f4a7c15u + 1) {
    a_.program.maps = generator_maps();
    a_.program.type = type;
    holds_[1] = holds_[6] = Holds::ctx;
    a_.add(mov_reg(6, 1));
  }

  ProgramInput finish() {
    unsigned snippets = 4 + pick(14);
    for (unsigned i = 0; i < snippets; i++) snippet();
    if (record_reg_ && !one_in(6)) submit();
    int out = a_.here();
    if (!one_in(60)) a_.add(mov(0, 0));
    a_.add(exit_insn());
    if (subprogram_call_ >= 0) add_subprogram();
    for (int at : to_exit_) {
      Insn& i = a_.program.insns[static_cast<size_t>(at)];
      i.offset = static_cast<int16_t>(out - at - 1);
    }
    return a_.program;
  }

 private:
  uint64_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_ * 0x2545f4914f6cdd1du >> 11;
  }
  unsigned pick(unsigned n) { return static_cast<unsigned>(next() % n); }
  bool one_in(unsigned n) { return pick(n) == 0; }

  unsigned any_of(Holds wanted, unsigned otherwise) {
    unsigned start = pick(10);
    for (unsigned k = 0; k < 10; k++) {
      unsigned r = (start + k) % 10;
      if (holds_[r] == wanted) return r;
    }
    return otherwise;
  }
  bool is_number(unsigned r) const { return holds_[r] == Holds::number || holds_[r] == Holds::small; }
  unsigned a_number() {
    if (one_in(150)) return pick(11);
    unsigned start = pick(10);
    for (unsigned k = 0; k < 10; k++) {
      unsigned r = (start + k) % 10;
      if (is_number(r)) return r;
    }
    unsigned r = free_register();
    a_.add(mov(r, constant()));
    holds_[r] = Holds::number;
    return r;
  }
  unsigned free_register() {
    for (;;) {
      unsigned r = one_in(3) ? pick(6) : 7 + pick(3);
      if (r != 6 && (!record_reg_ || r != record_reg_)) return r;
    }
  }
  int64_t constant() {
    static constexpr int64_t edges[] = {0,    1,     2,   3,   7,   8,   15, 16, 31, 32,  47,         48,
                                        63,   64,    127, 128, 255, 256, -1, -2, -8, -64, 0x7fffffff, -0x7fffffff - 1,
                                        4096, 0xffff};
    if (one_in(5)) return static_cast<int32_t>(next());
    return edges[pick(sizeof edges / sizeof *edges)];
  }
  int slot(unsigned size) {
    int at = -8 * static_cast<int>(1 + pick(one_in(12) ? 70 : 6));
    if (size < 8 && one_in(3)) at += static_cast<int>(size * pick(8 / size));
    return one_in(40) ? at + 1 : at;
  }
  static unsigned bytes(unsigned size) {
    return size == bpf::size::b ? 1 : size == bpf::size::h ? 2 : size == bpf::size::w ? 4 : 8;
  }
  unsigned a_size() {
    static constexpr unsigned sizes[] = {bpf::size::b, bpf::size::h, bpf::size::w, bpf::size::dw, bpf::size::dw};
    return sizes[pick(5)];
  }

  void after_call() {
    for (unsigned r = 0; r <= 5; r++) holds_[r] = Holds::nothing;
    holds_[0] = Holds::number;
  }

  void arithmetic() {
    static constexpr unsigned ops[] = {alu::add, alu::sub, alu::mul, alu::div,  alu::or_, alu::and_,
                                       alu::lsh, alu::rsh, alu::mod, alu::xor_, alu::mov, alu::arsh};
    unsigned dst = a_number(), op = ops[pick(12)];
    bool wide = !one_in(3);
    unsigned kind = wide ? cls::alu64 : cls::alu;
    if (one_in(12)) {
      a_.add(insn(kind | alu::neg, dst, 0, 0, 0));
    } else if (one_in(20)) {
      static constexpr int swaps[] = {16, 32, 64};
      a_.add(insn(cls::alu | alu::end | (one_in(2) ? 8u : 0u), dst, 0, 0, swaps[pick(3)]));
    } else if (one_in(2)) {
      unsigned src = a_number();
      bool moves = op == alu::mov;
      if (moves) dst = free_register();
      int extend = moves && one_in(4) ? (one_in(2) ? 8 : 16) : 0;
      if (moves && wide && one_in(8)) extend = 32;
      a_.add(insn(kind | op | bpf::src::x, dst, src, extend, 0));
    } else {
      int64_t by = op == alu::lsh || op == alu::rsh || op == alu::arsh ? pick(wide ? 64 : 32) : constant();
      if ((op == alu::div || op == alu::mod) && by == 0) by = 3;
      if (one_in(100)) by = 64;
      a_.add(insn(kind | op, dst, 0, 0, by));
    }
    if (dst < 10) holds_[dst] = Holds::number;
  }

  // A comparison whose failing side leaves the program, or that skips a little arithmetic.
  void compare() {
    static constexpr unsigned ops[] = {jmp::jeq,  jmp::jgt, jmp::jge, jmp::jset, jmp::jne, jmp::jsgt,
                                       jmp::jsge, jmp::jlt, jmp::jle, jmp::jslt, jmp::jsle};
    unsigned op = ops[pick(11)], r = a_number();
    unsigned kind = one_in(3) ? cls::jmp32 : cls::jmp;
    bool reg = one_in(3);
    Insn i = reg ? insn(kind | op | bpf::src::x, r, a_number(), 0, 0) : insn(kind | op, r, 0, 0, constant());
    int at = a_.here();
    a_.add(i);
    if (one_in(2)) {
      to_exit_.push_back(at);
      return;
    }
    unsigned n = 1 + pick(3);
    for (unsigned k = 0; k < n; k++) arithmetic();
    a_.program.insns[static_cast<size_t>(at)].offset = static_cast<int16_t>(a_.here() - at - 1);
  }

  void stack_traffic() {
    unsigned size = a_size();
    int at = slot(bytes(size));
    switch (pick(4)) {
      case 0: a_.add(store_imm(size, 10, at, constant())); break;
      case 1: a_.add(store(size, 10, at, one_in(10) ? 6 : a_number())); break;
      default: {
        if (one_in(2)) a_.add(store(bpf::size::dw, 10, at & ~7, a_number()));
        unsigned dst = free_register();
        a_.add(load(size, dst, 10, at));
        holds_[dst] = Holds::number;
      }
    }
  }

  void stack_variable() {
    unsigned index = a_number(), p = free_register();
    static constexpr int64_t masks[] = {7, 8, 15, 24, 31, 56, 63};
    if (p == index) return;
    a_.add(alu64_imm(alu::and_, index, masks[pick(7)]));
    a_.add(mov_reg(p, 10)).add(alu64_imm(alu::add, p, -static_cast<int64_t>(8 * (1 + pick(10)))));
    a_.add(alu64_reg(alu::add, p, index));
    unsigned size = one_in(2) ? bpf::size::b : a_size();
    if (one_in(2)) {
      a_.add(one_in(2) ? store_imm(size, p, 0, one_in(2) ? 0 : 5) : store(size, p, 0, a_number()));
    } else {
      a_.add(load(size, p, p, 0));
      holds_[p] = Holds::number;
      return;
    }
    holds_[p] = Holds::stack;
  }

  void read_ctx() {
    unsigned dst = free_register();
    int at = one_in(15) ? 4 * static_cast<int>(pick(60)) : 8 * static_cast<int>(1 + pick(8));
    a_.add(load(one_in(5) ? a_size() : bpf::size::dw, dst, 6, at));
    holds_[dst] = Holds::number;
  }

  void simple_call() {
    static constexpr unsigned helpers[] = {5, 7, 8, 14, 15, 35, 125, 118};
    a_.add(call(one_in(40) ? pick(220) : helpers[pick(8)]));
    after_call();
  }

  void probe_read() {
    static constexpr unsigned helpers[] = {4, 45, 112, 113, 114, 115};
    int at = -8 * static_cast<int>(1 + pick(8));
    if (one_in(2)) {
      unsigned n = a_number();
      if (n != 2) a_.add(mov_reg(2, n));
      static constexpr int64_t masks[] = {7, 15, 31, 63, 127};
      if (!one_in(6)) a_.add(alu64_imm(alu::and_, 2, masks[pick(5)]));
    } else {
      a_.add(mov(2, one_in(12) ? constant() : static_cast<int64_t>(pick(static_cast<unsigned>(-at) + 1))));
    }
    a_.add(mov_reg(1, one_in(40) ? 6 : 10));
    a_.add(alu64_imm(alu::add, 1, at));
    a_.add(mov(3, 4096));
    a_.add(call(helpers[pick(6)]));
    after_call();
  }

  void map_value() {
    uint32_t map = one_in(3) ? hash_map : one_in(3) ? percpu_map : array_map;
    if (one_in(30)) map = ring_map;
    int at = -8 * static_cast<int>(1 + pick(4));
    if (!one_in(25)) {
      bool wide = map == hash_map;
      a_.add(one_in(3) ? store(wide ? bpf::size::dw : bpf::size::w, 10, at, a_number())
                       : store_imm(wide ? bpf::size::dw : bpf::size::w, 10, at, pick(6)));
    }
    if (one_in(5)) {
      a_.add(mov_reg(3, 10)).add(alu64_imm(alu::add, 3, -64));
      if (!one_in(4))
        for (int k = 0; k < 6; k++) a_.add(store_imm(bpf::size::dw, 10, -64 + 8 * k, k));
      a_.load_map(1, map).add(mov_reg(2, 10)).add(alu64_imm(alu::add, 2, at)).add(mov(4, 0)).add(call(2));
      after_call();
      return;
    }
    a_.load_map(1, map).add(mov_reg(2, 10)).add(alu64_imm(alu::add, 2, at)).add(call(1));
    after_call();
    holds_[0] = Holds::value;
    unsigned p = one_in(2) ? 0 : 7 + pick(3);
    if (p == record_reg_) p = 0;
    if (p) a_.add(mov_reg(p, 0)), holds_[p] = Holds::value;
    if (!one_in(25)) {
      to_exit_.push_back(a_.here());
      a_.add(jump_imm(jmp::jeq, one_in(2) ? 0 : p, 0, 0));
    }
    use_value(p);
  }

  void use_value(unsigned p) {
    unsigned size = a_size();
    int limit = 48 - static_cast<int>(bytes(size));
    int at = one_in(12) ? limit + static_cast<int>(pick(3)) - 1 : static_cast<int>(pick(static_cast<unsigned>(limit + 1)));
    if (one_in(2)) {
      unsigned i = a_number();
      if (i == p || i == 10) return;
      bound(i, static_cast<unsigned>(limit));
      a_.add(alu64_reg(alu::add, p, i));
      at = one_in(3) ? static_cast<int>(pick(4)) : 0;
    }
    switch (pick(4)) {
      case 0: a_.add(store_imm(size, p, at, constant())); break;
      case 1: a_.add(store(size, p, at, a_number())); break;
      case 2: {
        unsigned op_size = one_in(2) ? bpf::size::w : bpf::size::dw;
        static constexpr int32_t ops[] = {0, 1, 0x40, 0x51, 0xa1, 0xe1, 0xf1, 0x10};
        a_.add(insn(cls::stx | bpf::mode::atomic | op_size, p, a_number(), at & ~7, ops[pick(one_in(12) ? 8 : 7)]));
        break;
      }
      default: {
        unsigned dst = free_register();
        a_.add(load(size, dst, p, at));
        holds_[dst] = Holds::number;
      }
    }
  }

  // Makes the number at most about `limit`, by one of the ways programs do.
  void bound(unsigned r, unsigned limit) {
    switch (pick(6)) {
      case 0: a_.add(alu64_imm(alu::and_, r, one_in(2) ? 31 : 63)); break;
      case 1:
        to_exit_.push_back(a_.here());
        a_.add(jump_imm(jmp::jgt, r, limit + pick(2), 0));
        break;
      case 2:
        to_exit_.push_back(a_.here());
        a_.add(jump_imm(jmp::jsgt, r, limit, 0));
        if (!one_in(3)) {
          to_exit_.push_back(a_.here());
          a_.add(jump_imm(jmp::jslt, r, 0, 0));
        }
        break;
      case 3: a_.add(alu64_imm(alu::lsh, r, 32)).add(alu64_imm(alu::rsh, r, 58 + pick(3))); break;
      case 4:
        to_exit_.push_back(a_.here());
        a_.add(jump32_imm(one_in(2) ? jmp::jgt : jmp::jge, r, limit, 0));
        if (!one_in(3)) a_.add(alu32_reg(alu::mov, r, r));
        break;
      default: {
        unsigned copy = free_register();
        a_.add(mov_reg(copy, r));
        holds_[copy] = Holds::number;
        if (one_in(2)) a_.add(alu64_imm(alu::add, copy, 1 + pick(8)));
        to_exit_.push_back(a_.here());
        a_.add(jump_imm(jmp::jgt, copy, limit, 0));
      }
    }
  }

  void loop() {
    unsigned counter = 7 + pick(3);
    if (counter == record_reg_) return;
    a_.add(mov(counter, 0));
    holds_[counter] = Holds::number;
    int top = a_.here();
    unsigned other = free_register();
    if (other != counter && is_number(other)) a_.add(alu64_imm(one_in(2) ? alu::add : alu::xor_, other, constant()));
    if (one_in(3)) stack_traffic();
    if (!one_in(30)) a_.add(alu64_imm(alu::add, counter, 1));
    int at = a_.here();
    a_.add(jump_imm(one_in(2) ? jmp::jlt : jmp::jne, counter, 1 + pick(12), top - at - 1));
  }

  void reserve() {
    if (record_reg_) return submit();
    a_.load_map(1, ring_map).add(mov(2, 16)).add(mov(3, 0)).add(call(131));
    after_call();
    unsigned r = 8;
    a_.add(mov_reg(r, 0));
    holds_[r] = Holds::record;
    record_reg_ = r;
    holds_[0] = Holds::nothing;
    to_exit_.push_back(a_.here());
    a_.add(jump_imm(jmp::jeq, one_in(10) ? 0 : r, 0, 0));
    for (unsigned n = pick(3); n-- > 0;) a_.add(store_imm(bpf::size::dw, r, one_in(12) ? 16 : 8 * static_cast<int>(pick(2)), 1));
    if (!one_in(3)) submit();
  }

  void submit() {
    a_.add(mov_reg(1, record_reg_)).add(mov(2, 0)).add(call(one_in(2) ? 132 : 133));
    after_call();
    holds_[0] = Holds::nothing;
    holds_[record_reg_] = Holds::number;
    record_reg_ = 0;
  }

  void call_subprogram() {
    if (subprogram_call_ >= 0) return;
    subprogram_call_ = a_.here();
    unsigned n = a_number();
    if (n != 1) a_.add(mov_reg(1, n));
    a_.add(mov_reg(2, 10)).add(alu64_imm(alu::add, 2, -16));
    subprogram_call_ = a_.here();
    a_.add(insn(bpf::call_insn, 0, bpf::pseudo::call, 0, 0));
    after_call();
  }

  void add_subprogram() {
    a_.program.insns[static_cast<size_t>(subprogram_call_)].imm = a_.here() - subprogram_call_ - 1;
    a_.add(store(bpf::size::dw, 2, one_in(10) ? 16 : 8 * static_cast<int>(pick(2)), 1));
    a_.add(mov_reg(0, 1));
    if (one_in(2)) a_.add(alu64_imm(alu::and_, 0, 31));
    a_.add(exit_insn());
  }

  void wild() {
    unsigned at = pick(static_cast<unsigned>(a_.here()));
    Insn& i = a_.program.insns[at];
    if (i.opcode == bpf::ld_imm64 || i.opcode == 0) return;
    switch (pick(4)) {
      case 0: i.regs = static_cast<uint8_t>(next()); break;
      case 1: i.imm = static_cast<int32_t>(constant()); break;
      case 2: i.opcode ^= static_cast<uint8_t>(1u << pick(8)); break;
      default: i.offset = static_cast<int16_t>(i.offset + static_cast<int>(pick(5)) - 2); break;
    }
  }

  void snippet() {
    switch (pick(22)) {
      case 0:
      case 1:
      case 2:
      case 3: arithmetic(); break;
      case 4:
      case 5:
      case 6: compare(); break;
      case 7:
      case 8:
      case 9: stack_traffic(); break;
      case 10: stack_variable(); break;
      case 11:
      case 12: read_ctx(); break;
      case 13: simple_call(); break;
      case 14: probe_read(); break;
      case 15:
      case 16:
      case 17: map_value(); break;
      case 18: loop(); break;
      case 19: reserve(); break;
      case 20: call_subprogram(); break;
      default:
        if (one_in(5)) wild();
        break;
    }
  }

  Assembler a_;
  uint64_t state_;
  Holds holds_[11] = {};
  std::vector<int> to_exit_;
  unsigned record_reg_ = 0;
  int subprogram_call_ = -1;
};

}  // namespace

std::vector<MapShape> generator_maps() {
  return {{"array", MapType::array, 4, 48, 4, false, {}},
          {"hash", MapType::hash, 8, 48, 16, false, {}},
          {"ring", MapType::ringbuf, 0, 0, 4096, false, {}},
          {"percpu", MapType::percpu_array, 4, 48, 4, false, {}}};
}

ProgramInput generate(uint64_t seed, ProgramType type) {
  return Generator(seed, type).finish();
}

}  // namespace shrike::sim::test
