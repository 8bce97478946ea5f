// Which ends of blocks become one, and which must not, without a kernel.
#include <gtest/gtest.h>

#include "backend-bpf/lir_text.h"
#include "backend-bpf/lir_validate.h"
#include "backend-bpf/stages.h"

namespace shrike {
namespace {

const std::string entry = "  r0 = ld_value @m #0\n  r6 = mov64 r1\n  r8 = ld_value @m #0\n";

// The function's text after merging, from its first block on.
std::string merged(const std::string& body) {
  Diagnostics diagnostics;
  lir::Module module = lir::parse(
      "lir isa 3\ninterface {\n  map @m user array bytes 4 4096 entries 1\n  map @n user array bytes 4 4096 entries 1\n}\n"
      "fn \"f\" program kprobe {\n" +
          body + "}\n",
      1, diagnostics);
  EXPECT_FALSE(diagnostics.has_errors()) << (diagnostics.all().empty() ? "" : diagnostics.all()[0].message);
  bpf::merge_tails(module.functions[mir::FunctionId(uint32_t{0})]);
  EXPECT_TRUE(lir::validate(module).empty());
  const std::string text = lir::print(module);
  return text.substr(text.find("^entry:"));
}

std::string unchanged(const std::string& body) {
  return body.substr(body.find("^entry:")) + "}\n";
}

// Blocks `a` and `b` that the entry branches to, and an end of both.
std::string two_ways(const std::string& a, const std::string& b) {
  return "  slot $k 8 align 8\n^entry:\n" + entry + "  jeq r6, 0, ^a, ^b\n^a:\n" + a + "  ja ^done\n^b:\n" + b +
         "  ja ^done\n^done:\n  r0 = mov64 0\n  exit\n";
}

TEST(MergeTails, CommonEndsAreKeptOnce) {
  const std::string bump = "  r1 = mov64 1\n  atomic_add64 [r0 #0], r1\n";
  const std::string text = merged(two_ways("  st64 [$k #0], 1\n" + bump, "  st64 [$k #0], 2\n" + bump));
  EXPECT_EQ(text, "^entry:\n" + entry +
                      "  jeq r6, 0, ^a, ^b\n^a:\n  st64 [$k #0], 1\n  ja ^a.end4\n^b:\n  st64 [$k #0], 2\n  ja ^a.end4\n"
                      "^done:\n  r0 = mov64 0\n  exit\n^a.end4:\n" +
                      bump + "  ja ^done\n}\n");
}

// What is equal as a whole needs no branch, and that makes the block before it equal to others.
TEST(MergeTails, EqualBlocksBecomeOne) {
  const std::string bump = "  r1 = mov64 1\n  atomic_add64 [r0 #0], r1\n";
  EXPECT_EQ(merged(two_ways(bump, bump)),
            "^entry:\n" + entry + "  ja ^b\n^b:\n" + bump + "  ja ^done\n^done:\n  r0 = mov64 0\n  exit\n}\n");
}

TEST(MergeTails, LongerCommonEndsWithinShorterOnes) {
  const std::string both = "  r1 = mov64 1\n  r2 = mov64 2\n", three = "  r3 = mov64 3\n  r4 = mov64 4\n" + both;
  const std::string text =
      merged("^entry:\n" + entry + "  jeq r6, 0, ^a, ^more\n^more:\n  jeq r6, 1, ^b, ^c\n^a:\n  r5 = mov64 1\n" + three +
             "  ja ^done\n^b:\n  r5 = mov64 2\n" + three + "  ja ^done\n^c:\n  r5 = mov64 3\n" + both +
             "  ja ^done\n^done:\n  r0 = mov64 0\n  exit\n");
  size_t found = 0;
  for (const char* once : {"r4 = mov64 4\n", "r2 = mov64 2\n"}) {
    const size_t at = text.find(once);
    found += at != std::string::npos && text.find(once, at + 1) == std::string::npos;
  }
  EXPECT_EQ(found, 2u) << text;
}

// The verifier keeps one map for each call.
TEST(MergeTails, CallsKeepTheirMaps) {
  const std::string call = "  r2 = lea $k #0\n  call map_lookup_elem\n  r7 = mov64 r0\n";
  const std::string apart = two_ways("  r1 = ld_map @m\n" + call, "  r1 = ld_map @n\n" + call);
  EXPECT_EQ(merged(apart), unchanged(apart));
  const std::string same = two_ways("  r8 = mov64 1\n  r1 = ld_map @m\n" + call, "  r8 = mov64 2\n  r1 = ld_map @m\n" + call);
  EXPECT_NE(merged(same).find(".end4:\n  r1 = ld_map @m\n" + call), std::string::npos) << merged(same);
}

// The verifier keeps one kind of pointer for each load: here the context and a map's value.
TEST(MergeTails, LoadsKeepTheirPointers) {
  const std::string load = "  add64 r1, 8\n  r2 = ldx64 [r1 #0]\n  r7 = mov64 r2\n";
  const std::string apart = two_ways("  r1 = mov64 r6\n" + load, "  r1 = mov64 r8\n" + load);
  EXPECT_EQ(merged(apart), unchanged(apart));
  const std::string same = two_ways("  r1 = ld_value @m #0\n" + load, "  r1 = ld_value @m #0\n" + load);
  EXPECT_EQ(merged(same).find("^a:"), std::string::npos) << merged(same);
}

}  // namespace
}  // namespace shrike
