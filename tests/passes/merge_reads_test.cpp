// merge_reads: fields near each other are read at once, and what must not be merged is left alone.
#include <gtest/gtest.h>

#include "tests/passes/pass_check.h"

namespace shrike::passes {
namespace {

// A read of `bytes` at `offset` from %base to $NAME, and its value as %vNAME.
std::string read(const std::string& name, int offset, int bytes, const std::string& helper = "probe_read_kernel") {
  std::string text = "%p" + name + ": ptr.stack = slot_addr $" + name + "\n%o" + name + ": i64 = constant " +
                     std::to_string(offset) + "\n%a" + name + ": i64 = add %base, %o" + name + "\n%n" + name +
                     ": i64 = constant " + std::to_string(bytes) + "\n%s" + name + ": i64 = call " + helper + "(%p" + name +
                     ", %n" + name + ", %a" + name + ")\n%v" + name + ": i64 = load.u" + std::to_string(8 * bytes) + " %p" +
                     name + ", #0\n";
  return text;
}

std::string reading(const std::string& body) {
  return program(
      "slot $a 8 align 8\nslot $b 8 align 8\nslot $c 8 align 8\nslot $d 8 align 8\n"
      "^entry(%ctx: ptr.ctx):\n%base: i64 = load.u64 %ctx, #112\n%pd: ptr.stack = slot_addr $d\n" +
      body);
}

TEST(MergeReads, FieldsWithinAFewWordsAreReadAtOnce) {
  std::string text = after("merge-reads", reading(read("a", 14, 2) + read("b", 600, 4) + read("c", 12, 2) +
                                                  "%r: i64 = add %va, %vc\n%q: i64 = add %r, %vb\nret %q\n"));
  expect_lines(text, R"(
    slot $fields 8 align 8
    %p: ptr.stack = slot_addr $fields
    %n: i64 = constant 8
    %begin: i64 = constant 8
    %at: i64 = add %base, %begin
    %s: i64 = call probe_read_kernel(%p, %n, %at)
    %x: i64 = load.u16 %p, #6
    %t: i64 = call probe_read_kernel(%f, %four, %far)
    %y: i64 = load.u32 %f, #0
    %z: i64 = load.u16 %g, #4
    !call probe_read_kernel(%g
  )");
}

TEST(MergeReads, StoresThatNoNumberLeadsToAreNoHindrance) {
  const std::string sum = "%r: i64 = add %va, %vb\nret %r\n", store = "store.u64 %pd, %va, #0\n";
  const auto is_merged = [](const std::string& body) {
    return after("merge-reads", reading(body)).find("$fields") != std::string::npos;
  };
  EXPECT_TRUE(is_merged(read("a", 0, 8) + store + read("b", 8, 8) + sum));
  EXPECT_TRUE(is_merged(read("a", 0, 8) + store + read("b", 8, 8) + "%k: i64 = ptr_to_int %ctx\n" + sum));
  EXPECT_FALSE(is_merged(read("a", 0, 8) + store + read("b", 8, 8) + "%k: i64 = ptr_to_int %pd\n" + sum));
  EXPECT_TRUE(is_merged(read("a", 0, 8) + read("b", 8, 8) + store + "%k: i64 = ptr_to_int %pd\n" + sum));
}

TEST(MergeReads, LeavesOthersAlone) {
  const std::string sum = "%r: i64 = add %va, %vb\nret %r\n";
  const struct {
    const char* why;
    std::string body;
  } rows[] = {
      {"too far from each other", read("a", 0, 8) + read("b", 64, 8) + sum},
      {"user memory", read("a", 0, 8, "probe_read_user") + read("b", 8, 8, "probe_read_user") + sum},
      {"not aligned to each other", read("a", 0, 4) + read("b", 6, 4) + sum},
      {"its outcome is looked at", read("a", 0, 8) + read("b", 8, 8) + "%r: i64 = add %sa, %vb\n%t: i64 = add %r, %va\nret %t\n"},
      {"of another block", read("a", 0, 8) + "branch %va, ^on, ^end\n^on:\n" + read("b", 8, 8) + "jump ^end\n^end:\nret %va\n"},
      {"may be of what is stored between",
       read("a", 0, 8) + "%known: i64 = ptr_to_int %pd\nstore.u64 %pd, %va, #0\n" + read("b", 8, 8) + sum},
      {"written by others", read("a", 0, 8) + "%z: i64 = constant 0\nstore.u64 %pa, %z, #0\n" + read("b", 8, 8) + sum},
  };
  for (const auto& row : rows) EXPECT_EQ(after("merge-reads", reading(row.body)).find("$fields"), std::string::npos) << row.why;
}

}  // namespace
}  // namespace shrike::passes
