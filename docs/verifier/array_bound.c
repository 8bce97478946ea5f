// 6.18: invalid access to map value, value_size=128 off=248 size=8
// The mask lets 31 through; the array has 16 elements.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

long table[16];

SEC("raw_tp/sched_switch") int example(void *ctx) {
  unsigned i = bpf_get_prandom_u32() & 31;
  table[i] = 1;
  return 0;
}
char _license[] SEC("license") = "GPL";
