// Notes of static probes, and every form of argument that compilers write for x86-64.
#include "runtime/static_probes.h"

#include <gtest/gtest.h>

namespace shrike {
namespace {

using Place = StaticArgument::Place;

StaticArgument parsed(std::string_view text) {
  return parse_static_argument(text, 0x1000, [](std::string_view symbol) -> std::optional<uint64_t> {
    return symbol == "counter" ? std::optional<uint64_t>(0x5000) : std::nullopt;
  });
}

TEST(StaticArguments, Registers) {
  struct Row {
    const char* text;
    const char* name;
    uint32_t size;
    bool is_signed, is_second_byte;
  };
  const Row rows[] = {{"-4@%eax", "ax", 4, true, false},   {"8@%rdi", "di", 8, false, false},  {"-1@%sil", "si", 1, true, false},
                      {"1@%ah", "ax", 1, false, true},     {"2@%bp", "bp", 2, false, false},   {"-2@%r8w", "r8", 2, true, false},
                      {"4@%r15d", "r15", 4, false, false}, {"-8@%r10", "r10", 8, true, false}, {"1@%bl", "bx", 1, false, false}};
  for (const Row& row : rows) {
    StaticArgument argument = parsed(row.text);
    EXPECT_EQ(argument.place, Place::in_register) << row.text;
    EXPECT_EQ(argument.base, row.name) << row.text;
    EXPECT_EQ(argument.size, row.size) << row.text;
    EXPECT_EQ(argument.is_signed, row.is_signed) << row.text;
    EXPECT_EQ(argument.is_second_byte, row.is_second_byte) << row.text;
  }
}

TEST(StaticArguments, ConstantsAreAsWideAsTheySay) {
  EXPECT_EQ(parsed("-1@$5").constant, 5);
  EXPECT_EQ(parsed("-4@$-7").constant, -7);
  EXPECT_EQ(parsed("1@$-56").constant, 200);
  EXPECT_EQ(parsed("4@$-294967296").constant, 4000000000);
  EXPECT_EQ(parsed("-8@$-5000000000").constant, -5000000000);
  EXPECT_EQ(parsed("8@$0x10").constant, 16);
  EXPECT_EQ(parsed("8@$0x10").place, Place::constant);
}

TEST(StaticArguments, Memory) {
  StaticArgument simple = parsed("8@-8(%rbp)");
  EXPECT_EQ(simple.place, Place::memory);
  EXPECT_EQ(simple.base, "bp");
  EXPECT_EQ(simple.constant, -8);
  StaticArgument indexed = parsed("4@(%rax,%rbx,8)");
  EXPECT_EQ(indexed.base, "ax");
  EXPECT_EQ(indexed.index, "bx");
  EXPECT_EQ(indexed.scale, 8u);
  EXPECT_EQ(indexed.constant, 0);
  StaticArgument table = parsed("-8@counter(,%rdx,4)");
  EXPECT_EQ(table.place, Place::memory);
  EXPECT_EQ(table.base, "");
  EXPECT_EQ(table.constant, 0x5000);
  // As far from the instruction as it was linked.
  StaticArgument relative = parsed("8@counter+8(%rip)");
  EXPECT_EQ(relative.place, Place::memory);
  EXPECT_EQ(relative.base, "ip");
  EXPECT_EQ(relative.constant, 0x4008);
  EXPECT_EQ(parsed("4@8-16+counter(%rip)").constant, 0x3ff8);
  EXPECT_EQ(parsed("4@counter").constant, 0x5000);
}

TEST(StaticArguments, WhatIsNoIntegerIsLeftAlone) {
  for (const char* text :
       {"8f@%xmm0", "-4@%xmm1", "16@%rax", "8@%fs:16", "8@unknown(%rip)", "4@$unknown", "8@(%rax,%rbx,3)", "@"}) {
    EXPECT_EQ(parsed(text).place, Place::unknown) << text;
    EXPECT_EQ(parsed(text).text, text);
  }
}

TEST(StaticProbes, OfAProgram) {
  StaticProbes found = read_static_probes(SHRIKE_DEBUGGED, {});
  ASSERT_EQ(found.why, "");
  std::string names;
  for (const StaticProbe& probe : found.probes) names += probe.name + std::to_string(probe.arguments.size()) + " ";
  EXPECT_EQ(names, "plain0 three3 widths4 memory2 twice1 twice1 real2 ");
  for (const StaticProbe& probe : found.probes) {
    EXPECT_EQ(probe.provider, "debugged");
    EXPECT_EQ(probe.semaphore, 0u);
    EXPECT_NE(probe.address, 0u);
  }
}

TEST(StaticProbes, SemaphoreOfALibrary) {
  StaticProbes found = read_static_probes(SHRIKE_DEBUGGED_LIBRARY, {});
  ASSERT_EQ(found.probes.size(), 1u) << found.why;
  EXPECT_NE(found.probes[0].semaphore, 0u);
}

TEST(StaticProbes, FilesThatHaveNone) {
  EXPECT_TRUE(read_static_probes(SHRIKE_WORKLOAD, {}).probes.empty());
  EXPECT_EQ(read_static_probes(SHRIKE_WORKLOAD, {}).why, "");
  EXPECT_NE(read_static_probes("/etc/passwd", {}).why, "");
}

}  // namespace
}  // namespace shrike
