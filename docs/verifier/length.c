// 6.18: R2 min value is negative, either use unsigned or 'var &= const'
// A length that may be negative. "length & 63" would do.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("raw_tp/sched_switch") int example(long *ctx) {
  char text[64] = {};
  long length = ctx[1];
  if (length > 64)
    length = 64;
  bpf_probe_read_kernel(text, length, (void *)ctx[2]);
  return text[0];
}
char _license[] SEC("license") = "GPL";
