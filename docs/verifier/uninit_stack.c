// 5.15: invalid indirect read from stack R2 off -8+4 size 8
// A key with padding: four of its eight bytes are never written. Kernels from 6.3 on allow it.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 64); __type(key, long); __type(value, long); } map SEC(".maps");

SEC("raw_tp/sched_switch") int example(void *ctx) {
  union { long whole; int half; } key;
  key.half = 1;
  return bpf_map_lookup_elem(&map, &key) != 0;
}
char _license[] SEC("license") = "GPL";
