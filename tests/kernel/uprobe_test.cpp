// uprobes and uretprobes by symbol and address: arguments, return values, strings, buffers, structures, stacks.
#include <stdlib.h>
#include <unistd.h>

#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

using Uprobe = LiveTest;

const char* const structures = R"(
struct Inner { short small; unsigned char bytes[6]; };
struct Outer { int first; unsigned long second; char name[16]; struct Inner inner; struct Outer *next; };
)";

TEST_F(Uprobe, CountsCallsExactly) {
  const Trace t = trace("uprobe:WORKLOAD:target_add { @ = count(); }", {"add", "12345", "1", "2"});
  EXPECT_EQ(number_of(t.out, "@"), 12345) << t.out;
}

TEST_F(Uprobe, Arguments) {
  const Trace t =
      trace(R"(uprobe:WORKLOAD:target_six { printf("%d %d %d %d %d %d\n", arg0, arg1, arg2, arg3, arg4, arg5); })", {"six"});
  EXPECT_EQ(count_lines(t.out, "1 2 3 4 5 6"), 1u) << t.out;
}

TEST_F(Uprobe, ReturnValue) {
  const Trace t = trace(R"(uretprobe:WORKLOAD:target_add { @[retval] = count(); })", {"add", "9", "40", "2"});
  EXPECT_EQ(number_of(t.out, "@[42]"), 9) << t.out;
}

TEST_F(Uprobe, NegativeReturnValueByCast) {
  const Trace t = trace(R"(uretprobe:WORKLOAD:target_negative { printf("%d\n", (int32)retval); })", {"negate", "17"});
  EXPECT_EQ(count_lines(t.out, "-17"), 1u) << t.out;
}

TEST_F(Uprobe, EntryAndReturnPair) {
  const Trace t = trace(R"(uprobe:WORKLOAD:target_add { @a[tid] = arg0; }
                           uretprobe:WORKLOAD:target_add /@a[tid]/ { @sum = sum(@a[tid] + retval); delete(@a, tid); })",
                        {"add", "10", "5", "2"});
  EXPECT_EQ(number_of(t.out, "@sum"), 10 * (5 + 7)) << t.out;
}

TEST_F(Uprobe, Strings) {
  const Trace t = trace(R"(uprobe:WORKLOAD:target_text { printf("[%s] [%s]\n", str(arg0), str(arg0, 4)); })",
                        {"text", "the quick brown fox"});
  EXPECT_EQ(count_lines(t.out, "[the quick brown fox] [the ]"), 1u) << t.out;
}

TEST_F(Uprobe, LongStringIsCutWithItsTrailer) {
  const std::string text(3000, 'x');
  const Trace t = trace(R"(uprobe:WORKLOAD:target_text { printf("%s\n", str(arg0)); })", {"text", text});
  // The NUL may or may not count among the 1024 bytes.
  EXPECT_EQ(count_lines(t.out, std::string(1023, 'x') + "..") + count_lines(t.out, std::string(1024, 'x') + ".."), 1u)
      << t.out.substr(0, 1200);
}

TEST_F(Uprobe, StringOfABadPointerIsEmpty) {
  const Trace t = trace(R"(uprobe:WORKLOAD:target_add { printf("[%s]\n", str(arg0)); })", {"add", "1", "8", "0"});
  EXPECT_EQ(count_lines(t.out, "[]"), 1u) << t.out;
}

TEST_F(Uprobe, StringAsMapKeyAndComparison) {
  const Trace t = trace(R"(uprobe:WORKLOAD:target_text /str(arg0) == "two"/ { @[str(arg0)] = count(); })",
                        {"text", "one", "text", "two", "text", "two", "text", "twofold"});
  EXPECT_EQ(number_of(t.out, "@[two]"), 2) << t.out;
  EXPECT_EQ(count_text(t.out, "@["), 1u) << t.out;
}

TEST_F(Uprobe, SubstringAndPrefix) {
  const Trace t = trace(R"(uprobe:WORKLOAD:target_text {
                             if (strncmp(str(arg0), "needle", 3) == 0) { @prefix = count(); }
                             if (strcontains(str(arg0), "edl")) { @inside = count(); } })",
                        {"text", "needle", "text", "need", "text", "hay", "text", "a needle"});
  EXPECT_EQ(number_of(t.out, "@prefix"), 2) << t.out;
  EXPECT_EQ(number_of(t.out, "@inside"), 2) << t.out;
}

TEST_F(Uprobe, Buffers) {
  const Trace t =
      trace(R"(uprobe:WORKLOAD:target_bytes { printf("%r|%rh|%d\n", buf(arg0 + 64, 4), buf(arg0, 4), arg1); })", {"bytes"});
  EXPECT_EQ(count_lines(t.out, "@ABC|00 01 02 03|256"), 1u) << t.out;
}

TEST_F(Uprobe, Join) {
  const Trace t = trace("uprobe:WORKLOAD:target_list { join(arg0); join(arg0, \",\"); }", {"list"});
  EXPECT_EQ(count_lines(t.out, "alpha beta gamma"), 1u) << t.out;
  EXPECT_EQ(count_lines(t.out, "alpha,beta,gamma"), 1u) << t.out;
}

TEST_F(Uprobe, StructureFields) {
  const Trace t = trace(std::string(structures) + R"(uprobe:WORKLOAD:target_outer {
                          $o = (struct Outer *)arg0;
                          printf("%d %lu %s\n", $o->first, $o->second, $o->name);
                          printf("%d %d %d\n", $o->inner.small, $o->inner.bytes[0], $o->inner.bytes[5]); })",
                        {"outer"});
  EXPECT_EQ(count_lines(t.out, "-1 1099511627776 first"), 1u) << t.out;
  EXPECT_EQ(count_lines(t.out, "-10 1 255"), 1u) << t.out;
}

TEST_F(Uprobe, StructuresThroughPointers) {
  const Trace t = trace(std::string(structures) + R"(uprobe:WORKLOAD:target_outer {
                          $o = (struct Outer *)arg0;
                          printf("%d %s %d\n", $o->next->first, $o->next->name, $o->next->inner.small);
                          printf("%lx\n", $o->next->second);
                          @gone = (uint64)$o->next->next; })",
                        {"outer"});
  EXPECT_EQ(count_lines(t.out, "-2 second -20"), 1u) << t.out;
  EXPECT_EQ(count_lines(t.out, "ffffffffffffffff"), 1u) << t.out;
  EXPECT_EQ(number_of(t.out, "@gone"), 0) << t.out;
}

TEST_F(Uprobe, DereferenceOfIntegerPointers) {
  const Trace t = trace(R"(uprobe:WORKLOAD:target_bytes {
                             printf("%d %x %x\n", *(uint8 *)(arg0 + 7), *(uint16 *)arg0, *(uint32 *)(arg0 + 4)); })",
                        {"bytes"});
  EXPECT_EQ(count_lines(t.out, "7 100 7060504"), 1u) << t.out;
}

TEST_F(Uprobe, UserStack) {
  const Trace t = trace_living("uprobe:WORKLOAD:target_add /pid == PID/ { @[ustack] = count(); }", {"frames", "3"});
  const size_t inner = t.out.find("target_add+");
  const size_t middle = t.out.find("target_inner_frame+");
  const size_t outer = t.out.find("target_outer_frame+");
  ASSERT_NE(outer, std::string::npos) << t.out;
  EXPECT_LT(inner, middle) << t.out;
  EXPECT_LT(middle, outer) << t.out;
  EXPECT_TRUE(has(t.out, "main+")) << t.out;
}

TEST_F(Uprobe, UserStackOfThreeFrames) {
  const Trace t = trace_living(R"(uprobe:WORKLOAD:target_add /pid == PID/ { printf("%s\n", ustack(3)); })", {"frames", "3"});
  EXPECT_TRUE(has(t.out, "target_outer_frame+")) << t.out;
  EXPECT_FALSE(has(t.out, "main+")) << t.out;
}

// Two hundred calls of one another, of which the kernel walks 127 by default.
TEST_F(Uprobe, UserStackOfManyFrames) {
  const Trace t = trace_living(
      R"(uprobe:WORKLOAD:target_add /pid == PID/ { print((len(ustack), stack_len(ustack(50)))); print(ustack(100)); })",
      {"deep", "200"});
  EXPECT_EQ(count_lines(t.out, "(127, 50)"), 1u) << t.out << t.err;
  EXPECT_EQ(count_text(t.out, "        target_add+"), 1u) << t.out;
  EXPECT_EQ(count_text(t.out, "        target_deep+"), 99u) << t.out;
}

TEST_F(Uprobe, FunctionAndProbeNames) {
  const Trace t =
      trace_living(R"(uprobe:WORKLOAD:target_add /pid == PID/ { printf("%s|%s\n", func, probe); })", {"add", "1", "1", "1"});
  EXPECT_EQ(count_lines(t.out, std::string("target_add|uprobe:") + SHRIKE_WORKLOAD + ":target_add"), 1u) << t.out;
}

TEST_F(Uprobe, SymbolOfAnAddress) {
  const Trace t =
      trace_living(R"(uprobe:WORKLOAD:target_add /pid == PID/ { printf("%s\n", usym(reg("ip"))); })", {"add", "1", "1", "1"});
  EXPECT_EQ(count_lines(t.out, "target_add"), 1u) << t.out;
}

// In a program that lies elsewhere each time: at the entry of a function, inside, at its return, at several places.
TEST_F(Uprobe, AddressesOfSymbols) {
  const Trace t = trace(R"(uprobe:WORKLOAD:target_add /pid == PID/ { print(uaddr("target_add") == reg("ip")); }
                           uprobe:WORKLOAD:target_add+1, uretprobe:WORKLOAD:target_add, uprobe:WORKLOAD:target_*_frame /pid == PID/ {
                             @[*uaddr("target_number"), *(int16 *)uaddr("target_number")] = count(); })",
                        {"frames", "1"});
  EXPECT_EQ(count_lines(t.out, "true"), 1u) << t.out << t.err;
  EXPECT_EQ(number_of(t.out, "@[20266, 20266]"), 4) << t.out << t.err;  // what the workload has in target_number
}

TEST_F(Uprobe, Registers) {
  const Trace t = trace_living(R"(uprobe:WORKLOAD:target_six /pid == PID/ {
                 print((reg("di"), reg("si"), reg("dx"), reg("cx"), reg("r8"), reg("r9"), reg("cs") & 3, reg("ip") == reg("pc")));
                 print((usym(reg("ip")), reg("sp") % 8, reg("bp") > reg("sp"))); })",
                               {"six"});
  EXPECT_EQ(count_lines(t.out, "(1, 2, 3, 4, 5, 6, 3, true)"), 1u) << t.out << t.err;
  EXPECT_EQ(count_lines(t.out, "(target_six, 0, true)"), 1u) << t.out << t.err;
}

TEST_F(Uprobe, Wildcard) {
  const Trace t = trace("uprobe:WORKLOAD:target_*frame { @[probe] = count(); }", {"frames", "1", "frames", "2"});
  EXPECT_EQ(number_of(t.out, std::string("@[uprobe:") + SHRIKE_WORKLOAD + ":target_inner_frame]"), 2) << t.out;
  EXPECT_EQ(number_of(t.out, std::string("@[uprobe:") + SHRIKE_WORKLOAD + ":target_outer_frame]"), 2) << t.out;
}

TEST_F(Uprobe, FileUnderSeveralNamesIsProbedOnce) {
  char folder[] = "/tmp/shrike_links_XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string links[] = {std::string(folder) + "/one", std::string(folder) + "/other"};
  for (const std::string& link : links) ASSERT_EQ(symlink(SHRIKE_WORKLOAD, link.c_str()), 0);
  const Trace t = trace(std::string("uprobe:") + folder + "/o*:target_add /pid == PID/ { @ = count(); }", {"add", "7", "1", "1"});
  EXPECT_EQ(number_of(t.out, "@"), 7) << t.out << t.err;
  for (const std::string& link : links) unlink(link.c_str());
  rmdir(folder);
}

TEST_F(Uprobe, ByAddress) {
  const Result nm = run({"nm", SHRIKE_WORKLOAD}, {}, patience_ms);
  std::string address;
  for (const std::string& line : split_lines(nm.out)) {
    if (line.ends_with(" target_add")) address = "0x" + line.substr(0, line.find(' '));
  }
  ASSERT_FALSE(address.empty()) << nm.err;
  const Trace t = trace("uprobe:WORKLOAD:" + address + " /pid == PID/ { @ = count(); }", {"add", "21", "1", "1"});
  EXPECT_EQ(number_of(t.out, "@"), 21) << t.out;
}

// Without optimisation a function begins with push %rbp, of one byte, and then mov %rsp,%rbp, of three.
TEST_F(Uprobe, OffsetsAreThoseOfInstructions) {
  const Trace t = trace("uprobe:WORKLOAD:target_add+1 /pid == PID/ { @[probe] = count(); }", {"add", "21", "1", "1"});
  EXPECT_EQ(number_of(t.out, std::string("@[uprobe:") + SHRIKE_WORKLOAD + ":target_add+1]"), 21) << t.out << t.err;
  const std::string place = std::string("uprobe:") + SHRIKE_WORKLOAD + ":target_add+";
  const Result inside = shrike({"--dry-run", "-e", place + "2 { }"});
  EXPECT_EQ(inside.status, 1);
  EXPECT_TRUE(has(inside.err, "no instruction of `target_add` begins at +2")) << inside.err;
  EXPECT_TRUE(has(inside.err, "HINT: one begins at +1, the next at +4; ")) << inside.err;
  const Result outside = shrike({"--dry-run", "-e", place + "5000 { }"});
  EXPECT_TRUE(has(outside.err, "+5000 is outside of `target_add`, which is ")) << outside.err;
  EXPECT_EQ(shrike({"--dry-run", "--unsafe", "-e", place + "2 { }"}).status, 0);
}

// By the names that C++ gives, with and without parameters; each round calls both functions once.
TEST_F(Uprobe, CppNames) {
  const std::string debugged = SHRIKE_DEBUGGED;
  auto count = [&](const std::string& name) {
    const Result t = shrike(
        {"-e", "uprobe:" + debugged + ":cpp:\"" + name + "\" { @[usym(reg(\"ip\"))] = count(); @n++; }", "-c", debugged + " 5"});
    EXPECT_EQ(t.status, 0) << t.err;
    return number_of(t.out, "@n").value_or(-1);
  };
  EXPECT_EQ(count("debugged::fire"), 5);
  EXPECT_EQ(count("debugged::f*"), 5);
  EXPECT_EQ(count("debugged::*"), 10);
  EXPECT_EQ(count("debugged::fire(long, char const*)"), 5);
  const std::string compared = SHRIKE_COMPARED;
  const std::string listed = "uprobe:" + compared +
                             ":cpp:\"long compared::twice<long>(compared::Box<long>, compared::Shape const&, "
                             "compared::Point)\"\n";
  EXPECT_EQ(shrike({"-l", "uprobe:" + compared + ":cpp:\"compared::twice<long>\""}).out, listed);
  EXPECT_TRUE(has(shrike({"-l", "uprobe:" + compared + ":cpp:*twice*"}).out, listed));
  const Result unknown = shrike_script("uprobe:" + debugged + ":cpp:\"nowhere::*\" { @ = count(); }");
  EXPECT_TRUE(has(unknown.err, "does not exist on this machine")) << unknown.err;
}

// A path that leads elsewhere in the traced process: a file system of its own lies over the folder.
TEST_F(Uprobe, FileOfAnotherMountNamespace) {
  const std::string hidden = "/mnt/shrike_hidden_workload";
  Process workload(
      {"unshare", "-m", "sh", "-c",
       "mount -t tmpfs none /mnt && cp " SHRIKE_WORKLOAD " " + hidden + " && exec " + hidden + " pid wait add 7 1 1"},
      {.hold_stdin = true});
  ASSERT_TRUE(workload.wait_for_out("pid ", patience_ms));
  Tracer tracer({"-e", "uprobe:" + hidden + ":target_add { @ = count(); }", "-p", std::to_string(workload.pid())});
  ASSERT_TRUE(tracer.wait_until_armed());
  workload.release();
  const Result t = tracer.finish();
  EXPECT_EQ(number_of(t.out, "@"), 7) << t.out << t.err;
  EXPECT_EQ(shrike_script("uprobe:" + hidden + ":target_add { @ = count(); }").status, 1);
}

TEST_F(Uprobe, UnknownSymbolIsToldWithASuggestion) {
  const Result result = shrike_script("uprobe:" SHRIKE_WORKLOAD ":target_ad { @ = count(); }");
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(count_text(result.err, "ERROR: "), 1u) << result.err;
  EXPECT_TRUE(has(result.err, "target_ad")) << result.err;
  EXPECT_TRUE(has(result.err, "target_add")) << result.err;
}

TEST_F(Uprobe, UnknownFileIsTold) {
  const Result result = shrike_script("uprobe:/nonexistent/program:main { @ = count(); }");
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(count_text(result.err, "ERROR: "), 1u) << result.err;
  EXPECT_TRUE(has(result.err, "/nonexistent/program")) << result.err;
}

TEST_F(Uprobe, FileByAGlobOverLibrariesProgramsAndWhatRuns) {
  Trace t = trace("uprobe:libc.so*:syscall /arg0 == 110/ { @ = count(); }", {"getppid", "7"}, {"-p", "PID"});
  EXPECT_EQ(number_of(t.out, "@"), 7) << t.out << t.err;
  t = trace("uprobe:*:target_add { @ = count(); }", {"add", "5", "1", "2"}, {"-p", "PID"});
  EXPECT_EQ(number_of(t.out, "@"), 5) << t.out << t.err;
  EXPECT_TRUE(has(shrike({"-l", "uprobe:*:malloc"}).out, "libc.so"));
  EXPECT_EQ(shrike({"-l", "uprobe:bas[h]:re*"}).out, shrike({"-l", "uprobe:bash:re*"}).out);
}

}  // namespace
}  // namespace shrike::testing
