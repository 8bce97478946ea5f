// 6.18: math between map_value pointer and register with unbounded min value is not allowed
// The test limits the index from above only: it may be negative.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

long table[16];

SEC("raw_tp/sched_switch") int example(long *ctx) {
  long i = ctx[1];
  if (i < 16)
    table[i] = 1;
  return 0;
}
char _license[] SEC("license") = "GPL";
