// Programs that hold a task of the kernel by reference; as object_cases.h.
#pragma once

#include "tests/judged/object_cases.h"

namespace shrike {

#define TASKS                                                                    \
  "struct task_struct { int tgid; } RELOCATED;\n"                                \
  "extern struct task_struct *bpf_task_from_pid(int pid) __ksym;\n"              \
  "extern struct task_struct *bpf_task_acquire(struct task_struct *p) __ksym;\n" \
  "extern void bpf_task_release(struct task_struct *p) __ksym;\n"

constexpr ObjectCase task_cases[] = {
    {"task_by_number", TASKS R"(
SEC("tp_btf/sched_switch") int main_one(void *ctx) {
  struct task_struct *p = bpf_task_from_pid(1);
  if (!p) return 0;
  int tgid = p->tgid;
  bpf_task_release(p);
  return tgid;
})",
     "main_one", "accept", ""},
    {"task_held", TASKS R"(
SEC("tp_btf/sched_switch") int main_one(unsigned long long *ctx) {
  struct task_struct *p = bpf_task_acquire((struct task_struct *)ctx[1]);
  if (p) bpf_task_release(p);
  return 0;
})",
     "main_one", "accept", ""},
    {"task_not_given_back", TASKS R"(
SEC("tp_btf/sched_switch") int main_one(void *ctx) {
  struct task_struct *p = bpf_task_from_pid(1);
  return p ? p->tgid : 0;
})",
     "main_one", "Unreleased reference id=", ""},
    {"task_used_without_test", TASKS R"(
SEC("tp_btf/sched_switch") int main_one(void *ctx) {
  struct task_struct *p = bpf_task_from_pid(1);
  return p->tgid;
})",
     "main_one", "R0 invalid mem access 'ptr_or_null_", "p->tgid"},
    {"task_given_back_without_test", TASKS R"(
SEC("tp_btf/sched_switch") int main_one(void *ctx) {
  bpf_task_release(bpf_task_from_pid(1));
  return 0;
})",
     "main_one", "Possibly NULL pointer passed to trusted arg0", "bpf_task_release"},
    {"task_used_after_it_was_given_back", TASKS R"(
SEC("tp_btf/sched_switch") int main_one(void *ctx) {
  struct task_struct *p = bpf_task_from_pid(1);
  if (!p) return 0;
  bpf_task_release(p);
  return p->tgid;
})",
     "main_one", "R6 invalid mem access 'scalar'", "p->tgid"},
    {"task_given_back_that_was_not_taken", TASKS R"(
SEC("tp_btf/sched_switch") int main_one(unsigned long long *ctx) {
  bpf_task_release((struct task_struct *)ctx[1]);
  return 0;
})",
     "main_one", "release kernel function bpf_task_release expects refcounted PTR_TO_BTF_ID", "bpf_task_release"},
    {"task_held_that_nobody_vouches_for", TASKS R"(
struct task_struct___two { struct task_struct *real_parent; } RELOCATED;
SEC("tp_btf/sched_switch") int main_one(unsigned long long *ctx) {
  struct task_struct *p = bpf_task_acquire(((struct task_struct___two *)bpf_task_from_pid(1))->real_parent);
  return 0;
})",
     "main_one", "R0 invalid mem access 'ptr_or_null_", ""},
    {"text_for_a_number", TASKS R"(
SEC("tp_btf/sched_switch") int main_one(void *ctx) {
  struct task_struct *p = bpf_task_from_pid((long)ctx);
  if (p) bpf_task_release(p);
  return 0;
})",
     "main_one", "R1 is not a scalar", "bpf_task_from_pid"},
};

}  // namespace shrike
