// 6.18: R1 invalid mem access 'scalar'
// An argument of the traced event is a number to the verifier; bpf_probe_read_kernel reads what it points at.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("raw_tp/sched_switch") int example(long *ctx) { return *(int *)ctx[1]; }
char _license[] SEC("license") = "GPL";
