// 6.18: R0 invalid mem access 'map_value_or_null'
// The element may be missing.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 64); __type(key, long); __type(value, long); } map SEC(".maps");

SEC("raw_tp/sched_switch") int example(void *ctx) {
  long key = 1;
  long *value = bpf_map_lookup_elem(&map, &key);
  return *value;
}
char _license[] SEC("license") = "GPL";
