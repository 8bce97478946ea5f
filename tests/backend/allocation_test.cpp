// Register allocation and frame and block layout, without a kernel.
#include <gtest/gtest.h>

#include "backend-bpf/backend.h"
#include "backend-bpf/lir_text.h"
#include "backend-bpf/lir_validate.h"
#include "backend-bpf/stages.h"
#include "mir/text.h"
#include "tests/backend/random_mir.h"

namespace shrike {
namespace {

lir::Module parse(const std::string& body) {
  Diagnostics diagnostics;
  lir::Module module = lir::parse(
      "lir isa 3\ninterface {\n  map @m user array bytes 4 4096 entries 1\n}\nfn \"f\" program kprobe {\n" + body + "}\n", 1,
      diagnostics);
  EXPECT_FALSE(diagnostics.has_errors()) << (diagnostics.all().empty() ? "" : diagnostics.all()[0].message);
  return module;
}

lir::Function& only_function(lir::Module& module) {
  return module.functions[mir::FunctionId(uint32_t{0})];
}

size_t count(const lir::Function& function, const std::function<bool(const lir::Inst&)>& matches) {
  size_t found = 0;
  for (const lir::Block& block : function.blocks)
    for (const lir::Inst& inst : block.insts) found += matches(inst);
  return found;
}

bool is_spill_code(const lir::Function& function, const lir::Inst& inst) {
  return inst.slot.is_valid() && function.slots[inst.slot].is_spill;
}

// Values that are live across a call fill r6 to r9; only the fifth needs memory.
TEST(Allocation, CallsLeaveFourRegisters) {
  for (int live : {4, 5}) {
    std::string body = "^entry:\n  v9 = mov64 r1\n";
    for (int i = 0; i < live; i++) body += "  v" + std::to_string(i) + " = ldx64 [v9 #" + std::to_string(i * 8) + "]\n";
    body += "  call ktime_get_ns\n";
    for (int i = 1; i < live; i++) body += "  add64 v0, v" + std::to_string(i) + "\n";
    lir::Module module = parse(body + "  r0 = mov64 v0\n  exit\n");
    lir::Function& function = only_function(module);
    bpf::allocate_registers(function, {});
    size_t spills = count(function, [&](const lir::Inst& inst) { return is_spill_code(function, inst); });
    EXPECT_EQ(spills, live == 4 ? 0u : 2u) << lir::print(module);
    EXPECT_TRUE(lir::validate(module).empty());
  }
}

TEST(Allocation, MovesToOperandsOfCallsDisappear) {
  lir::Module module = parse(
      "  slot $k 8 align 8\n^entry:\n  st64 [$k #0], 0\n  v0 = ld_map @m\n  v1 = lea $k #0\n  r1 = mov64 v0\n  r2 = mov64 v1\n"
      "  call map_lookup_elem\n  v2 = mov64 r0\n  jeq v2, 0, ^null, ^ok\n^null:\n  r0 = mov64 0\n  exit\n"
      "^ok:\n  v3 = ldx64 [v2 #0]\n  r0 = mov64 v3\n  exit\n");
  lir::Function& function = only_function(module);
  bpf::allocate_registers(function, {});
  EXPECT_EQ(count(function, [](const lir::Inst& inst) { return lir::is_move(inst); }), 0u) << lir::print(module);
}

TEST(Allocation, ConstantsAndAddressesAreMadeAgainInsteadOfSpilled) {
  std::string body = "^entry:\n  v9 = mov64 r1\n  v20 = ld_value @m #8\n";
  for (int i = 0; i < 4; i++) body += "  v" + std::to_string(i) + " = ldx64 [v9 #" + std::to_string(i * 8) + "]\n";
  body += "  st64 [v20 #0], v0\n  call ktime_get_ns\n  st64 [v20 #8], v0\n";
  for (int i = 1; i < 4; i++) body += "  add64 v0, v" + std::to_string(i) + "\n";
  lir::Module module = parse(body + "  r0 = mov64 v0\n  exit\n");
  lir::Function& function = only_function(module);
  bpf::allocate_registers(function, {});
  EXPECT_EQ(count(function, [&](const lir::Inst& inst) { return is_spill_code(function, inst); }), 0u) << lir::print(module);
  EXPECT_EQ(count(function, [](const lir::Inst& inst) { return inst.op == lir::Op::ld_value; }), 2u) << lir::print(module);
}

TEST(Allocation, IsProvedForRandomProgramsUnderPressure) {
  for (uint64_t seed = 1; seed <= 40; seed++) {
    bool spill = seed % 4 == 0;
    test::RandomProgram program =
        test::random_program(seed, {.statements = 40, .live_values = static_cast<uint32_t>(6 + seed % 30)});
    lir::Module module = bpf::select(std::move(program.base.module), {});
    lir::Function& function = only_function(module);
    bpf::lower_block_params(function);
    bpf::set_origins(function);
    lir::Function original = function;
    bpf::allocate_registers(function, {.spill_everything = spill});
    std::vector<std::string> problems = bpf::check_allocation(original, function);
    EXPECT_TRUE(problems.empty()) << "seed " << seed << ": " << problems[0];
    EXPECT_TRUE(lir::validate(module).empty());
  }
}

// The proof must fail for wrong allocations: change one register, slot or instruction of a right one and see.
TEST(Allocation, TheProofFindsWrongAllocations) {
  size_t tried = 0, found = 0;
  for (uint64_t seed = 1; seed <= 6; seed++) {
    test::RandomProgram program = test::random_program(seed, {.statements = 10, .live_values = 16});
    lir::Module module = bpf::select(std::move(program.base.module), {});
    lir::Function& function = only_function(module);
    bpf::lower_block_params(function);
    bpf::set_origins(function);
    lir::Function original = function;
    bpf::allocate_registers(function, {});
    for (uint32_t b = 0; b < function.blocks.size(); b++)
      for (size_t i = 0; i < function.blocks[lir::BlockId(b)].insts.size(); i += 3) {
        lir::Function wrong = function;
        lir::Inst& inst = wrong.blocks[lir::BlockId(b)].insts[i];
        lir::Reg* used = inst.a.is_valid() ? &inst.a : inst.b.is_valid() ? &inst.b : nullptr;
        if (!used || *used == lir::r10) continue;
        *used = lir::physical((used->index + 1 + seed) % 10);
        tried++;
        found += !bpf::check_allocation(original, wrong).empty();
      }
  }
  EXPECT_GT(tried, 100u);
  // The other register may hold the same value as a copy, or the value may never be needed.
  EXPECT_GT(found * 100, tried * 85) << found << " of " << tried;
}

TEST(Allocation, TheProofFindsLostInstructions) {
  test::RandomProgram program = test::random_program(3, {.statements = 12, .live_values = 8});
  lir::Module module = bpf::select(std::move(program.base.module), {});
  lir::Function& function = only_function(module);
  bpf::lower_block_params(function);
  bpf::set_origins(function);
  lir::Function original = function;
  bpf::allocate_registers(function, {});
  lir::Function shorter = function;
  std::vector<lir::Inst>& insts = shorter.blocks[lir::BlockId(uint32_t{0})].insts;
  insts.erase(insts.begin());
  EXPECT_FALSE(bpf::check_allocation(original, shorter).empty());
}

// So many that neighbours are in a table instead of a matrix, with one that all others are neighbours and copies of.
TEST(Allocation, ThousandsOfRegistersAreProved) {
  const auto reg = [](int number) { return "v" + std::to_string(number); };
  std::string body = "^entry:\n  v0 = mov64 r1\n  v1 = mov64 0\n";
  int sum = 1;
  for (int i = 0; i < 2000; i++) {
    const int now = 3 * i + 2, copy = now + 1, next = now + 2;
    body += "  call ktime_get_ns\n  " + reg(now) + " = mov64 r0\n  " + reg(copy) + " = mov64 v0\n  add64 " + reg(copy) + ", " +
            reg(now) + "\n  " + reg(next) + " = mov64 " + reg(sum) + "\n  add64 " + reg(next) + ", " + reg(copy) + "\n";
    sum = next;
    if (i % 50 != 0) continue;
    const std::string n = std::to_string(i);
    body += "  jeq " + reg(now) + ", 7, ^odd" + n + ", ^on" + n + "\n^odd" + n + ":\n  add64 " + reg(sum) + ", " + reg(now) +
            "\n  ja ^on" + n + "\n^on" + n + ":\n";
  }
  lir::Module module = parse(body + "  r0 = mov64 " + reg(sum) + "\n  add64 r0, v0\n  exit\n");
  lir::Function& function = only_function(module);
  bpf::set_origins(function);
  const lir::Function original = function;
  bpf::allocate_registers(function, {});
  EXPECT_TRUE(bpf::check_allocation(original, function).empty());
  EXPECT_TRUE(lir::validate(module).empty());
  // What lives at one time fits r6 to r9.
  EXPECT_EQ(count(function, [&](const lir::Inst& inst) { return is_spill_code(function, inst); }), 0u);
}

TEST(LowerBlockParams, SwapsGoThroughATemporary) {
  lir::Module module = parse(
      "^entry:\n  v0 = mov64 1\n  v1 = mov64 2\n  ja ^loop(v0, v1)\n"
      "^loop(v2, v3):\n  jlt v2, v3, ^loop(v3, v2), ^done\n^done:\n  r0 = mov64 v2\n  exit\n");
  bpf::lower_block_params(only_function(module));
  std::string text = lir::print(module);
  EXPECT_NE(text.find("^edge:\n  v4 = mov64 v2\n  v2 = mov64 v3\n  v3 = mov64 v4\n  ja ^loop\n"), std::string::npos) << text;
  EXPECT_TRUE(lir::validate(module).empty());
}

TEST(Frame, SlotsAreAlignedAndSpillsShared) {
  Diagnostics diagnostics;
  lir::Module module = parse(
      "  slot $odd 3 align 1\n  slot $wide 16 align 8\n  slot $x 8 align 8 spill\n  slot $y 8 align 8 spill\n"
      "^entry:\n  st8 [$odd #2], 1\n  st64 [$wide #8], 1\n  st64 [$x #0], r1\n  r2 = ldx64 [$x #0]\n  st64 [$y #0], r2\n"
      "  r0 = ldx64 [$y #0]\n  exit\n");
  lir::Function& function = only_function(module);
  bpf::share_spill_slots(function);
  ASSERT_TRUE(bpf::layout_frame(function, diagnostics));
  ASSERT_EQ(function.slots.size(), 3u);
  EXPECT_EQ(function.slots[lir::SlotId(uint32_t{1})].offset, -16);
  EXPECT_EQ(function.slots[lir::SlotId(uint32_t{2})].offset, -24);
  EXPECT_EQ(function.slots[lir::SlotId(uint32_t{0})].offset, -27);
  EXPECT_EQ(function.frame_bytes, 32u);
}

TEST(Frame, TooMuchIsADiagnosticAtTheBiggestSlot) {
  Diagnostics diagnostics;
  test::MirProgram program;
  mir::Builder& b = program.builder;
  b.set_span({10, 20});
  b.zero(b.slot_addr(program.slot("small", 16)), 0, 16);
  b.set_span({30, 40});
  b.zero(b.slot_addr(program.slot("big", 504)), 0, 504);
  b.ret(b.constant(0));
  lir::Module module = bpf::select(std::move(program.module), {});
  EXPECT_FALSE(bpf::allocate(module, {}, diagnostics));
  ASSERT_EQ(diagnostics.all().size(), 1u);
  EXPECT_EQ(diagnostics.all()[0].id, Diag::frame_too_big);
  EXPECT_EQ(diagnostics.all()[0].span, (Span{30, 40}));
}

// Each frame counts as a multiple of 32 bytes.
TEST(Frame, ChainsOfCallbacksShareOneStack) {
  auto outcome = [](uint32_t outer, uint32_t inner) -> std::string {
    const std::string a = std::to_string(outer), b = std::to_string(inner);
    Diagnostics diagnostics;
    mir::Module module = mir::parse(
        "fn \"t\" program kprobe {\n  slot $a " + a + " align 8\n^entry(%ctx: ptr.ctx):\n" +
            "  %a: ptr.stack = slot_addr $a\n  zero %a, #0, " + a + "\n  %n: i64 = constant 5\n  %0: i64 = constant 0\n" +
            "  %r: i64 = call loop(%n, &\"round\", %a, %0)\n  ret %0\n}\n" + "fn \"round\" loop kprobe {\n  slot $b " + b +
            " align 8\n^entry(%i: i64, %c: ptr.stack):\n  %b: ptr.stack = slot_addr $b\n  zero %b, #0, " + b +
            "\n  %x: i64 = load.u64 %b, #0\n  store.u64 %c, %x, #0\n  ret %x\n}\n",
        1, diagnostics);
    lir::Module selected = bpf::select(std::move(module), {});
    if (bpf::allocate(selected, {}, diagnostics) && !diagnostics.has_errors()) return "fits";
    return diagnostics.all().empty() ? "nothing said" : diagnostics.all()[0].message;
  };
  EXPECT_EQ(outcome(384, 128), "fits");
  // Diag::chain_too_deep
  EXPECT_EQ(outcome(392, 104),
            "`t` and the functions and loops inside it need 544 bytes of stack together; the kernel gives 512");
}

// `blocks` blocks that each end with a branch back to the start.
lir::Module long_program(size_t blocks, int isa) {
  std::string body = "^entry:\n  r0 = mov64 0\n  ja ^b0\n";
  for (size_t i = 0; i < blocks; i++) {
    body += "^b" + std::to_string(i) + ":\n";
    for (int k = 0; k < 1000; k++) body += "  add64 r0, r0\n";
    body += "  jeq r0, 5, ^end, ^b" + std::to_string(i + 1) + "\n";
  }
  body += "^b" + std::to_string(blocks) + ":\n  add64 r0, r0\n  ja ^end\n^end:\n  exit\n";
  lir::Module module = parse(body);
  module.isa_level = isa;
  return module;
}

// Follows jumps that only jump on.
size_t end_of_jumps(const std::vector<bpf::Insn>& insns, size_t at) {
  while (insns[at].opcode == bpf::ja_insn) at += static_cast<size_t>(1 + insns[at].offset);
  return at;
}

// The side on which a value is some other number is walked first by the verifier; a null check keeps its order.
TEST(Blocks, TheSideThatKnowsLessComesFirst) {
  const std::pair<const char*, const char*> cases[] = {
      {"jeq r0, 5", "otherwise"}, {"jne r0, 5", "then"}, {"jeq r0, 0", "then"}, {"jgt r0, 5", "then"}};
  for (auto [branch, next] : cases) {
    lir::Module module = parse("^entry:\n  r0 = mov64 0\n  " + std::string(branch) +
                               ", ^then, ^otherwise\n^then:\n  r0 = mov64 1\n  ja ^end\n^otherwise:\n  r0 = mov64 2\n"
                               "  ja ^end\n^end:\n  exit\n");
    Diagnostics diagnostics;
    ASSERT_TRUE(bpf::layout_blocks(only_function(module), 3, diagnostics));
    EXPECT_EQ(only_function(module).blocks[lir::BlockId(uint32_t{1})].name, next) << branch;
    EXPECT_EQ(only_function(module).blocks[lir::BlockId(uint32_t{3})].name, "end") << branch;
  }
}

TEST(Blocks, FarJumpsGoByStagesBelowLevelFour) {
  lir::Module module = long_program(70, 3);
  Diagnostics diagnostics;
  ASSERT_TRUE(bpf::layout_blocks(only_function(module), 3, diagnostics));
  EXPECT_TRUE(lir::validate(module).empty());
  bpf::Object object = bpf::emit(std::move(module));
  const std::vector<bpf::Insn>& insns = object.programs[0].insns;
  ASSERT_GT(insns.size(), 70000u);
  // All that is not falling through gets to the end, whatever lies between.
  size_t branches = 0;
  for (size_t i = 0; i < insns.size(); i++) {
    const uint8_t op = insns[i].opcode & 0xf0;
    if ((insns[i].opcode & 7) != bpf::cls::jmp || (op != bpf::jmp::jeq && op != bpf::jmp::jne)) continue;
    branches++;
    const size_t taken = end_of_jumps(insns, i + 1 + static_cast<size_t>(insns[i].offset)), next = end_of_jumps(insns, i + 1);
    EXPECT_EQ(insns[op == bpf::jmp::jeq ? taken : next].opcode, bpf::exit_insn) << i;
    EXPECT_NE(insns[op == bpf::jmp::jeq ? next : taken].opcode, bpf::exit_insn) << i;
  }
  EXPECT_EQ(branches, 70u);
}

TEST(Blocks, IslandsHaveRoomForSoManyTargets) {
  // Ten thousand branches, each to a place of its own behind all of them.
  std::string body = "^entry:\n  r0 = mov64 0\n  ja ^b0\n";
  constexpr int count = 10000;
  for (int i = 0; i < count; i++)
    body += "^b" + std::to_string(i) + ":\n  jne r0, 5, ^b" + std::to_string(i + 1) + ", ^f" + std::to_string(i) + "\n";
  body += "^b" + std::to_string(count) + ":\n";
  for (int k = 0; k < 30000; k++) body += "  add64 r0, r0\n";
  body += "  exit\n";
  for (int i = 0; i < count; i++) body += "^f" + std::to_string(i) + ":\n  add64 r0, r0\n  exit\n";
  lir::Module module = parse(body);
  Diagnostics diagnostics;
  EXPECT_FALSE(bpf::layout_blocks(only_function(module), 3, diagnostics));
  ASSERT_EQ(diagnostics.all().size(), 1u);
  EXPECT_EQ(diagnostics.all()[0].id, Diag::program_too_long);
}

TEST(Blocks, FarJumpsAreOneInstructionFromLevelFour) {
  Diagnostics diagnostics;
  lir::Module module = long_program(70, 4);
  EXPECT_TRUE(bpf::layout_blocks(only_function(module), 4, diagnostics));
  EXPECT_TRUE(lir::validate(module).empty());
  bpf::Object object = bpf::emit(std::move(module));
  const std::vector<bpf::Insn>& insns = object.programs[0].insns;
  EXPECT_EQ(insns.back().opcode, bpf::exit_insn);
  size_t far = 0;
  for (size_t i = 0; i < insns.size(); i++) {
    if (insns[i].opcode != bpf::jump_far(0).opcode) continue;
    far++;
    EXPECT_EQ(i + 1 + static_cast<size_t>(insns[i].imm), insns.size() - 1);
  }
  EXPECT_GT(far, 30u);
}

TEST(Peephole, LeavesNothingThatDoesNothing) {
  lir::Module module = parse(
      "  slot $s 16 align 8\n  slot $x 8 align 8 spill\n"
      "^entry:\n  r6 = mov64 r1\n  r1 = mov64 r6\n  r2 = ldx8 [r6 #0]\n  and64 r2, 255\n  st64 [$x #0], r2\n  r3 = ldx64 [$x "
      "#0]\n"
      "  r4 = mov64 7\n  r1 = lea $s #0\n  add64 r1, 4\n  add64 r1, 4\n  st8 [r1 #0], r3\n  ja ^hop\n^hop:\n  ja ^end\n"
      "^end:\n  r0 = mov64 0\n  add64 r0, 0\n  exit\n");
  bpf::peephole(only_function(module));
  EXPECT_NE(lir::print(module).find(
                "^entry:\n  r6 = mov64 r1\n  r2 = ldx8 [r6 #0]\n  r3 = mov64 r2\n  r1 = lea $s #8\n  st8 [r1 #0], r3\n"
                "  ja ^end\n^end:\n  r0 = mov64 0\n  exit\n"),
            std::string::npos)
      << lir::print(module);
}

}  // namespace
}  // namespace shrike
