// Objects that clang makes, and our own of --emit=elf: what the model says of their programs, and that the running kernel, by
// libbpf, says the same.
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <filesystem>

#include "runtime/explain_reject.h"
#include "runtime/object_programs.h"
#include "tests/support/compiled_scripts.h"
#include "tests/support/process.h"

namespace shrike {
namespace {

using testing::TemporaryFile;

struct ObjectCase {
  const char* name;
  const char* text;     // after the includes
  const char* program;  // the one to look at
  const char* answer;   // "accept", or the sentence of refusal, or why it is not known
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

// What has an answer here but is not compared with the kernel: the model does not know.
constexpr ObjectCase unknowns[] = {
    {"lock", R"(
struct guarded { struct bpf_spin_lock lock; int x; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, int); __type(value, struct guarded); } m SEC(".maps");
SEC("raw_tp/sched_switch") int main_one(void *ctx) {
  int key = 0;
  struct guarded *g = bpf_map_lookup_elem(&m, &key);
  return g ? g->x : 0;
})",
     "main_one", "map m holds fields that the kernel guards (locks, timers, lists, kernel pointers)", ""},
    {"kernel_symbol", R"(
extern const int bpf_prog_active __attribute__((section(".ksyms")));
SEC("raw_tp/sched_switch") int main_one(void *ctx) { return bpf_prog_active; })",
     "main_one", "ld_imm64 of a kernel symbol or a map by index is not modelled", ""},
    {"unknown_section", R"(
SEC("nonsense") int main_one(void *ctx) { return 0; })",
     "main_one", "programs of section `nonsense`", ""},
    {"may_sleep", R"(
SEC("uprobe.s//bin/true:main") int main_one(void *ctx) { return 0; })",
     "main_one", "programs that may sleep", ""},
};

std::string built_file(const std::string& path) {
  TemporaryFile object("");
  const testing::Result result = testing::run({"clang-19", "-O2", "-g", "-target", "bpf", "-I/usr/include/x86_64-linux-gnu",
                                               "-Wno-everything", "-x", "c", "-c", path, "-o", object.path()},
                                              {}, 30000);
  EXPECT_EQ(result.status, 0) << result.err;
  return testing::read_file(object.path());
}

std::string built(const std::string& text) {
  TemporaryFile source("#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n" + text +
                       "\nchar license_text[] SEC(\"license\") = \"GPL\";\n");
  return built_file(source.path());
}

bool has_clang() {
  return access("/usr/bin/clang-19", X_OK) == 0;
}

const JudgedProgram* named(const std::vector<JudgedProgram>& programs, const std::string& name) {
  for (const JudgedProgram& program : programs) {
    if (program.name == name) return &program;
  }
  return nullptr;
}

// Does the running kernel take this program of the object? Nothing if it cannot be asked.
std::optional<bool> kernel_takes(const std::string& object, const char* name) {
  utsname system{};
  uname(&system);
  if (geteuid() != 0 || !std::string_view(system.release).starts_with("6.18")) return std::nullopt;
  libbpf_set_print(nullptr);
  bpf_object* opened = bpf_object__open_mem(object.data(), object.size(), nullptr);
  if (opened == nullptr) return std::nullopt;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, opened)
      bpf_program__set_autoload(program, bpf_program__name(program) == std::string(name));
  const bool taken = bpf_object__load(opened) == 0;
  bpf_object__close(opened);
  return taken;
}

struct Said {
  sim::Verdict verdict;
  std::string place;  // source text that it points at
};

Said said_of(const std::string& object, const char* program) {
  SourceMap sources;
  Diagnostics diagnostics;
  const std::vector<JudgedProgram> programs = object_programs("test.o", object, sources, diagnostics);
  EXPECT_TRUE(diagnostics.all().empty());
  const JudgedProgram* found = named(programs, program);
  if (found == nullptr) return {};
  Said said{sim::verify(found->input, sim::profile_6_18()), ""};
  const Span span = span_of(found->lines, said.verdict.insn);
  if (span.is_known()) said.place = sources.line_at(span.begin);
  return said;
}

TEST(Objects, ProgramsOfClangAreJudgedAsTheKernelDoes) {
  if (!has_clang()) GTEST_SKIP() << "NOT RUN: clang-19 is not installed";
  for (const ObjectCase& one : cases) {
    const std::string object = built(one.text);
    const Said said = said_of(object, one.program);
    const bool accepts = one.answer == std::string_view("accept");
    EXPECT_EQ(said.verdict.answer, accepts ? sim::Answer::accept : sim::Answer::reject)
        << one.name << ": " << said.verdict.message;
    if (!accepts) {
      EXPECT_EQ(said.verdict.message, one.answer) << one.name;
      EXPECT_NE(said.place.find(one.place), std::string::npos) << one.name << ": " << said.place;
    }
    const std::optional<bool> taken = kernel_takes(object, one.program);
    EXPECT_EQ(taken.value_or(accepts), accepts) << one.name;
  }
}

struct ExplainedCase {
  const char* text;
  const char* label;  // one of the places that explain
  const char* line;   // in whose source line it stands
  const char* hint;
};

constexpr ExplainedCase explained[] = {
    {"long table[16];\nSEC(\"raw_tp/x\") int main_one(void *ctx) {\n  unsigned i = bpf_get_prandom_u32() & 31;\n  table[i] = "
     "1;\n  return 0;\n}",
     "masked here: it has no bits outside of 31", "table[i] = 1;", "limit the index right before it is used"},
    {"long table[16];\nSEC(\"raw_tp/x\") int main_one(void *ctx) {\n  unsigned i = bpf_get_prandom_u32() & 31;\n  table[i] = "
     "1;\n  return 0;\n}",
     "the value is what bpf_get_prandom_u32 gave here", "bpf_get_prandom_u32() & 31;", "limit the index"},
    {"long table[16];\nSEC(\"raw_tp/x\") int main_one(long *ctx) {\n  long i = ctx[1];\n  if (i < 16)\n    table[i] = 1;\n  "
     "return 0;\n}",
     "this test is of signed numbers", "if (i < 16)", "only numbers with a known range"},
    {"long table[16];\nSEC(\"raw_tp/x\") int main_one(long *ctx) {\n  long i = ctx[1];\n  if (i < 16)\n    table[i] = 1;\n  "
     "return 0;\n}",
     "read from memory here: it can be any number of 64 bits", "long i = ctx[1];", "only numbers"},
    {"struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, int); __type(value, long); } m "
     "SEC(\".maps\");\n"
     "SEC(\"raw_tp/x\") int main_one(void *ctx) {\n  int key = bpf_get_prandom_u32();\n"
     "  long *v = bpf_map_lookup_elem(&m, &key);\n  return *v;\n}",
     "this look-up may find nothing", "long *v = bpf_map_lookup_elem", "test the pointer"},
};

TEST(Objects, RefusalTellsWhereTheValueCameFrom) {
  if (!has_clang()) GTEST_SKIP() << "NOT RUN: clang-19 is not installed";
  for (const ExplainedCase& one : explained) {
    SourceMap sources;
    Diagnostics diagnostics;
    const std::vector<JudgedProgram> programs = object_programs("test.o", built(one.text), sources, diagnostics);
    judge(programs, {sim::profile_6_1(), sim::profile_6_18()}, [](std::string_view) {}, diagnostics);
    ASSERT_EQ(diagnostics.all().size(), 1u) << one.text;
    const Diagnostic& refusal = diagnostics.all()[0];
    bool is_there = false;
    for (const Label& label : refusal.labels)
      is_there |= label.text.starts_with(one.label) && sources.line_at(label.span.begin).find(one.line) != std::string::npos;
    EXPECT_TRUE(is_there) << one.label << "\n" << render(refusal, sources, {});
    EXPECT_TRUE(refusal.hint.starts_with(one.hint)) << refusal.hint;
  }
}

// docs/verifier: the first line of each tells by which kernel it is refused and in which words.
TEST(Objects, ExamplesOfTheDocumentationAreRefusedAsTheySay) {
  if (!has_clang()) GTEST_SKIP() << "NOT RUN: clang-19 is not installed";
  size_t count = 0;
  for (const auto& file : std::filesystem::directory_iterator(SHRIKE_SOURCE_DIR "/docs/verifier")) {
    count++;
    const std::string text = testing::read_file(file.path());
    const std::string head = text.substr(3, text.find('\n') - 3);
    const std::string kernel = head.substr(0, head.find(": ")), sentence = head.substr(head.find(": ") + 2);
    SourceMap sources;
    Diagnostics diagnostics;
    const std::vector<JudgedProgram> programs = object_programs("test.o", built_file(file.path()), sources, diagnostics);
    ASSERT_EQ(programs.size(), 1u) << file.path();
    const std::optional<sim::Profile> profile = sim::find_profile(kernel);
    ASSERT_TRUE(profile) << head;
    EXPECT_EQ(sim::verify(programs[0].input, *profile).message, sentence) << file.path();
  }
  EXPECT_GE(count, 9u);
}

TEST(Objects, WhatIsNotModelledIsSaid) {
  if (!has_clang()) GTEST_SKIP() << "NOT RUN: clang-19 is not installed";
  for (const ObjectCase& one : unknowns) {
    const Said said = said_of(built(one.text), one.program);
    EXPECT_EQ(said.verdict.answer, sim::Answer::unknown) << one.name;
    EXPECT_EQ(said.verdict.message, one.answer) << one.name;
  }
}

TEST(Objects, OurOwnAreJudgedAsBeforeTheyWereWritten) {
  const std::string script =
      "kprobe:do_work { @[comm] = count(); @h = hist(arg0); printf(\"%d %s\\n\", pid, comm); } "
      "uprobe:/bin/app:main { for $i : 0..9 { @n[$i] = 1; } print(@n); }";
  const std::optional<bpf::Object> compiled_script = compiled(script, {});
  ASSERT_TRUE(compiled_script);
  SourceMap sources;
  sources.add("script.bt", script);
  const std::vector<uint8_t> bytes = bpf::write_elf(*compiled_script, sources);
  SourceMap of_object;
  Diagnostics diagnostics;
  const std::vector<JudgedProgram> read = object_programs("own.o", {bytes.begin(), bytes.end()}, of_object, diagnostics);
  const std::vector<JudgedProgram> made = judged_programs(*compiled_script);
  ASSERT_EQ(read.size(), made.size());
  for (size_t i = 0; i < made.size(); i++) {
    const sim::Verdict a = sim::verify(made[i].input, sim::profile_6_1()), b = sim::verify(read[i].input, sim::profile_6_1());
    EXPECT_EQ(read[i].input.type, made[i].input.type);
    EXPECT_EQ(a.answer, b.answer) << b.message;
    EXPECT_EQ(a.processed, b.processed);
    EXPECT_EQ(a.stack_depth, b.stack_depth);
  }
}

TEST(Objects, OtherFilesAreRefusedWithTheReason) {
  SourceMap sources;
  Diagnostics diagnostics;
  object_programs("x.o", "\177ELF and nothing more", sources, diagnostics);
  object_programs("self", testing::read_file("/proc/self/exe"), sources, diagnostics);
  ASSERT_EQ(diagnostics.all().size(), 2u);
  EXPECT_EQ(diagnostics.all()[0].id, Diag::bad_object_file);
  EXPECT_EQ(diagnostics.all()[1].message, "cannot judge `self`: it is not an object file for little-endian BPF");
}

}  // namespace
}  // namespace shrike
