// What the live tests trace where debug information matters: C++ names, an inlined function, structures with nested members
// and bit-fields, static probes. Built with optimisation and debug information, and again without, with the information in a
// separate file or in .gnu_debugdata (tests/CMakeLists.txt).
//   debugged TIMES [wait]: makes TIMES rounds of calls. With `wait` it says that it is ready, waits for input, and lives until
//   nobody watches its semaphore, ten seconds at most.
#include <sys/sdt.h>

#include <unistd.h>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

// debugged_semaphore.cpp: a probe with a semaphore. True while somebody watches it.
bool fire_guarded(long round);
int guarded_semaphore();

namespace debugged {

struct Point {
  int16_t x, y;
};

struct Shape {
  char name[16];
  uint32_t color : 5;
  int32_t depth : 7;
  uint32_t is_open : 1;
  Point corner;
  struct {
    uint64_t area;
  };
  Shape* next;
};

volatile long sink = 0;
volatile long table[4] = {10, 20, 30, 40};

// The place whose line and whose inlining into measure() is known.
[[gnu::always_inline]] inline long inlined_part(long value) {
  asm volatile(".globl debugged_in_inlined\n.type debugged_in_inlined, @object\ndebugged_in_inlined: nop"
               :
               :
               : "memory");  // the line that tests look for
  return value + sink;
}

[[gnu::noipa]] long measure(Shape* shape, int times, const char* label, uint8_t small) {
  sink = sink + small + label[0];
  return inlined_part(times) + static_cast<long>(shape->area);
}

[[gnu::noipa]] long fire(long round, const char* text) {
  int negative = -7;
  uint8_t byte = 200;
  int64_t wide = -5000000000;
  DTRACE_PROBE(debugged, plain);
  DTRACE_PROBE3(debugged, three, round, text, negative);
  DTRACE_PROBE4(debugged, widths, byte, wide, static_cast<int16_t>(-3), static_cast<uint32_t>(4000000000u));
  DTRACE_PROBE2(debugged, memory, table[round & 3], 12345);
  // One name at two places, whose arguments are found differently.
  DTRACE_PROBE1(debugged, twice, round);
  DTRACE_PROBE1(debugged, twice, 99);
  double half = 0.5 * static_cast<double>(round);
  DTRACE_PROBE2(debugged, real, half, round);
  return sink;
}

}  // namespace debugged

int main(int count, char** arguments) {
  using namespace debugged;
  Shape second{"second", 3, -2, 0, {-1, -2}, {7}, nullptr};
  Shape first{"first", 21, -33, 1, {300, -400}, {1ULL << 40}, &second};
  long times = count > 1 ? atol(arguments[1]) : 1, raised = 0;
  if (count > 2 && strcmp(arguments[2], "wait") == 0) {
    printf("ready\n");
    fflush(stdout);
    char byte;
    if (read(0, &byte, 1) < 0) return 1;
  }
  for (long i = 0; i < times; i++) {
    sink = sink + measure(&first, 42, "label", 255);
    sink = fire(i, "static text");
    raised += fire_guarded(i);
  }
  printf("raised %ld now %d\n", raised, guarded_semaphore());
  fflush(stdout);
  if (count > 2) {
    for (int tries = 0; tries < 1000 && guarded_semaphore() != 0; tries++) usleep(10000);
    printf("at the end %d\n", guarded_semaphore());
  }
  return 0;
}
