// reuse_reads: a field that has been read is not read again, where the first read comes first on every way and nothing changes
// it.
#include <gtest/gtest.h>

#include "tests/passes/pass_check.h"

namespace shrike::passes {
namespace {

// A read of eight bytes at `address` to $NAME, and its value as %vNAME.
std::string read(const std::string& name, const std::string& address, int bytes = 8) {
  return "%p" + name + ": ptr.stack = slot_addr $" + name + "\n%n" + name + ": i64 = constant " + std::to_string(bytes) + "\n%s" +
         name + ": i64 = call probe_read_kernel(%p" + name + ", %n" + name + ", " + address + ")\n%v" + name + ": i64 = load.u" +
         std::to_string(8 * bytes) + " %p" + name + ", #0\n";
}

std::string reading(const std::string& body) {
  return program(
      "slot $a 8 align 8\nslot $b 8 align 8\nslot $c 8 align 8\nslot $d 8 align 8\n"
      "^entry(%ctx: ptr.ctx):\n%base: i64 = load.u64 %ctx, #112\n%four: i64 = constant 4\n%far: i64 = add %base, %four\n" +
      body);
}

size_t reads_left(const std::string& body) {
  const std::string text = after("reuse-reads", reading(body));
  size_t count = 0;
  for (size_t at = text.find("probe_read"); at != std::string::npos; at = text.find("probe_read", at + 1)) count++;
  return count;
}

TEST(ReuseReads, OfABlockThatComesFirst) {
  expect_lines(after("reuse-reads", reading(read("a", "%base") + "branch %va, ^on, ^end\n^on:\n" + read("b", "%base") +
                                            "jump ^end\n^end:\nret %base\n")),
               R"(
    %p: ptr.stack = slot_addr $a
    %s: i64 = call probe_read_kernel(%p, %n, %base)
    ^on:
    %q: ptr.stack = slot_addr $a
    !call probe_read_kernel(%q
    %v: i64 = load.u64 %q, #0
  )");
}

TEST(ReuseReads, OfPartsAndAlongChains) {
  EXPECT_EQ(reads_left(read("a", "%base") + read("b", "%far", 4) + "%r: i64 = add %va, %vb\nret %r\n"), 1u) << "a part";
  EXPECT_EQ(reads_left(read("b", "%far", 4) + read("a", "%base") + "%r: i64 = add %va, %vb\nret %r\n"), 2u) << "more";
  const std::string chain = read("a", "%base") + read("b", "%va");
  EXPECT_EQ(
      reads_left(chain + "branch %vb, ^on, ^end\n^on:\n" + read("c", "%base") + read("d", "%vc") + "jump ^end\n^end:\nret %va\n"),
      2u);
  EXPECT_EQ(reads_left(read("a", "%base") + read("b", "%base") + read("c", "%va") + read("d", "%vb") +
                       "%r: i64 = add %vc, %vd\nret %r\n"),
            2u);
}

TEST(ReuseReads, NotWhereItMayHaveChanged) {
  const std::string twice = read("a", "%base") + read("b", "%base");
  const struct {
    const char* why;
    std::string body;
  } rows[] = {
      {"on one way only",
       "branch %base, ^on, ^end\n^on:\n" + read("a", "%base") + "jump ^end\n^end:\n" + read("b", "%base") + "ret %vb\n"},
      {"a loop may wait for it",
       read("a", "%base") + "jump ^round\n^round:\n" + read("b", "%base") + "branch %vb, ^round, ^end\n^end:\nret %va\n"},
      {"its outcome is looked at", twice + "%r: i64 = add %sb, %va\n%t: i64 = add %r, %vb\nret %t\n"},
      {"another place", read("a", "%base") + read("b", "%va") + "ret %vb\n"},
      {"it may be a variable",
       twice + "%pd: ptr.stack = slot_addr $d\n%known: i64 = ptr_to_int %pd\n%r: i64 = add %va, %vb\nret %r\n"},
  };
  for (const auto& row : rows) EXPECT_EQ(reads_left(row.body), 2u) << row.why;
}

}  // namespace
}  // namespace shrike::passes
