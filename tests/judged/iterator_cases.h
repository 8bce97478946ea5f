// Programs that count with the kernel's open-coded iterator; as object_cases.h.
#pragma once

#include "tests/judged/object_cases.h"

namespace shrike {

#define ITERATOR                                                                       \
  "struct bpf_iter_num { unsigned long long opaque; } __attribute__((aligned(8)));\n"  \
  "extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;\n" \
  "extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;\n"                   \
  "extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;\n"

constexpr ObjectCase iterator_cases[] = {
    {"counting", ITERATOR R"(
long table[16];
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  struct bpf_iter_num it;
  int *v;
  long sum = 0;
  bpf_iter_num_new(&it, 0, 100);
  while ((v = bpf_iter_num_next(&it))) {
    table[*v & 15] += sum;
    sum += *v;
  }
  bpf_iter_num_destroy(&it);
  table[0] = sum;
  return 0;
})",
     "main_one", "accept", ""},
    {"counting_within_counting", ITERATOR R"(
long table[16];
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  struct bpf_iter_num outer, inner;
  int *v, *u;
  bpf_iter_num_new(&outer, 0, 100);
  while ((v = bpf_iter_num_next(&outer))) {
    bpf_iter_num_new(&inner, 0, *v);
    while ((u = bpf_iter_num_next(&inner))) if (*u == *v) table[*u & 15]++;
    bpf_iter_num_destroy(&inner);
  }
  bpf_iter_num_destroy(&outer);
  return 0;
})",
     "main_one", "accept", ""},
    {"number_as_index_unchecked", ITERATOR R"(
long table[16];
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  struct bpf_iter_num it;
  int *v;
  bpf_iter_num_new(&it, 0, 16);
  while ((v = bpf_iter_num_next(&it))) table[(unsigned)*v] = 1;
  bpf_iter_num_destroy(&it);
  return 0;
})",
     "main_one", "R2 unbounded memory access, make sure to bounds check any such access", "table[(unsigned)*v] = 1;"},
    {"iterator_not_ended", ITERATOR R"(
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  struct bpf_iter_num it;
  bpf_iter_num_new(&it, 0, 16);
  return 0;
})",
     "main_one", "Unreleased reference id=", "return 0;"},
    {"left_inside_the_loop", ITERATOR R"(
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  struct bpf_iter_num it;
  int *v;
  bpf_iter_num_new(&it, 0, 16);
  while ((v = bpf_iter_num_next(&it))) if (bpf_get_prandom_u32() == *v) return 1;
  bpf_iter_num_destroy(&it);
  return 0;
})",
     "main_one", "Unreleased reference id=", ""},
    {"iterator_not_begun", ITERATOR R"(
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  struct bpf_iter_num it;
  return bpf_iter_num_next(&it) != 0;
})",
     "main_one", "expected an initialized iter_num as arg #0", "bpf_iter_num_next"},
    {"iterator_begun_twice", ITERATOR R"(
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  struct bpf_iter_num it;
  bpf_iter_num_new(&it, 0, 16);
  bpf_iter_num_new(&it, 0, 16);
  bpf_iter_num_destroy(&it);
  return 0;
})",
     "main_one", "expected uninitialized iter_num as arg #0", "bpf_iter_num_new"},
    {"iterator_ended_twice", ITERATOR R"(
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  struct bpf_iter_num it;
  bpf_iter_num_new(&it, 0, 16);
  bpf_iter_num_destroy(&it);
  bpf_iter_num_destroy(&it);
  return 0;
})",
     "main_one", "expected an initialized iter_num as arg #0", "bpf_iter_num_destroy"},
    {"iterator_in_a_map", ITERATOR R"(
struct bpf_iter_num it;
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  bpf_iter_num_new(&it, 0, 16);
  bpf_iter_num_destroy(&it);
  return 0;
})",
     "main_one", "arg#0 expected pointer to an iterator on stack", "bpf_iter_num_new"},
    {"pointer_for_an_end", ITERATOR R"(
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  struct bpf_iter_num it;
  bpf_iter_num_new(&it, 0, (long)ctx);
  bpf_iter_num_destroy(&it);
  return 0;
})",
     "main_one", "R3 is not a scalar", "bpf_iter_num_new"},
    {"number_without_test", ITERATOR R"(
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  struct bpf_iter_num it;
  bpf_iter_num_new(&it, 0, 16);
  int first = *bpf_iter_num_next(&it);
  bpf_iter_num_destroy(&it);
  return first;
})",
     "main_one", "R0 invalid mem access 'scalar'", ""},
    {"write_to_a_number", ITERATOR R"(
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  struct bpf_iter_num it;
  int *v;
  bpf_iter_num_new(&it, 0, 16);
  if ((v = bpf_iter_num_next(&it))) *(volatile int *)v = 1;
  bpf_iter_num_destroy(&it);
  return 0;
})",
     "main_one", "R0 cannot write into rdonly_mem", "*(volatile int *)v = 1;"},
    {"look_into_an_iterator", ITERATOR R"(
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  struct bpf_iter_num it;
  bpf_iter_num_new(&it, 0, 16);
  long inside = *(volatile long *)&it;
  bpf_iter_num_destroy(&it);
  return inside;
})",
     "main_one", "invalid read from stack off", "*(volatile long *)&it"},
};

}  // namespace shrike
