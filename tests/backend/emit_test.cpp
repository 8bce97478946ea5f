// Every row of machine_insts.def: LIR text in, disassembly of the emitted bytes out; and what encoding alone cannot show,
// jumps and subprograms.
#include <gtest/gtest.h>

#include <set>

#include "backend-bpf/backend.h"
#include "backend-bpf/lir_text.h"
#include "backend-bpf/lir_validate.h"

namespace shrike {
namespace {

const char* interface_text = "interface {\n  map @m user array bytes 4 64 entries 1\n}\n";

lir::Module parse(const std::string& text) {
  Diagnostics diagnostics;
  lir::Module module = lir::parse(text, 1, diagnostics);
  EXPECT_FALSE(diagnostics.has_errors()) << text << "\n" << (diagnostics.all().empty() ? "" : diagnostics.all()[0].message);
  return module;
}

std::vector<std::string> listing(const bpf::Program& program) {
  std::vector<std::string> lines;
  for (size_t i = 0; i < program.insns.size(); i++) {
    bool is_wide = program.insns[i].opcode == bpf::ld_imm64;
    lines.push_back(bpf::disassemble(program.insns[i], is_wide ? &program.insns[i + 1] : nullptr));
    i += is_wide;
  }
  return lines;
}

std::vector<std::string> emit_body(const std::string& body, int isa) {
  std::string text = "lir isa " + std::to_string(isa) + "\n" + interface_text + "fn \"main\" program raw_tracepoint {\n" +
                     "  slot $s 16 align 8\n^entry:\n" + body + "\n}\n";
  text += "fn \"callback\" loop raw_tracepoint {\n^entry:\n  r0 = mov64 0\n  exit\n}\n";
  lir::Module module = parse(text);
  for (auto& slot : module.functions[mir::FunctionId(uint32_t{0})].slots) slot.offset = -16;
  return listing(bpf::emit(std::move(module)).programs[0]);
}

struct Row {
  const char* text;
  std::vector<std::string> wanted;
};

const Row rows[] = {
    {"add64 r1, r2", {"r1 += r2"}},
    {"add64 r1, -5", {"r1 += -5"}},
    {"sub64 r1, 5", {"r1 -= 5"}},
    {"mul64 r1, r9", {"r1 *= r9"}},
    {"div64 r1, 10", {"r1 /= 10"}},
    {"mod64 r1, r3", {"r1 %= r3"}},
    {"or64 r1, 1", {"r1 |= 1"}},
    {"and64 r1, 255", {"r1 &= 255"}},
    {"xor64 r1, r2", {"r1 ^= r2"}},
    {"lsh64 r1, 3", {"r1 <<= 3"}},
    {"rsh64 r1, r2", {"r1 >>= r2"}},
    {"arsh64 r1, 63", {"r1 s>>= 63"}},
    {"sdiv64 r1, r2", {"r1 s/= r2"}},
    {"smod64 r1, -3", {"r1 s%= -3"}},
    {"neg64 r4", {"r4 = -r4"}},
    {"r1 = mov64 r10", {"r1 = r10"}},
    {"r1 = mov64 -1", {"r1 = -1"}},
    {"r1 = mov32 r2", {"w1 = w2"}},
    {"r1 = movsx8 r2", {"r1 = (s8)r2"}},
    {"r1 = movsx16 r2", {"r1 = (s16)r2"}},
    {"r1 = movsx32 r2", {"r1 = (s32)r2"}},
    {"be16 r1", {"r1 = be16 r1"}},
    {"be32 r1", {"r1 = be32 r1"}},
    {"be64 r1", {"r1 = be64 r1"}},
    {"r1 = ldx8 [r2 #1]", {"r1 = *(u8 *)(r2 +1)"}},
    {"r1 = ldx16 [r2 #-2]", {"r1 = *(u16 *)(r2 -2)"}},
    {"r1 = ldx32 [$s #4]", {"r1 = *(u32 *)(r10 -12)"}},
    {"r1 = ldx64 [r2 #0]", {"r1 = *(u64 *)(r2 +0)"}},
    {"r1 = ldxs8 [r2 #0]", {"r1 = *(s8 *)(r2 +0)"}},
    {"r1 = ldxs16 [r2 #0]", {"r1 = *(s16 *)(r2 +0)"}},
    {"r1 = ldxs32 [r2 #0]", {"r1 = *(s32 *)(r2 +0)"}},
    {"st8 [r2 #0], r1", {"*(u8 *)(r2 +0) = r1"}},
    {"st16 [r2 #0], 7", {"*(u16 *)(r2 +0) = 7"}},
    {"st32 [r2 #0], -1", {"*(u32 *)(r2 +0) = -1"}},
    {"st64 [$s #8], 0", {"*(u64 *)(r10 -8) = 0"}},
    {"atomic_add32 [r2 #4], r1", {"lock *(u32 *)(r2 +4) += r1"}},
    {"atomic_add64 [$s #0], r1", {"lock *(u64 *)(r10 -16) += r1"}},
    {"fetch_add32 [r2 #0], r1", {"r1 = atomic_fetch_add((u32 *)(r2 +0), r1)"}},
    {"fetch_add64 [r2 #0], r1", {"r1 = atomic64_fetch_add((u64 *)(r2 +0), r1)"}},
    {"cmpxchg32 [r2 #0], r1", {"r0 = atomic_cmpxchg((u32 *)(r2 +0), r0, r1)"}},
    {"cmpxchg64 [$s #0], r1", {"r0 = atomic64_cmpxchg((u64 *)(r10 -16), r0, r1)"}},
    {"r1 = ld_imm64 81985529216486895", {"r1 = 0x123456789abcdef"}},
    {"r1 = ld_map @m", {"r1 = map[fd:0]"}},
    {"r1 = ld_value @m #16", {"r1 = map[fd:0][0]+0"}},
    {"r1 = ld_func &\"callback\"", {"r1 = subprog[+2]"}},
    {"r1 = lea $s #4", {"r1 = r10", "r1 += -12"}},
    {"min64 r1, 63", {"if r1 <= 0x3f goto pc+1", "r1 = 63"}},
    {"min64 r1, r2", {"if r1 <= r2 goto pc+1", "r1 = r2"}},
    {"r1 = set_eq r2, r3", {"r1 = 1", "if r2 == r3 goto pc+1", "r1 = 0"}},
    {"r1 = set_ne r2, 4", {"r1 = 1", "if r2 != 0x4 goto pc+1", "r1 = 0"}},
    {"r1 = set_gt r2, 4", {"r1 = 1", "if r2 > 0x4 goto pc+1", "r1 = 0"}},
    {"r1 = set_ge r2, 4", {"r1 = 1", "if r2 >= 0x4 goto pc+1", "r1 = 0"}},
    {"r1 = set_lt r2, 4", {"r1 = 1", "if r2 < 0x4 goto pc+1", "r1 = 0"}},
    {"r1 = set_le r2, 4", {"r1 = 1", "if r2 <= 0x4 goto pc+1", "r1 = 0"}},
    {"r1 = set_sgt r2, 4", {"r1 = 1", "if r2 s> 0x4 goto pc+1", "r1 = 0"}},
    {"r1 = set_sge r2, 4", {"r1 = 1", "if r2 s>= 0x4 goto pc+1", "r1 = 0"}},
    {"r1 = set_slt r2, -4", {"r1 = 1", "if r2 s< 0xfffffffc goto pc+1", "r1 = 0"}},
    {"r1 = set_sle r2, 4", {"r1 = 1", "if r2 s<= 0x4 goto pc+1", "r1 = 0"}},
    {"call get_current_pid_tgid", {"call 14"}},
    {"call_fn &\"callback\", 2", {"call pc+1"}},
};

TEST(Emit, EveryRowHasItsEncoding) {
  std::set<std::string> seen{"exit", "ja", "ja_far"};  // in the tests below, with the jumps
  for (const Row& row : rows) {
    std::vector<std::string> lines = emit_body(std::string("  ") + row.text + "\n  exit", 4);
    std::vector<std::string> wanted = row.wanted;
    wanted.push_back("exit");
    lines.resize(std::min(lines.size(), wanted.size()));
    EXPECT_EQ(lines, wanted) << row.text;
    std::string text = row.text;
    size_t equals = text.find(" = ");
    text = equals == std::string::npos ? text : text.substr(equals + 3);
    seen.insert(text.substr(0, text.find(' ')));
  }
  for (size_t i = 0; i < lir::op_count(); i++) {
    const lir::OpRow& row = lir::row_of(static_cast<lir::Op>(i));
    if (row.form == lir::Form::jump) continue;
    EXPECT_TRUE(seen.contains(std::string(row.name))) << row.name << " has no case here";
  }
}

TEST(Emit, EveryJumpTakesItsFirstTargetIfItHolds) {
  const std::pair<const char*, const char*> jumps[] = {{"jeq", "=="},  {"jne", "!="},   {"jgt", ">"},   {"jge", ">="},
                                                       {"jlt", "<"},   {"jle", "<="},   {"jsgt", "s>"}, {"jsge", "s>="},
                                                       {"jslt", "s<"}, {"jsle", "s<="}, {"jset", "&"}};
  const std::pair<const char*, const char*> half_jumps[] = {{"jeq32", "=="},   {"jne32", "!="},  {"jsgt32", "s>"},
                                                            {"jsge32", "s>="}, {"jslt32", "s<"}, {"jsle32", "s<="}};
  for (auto [name, symbol] : half_jumps) {
    std::string body = "  " + std::string(name) + " r1, r2, ^b, ^a\n^a:\n  r0 = mov64 0\n  exit\n^b:\n  ja ^a";
    std::vector<std::string> wanted{"if w1 " + std::string(symbol) + " w2 goto pc+2", "r0 = 0", "exit", "goto pc-3"};
    EXPECT_EQ(emit_body(body, 3), wanted) << name;
  }
  for (auto [name, symbol] : jumps) {
    std::string body = "  " + std::string(name) + " r1, r2, ^b, ^a\n^a:\n  r0 = mov64 0\n  exit\n^b:\n  ja ^a";
    std::vector<std::string> wanted{"if r1 " + std::string(symbol) + " r2 goto pc+2", "r0 = 0", "exit", "goto pc-3"};
    EXPECT_EQ(emit_body(body, 3), wanted) << name;
  }
  EXPECT_EQ(emit_body("  ja_far ^b\n^a:\n  exit\n^b:\n  ja ^a", 4),
            (std::vector<std::string>{"gotol pc+1", "exit", "goto pc-2"}));
}

// Below level 2 there is no `less` jump: the comparison is made the other way round.
TEST(Emit, LevelOneHasOnlyGreaterJumps) {
  EXPECT_EQ(emit_body("  min64 r1, 63\n  exit", 1),
            (std::vector<std::string>{"if r1 > 0x3f goto pc+1", "goto pc+1", "r1 = 63", "exit"}));
  EXPECT_EQ(emit_body("  r1 = set_slt r2, r3\n  exit", 1),
            (std::vector<std::string>{"r1 = 0", "if r2 s>= r3 goto pc+1", "r1 = 1", "exit"}));
}

TEST(Emit, ObjectsKnowTheirRelocationsLinesAndSubprograms) {
  std::string text =
      std::string("lir isa 3\n") + interface_text +
      "fn \"main\" program raw_tracepoint {\n^entry:\n  r2 = ld_func &\"callback\"\n  r1 = ld_map @m\n  r3 = ld_value @m #24\n"
      "  r0 = mov64 0\n  exit\n}\nfn \"callback\" loop raw_tracepoint {\n^entry:\n  r0 = mov64 1\n  exit\n}\n";
  bpf::Object object = bpf::emit(parse(text));
  ASSERT_EQ(object.programs.size(), 1u);
  EXPECT_EQ(object.program_of, (std::vector<uint32_t>{0, UINT32_MAX}));
  const bpf::Program& program = object.programs[0];
  ASSERT_EQ(program.relocations.size(), 2u);
  EXPECT_EQ(program.relocations[0].insn, 2u);
  EXPECT_FALSE(program.relocations[0].is_value);
  EXPECT_EQ(program.relocations[1].insn, 4u);
  EXPECT_TRUE(program.relocations[1].is_value);
  EXPECT_EQ(program.relocations[1].offset, 24u);
  ASSERT_EQ(program.subprograms.size(), 2u);
  EXPECT_EQ(program.subprograms[1].insn, 8u);
  EXPECT_EQ(program.subprograms[1].name, "callback");
  EXPECT_EQ(program.insns[0].imm, 7);
  EXPECT_EQ(program.lines.front().insn, 0u);
  std::string printed = bpf::print(object, nullptr);
  EXPECT_NE(printed.find("r1 = map[@m]"), std::string::npos) << printed;
  EXPECT_NE(printed.find("r3 = map[@m][0]+24"), std::string::npos) << printed;
  EXPECT_NE(printed.find("function \"callback\""), std::string::npos) << printed;
}

TEST(Emit, DisassemblyKnowsInstructionsThatShrikeDoesNotMake) {
  using namespace bpf;
  auto text = [](Insn insn) { return disassemble(insn, nullptr); };
  EXPECT_EQ(text(atomic_op(cls::stx | mode::atomic | size::dw, 1, 8, 2, atomic::xchg)), "r2 = atomic64_xchg((u64 *)(r1 +8), r2)");
  EXPECT_EQ(text(atomic_op(cls::stx | mode::atomic | size::w, 1, 8, 2, atomic::cmpxchg)),
            "r0 = atomic_cmpxchg((u32 *)(r1 +8), r0, r2)");
  EXPECT_EQ(text(atomic_op(cls::stx | mode::atomic | size::w, 1, 8, 2, atomic::xor_)), "lock *(u32 *)(r1 +8) ^= r2");
  EXPECT_EQ(text(jump_imm(cls::jmp32 | jmp::jlt, 3, 9, -4)), "if w3 < 0x9 goto pc-4");
  EXPECT_EQ(text(alu_imm(cls::alu64 | alu::end, 5, 32)), "r5 = bswap32 r5");
  EXPECT_EQ(text({call_insn, make_regs(0, pseudo::call), 0, 6}), "call pc+6");
  EXPECT_EQ(text(Insn{0xff, 0, 1, 2}).substr(0, 2), "??");
}

}  // namespace
}  // namespace shrike
