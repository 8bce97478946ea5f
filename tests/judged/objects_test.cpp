// Objects that clang makes, and our own of --emit=elf: what the model says of their programs, and that the running kernel, by
// libbpf, says the same.
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <filesystem>
#include <span>

#include "runtime/explain_reject.h"
#include "runtime/object_programs.h"
#include "tests/judged/iterator_cases.h"
#include "tests/judged/object_cases.h"
#include "tests/judged/task_cases.h"
#include "tests/support/compiled_scripts.h"
#include "tests/support/process.h"

namespace shrike {
namespace {

using testing::TemporaryFile;

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
  TemporaryFile source(
      "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n"
      "#define RELOCATED __attribute__((preserve_access_index))\n" +
      text + "\nchar license_text[] SEC(\"license\") = \"GPL\";\n");
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

void compare_with_kernel(std::span<const ObjectCase> compared) {
  for (const ObjectCase& one : compared) {
    const std::string object = built(one.text);
    const Said said = said_of(object, one.program);
    const bool accepts = one.answer == std::string_view("accept");
    EXPECT_EQ(said.verdict.answer, accepts ? sim::Answer::accept : sim::Answer::reject)
        << one.name << ": " << said.verdict.message;
    if (!accepts) {
      EXPECT_TRUE(said.verdict.message.starts_with(one.answer)) << one.name << ": " << said.verdict.message;
      EXPECT_NE(said.place.find(one.place), std::string::npos) << one.name << ": " << said.place;
    }
    const std::optional<bool> taken = kernel_takes(object, one.program);
    EXPECT_EQ(taken.value_or(accepts), accepts) << one.name;
  }
}

TEST(Objects, ProgramsOfClangAreJudgedAsTheKernelDoes) {
  if (!has_clang()) GTEST_SKIP() << "NOT RUN: clang-19 is not installed";
  compare_with_kernel(cases);
}

TEST(Objects, IteratorsOverNumbersAreJudgedAsTheKernelDoes) {
  if (!has_clang()) GTEST_SKIP() << "NOT RUN: clang-19 is not installed";
  compare_with_kernel(iterator_cases);
}

TEST(Objects, TasksHeldByReferenceAreJudgedAsTheKernelDoes) {
  if (!has_clang()) GTEST_SKIP() << "NOT RUN: clang-19 is not installed";
  compare_with_kernel(task_cases);
}

// An older kernel has no such iterators; with the license of another kind none may be called.
TEST(Objects, IteratorsOverNumbersNeedAKernelAndALicense) {
  if (!has_clang()) GTEST_SKIP() << "NOT RUN: clang-19 is not installed";
  SourceMap sources;
  Diagnostics diagnostics;
  std::vector<JudgedProgram> programs = object_programs("test.o", built(iterator_cases[0].text), sources, diagnostics);
  ASSERT_EQ(programs.size(), 1u);
  EXPECT_EQ(sim::verify(programs[0].input, sim::profile_6_1()).message,
            "kernel function bpf_iter_num_new exists from Linux 6.4 on");
  std::string table;
  judge_minimum(programs, {[&](std::string_view part) { table += part; }}, diagnostics);
  EXPECT_NE(table.find("main_one  6.4    kernel function bpf_iter_num_new"), std::string::npos) << table;
  programs[0].input.gpl = false;
  EXPECT_EQ(sim::verify(programs[0].input, sim::profile_6_18()).message,
            "cannot call kernel function from non-GPL compatible program");
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
    judge(programs, {sim::profile_6_1(), sim::profile_6_18()}, {[](std::string_view) {}}, diagnostics);
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
