// 5.10: BPF_STX uses reserved fields
// The old value of an addition: an instruction that came with Linux 5.12. `shrike check --min-kernel` tells.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

long count;

SEC("raw_tp/sched_switch") int example(void *ctx) { return __sync_fetch_and_add(&count, 1); }
char _license[] SEC("license") = "GPL";
