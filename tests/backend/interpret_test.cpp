// The interpreter of finished programs: each instruction as RFC 9669 has it, and random programs as MIR's interpreters have them,
// at every ISA level and with every register spilled. Needs no kernel.
#include "backend-bpf/interpret.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "mir/text.h"
#include "passes/pipeline.h"
#include "tests/backend/evaluate.h"
#include "tests/backend/kernel_fixture.h"
#include "tests/backend/random_mir.h"
#include "tests/passes/random_program.h"
#include "tests/support/seeds.h"

namespace shrike {
namespace {

using bpf::Insn;
namespace alu = bpf::alu;
namespace cls = bpf::cls;

mir::Machine::Outcome run(std::vector<Insn> insns, std::vector<uint8_t> context = {}) {
  bpf::Object object;
  object.programs.emplace_back().insns = std::move(insns);
  return bpf::Interpreter(object).run_program(0, std::move(context));
}

std::vector<Insn> wide(uint8_t reg, uint64_t value) {
  return {bpf::wide_low(reg, 0, static_cast<int32_t>(value)), bpf::wide_high(static_cast<int32_t>(value >> 32))};
}

// r0 = a, r1 = b, then `insn`, then exit.
uint64_t computed(uint64_t a, uint64_t b, const Insn& insn) {
  std::vector<Insn> insns = wide(0, a);
  for (const Insn& each : wide(1, b)) insns.push_back(each);
  insns.push_back(insn);
  insns.push_back(bpf::exit_program());
  const mir::Machine::Outcome outcome = run(insns);
  EXPECT_EQ(outcome.fault, "");
  return outcome.result;
}

TEST(Interpreter, ArithmeticOfTheStandard) {
  const uint64_t least = uint64_t{1} << 63, minus = ~uint64_t{0};
  struct Row {
    uint8_t operation;
    uint8_t cls;
    int16_t offset;
    uint64_t a, b, result;
  };
  const Row rows[] = {
      {alu::add, cls::alu64, 0, minus, 2, 1},
      {alu::add, cls::alu, 0, 0xffffffff, 2, 1},
      {alu::sub, cls::alu, 0, 1, 2, 0xffffffff},
      {alu::mul, cls::alu64, 0, minus, 3, minus - 2},
      {alu::div, cls::alu64, 0, 7, 0, 0},
      {alu::mod, cls::alu64, 0, 7, 0, 7},
      {alu::mod, cls::alu, 0, 0x1'0000'0007, 0, 7},
      {alu::div, cls::alu64, 1, minus - 6, 2, minus - 2},
      {alu::mod, cls::alu64, 1, minus - 6, 2, minus},
      {alu::div, cls::alu64, 1, least, minus, least},
      {alu::mod, cls::alu64, 1, least, minus, 0},
      {alu::div, cls::alu, 1, 0x80000000, 0xffffffff, 0x80000000},
      {alu::div, cls::alu, 1, 0xfffffff9, 2, 0xfffffffd},
      {alu::lsh, cls::alu64, 0, 1, 65, 2},
      {alu::rsh, cls::alu, 0, 0xf'0000'0010, 36, 1},
      {alu::arsh, cls::alu64, 0, least, 63, minus},
      {alu::arsh, cls::alu, 0, 0x80000000, 31, 0xffffffff},
      {alu::xor_, cls::alu64, 0, 6, 3, 5},
      {alu::or_, cls::alu64, 0, 6, 3, 7},
      {alu::and_, cls::alu, 0, 0xf'0000'0006, 3, 2},
      {alu::mov, cls::alu, 0, 0, minus, 0xffffffff},
      {alu::mov, cls::alu64, 8, 0, 0x180, minus - 127},
      {alu::mov, cls::alu, 16, 0, 0x8000, 0xffff8000},
      {alu::mov, cls::alu64, 32, 0, 0x80000000, 0xffffffff80000000},
      {alu::neg, cls::alu64, 0, 1, 0, minus},
  };
  for (const Row& row : rows) {
    const Insn insn = bpf::alu_reg(row.operation | row.cls, 0, 1, row.offset);
    EXPECT_EQ(computed(row.a, row.b, insn), row.result) << bpf::disassemble(insn, nullptr) << " " << row.a << " " << row.b;
  }
  EXPECT_EQ(computed(5, 0, bpf::alu_imm(cls::alu64 | alu::add, 0, -7)), minus - 1);
  EXPECT_EQ(computed(5, 0, bpf::alu_imm(cls::alu | alu::add, 0, -7)), 0xfffffffe);
  EXPECT_EQ(computed(0x0102030405060708, 0, bpf::alu_imm(cls::alu | alu::end | bpf::src::x, 0, 32)), 0x08070605u);
  EXPECT_EQ(computed(0x0102030405060708, 0, bpf::alu_imm(cls::alu | alu::end, 0, 16)), 0x0708u);
  EXPECT_EQ(computed(0x0102030405060708, 0, bpf::alu_imm(cls::alu64 | alu::end, 0, 64)), 0x0807060504030201u);
}

TEST(Interpreter, ConditionsOfTheStandard) {
  namespace jmp = bpf::jmp;
  const uint64_t minus = ~uint64_t{0};
  struct Row {
    uint8_t operation;
    uint64_t a, b;
    bool holds_in_64, holds_in_32;
  };
  const Row rows[] = {{jmp::jeq, 0x1'0000'0002, 2, false, true},      {jmp::jne, 0x1'0000'0002, 2, true, false},
                      {jmp::jgt, 0x1'0000'0002, 3, true, false},      {jmp::jge, 0x1'0000'0002, 3, true, false},
                      {jmp::jlt, 0x1'0000'0002, 3, false, true},      {jmp::jle, 0x1'0000'0003, 3, false, true},
                      {jmp::jset, 0x1'0000'0000, minus, true, false}, {jmp::jsgt, 0xffffffff, 0, true, false},
                      {jmp::jsge, 0xffffffff, 0, true, false},        {jmp::jslt, 0xffffffff, 0, false, true},
                      {jmp::jsle, 0xffffffff, 0, false, true},        {jmp::jslt, minus, 0, true, true}};
  for (const Row& row : rows)
    for (uint8_t width : {cls::jmp, cls::jmp32}) {
      std::vector<Insn> insns = wide(2, row.a);
      for (const Insn& each : wide(1, row.b)) insns.push_back(each);
      insns.push_back(bpf::alu_imm(cls::alu64 | alu::mov, 0, 1));
      insns.push_back(bpf::jump_reg(row.operation | width, 2, 1, 1));
      insns.push_back(bpf::alu_imm(cls::alu64 | alu::mov, 0, 0));
      insns.push_back(bpf::exit_program());
      EXPECT_EQ(run(insns).result, width == cls::jmp ? row.holds_in_64 : row.holds_in_32)
          << bpf::disassemble(bpf::jump_reg(row.operation | width, 2, 1, 1), nullptr);
    }
}

TEST(Interpreter, MemoryAndAtomics) {
  namespace mode = bpf::mode;
  namespace size = bpf::size;
  namespace atomic = bpf::atomic;
  struct Row {
    uint8_t size;
    int32_t operation;
    uint64_t r0, with, memory, source, result_r0;  // of memory that holds 6
  };
  const Row rows[] = {{size::dw, atomic::add, 0, 3, 9, 3, 0},
                      {size::w, atomic::add | atomic::fetch, 0, ~uint64_t{0}, 5, 6, 0},
                      {size::dw, atomic::or_ | atomic::fetch, 0, 3, 7, 6, 0},
                      {size::dw, atomic::and_, 0, 3, 2, 3, 0},
                      {size::dw, atomic::xor_, 0, 3, 5, 3, 0},
                      {size::dw, atomic::xchg, 0, 3, 3, 6, 0},
                      {size::dw, atomic::cmpxchg, 6, 3, 3, 3, 6},
                      {size::dw, atomic::cmpxchg, 7, 3, 6, 3, 6}};
  for (const Row& row : rows)
    for (int wanted : {0, 1, 2}) {
      std::vector<Insn> insns{bpf::store_imm(mode::mem | size::dw, 10, -8, 6)};
      for (const Insn& each : wide(0, row.r0)) insns.push_back(each);
      for (const Insn& each : wide(1, row.with)) insns.push_back(each);
      insns.push_back(bpf::atomic_op(cls::stx | mode::atomic | row.size, 10, -8, 1, row.operation));
      if (wanted == 0) insns.push_back(bpf::load(cls::ldx | mode::mem | size::dw, 0, 10, -8));
      if (wanted == 1) insns.push_back(bpf::alu_reg(cls::alu64 | alu::mov, 0, 1));
      insns.push_back(bpf::exit_program());
      EXPECT_EQ(run(insns).result, wanted == 0 ? row.memory : wanted == 1 ? row.source : row.result_r0) << row.operation;
    }
  EXPECT_EQ(run({bpf::load(cls::ldx | mode::memsx | size::b, 0, 1, 1), bpf::exit_program()}, {0, 0x80}).result,
            ~uint64_t{0} - 127);
  EXPECT_EQ(run({bpf::load(cls::ldx | mode::mem | size::h, 0, 1, 1), bpf::exit_program()}, {0, 0x80, 1}).result, 0x180u);
}

TEST(Interpreter, WhatIsNotThereFaults) {
  namespace mode = bpf::mode;
  namespace size = bpf::size;
  EXPECT_NE(run({bpf::load(cls::ldx | mode::mem | size::dw, 0, 1, 1), bpf::exit_program()}, {0, 0}).fault, "");
  EXPECT_NE(run({bpf::store_imm(mode::mem | size::dw, 10, -4, 6), bpf::exit_program()}).fault, "");
  EXPECT_NE(run({bpf::load(cls::ldx | mode::mem | size::b, 0, 7, 0), bpf::exit_program()}).fault, "");  // nothing wrote r7
  EXPECT_NE(run({bpf::alu_imm(cls::alu64 | alu::mov, 0, 0)}).fault, "");
  EXPECT_NE(run({bpf::jump_always(-1)}).fault, "");
  EXPECT_NE(run({bpf::call_helper(1), bpf::exit_program()}).fault, "");
}

TEST(Interpreter, AgreesWithTheHostAtEveryLevel) {
  const test::Seeds seeds = test::seeds(1, 100);
  for (uint64_t seed = seeds.first; seed < seeds.end() && !HasFailure(); seed++) {
    test::RandomProgram program = test::random_program(
        seed, {.statements = 20, .live_values = static_cast<uint32_t>(4 + seed % 16), .iterators = seed % 3 != 0});
    const mir::MapId results = program.base.results, input = program.input;
    std::vector<uint8_t> in(test::input_bytes);
    std::mt19937_64 random(seed);
    for (uint8_t& byte : in) byte = static_cast<uint8_t>(random() >> (random() % 64));
    test::MapValues maps{std::vector<uint8_t>(4096), in};
    const uint64_t wanted = test::evaluate(program.base.module, program.base.function, maps);
    const std::string text = mir::print(program.base.module, {});
    for (int level = 1; level <= 4; level++)
      for (bool spills : {false, true}) {
        SCOPED_TRACE("seed " + std::to_string(seed) + " ISA " + std::to_string(level) + (spills ? " spilled" : ""));
        Diagnostics diagnostics;
        const bpf::Object object =
            test::compile(mir::parse(text, 1, diagnostics), {.isa_level = level, .spill_everything = spills});
        bpf::Interpreter machine(object);
        const uint8_t first[4] = {};
        machine.update(input, first, in, 0);
        const mir::Machine::Outcome outcome = machine.run_program(0, std::vector<uint8_t>(64));
        ASSERT_EQ(outcome.fault, "") << text << print(object, nullptr);
        ASSERT_EQ(static_cast<uint32_t>(outcome.result), static_cast<uint32_t>(wanted)) << text << print(object, nullptr);
        std::vector<uint8_t> left(4096);
        machine.read(machine.lookup(results, first).value_or(0), left.data(), left.size());
        ASSERT_EQ(left, maps[results.index]) << text << print(object, nullptr);
      }
  }
}

// Results and all maps of some runs in a row, as user space sees them.
template <class Run>
std::string behaviour(mir::Machine& machine, uint64_t seed, uint32_t maps, Run&& run) {
  std::mt19937_64 random(seed);
  std::string seen;
  for (int i = 0; i < 3; i++) {
    std::vector<uint8_t> context(64);
    for (uint8_t& byte : context) byte = static_cast<uint8_t>(random() >> (random() % 64));
    const mir::Machine::Outcome outcome = run(std::move(context));
    seen += std::to_string(static_cast<uint32_t>(outcome.result)) + " " + outcome.fault + "\n";
  }
  for (uint32_t m = 0; m < maps; m++)
    for (const mir::Machine::Entry& entry : machine.entries(mir::MapId(m))) {
      std::string text = std::to_string(m) + ":";
      bool is_touched = entry.key.size() != 4;
      for (uint8_t byte : entry.key) text += " " + std::to_string(byte);
      for (const std::vector<uint8_t>& value : entry.values)
        for (uint8_t byte : value) {
          text += " " + std::to_string(byte);
          is_touched |= byte != 0;
        }
      if (is_touched) seen += text + "\n";
    }
  return seen;
}

// Maps, aggregates and helpers, through all passes.
TEST(Interpreter, AgreesWithThatOfMirOnWholePrograms) {
  const test::Seeds seeds = test::seeds(1, 60);
  passes::PipelineOptions with_iterators;
  with_iterators.limits.has_number_iterators = [] { return true; };
  for (uint64_t seed = seeds.first; seed < seeds.end() && !HasFailure(); seed++) {
    mir::Module module = passes::random_program(static_cast<uint32_t>(seed),
                                                {.aggregates = true, .functions = seed % 2 ? 2u : 0u, .callbacks = true});
    const auto maps = static_cast<uint32_t>(module.interface.maps.size());
    const std::string text = mir::print(module, {});
    mir::Machine mir_machine(module);
    const std::string wanted = behaviour(mir_machine, seed, maps, [&](std::vector<uint8_t> context) {
      return mir_machine.run(mir::FunctionId(0u), std::move(context));
    });
    for (int level = 1; level <= 4; level++) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " ISA " + std::to_string(level));
      Diagnostics diagnostics;
      mir::Module passed = mir::parse(text, 1, diagnostics);
      ASSERT_TRUE(run_pipeline(passed, with_iterators, diagnostics)) << text;
      const bpf::Object object = test::compile(std::move(passed), {.isa_level = level});
      bpf::Interpreter machine(object);
      const std::string seen = behaviour(
          machine, seed, maps, [&](std::vector<uint8_t> context) { return machine.run_program(0, std::move(context)); });
      ASSERT_EQ(wanted, seen) << text << print(object, nullptr);
    }
  }
}

}  // namespace
}  // namespace shrike
