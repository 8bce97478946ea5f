// Programs in C that the model judges and the running kernel, too (objects_test.cpp): what both must say. RELOCATED makes the
// fields of a struct those of the running kernel, wherever it has them.
#pragma once

namespace shrike {

struct ObjectCase {
  const char* name;
  const char* text;     // after the includes
  const char* program;  // the one to look at
  const char* answer;   // "accept", or the sentence of refusal begins so, or why it is not known
  const char* place;    // text of the source line that a refusal points at
};

constexpr ObjectCase cases[] = {
    {"map_and_null_test", R"(
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 64); __type(key, int); __type(value, long long); } counts SEC(".maps");
SEC("tp/sched/sched_switch") int main_one(void *ctx) {
  int key = 1;
  long long *v = bpf_map_lookup_elem(&counts, &key);
  if (v) __sync_fetch_and_add(v, 1);
  return 0;
})",
     "main_one", "accept", ""},
    {"null_test_missing", R"(
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, int); __type(value, long long); } counts SEC(".maps");
SEC("tp/sched/sched_switch") int main_one(void *ctx) {
  int key = bpf_get_prandom_u32();
  long long *v = bpf_map_lookup_elem(&counts, &key);
  return *v;
})",
     "main_one", "R0 invalid mem access 'map_value_or_null'", "return *v;"},
    {"functions_and_callbacks", R"(
int total;
const volatile int limit = 5;
static __attribute__((noinline)) int half(int x) { return bpf_get_prandom_u32() + (x >> 1); }
static __attribute__((noinline)) int twice(int x) { return half(x) * 4; }
static long each(unsigned i, void *ctx) { *(int *)ctx += twice(i); return 0; }
SEC("raw_tp/sched_switch") int first(void *ctx) { return twice(2); }
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  int sum = 0;
  if (limit > 3) bpf_loop(10, each, &sum, 0);
  total += half(sum);
  return 0;
})",
     "main_one", "accept", ""},
    {"past_a_global_array", R"(
long table[16];
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  unsigned i = bpf_get_prandom_u32() & 31;
  table[i] = 1;
  return 0;
})",
     "main_one", "invalid access to map value, value_size=128 off=248 size=8", "table[i] = 1;"},
    {"read_only_data", R"(
const volatile int limit = 5;
SEC("raw_tp/sched_switch") int main_one(void *ctx) { *(volatile int *)&limit = 1; return 0; })",
     "main_one", "write into map forbidden, value_size=4 off=0 size=4", "*(volatile int *)&limit = 1;"},
    {"constant_that_decides", R"(
const volatile int enabled = 0;
SEC("raw_tp/sched_switch") int main_one(long *ctx) { if (enabled) return *(long *)ctx[0]; return 0; })",
     "main_one", "accept", ""},
    {"license", R"(
SEC("raw_tp/sched_switch") int main_one(void *ctx) { char name[16]; bpf_probe_read_kernel(name, 16, ctx); return name[0]; })",
     "main_one", "accept", ""},
    {"ring", R"(
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } ring SEC(".maps");
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  long *at = bpf_ringbuf_reserve(&ring, 16, 0);
  if (!at) return 0;
  at[1] = 2;
  if (bpf_get_prandom_u32() & 1) return 0;
  bpf_ringbuf_submit(at, 0);
  return 0;
})",
     "main_one", "Unreleased reference id=2 alloc_insn=4", ""},
    {"map_of_maps", R"(
struct inner { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 64); __type(key, int); __type(value, long); };
struct inner first SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 4); __type(key, int); __array(values, struct inner); }
    outer SEC(".maps") = {.values = {&first}};
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  int key = 1;
  void *map = bpf_map_lookup_elem(&outer, &key);
  if (!map) return 0;
  long *v = bpf_map_lookup_elem(map, &key);
  if (v) __sync_fetch_and_add(v, 1);
  return 0;
})",
     "main_one", "accept", ""},
    {"map_of_maps_without_test", R"(
struct inner { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 64); __type(key, int); __type(value, long); };
struct inner first SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 4); __type(key, int); __array(values, struct inner); }
    outer SEC(".maps") = {.values = {&first}};
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  int key = 1;
  return bpf_map_delete_elem(bpf_map_lookup_elem(&outer, &key), &key);
})",
     "main_one", "R1 type=map_value_or_null expected=map_ptr", "bpf_map_delete_elem(bpf_map_lookup_elem"},
    {"value_past_that_of_the_inner_map", R"(
struct inner { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 64); __type(key, int); __type(value, int); };
struct inner first SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS); __uint(max_entries, 4); __type(key, int); __array(values, struct inner); }
    outer SEC(".maps") = {.values = {[0] = &first}};
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  int key = 1;
  void *map = bpf_map_lookup_elem(&outer, &key);
  if (!map) return 0;
  long *v = bpf_map_lookup_elem(map, &key);
  return v ? *v : 0;
})",
     "main_one", "invalid access to map value, value_size=4 off=0 size=8", "return v ? *v : 0;"},
    {"tail_call", R"(
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 4); __type(key, int); __type(value, int); } next SEC(".maps");
SEC("raw_tp/sched_switch") int main_one(void *ctx) { bpf_tail_call(ctx, &next, 1); return 0; })",
     "main_one", "accept", ""},
    {"tail_call_with_a_record", R"(
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } ring SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 4); __type(key, int); __type(value, int); } next SEC(".maps");
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  long *at = bpf_ringbuf_reserve(&ring, 16, 0);
  if (!at) return 0;
  bpf_tail_call(ctx, &next, 1);
  bpf_ringbuf_submit(at, 0);
  return 0;
})",
     "main_one", "tail_call would lead to reference leak", "bpf_tail_call(ctx, &next, 1);"},
    {"counters_and_cgroups", R"(
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } events SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_CGROUP_ARRAY); __uint(max_entries, 1); __uint(key_size, 4); __uint(value_size, 4); } groups SEC(".maps");
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  struct bpf_perf_event_value value;
  if (bpf_current_task_under_cgroup(&groups, 0) != 1) return 0;
  if (bpf_perf_event_read_value(&events, 0, &value, sizeof value)) return 0;
  return value.counter + bpf_perf_event_read(&events, 0) + bpf_get_current_ancestor_cgroup_id(1) + bpf_get_attach_cookie(ctx);
})",
     "main_one", "accept", ""},
    {"lookup_of_another_processor", R"(
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, int); __type(value, long); } plain SEC(".maps");
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  int key = 1;
  return bpf_map_lookup_percpu_elem(&plain, &key, 0) != 0;
})",
     "main_one", "cannot pass map_type 2 into func bpf_map_lookup_percpu_elem#195", "bpf_map_lookup_percpu_elem"},
    {"global_functions", R"(
struct pair { long a, b; };
__attribute__((noinline)) int scaled(int x) { return bpf_get_prandom_u32() * x; }
__attribute__((noinline)) int sum(struct pair *p) { return p ? p->a + p->b + scaled(3) : 0; }
__attribute__((noinline)) int first(struct bpf_raw_tracepoint_args *ctx) { return ctx->args[1] & 1; }
SEC("raw_tp/sched_switch") int main_one(struct bpf_raw_tracepoint_args *ctx) {
  struct pair p = {bpf_get_prandom_u32(), 2};
  return sum(&p) + first(ctx) + sum(0);
})",
     "main_one", "accept", ""},
    {"global_function_without_null_test", R"(
__attribute__((noinline)) int read_it(long *p) { return *p; }
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  long x = bpf_get_prandom_u32();
  return read_it(&x);
})",
     "main_one", "R1 invalid mem access 'mem_or_null'", "return *p;"},
    {"result_of_a_global_function_is_any_number", R"(
long table[16];
__attribute__((noinline)) int small(int x) { return (bpf_get_prandom_u32() + x) & 15; }
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  table[(unsigned)small(1)] = 1;
  return 0;
})",
     "main_one", "R1 unbounded memory access, make sure to bounds check any such access", "table[(unsigned)small(1)] = 1;"},
    {"too_little_memory_for_a_global_function", R"(
struct wide { long a[6]; };
__attribute__((noinline)) int take(struct wide *p) { return p ? p->a[bpf_get_prandom_u32() & 3] : 0; }
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  volatile int x = 0;
  return take((void *)&x);
})",
     "main_one", "invalid read from stack R1 off=-4 size=48", "return take((void *)&x);"},
    {"context_where_a_global_function_takes_a_number", R"(
__attribute__((noinline)) int take(long p) { return bpf_get_prandom_u32() + p; }
SEC("raw_tp/sched_switch") int main_one(void *ctx) { return take((long)ctx); })",
     "main_one", "R1 is not a scalar", "take((long)ctx)"},
    {"tags_of_global_functions", R"(
__attribute__((noinline)) int there(long *p __attribute__((btf_decl_tag("arg:nonnull"))),
                                    void *ctx __attribute__((btf_decl_tag("arg:ctx")))) {
  return *p + (*(long *)ctx & 1);
}
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  long x = bpf_get_prandom_u32();
  return there(&x, ctx);
})",
     "main_one", "accept", ""},
    {"fields_of_arguments", R"(
struct task_struct { int tgid; int pid; struct task_struct *real_parent; char comm[16]; } RELOCATED;
SEC("tp_btf/sched_switch") int main_one(unsigned long long *ctx) {
  struct task_struct *from = (void *)ctx[1], *to = (void *)ctx[2];
  if (from->pid && to->real_parent->tgid) bpf_printk("%d %c", from->tgid, to->comm[3]);
  return 0;
})",
     "main_one", "accept", ""},
    {"write_to_an_argument", R"(
struct task_struct { int tgid; } RELOCATED;
SEC("tp_btf/sched_switch") int main_one(unsigned long long *ctx) {
  struct task_struct *from = (void *)ctx[1];
  *(volatile int *)&from->tgid = 1;
  return 0;
})",
     "main_one", "only read is supported", "*(volatile int *)&from->tgid = 1;"},
    {"argument_that_is_not_there", R"(
SEC("tp_btf/sched_switch") int main_one(unsigned long long *ctx) { return ctx[4]; })",
     "main_one", "func 'sched_switch' doesn't have 5-th argument", "ctx[4]"},
    {"past_the_end_of_an_object", R"(
SEC("tp_btf/sched_switch") int main_one(unsigned long long *ctx) { return *(int *)(ctx[1] + 30000); })",
     "main_one", "access beyond struct task_struct at off 30000 size 4", "30000"},
    {"part_of_a_pointer", R"(
struct task_struct { struct task_struct *real_parent; } RELOCATED;
SEC("tp_btf/sched_switch") int main_one(unsigned long long *ctx) {
  struct task_struct *from = (void *)ctx[1];
  return *(volatile int *)&from->real_parent;
})",
     "main_one", "cannot access ptr member real_parent", "*(volatile int *)&from->real_parent"},
    {"variable_place_in_an_object", R"(
struct task_struct { char comm[16]; } RELOCATED;
SEC("tp_btf/sched_switch") int main_one(unsigned long long *ctx) {
  struct task_struct *from = (void *)ctx[1];
  return from->comm[bpf_get_prandom_u32() & 7];
})",
     "main_one", "R6 is ptr_task_struct invalid variable offset", "from->comm[bpf_get_prandom_u32() & 7]"},
    {"object_visited_without_test", R"(
struct task_struct { int tgid; } RELOCATED;
struct bpf_iter__task { void *meta; struct task_struct *task; } RELOCATED;
SEC("iter/task") int main_one(struct bpf_iter__task *ctx) { return ctx->task->tgid == 1; })",
     "main_one", "R1 invalid mem access 'trusted_ptr_or_null_'", "ctx->task->tgid"},
    {"output_of_an_iterator", R"(
struct task_struct { int tgid; } RELOCATED;
struct bpf_iter_meta { void *seq; } RELOCATED;
struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; } RELOCATED;
SEC("iter/task") int main_one(struct bpf_iter__task *ctx) {
  struct task_struct *task = ctx->task;
  if (!task) return 0;
  static const char format[] = "%d\n";
  unsigned long long values[1] = {task->tgid};
  bpf_seq_printf(ctx->meta->seq, format, sizeof format, values, sizeof values);
  return 0;
})",
     "main_one", "accept", ""},
    {"path_inside_a_file", R"(
struct path { void *dentry; } RELOCATED;
struct file { struct path f_path; } RELOCATED;
struct bpf_iter__task_file { void *meta; void *task; unsigned fd; struct file *file; } RELOCATED;
SEC("iter/task_file") int main_one(struct bpf_iter__task_file *ctx) {
  struct file *file = ctx->file;
  char text[64];
  if (file) bpf_d_path(&file->f_path, text, sizeof text);
  return 0;
})",
     "main_one", "accept", ""},
    {"path_of_a_file_without_test", R"(
struct path { void *dentry; } RELOCATED;
struct file { struct path f_path; } RELOCATED;
struct bpf_iter__task_file { void *meta; void *task; unsigned fd; struct file *file; } RELOCATED;
SEC("iter/task_file") int main_one(struct bpf_iter__task_file *ctx) {
  char text[64];
  bpf_d_path((struct path *)ctx->file, text, sizeof text);
  return 0;
})",
     "main_one", "R1 type=trusted_ptr_or_null_ expected=ptr_, trusted_ptr_, rcu_ptr_", "bpf_d_path("},
    {"object_without_a_path", R"(
struct path;
struct bpf_iter__task_file { void *meta; struct task_struct *task; unsigned fd; void *file; } RELOCATED;
SEC("iter/task_file") int main_one(struct bpf_iter__task_file *ctx) {
  struct task_struct *task = ctx->task;
  char text[64];
  if (task) bpf_d_path((struct path *)task, text, sizeof text);
  return 0;
})",
     "main_one", "R1 is of type task_struct but path is expected", "bpf_d_path("},
    {"number_for_a_path", R"(
struct path;
SEC("iter/task_file") int main_one(void *ctx) {
  char text[64];
  bpf_d_path((struct path *)bpf_get_prandom_u32(), text, sizeof text);
  return 0;
})",
     "main_one", "R1 type=scalar expected=ptr_, trusted_ptr_, rcu_ptr_", "bpf_d_path("},
    {"path_where_locks_may_be_held", R"(
struct path;
SEC("tp_btf/sched_switch") int main_one(unsigned long long *ctx) {
  char text[64];
  bpf_d_path((struct path *)ctx[1], text, sizeof text);
  return 0;
})",
     "main_one", "helper call is not allowed in probe", "bpf_d_path("},
    {"cookie_of_a_socket", R"(
struct bpf_iter__tcp { void *meta; void *sk_common; } RELOCATED;
SEC("iter/tcp") int main_one(struct bpf_iter__tcp *ctx) {
  return (bpf_get_socket_cookie(ctx->sk_common) + bpf_get_socket_cookie(0)) & 1;
})",
     "main_one", "accept", ""},
    {"cookie_of_a_task", R"(
SEC("tp_btf/sched_switch") int main_one(unsigned long long *ctx) { return bpf_get_socket_cookie((void *)ctx[1]); })",
     "main_one", "R1 is of type task_struct but sock_common is expected", "bpf_get_socket_cookie("},
    {"cookie_of_a_number", R"(
SEC("tp_btf/sched_switch") int main_one(void *ctx) { return bpf_get_socket_cookie((void *)(long)bpf_get_prandom_u32()); })",
     "main_one", "R1 type=scalar expected=sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_", "bpf_get_socket_cookie("},
    {"storage_of_a_task", R"(
struct { __uint(type, BPF_MAP_TYPE_TASK_STORAGE); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, int); __type(value, long); } seen SEC(".maps");
struct task_struct;
SEC("tp_btf/sched_switch") int main_one(unsigned long long *ctx) {
  long *v = bpf_task_storage_get(&seen, (struct task_struct *)ctx[1], 0, 1);
  if (v) *v += 1;
  v = bpf_task_storage_get(&seen, bpf_get_current_task_btf(), 0, 0);
  return v ? *v != 0 : 0;
})",
     "main_one", "accept", ""},
    {"fields_that_this_kernel_lacks", R"(
struct task_struct { int no_such_field; int tgid; } RELOCATED;
struct no_such_struct { int a; } RELOCATED;
SEC("tp_btf/sched_switch") int main_one(unsigned long long *ctx) {
  struct task_struct *from = (void *)ctx[1];
  if (__builtin_preserve_field_info(from->no_such_field, 2)) return from->no_such_field;
  if (__builtin_preserve_type_info(*(struct no_such_struct *)0, 0)) return 1;
  return from->tgid;
})",
     "main_one", "accept", ""},
    {"field_that_this_kernel_lacks", R"(
struct task_struct { int no_such_field; } RELOCATED;
SEC("tp_btf/sched_switch") int main_one(unsigned long long *ctx) { return ((struct task_struct *)ctx[1])->no_such_field; })",
     "main_one", "invalid func unknown#195896080", "no_such_field"},
    {"text_without_numbers", R"(
SEC("raw_tp/sched_switch") int main_one(void *ctx) { bpf_printk("here"); bpf_printk("%d", 1); return 0; })",
     "main_one", "accept", ""},
    {"deep_frames_of_their_own", R"(
static __attribute__((noinline)) int deep(int n) {
  volatile char bytes[400];
  bytes[n & 255] = n;
  return bytes[3];
}
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  volatile char bytes[300];
  bytes[bpf_get_prandom_u32() & 255] = 1;
  return deep(bytes[5]);
})",
     "main_one", "accept", ""},
};

}  // namespace shrike
