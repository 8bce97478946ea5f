// Where facts come from: tracefs formats, ELF symbols, names of binaries, globs, kernel symbols, CPU lists, logs.
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>

#include "runtime/elf_symbols.h"
#include "runtime/explain_path.h"
#include "runtime/explain_reject.h"
#include "runtime/find_binary.h"
#include "runtime/glob.h"
#include "runtime/kernel_functions.h"
#include "runtime/list_probes.h"
#include "runtime/live_kernel_facts.h"
#include "runtime/machine.h"
#include "runtime/tracefs.h"
#include "tests/runtime/hand_made.h"

namespace shrike {
namespace {

TEST(ControlFormat, FieldsHaveTypesPlacesAndArrays) {
  TracepointFormat format = parse_tracepoint_format(
      "name: made_up\nID: 7\nformat:\n"
      "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
      "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n"
      "\n"
      "\tfield:const char * filename;\toffset:8;\tsize:8;\tsigned:0;\n"
      "\tfield:char comm[16];\toffset:16;\tsize:16;\tsigned:0;\n"
      "\tfield:unsigned long args[6];\toffset:32;\tsize:48;\tsigned:0;\n"
      "\tfield:__data_loc char[] name;\toffset:80;\tsize:4;\tsigned:0;\n"
      "\tfield:u8 hash[HASH_LENGTH];\toffset:84;\tsize:12;\tsigned:0;\n"
      "\tfield:pid_t pid;\toffset:96;\tsize:4;\tsigned:1;\n"
      "\nprint fmt: \"field:int not_a_field; offset:0; size:4; signed:1;\"\n");
  ASSERT_EQ(format.fields.size(), 6u);
  EXPECT_EQ(format.size, 100u);
  EXPECT_EQ(format.fields[0].name, "filename");
  EXPECT_EQ(format.fields[0].type, "const char *");
  EXPECT_EQ(format.fields[0].offset, 8u);
  EXPECT_EQ(format.fields[1].type, "char");
  EXPECT_EQ(format.fields[1].array_count, 16u);
  EXPECT_EQ(format.fields[2].array_count, 6u);
  EXPECT_EQ(format.fields[2].size, 48u);
  EXPECT_TRUE(format.fields[3].is_data_loc);
  EXPECT_EQ(format.fields[3].name, "name");
  EXPECT_EQ(format.fields[4].array_count, 12u) << "a constant's name: the size tells";
  EXPECT_TRUE(format.fields[5].is_signed);
  EXPECT_FALSE(format.fields[0].is_signed);
}

TEST(ControlFormat, JunkGivesNoFields) {
  EXPECT_TRUE(parse_tracepoint_format("").fields.empty());
  EXPECT_TRUE(parse_tracepoint_format("field:\nfield:;\n\tfield:int x;\toffset:zz;\n").fields.empty());
}

TEST(ControlGlob, MatchesWholeNames) {
  EXPECT_TRUE(Glob("sys_enter_*").matches("sys_enter_read"));
  EXPECT_FALSE(Glob("sys_enter_*").matches("x_sys_enter_read"));
  EXPECT_TRUE(Glob("?pen").matches("open"));
  EXPECT_TRUE(Glob("[ab]x").matches("bx"));
  EXPECT_FALSE(Glob("[!ab]x").matches("bx"));
  EXPECT_TRUE(Glob("a.b+c").matches("a.b+c"));
  EXPECT_FALSE(Glob("a.b").matches("axb"));
  EXPECT_TRUE(Glob("[open").matches("[open")) << "an unclosed bracket is a character";
  EXPECT_TRUE(Glob("*").matches(""));
}

TEST(ControlMachine, CpuListsAndReleases) {
  EXPECT_EQ(parse_cpu_list("0-2,8,10-11\n"), (std::vector<uint32_t>{0, 1, 2, 8, 10, 11}));
  EXPECT_TRUE(parse_cpu_list("junk").empty());
  EXPECT_EQ(parse_kernel_version("6.1.0-18-amd64"), make_kernel_version(6, 1, 0));
  EXPECT_EQ(parse_kernel_version("5.10.999"), make_kernel_version(5, 10, 255));
  EXPECT_EQ(parse_kernel_version("6.18-rc1"), make_kernel_version(6, 18, 0));
  EXPECT_EQ(isa_level_of(parse_kernel_version("4.13")), 1);
  EXPECT_EQ(isa_level_of(parse_kernel_version("4.14.1")), 2);
  EXPECT_EQ(isa_level_of(parse_kernel_version("5.11")), 2);
  EXPECT_EQ(isa_level_of(parse_kernel_version("5.12")), 3);
  EXPECT_EQ(isa_level_of(parse_kernel_version("6.5.13")), 3);
  EXPECT_EQ(isa_level_of(parse_kernel_version("6.6.0-rc1")), 4);
  EXPECT_GE(possible_cpu_count(), online_cpus().size());
}

TEST(ControlKernelSymbols, FilterFunctionsNameTheirModule) {
  EXPECT_EQ(parse_filter_function("vfs_read").function, "vfs_read");
  EXPECT_EQ(parse_filter_function("ext4_read [ext4]").function, "ext4_read");
  EXPECT_EQ(parse_filter_function("ext4_read [ext4]").target, "ext4");
}

TEST(ControlReject, TheSentenceFollowsTheLastInstruction) {
  Rejection rejection = read_rejection(
      "0: R1=ctx() R10=fp0\n; line of source @ t.bt:1\n0: (b7) r2 = 1                       ; R2_w=1\n"
      "17: (85) call bpf_probe_read_kernel#113\nR2 min value is negative, either use unsigned or 'var &= const'\n"
      "processed 18 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 1\n");
  EXPECT_EQ(rejection.insn, 17u);
  EXPECT_EQ(rejection.sentence, "R2 min value is negative, either use unsigned or 'var &= const'");
}

// The kernel may write such a verdict behind the instruction it stopped at, on the same line.
TEST(ControlReject, GivingUpIsNoBug) {
  const std::pair<std::string, std::string> verdicts[] = {
      {"246: (07) r0 += -3                    ; R0=scalar()\n247: (15) if r0 == 0x0 goto pc+41 BPF program is too large. "
       "Processed 1000001 insn\nprocessed 1000001 insns (limit 1000000) max_states_per_insn 19\n",
       "1000000 instructions"},
      {"12: (55) if r0 != 0x0 goto pc+3\nThe sequence of 8193 jumps is too complex.\nprocessed 90123 insns\n", "8192 branches"},
      {"7: (05) goto pc-3\ninfinite loop detected at insn 5\nprocessed 9 insns\n", "come back to where it was"},
  };
  for (const auto& [log, meaning] : verdicts) {
    bpf::Object object;
    object.programs.push_back({.name = "begin", .lines = {{0, {5, 9}}}});
    object.program_of = {0};
    object.interface.probes.push_back({.program = mir::FunctionId(uint32_t{0}), .span = {1, 4}});
    Diagnostics diagnostics;
    explain_reject(object, 0, log, E2BIG, diagnostics);
    ASSERT_EQ(diagnostics.all().size(), 1u);
    EXPECT_EQ(diagnostics.all()[0].id, Diag::program_too_complex);
    EXPECT_EQ(diagnostics.all()[0].span, (Span{1, 4}));
    EXPECT_NE(diagnostics.all()[0].message.find(meaning), std::string::npos) << diagnostics.all()[0].message;
  }
}

TEST(ControlReject, AHelperThatTheKernelKeepsIsNoBug) {
  const std::pair<const char*, const char*> sentences[] = {
      {"program of this type cannot use helper bpf_probe_write_user#36", "`bpf_probe_write_user`"},
      {"unknown func bpf_override_return#58", "`bpf_override_return`"},
      {"helper call is not allowed in probe", "`bpf_d_path`"},
  };
  for (const auto& [sentence, helper] : sentences) {
    bpf::Object object;
    object.programs.push_back({.name = "begin", .lines = {{0, {5, 9}}}});
    Diagnostics diagnostics;
    explain_reject(object, 0, "5: (85) call bpf_helper#36\n" + std::string(sentence) + "\nprocessed 6 insns\n", EINVAL,
                   diagnostics);
    ASSERT_EQ(diagnostics.all().size(), 1u);
    EXPECT_EQ(diagnostics.all()[0].id, Diag::helper_refused);
    EXPECT_EQ(diagnostics.all()[0].span, (Span{5, 9}));
    EXPECT_NE(diagnostics.all()[0].message.find(helper), std::string::npos) << diagnostics.all()[0].message;
  }
}

// What the compiler makes is for newer kernels: an older one that refuses it is told apart from a bug.
TEST(ControlReject, AKernelThatIsTooOldIsNoBug) {
  bpf::Object object;
  object.programs.push_back({.name = "begin", .lines = {{0, {1, 4}}, {1, {5, 9}}}});
  object.programs[0].insns = {bpf::alu_imm(bpf::cls::alu64 | bpf::alu::mov, 6, 1), bpf::call_helper(181), bpf::exit_program()};
  Diagnostics diagnostics;
  EXPECT_FALSE(explain_by_version(object, 0, make_kernel_version(5, 17, 0), diagnostics));
  EXPECT_TRUE(diagnostics.all().empty());
  EXPECT_TRUE(explain_by_version(object, 0, make_kernel_version(5, 16, 20), diagnostics));
  ASSERT_EQ(diagnostics.all().size(), 1u);
  EXPECT_EQ(diagnostics.all()[0].id, Diag::kernel_too_old);
  EXPECT_EQ(diagnostics.all()[0].span, (Span{5, 9}));
  EXPECT_EQ(diagnostics.all()[0].message, "`begin` needs Linux 5.17 or later (helper bpf_loop), this is 5.16");
}

// A rejected branch begins where the log says so; what was walked on the other one is not part of its path.
TEST(ControlReject, TheKernelsLogTellsWhereTheValueCameFrom) {
  const std::string log =
      "0: R1=ctx() R10=fp0\n0: (79) r6 = *(u64 *)(r1 +8)          ; R1=ctx() R6_w=scalar()\n"
      "1: (c5) if r6 s< 0x10 goto pc+2\n2: (b7) r6 = 1\n3: (95) exit\n"
      "\nfrom 1 to 4: R6=scalar(smax=15) R10=fp0\n4: (bf) r2 = r6                       ; R2_w=scalar(id=1,smax=15)\n"
      "5: (85) call bpf_probe_read_kernel#113\nR2 min value is negative, either use unsigned or 'var &= const'\n";
  EXPECT_EQ(path_of_log(log), (std::vector<uint32_t>{0, 1, 4, 5}));
  bpf::Object object;
  object.programs.push_back({.name = "begin", .lines = {{0, {1, 4}}, {1, {5, 9}}, {2, {10, 12}}, {4, {13, 15}}}});
  object.programs[0].insns = {bpf::load(bpf::cls::ldx | bpf::size::dw | bpf::mode::mem, 6, 1, 8),
                              bpf::jump_imm(bpf::cls::jmp | bpf::jmp::jslt, 6, 16, 2),
                              bpf::alu_imm(bpf::cls::alu64 | bpf::alu::mov, 6, 1),
                              bpf::exit_program(),
                              bpf::alu_reg(bpf::cls::alu64 | bpf::alu::mov, 2, 6),
                              bpf::call_helper(113)};
  Diagnostics diagnostics;
  explain_reject(object, 0, log, EINVAL, diagnostics);
  ASSERT_EQ(diagnostics.all().size(), 1u);
  const std::vector<Label>& labels = diagnostics.all()[0].labels;
  ASSERT_EQ(labels.size(), 2u);
  EXPECT_EQ(labels[0].span, (Span{5, 9}));
  EXPECT_EQ(labels[0].text, "this test is of signed numbers: on one side it leaves negative ones");
  EXPECT_EQ(labels[1].span, (Span{1, 4}));
  EXPECT_EQ(labels[1].text, "read from memory here: it can be any number of 64 bits");
}

TEST(ControlReject, SpansComeFromTheLastEntryBefore) {
  bpf::Program program;
  program.lines = {{0, {1, 4}}, {5, {6, 9}}};
  EXPECT_EQ(span_of(program, 4), (Span{1, 4}));
  EXPECT_EQ(span_of(program, 5), (Span{6, 9}));
  EXPECT_EQ(span_of(program, 50), (Span{6, 9}));
}

TEST(ControlFunctions, AddressesOfManyAreFoundInOneReading) {
  Answer<uint64_t> first = find_kernel_symbol("vfs_read");
  Answer<uint64_t> second = find_kernel_symbol("vfs_write");
  if (first.status != Lookup::found || second.status != Lookup::found) GTEST_SKIP() << "no addresses in /proc/kallsyms";
  EXPECT_EQ(find_kernel_functions({{"", "vfs_write", 0}, {"vmlinux", "vfs_read", 0}}),
            (std::vector<uint64_t>{second.value, first.value}));
  EXPECT_EQ(find_kernel_functions({{"", "vfs_read", 0}, {"", "vfs_write", 0}}),
            (std::vector<uint64_t>{first.value, second.value}));
  // One that names several functions names none.
  ASSERT_GT(places_of_kernel_name("name_show").size(), 1u);
  EXPECT_TRUE(find_kernel_functions({{"", "name_show", 0}}).empty());
  // A function of a module is not the kernel's own of that name.
  EXPECT_TRUE(find_kernel_functions({{"", "vfs_write", 0}, {"nosuchmodule", "vfs_read", 0}}).empty());
}

extern "C" __attribute__((noinline, used)) int control_facts_marker(int n) {
  return n + 1;
}

TEST(ControlElf, FindsFunctionsByNameAndPattern) {
  std::optional<ElfSymbol> symbol = find_symbol("/proc/self/exe", {}, "control_facts_marker");
  ASSERT_TRUE(symbol.has_value());
  EXPECT_GT(symbol->file_offset, 0u);
  EXPECT_GT(symbol->size, 0u);
  EXPECT_FALSE(find_symbol("/proc/self/exe", {}, "no_such_function_anywhere").has_value());
  size_t found = 0;
  std::string why;
  Glob glob("control_facts_mark*");
  EXPECT_EQ(each_function(
                "/proc/self/exe", {}, [&](const ElfSymbol& s) { return found += glob.matches(s.name), true; }, why),
            ElfStatus::found);
  EXPECT_EQ(found, 1u);
}

TEST(ControlElf, OtherFilesAreRefusedWithAReason) {
  std::string why;
  auto ignore = [](const ElfSymbol&) { return true; };
  EXPECT_EQ(each_function("/etc/passwd", {}, ignore, why), ElfStatus::unreadable);
  EXPECT_EQ(why, "it is not an ELF file");
  EXPECT_EQ(each_function("/no/such/file", {}, ignore, why), ElfStatus::unreadable);
  EXPECT_EQ(why, "No such file or directory (ENOENT)");
}

TEST(ControlBinary, NamesAreFoundWhereShellAndLoaderLook) {
  EXPECT_TRUE(find_executable("sh").ends_with("/sh"));
  EXPECT_EQ(find_executable("no-such-program-here"), "");
  std::vector<std::string> libc = find_binaries("libc");
  ASSERT_EQ(libc.size(), 1u);
  EXPECT_NE(libc[0].find("libc"), std::string::npos);
  EXPECT_EQ(find_binaries("c"), libc);
  EXPECT_EQ(find_binaries("libc.so.6"), libc);
  EXPECT_TRUE(find_binaries("/no/such/file").empty());
  auto has = [](const std::vector<std::string>& found, const std::string& path) {
    return std::find(found.begin(), found.end(), path) != found.end();
  };
  EXPECT_TRUE(has(find_binaries("lib*"), libc[0]));
  EXPECT_TRUE(has(find_binaries("lib?.so*"), libc[0]));
  EXPECT_EQ(find_binaries("lib[c]"), libc) << "a library's name ends at `.so`";
  EXPECT_TRUE(find_binaries("libno-such-*").empty());
  EXPECT_EQ(find_binaries("shel[l]-that-is-not-there"), std::vector<std::string>());
  EXPECT_EQ(find_binaries("s[h]"), find_binaries("sh"));
  EXPECT_TRUE(find_symbol(libc[0], {}, "malloc").has_value());
}

TEST(ControlBtf, MissingTypesAreExplained) {
  setenv("BPFTRACE_BTF", "/no/such/file", 1);
  Tracefs unused;
  LiveKernelFacts facts(unused);
  Answer<const Btf*> answer = facts.btf();
  unsetenv("BPFTRACE_BTF");
  EXPECT_EQ(answer.status, Lookup::unreadable);
  EXPECT_NE(answer.why.find("CONFIG_DEBUG_INFO_BTF"), std::string::npos) << answer.why;
}

class ControlLive : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::can_load_programs() || tracefs.directory() < 0) GTEST_SKIP() << "needs tracefs: " << tracefs.why_not();
  }
  std::vector<std::string> listed(std::string_view pattern, bool with_arguments) {
    std::vector<std::string> out;
    ListOptions options{with_arguments, [&](std::string_view line) { out.emplace_back(line); }};
    EXPECT_TRUE(list_probes(pattern, tracefs, facts, options, diagnostics)) << pattern;
    return out;
  }

  Tracefs tracefs;
  LiveKernelFacts facts{tracefs};
  Diagnostics diagnostics;
};

TEST_F(ControlLive, TracepointsAreMatchedAndDescribed) {
  EXPECT_EQ(facts.match_tracepoints("syscalls", "sys_enter_openat").value.size(), 1u);
  EXPECT_EQ(facts.match_tracepoints("syscalls", "sys_enter_opena").status, Lookup::missing);
  Answer<std::vector<ProbeTarget>> all = facts.match_tracepoints("syscalls", "sys_enter_open*");
  ASSERT_GE(all.value.size(), 2u);
  EXPECT_TRUE(std::is_sorted(all.value.begin(), all.value.end(), [](auto& a, auto& b) { return a.function < b.function; }));
  TracepointFormat format = facts.tracepoint_format("syscalls", "sys_enter_openat").value;
  ASSERT_GE(format.fields.size(), 4u);
  EXPECT_EQ(format.fields[2].name, "filename");
  EXPECT_EQ(format.fields[2].type, "const char *");
}

TEST_F(ControlLive, ListingSpellsAttachPoints) {
  EXPECT_EQ(listed("tracepoint:syscalls:sys_enter_openat", true),
            (std::vector<std::string>{"tracepoint:syscalls:sys_enter_openat\n", "    int __syscall_nr\n", "    int dfd\n",
                                      "    const char * filename\n", "    int flags\n", "    umode_t mode\n"}));
  EXPECT_EQ(listed("t:syscalls:sys_enter_openat,s:cs", false),
            (std::vector<std::string>{"tracepoint:syscalls:sys_enter_openat\n", "software:context-switches:\n"}));
  std::vector<std::string> anywhere = listed("*sys_enter_nanosleep", false);
  EXPECT_NE(std::find(anywhere.begin(), anywhere.end(), "tracepoint:syscalls:sys_enter_nanosleep\n"), anywhere.end());
  EXPECT_FALSE(listed("tracepoint:sched", false).empty());
  EXPECT_TRUE(listed("tracepoint:sched:no_such_event", false).empty());
}

TEST_F(ControlLive, ListingOfUserFunctionsNeedsAFile) {
  std::vector<std::string> found = listed("uprobe:/proc/self/exe:control_facts_marker", false);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].ends_with(":control_facts_marker\n"));
  ListOptions options{false, [](std::string_view) {}};
  EXPECT_FALSE(list_probes("uprobe:*", tracefs, facts, options, diagnostics));
  EXPECT_EQ(diagnostics.all()[0].id, Diag::cannot_list);
}

TEST_F(ControlLive, UnknownProvidersAreNamed) {
  ListOptions options{false, [](std::string_view) {}};
  EXPECT_FALSE(list_probes("tracepiont:a:b", tracefs, facts, options, diagnostics));
  EXPECT_EQ(diagnostics.all()[0].message, "cannot list probes of `tracepiont`: no provider of that name has a list");
}

TEST_F(ControlLive, TypesAreListedWithTheirMembers) {
  if (facts.btf().status != Lookup::found) GTEST_SKIP() << facts.btf().why;
  EXPECT_EQ(listed("struct task_struct", false), (std::vector<std::string>{"struct task_struct", "\n"}));
  std::string text;
  for (const std::string& part : listed("struct list_head", true)) text += part;
  EXPECT_EQ(text, "struct list_head {\n    struct list_head* next;\n    struct list_head* prev;\n}\n");
}

TEST_F(ControlLive, KernelSymbolsHaveAddresses) {
  Answer<uint64_t> answer = facts.kernel_address("schedule");
  EXPECT_EQ(answer.status, Lookup::found) << answer.why;
  EXPECT_EQ(facts.kernel_address("no_such_symbol_anywhere").status, Lookup::missing);
}

}  // namespace
}  // namespace shrike
