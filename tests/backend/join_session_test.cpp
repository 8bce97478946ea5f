// Two programs in one: what names a place in them has moved along.
#include "backend-bpf/join_session.h"

#include <gtest/gtest.h>

namespace shrike::bpf {
namespace {

// Calls its own second function, and loads a map.
Program with_subprogram(std::string name, uint32_t map) {
  Program program;
  program.name = name;
  program.insns = {call_subprogram(), exit_program(), wide_low(1, 0, 0), wide_high(0), alu_imm(cls::alu64 | alu::mov, 0, 0),
                   exit_program()};
  program.insns[0].imm = 1;
  program.relocations = {{2, mir::MapId(map), true, 8}};
  program.lines = {{0, Span{1, 2}}, {2, Span{3, 4}}};
  program.subprograms = {{0, name, 0}, {2, name + "_part", 0}};
  return program;
}

TEST(JoinSession, CallsOneOfTheTwo) {
  const Program joined = join_session(with_subprogram("in", 0), with_subprogram("out", 1), 77);
  EXPECT_EQ(joined.insns[1], (Insn{call_insn, make_regs(0, pseudo::kfunc_call), 0, 77}));
  ASSERT_EQ(joined.subprograms.size(), 5u);
  std::vector<uint32_t> called;
  for (uint32_t i = 0; i < joined.insns.size(); i++)
    if (joined.insns[i].opcode == call_insn && joined.insns[i].src() == pseudo::call)
      called.push_back(i + 1 + static_cast<uint32_t>(joined.insns[i].imm));
  const std::vector<Subprogram>& parts = joined.subprograms;
  EXPECT_EQ(called, (std::vector<uint32_t>{parts[1].insn, parts[3].insn, parts[2].insn, parts[4].insn}));
  EXPECT_EQ(parts[1].name, "in");
  EXPECT_EQ(parts[3].name, "out");
}

TEST(JoinSession, MapsAndLinesMoveAlong) {
  const Program joined = join_session(with_subprogram("in", 0), with_subprogram("out", 1), 77);
  ASSERT_EQ(joined.relocations.size(), 2u);
  for (uint32_t i = 0; i < 2; i++) {
    const Relocation& relocation = joined.relocations[i];
    EXPECT_EQ(joined.insns[relocation.insn].opcode, ld_imm64);
    EXPECT_EQ(relocation.insn, joined.subprograms[2 + 2 * i].insn);
    EXPECT_EQ(relocation.map, mir::MapId(i));
    EXPECT_TRUE(relocation.is_value);
  }
  ASSERT_EQ(joined.lines.size(), 5u);
  EXPECT_EQ(joined.lines[0].insn, 0u);
  for (uint32_t i = 1; i < 5; i++) EXPECT_EQ(joined.lines[i].insn, joined.subprograms[i].insn);
}

TEST(JoinSession, KeepsThatThereAreCallbacks) {
  Program out = with_subprogram("out", 1);
  EXPECT_FALSE(join_session(with_subprogram("in", 0), out, 77).has_callbacks);
  out.has_callbacks = true;
  EXPECT_TRUE(join_session(with_subprogram("in", 0), out, 77).has_callbacks);
}

}  // namespace
}  // namespace shrike::bpf
