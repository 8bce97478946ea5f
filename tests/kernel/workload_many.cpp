// A thousand functions, many_000 to many_999, each called as often as the only argument says: for attaching in bulk.
#include <stdlib.h>

#define MANY(n)                                                \
  extern "C" __attribute__((noinline, used)) void many_##n() { \
    asm volatile("");                                          \
  }
#define TEN(f, n) f(n##0) f(n##1) f(n##2) f(n##3) f(n##4) f(n##5) f(n##6) f(n##7) f(n##8) f(n##9)
#define HUNDRED(f, n) \
  TEN(f, n##0)        \
  TEN(f, n##1) TEN(f, n##2) TEN(f, n##3) TEN(f, n##4) TEN(f, n##5) TEN(f, n##6) TEN(f, n##7) TEN(f, n##8) TEN(f, n##9)
#define THOUSAND(f) \
  HUNDRED(f, 0)     \
  HUNDRED(f, 1) HUNDRED(f, 2) HUNDRED(f, 3) HUNDRED(f, 4) HUNDRED(f, 5) HUNDRED(f, 6) HUNDRED(f, 7) HUNDRED(f, 8) HUNDRED(f, 9)

THOUSAND(MANY)

#define CALL(n) many_##n();

int main(int count, char** arguments) {
  for (int i = 0; count > 1 && i < atoi(arguments[1]); ++i) {
    THOUSAND(CALL)
  }
  return 0;
}
