// 6.18: Unreleased reference id=2 alloc_insn=4
// One path neither submits nor discards the record.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } ring SEC(".maps");

SEC("raw_tp/sched_switch") int example(void *ctx) {
  long *record = bpf_ringbuf_reserve(&ring, 16, 0);
  if (!record)
    return 0;
  record[1] = 2;
  if (bpf_get_prandom_u32() & 1)
    return 0;
  bpf_ringbuf_submit(record, 0);
  return 0;
}
char _license[] SEC("license") = "GPL";
