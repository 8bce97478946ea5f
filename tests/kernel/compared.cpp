// What gdb and addr2line are asked about, too: one chain of calls through a method, a template, an overload, a static function
// and functions that are inlined, with structures, bit-fields and bases as arguments. Built with debug information, optimised
// and not (tests/CMakeLists.txt). `main` makes each call once.
#include <cstdint>

#ifdef __clang__
#define NOIPA [[gnu::noinline]]
#else
#define NOIPA [[gnu::noipa]]
#endif

namespace compared {

struct Point {
  int16_t x, y;
};
struct Bits {
  unsigned low : 3;
  int high : 5;
  bool is_set : 1;
  uint64_t wide : 33;
  int64_t rest : 20;
};
enum class Kind : uint16_t { none, round = 7 };
struct Shape {
  char name[12];
  Bits bits;
  Point corners[2];
  __extension__ struct {  // ISO C++ has no anonymous ones; C has
    uint32_t area;
    union {
      uint32_t raw;
      uint8_t bytes[4];
    };
  };
  Kind kind;
  const Shape* next;
};
template <class T>
struct Box {
  T first, second;
};
struct Base {
  int id;
};

volatile long sink = 0;

// The place whose line, and whose inlining into inner(), all three are asked about.
[[gnu::always_inline]] inline long at_the_bottom(long value) {
  asm volatile(".globl compared_at_the_bottom\n.type compared_at_the_bottom, @object\ncompared_at_the_bottom: nop"
               :
               :
               : "memory");
  return value + sink;
}

NOIPA long keep(long value) {
  sink = value;
  return value;
}

// Calls something, so that it has a frame.
NOIPA static long inner(const Shape* shape, Box<short> box, long total) {
  total = keep(sink + shape->area + box.first + total) - shape->area;
  return at_the_bottom(total) + 1;
}

[[gnu::always_inline]] inline long between(const Shape& shape, long total) {
  return inner(&shape, {-3, 4}, total) + 2;
}

namespace {
NOIPA long total(Bits bits) {
  sink = sink + static_cast<long>(bits.low);
  return sink;
}
NOIPA long total(int a, Bits bits, const Shape& shape) {
  sink = sink + a + static_cast<long>(bits.low);
  return between(shape, a) + 3;
}
}  // namespace

template <class T>
NOIPA long twice(Box<T> box, const Shape& shape, Point point) {
  sink = sink + static_cast<long>(box.second) + point.x;
  if constexpr (sizeof(T) < sizeof(long)) return sink;
  else return total(static_cast<int>(box.first), shape.bits, shape) + total(shape.bits);
}

namespace deep {
class Counter : public Base {
 public:
  Counter(int given, long start) : Base{given}, state_(start) {}
  NOIPA long add(Point by, const Shape* shape, bool negate) {
    state_ += negate ? -by.x : by.x;
    return twice<long>({-70000, 1L << 40}, *shape, by) + state_;
  }

 private:
  long state_;
};
}  // namespace deep

}  // namespace compared

int main() {
  using namespace compared;
  const Shape last{"last", {1, -1, false, 5, -6}, {{-1, 2}, {3, -4}}, {{9}, {{0x01020304}}}, Kind::none, nullptr};
  const Shape first{
      "first", {5, -16, true, (1ULL << 33) - 2, -500000}, {{100, -200}, {300, -400}}, {{4000000000}, {{0xfffefdfc}}}, Kind::round,
      &last};
  deep::Counter counter(21, -1000000007);
  sink = counter.add({-5, 6}, &first, true) + twice<short>({1, 2}, last, {7, 8});
  return 0;
}
