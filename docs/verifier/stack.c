// 6.12: combined stack size of 2 calls is 544. Too large
// Frames add up over a chain of calls, each rounded up; 512 bytes are all there is before 6.13.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __attribute__((noinline)) int callee(long seed) {
  volatile char buffer[250];
  buffer[seed & 127] = 1;
  return buffer[1];
}

SEC("raw_tp/sched_switch") int example(long *ctx) {
  volatile char buffer[280];
  buffer[ctx[1] & 127] = 1;
  return callee(ctx[2]) + buffer[3];
}
char _license[] SEC("license") = "GPL";
