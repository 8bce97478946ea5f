// What the live tests trace to read arguments by name: functions whose arguments take every way that the calling convention
// has, each called once with values that the tests know. Built with debug information, with and without optimisation, and once
// more without any, beside a file that has it (tests/CMakeLists.txt).
#include <cstdint>
#include <string>

#ifdef __clang__
#define NOIPA [[gnu::noinline]]
#else
#define NOIPA [[gnu::noipa]]
#endif

namespace called {

enum class Color : uint8_t { red = 1, green, blue = 200 };
enum Mood { calm = -1, busy = 3 };

struct Inner {
  short small;
  union {
    uint32_t word;
    uint8_t bytes[4];
  };
};
struct Node {
  char name[12];
  unsigned low : 3;
  int high : 5;
  Color color;
  Inner inner[2];
  Node* next;
  static int count;
};
int Node::count = 0;
struct Base {
  int id;
};
struct Derived : Base {
  long weight;
  virtual ~Derived() = default;
};
struct Pair {
  int first, second;
};
struct Wide {
  long left;
  unsigned flag : 1;
  int rest : 31;
};
struct Mixed {
  double real;
  long whole;
};
struct Large {
  long numbers[5];
};
struct Text {
  int length;
  char bytes[12];
};
template <class T>
struct Box {
  T value;
};

struct Object {
  long state;
  NOIPA long method(int by, bool negate);
};

volatile long sink = 0;
long keep(long value) {
  sink = value;
  return value;
}

long Object::method(int by, bool negate) {
  return keep(negate ? state - by : state + by);
}

[[gnu::always_inline]] inline long inlined_twice(long value) {
  return keep(value * 3);  // the line that tests look for
}

extern "C" {
NOIPA long first_user(long value) {
  return inlined_twice(value) + 1;
}
NOIPA long second_user(long value) {
  return inlined_twice(value) - 1;
}
NOIPA long scalars(signed char a, unsigned short b, int c, bool d, const char* text, Mood mood) {
  return keep(a + b + c + d + text[0] + mood);
}
NOIPA long pointers(Node* node, const Node& same, void* nothing) {
  return keep(node->low + same.high + (nothing != nullptr));
}
NOIPA long by_value(Pair pair, Wide wide, Text text, Large large, int after) {
  return keep(pair.first + wide.left + text.length + large.numbers[0] + after);
}
NOIPA long reals(double a, int b, float c, Mixed mixed, int d) {
  return keep(static_cast<long>(a) + b + static_cast<long>(c) + mixed.whole + d);
}
NOIPA long many(long a, long b, long c, long d, long e, Pair f, int g, Wide h, short i) {
  return keep(a + b + c + d + e + f.first + g + h.left + i);
}
NOIPA long inherited(Derived* derived, Box<short> box) {
  return keep(derived->id + derived->weight + box.value);
}
// NOLINTNEXTLINE(performance-unnecessary-value-param): the convention for values that are passed by reference is what is tested
NOIPA long referred(std::string text, int after) {
  return keep(static_cast<long>(text.size()) + after);
}
NOIPA Pair result_pair(int a) {
  return {a, -a};
}
NOIPA Large result_large(int a) {
  return {{a, a + 1, a + 2, a + 3, a + 4}};
}
NOIPA Node* result_node(Node* node) {
  return node->next;
}
NOIPA int result_negative(int a) {
  return -a;
}
}

}  // namespace called

int main() {
  using namespace called;
  Node second{"second", 5, -3, Color::blue, {{-1, {0x01020304}}, {-2, {5}}}, nullptr};
  Node first{"first", 7, 15, Color::green, {{10, {6}}, {11, {7}}}, &second};
  Derived derived;
  derived.id = 21;
  derived.weight = -4;
  Object object{100};
  char words[] = "words";  // in memory that is surely there
  scalars(-5, 65535, -70000, true, words, calm);
  pointers(&first, second, nullptr);
  by_value({1, -2}, {1L << 40, 1, -9}, {3, "abc"}, {{11, 12, 13, 14, -15}}, 99);
  reals(1.5, 42, 2.5f, {3.5, 33}, 44);
  many(1, 2, 3, 4, 5, {6, -6}, 7, {8, 0, -8}, -9);
  inherited(&derived, {-12});
  referred("a text of some length, longer than fits inside", 77);
  object.method(-30, false);
  first_user(1);
  second_user(2);
  second_user(3);
  sink = sink + result_pair(31).first + result_large(50).numbers[1] + result_node(&first)->low + result_negative(3);
  return 0;
}
