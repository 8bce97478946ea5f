// What selection makes of MIR: immediates, addressing, comparisons, and what differs between ISA levels. The lines are
// of the LIR before allocation; %a, %b and so on stand for registers in order of first appearance.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>

#include "backend-bpf/backend.h"
#include "backend-bpf/lir_text.h"
#include "backend-bpf/lir_validate.h"
#include "tests/backend/mir_programs.h"

namespace shrike {
namespace {

using mir::MemWidth;
using mir::Opcode;
using mir::ValueId;

// The instructions of the function, without the final `r0 = mov64 0; exit` and with registers renamed.
std::vector<std::string> selected(int isa, const std::function<void(test::MirProgram&)>& build) {
  test::MirProgram program;
  build(program);
  mir::FunctionId function = program.function;
  lir::Module module = bpf::select(std::move(program.module), {.isa_level = isa});
  EXPECT_TRUE(lir::validate(module).empty()) << lir::print(module);
  std::string text = lir::print(module, function);
  std::vector<std::string> lines;
  std::map<std::string, std::string> names;
  for (size_t at = text.find('\n') + 1; at < text.size();) {
    size_t end = text.find('\n', at);
    std::string line = text.substr(at, end - at), renamed;
    at = end + 1;
    if (line.rfind("  slot", 0) == 0 || line == "}" || line == "^entry:") continue;
    line.erase(0, line.find_first_not_of(' '));
    for (size_t i = 0; i < line.size(); i++) {
      bool is_reg = line[i] == 'v' && i + 1 < line.size() && isdigit(line[i + 1]) && (i == 0 || !isalnum(line[i - 1]));
      if (!is_reg) {
        renamed += line[i];
        continue;
      }
      size_t digits = i + 1;
      while (digits < line.size() && isdigit(line[digits])) digits++;
      auto [name, is_new] =
          names.try_emplace(line.substr(i, digits - i), std::string("%") + static_cast<char>('a' + names.size()));
      renamed += name->second;
      i = digits - 1;
    }
    lines.push_back(renamed);
  }
  if (lines.size() >= 2 && lines[lines.size() - 2] == "r0 = mov64 0") lines.resize(lines.size() - 2);
  return lines;
}

using Lines = std::vector<std::string>;

// `compute` gets an integer nobody knows; what it makes is stored.
Lines computed(int isa, const std::function<ValueId(mir::Builder&, ValueId)>& compute) {
  Lines lines = selected(isa, [&](test::MirProgram& program) {
    mir::Builder& b = program.builder;
    ValueId slot = b.slot_addr(program.slot("s", 8));
    b.store(MemWidth::u64, slot, compute(b, b.load(MemWidth::u64, slot, 0)), 0);
    b.ret(b.constant(0));
  });
  EXPECT_EQ(lines.front(), "%a = ldx64 [$s #0]");
  EXPECT_EQ(lines.back().substr(0, 14), "st64 [$s #0], ");
  return Lines(lines.begin() + 1, lines.end() - 1);
}

TEST(Select, ConstantsBecomeImmediatesWhenTheyFit) {
  auto add = [](int64_t value) {
    return [=](mir::Builder& b, ValueId x) { return b.binary(Opcode::add, b.constant(value), x); };
  };
  EXPECT_EQ(computed(3, add(5)), (Lines{"%b = mov64 %a", "add64 %b, 5"}));
  EXPECT_EQ(computed(3, add(INT32_MIN)), (Lines{"%b = mov64 %a", "add64 %b, -2147483648"}));
  EXPECT_EQ(computed(3, add(0x80000000)), (Lines{"%b = mov32 -2147483648", "%c = mov64 %a", "add64 %c, %b"}));
  EXPECT_EQ(computed(3, add(int64_t{1} << 40)), (Lines{"%b = ld_imm64 1099511627776", "%c = mov64 %a", "add64 %c, %b"}));
  EXPECT_EQ(computed(3, [](mir::Builder& b, ValueId x) { return b.binary(Opcode::sub, b.constant(1), x); }),
            (Lines{"%b = mov64 1", "sub64 %b, %a"}));
}

TEST(Select, DivisionAndShiftImmediatesAreOnesTheKernelTakes) {
  auto binary = [](Opcode op, int64_t value) {
    return [=](mir::Builder& b, ValueId x) { return b.binary(op, x, b.constant(value)); };
  };
  EXPECT_EQ(computed(3, [&](mir::Builder& b, ValueId x) { return b.binary(Opcode::add, x, binary(Opcode::div_u, 0)(b, x)); }),
            (Lines{"%b = mov64 0", "%c = mov64 %a", "add64 %c, %b"}));
  EXPECT_EQ(computed(3, binary(Opcode::mod_u, 0)), (Lines{"%b = mov64 %a"}));
  EXPECT_EQ(computed(3, binary(Opcode::shl, 65)), (Lines{"%b = mov64 %a", "lsh64 %b, 1"}));
  EXPECT_EQ(computed(4, binary(Opcode::div_s, -8)), (Lines{"%b = mov64 %a", "sdiv64 %b, -8"}));
  EXPECT_EQ(computed(4, binary(Opcode::mod_s, 10)), (Lines{"%b = mov64 %a", "smod64 %b, 10"}));
  // The processor traps on INT64_MIN / -1 in kernels that do not guard it.
  for (const std::string& line : computed(4, binary(Opcode::div_s, -1))) EXPECT_EQ(line.find("sdiv"), std::string::npos);
}

TEST(Select, ExtensionsUseWhatTheLevelHas) {
  auto unary = [](Opcode op) { return [=](mir::Builder& b, ValueId x) { return b.unary(op, x); }; };
  EXPECT_EQ(computed(3, unary(Opcode::sext16)), (Lines{"%b = mov64 %a", "lsh64 %b, 48", "arsh64 %b, 48"}));
  EXPECT_EQ(computed(4, unary(Opcode::sext16)), (Lines{"%b = movsx16 %a"}));
  EXPECT_EQ(computed(3, unary(Opcode::zext8)), (Lines{"%b = mov64 %a", "and64 %b, 255"}));
  EXPECT_EQ(computed(3, unary(Opcode::zext32)), (Lines{"%b = mov32 %a"}));
  EXPECT_EQ(computed(3, unary(Opcode::bswap32)), (Lines{"%b = mov64 %a", "be32 %b"}));
  EXPECT_EQ(computed(3, unary(Opcode::neg)), (Lines{"%b = mov64 %a", "neg64 %b"}));
}

TEST(Select, ComparisonsAsValuesAndClamps) {
  EXPECT_EQ(computed(3, [](mir::Builder& b, ValueId x) { return b.binary(Opcode::lt_s, x, b.constant(-4)); }),
            (Lines{"%b = set_slt %a, -4"}));
  EXPECT_EQ(computed(3, [](mir::Builder& b, ValueId x) { return b.binary(Opcode::le_u, b.constant(9), x); }),
            (Lines{"%b = set_ge %a, 9"}));
  EXPECT_EQ(computed(3, [](mir::Builder& b, ValueId x) { return b.clamp_u(x, 63); }), (Lines{"%b = mov64 %a", "min64 %b, 63"}));
}

TEST(Select, AddressesFoldIntoMemoryOperands) {
  EXPECT_EQ(selected(3,
                     [](test::MirProgram& program) {
                       mir::Builder& b = program.builder;
                       ValueId slot = b.ptr_add(b.slot_addr(program.slot("s", 32)), b.constant(8));
                       ValueId value = b.ptr_add(b.ptr_add(b.map_value_addr(program.results, 16), b.constant(8)), b.constant(4));
                       b.store(MemWidth::u64, slot, b.load(MemWidth::s32, value, 4), 8);
                       b.store(MemWidth::u8, value, b.constant(-1), 0);
                       b.ret(b.constant(0));
                     }),
            (Lines{"%a = ld_value @results #16", "%b = ldx32 [%a #16]", "lsh64 %b, 32", "arsh64 %b, 32", "st64 [$s #16], %b",
                   "st8 [%a #12], -1"}));
  EXPECT_EQ(selected(4,
                     [](test::MirProgram& program) {
                       mir::Builder& b = program.builder;
                       ValueId value = b.map_value_addr(program.results, 0);
                       b.store(MemWidth::u64, value, b.load(MemWidth::s32, value, 40000), 8);
                       b.ret(b.constant(0));
                     }),
            (Lines{"%a = ld_value @results #0", "%b = mov64 %a", "add64 %b, 40000", "%c = ldxs32 [%b #0]", "st64 [%a #8], %c"}));
}

TEST(Select, LoadsFromTheContextAreNeverSignExtending) {
  EXPECT_EQ(selected(4,
                     [](test::MirProgram& program) {
                       mir::Builder& b = program.builder;
                       ValueId context = b.function().blocks[b.function().entry()].params[0];
                       b.ret(b.load(MemWidth::s32, context, 8));
                     }),
            (Lines{"%a = mov64 r1", "%b = ldx32 [%a #8]", "%b = movsx32 %b", "r0 = mov64 %b", "exit"}));
}

TEST(Select, SignsThatMakeNoDifferenceAreNotSpread) {
  auto lines = [](const std::function<ValueId(mir::Builder&, ValueId)>& use) {
    return selected(3, [&](test::MirProgram& program) {
      mir::Builder& b = program.builder;
      ValueId context = b.function().blocks[b.function().entry()].params[0];
      b.ret(use(b, b.load(MemWidth::s16, context, 8)));
    });
  };
  auto spreads = [](const Lines& made) { return std::ranges::count(made, "arsh64 %b, 48"); };
  auto equals = [&](Opcode op, int64_t number) {
    return lines([=](mir::Builder& b, ValueId x) { return b.binary(op, x, b.constant(number)); });
  };
  EXPECT_EQ(spreads(equals(Opcode::eq, 0)), 0);
  EXPECT_EQ(spreads(equals(Opcode::ne, 0x7fff)), 0);
  EXPECT_EQ(spreads(equals(Opcode::eq, 0x8000)), 1);
  EXPECT_EQ(spreads(equals(Opcode::eq, -1)), 1);
  EXPECT_EQ(spreads(equals(Opcode::lt_s, 7)), 1);
  auto stored = [&](MemWidth width) {
    return lines([=](mir::Builder& b, ValueId x) {
      b.store(width, b.map_value_addr(mir::MapId(uint32_t{0}), 0), x, 0);
      return b.constant(0);
    });
  };
  EXPECT_EQ(spreads(stored(MemWidth::u16)), 0);
  EXPECT_EQ(spreads(stored(MemWidth::u32)), 1);
  // One use that wants it is enough.
  EXPECT_EQ(
      spreads(lines([](mir::Builder& b, ValueId x) { return b.binary(Opcode::add, b.binary(Opcode::eq, x, b.constant(0)), x); })),
      1);
}

TEST(Select, BranchesTestTheComparedRegisters) {
  auto branch = [](int isa, const std::function<ValueId(mir::Builder&, ValueId)>& condition) {
    Lines lines = selected(isa, [&](test::MirProgram& program) {
      mir::Builder& b = program.builder;
      ValueId x = b.load(MemWidth::u64, b.slot_addr(program.slot("s", 8)), 0);
      mir::BlockId yes = b.add_block("yes"), no = b.add_block("no");
      b.branch(condition(b, x), yes, no);
      b.move_to(yes);
      b.ret(b.constant(1));
      b.move_to(no);
      b.ret(b.constant(2));
    });
    return lines[1];
  };
  EXPECT_EQ(branch(3, [](mir::Builder&, ValueId x) { return x; }), "jne %a, 0, ^yes, ^no");
  EXPECT_EQ(branch(3, [](mir::Builder& b, ValueId x) { return b.binary(Opcode::lt_u, x, b.constant(64)); }),
            "jlt %a, 64, ^yes, ^no");
  EXPECT_EQ(branch(3, [](mir::Builder& b, ValueId x) { return b.binary(Opcode::lt_u, b.constant(64), x); }),
            "jgt %a, 64, ^yes, ^no");
  EXPECT_EQ(branch(1, [](mir::Builder& b, ValueId x) { return b.binary(Opcode::lt_u, x, b.constant(64)); }),
            "jge %a, 64, ^no, ^yes");
  EXPECT_EQ(branch(3, [](mir::Builder& b,
                         ValueId x) { return b.binary(Opcode::eq, b.binary(Opcode::le_s, x, b.constant(3)), b.constant(0)); }),
            "jsle %a, 3, ^no, ^yes");
  EXPECT_EQ(branch(3, [](mir::Builder& b, ValueId x) { return b.binary(Opcode::and_, x, b.constant(16)); }),
            "jset %a, 16, ^yes, ^no");
}

// Where nobody wants the sign of a number of 32 bits, it is not spread: the branch goes by the low half.
TEST(Select, BranchesGoByLowHalves) {
  using Condition = std::function<ValueId(mir::Builder&, ValueId)>;
  auto text = [](int isa, bool is_extended, const Condition& condition, bool is_used = false) {
    std::string all;
    for (const std::string& line : selected(isa, [&](test::MirProgram& program) {
           mir::Builder& b = program.builder;
           ValueId x = b.load(is_extended ? MemWidth::u64 : MemWidth::s32, b.slot_addr(program.slot("s", 8)), 0);
           if (is_extended) x = b.unary(Opcode::sext32, x);
           mir::BlockId yes = b.add_block("yes"), no = b.add_block("no");
           b.branch(condition(b, x), yes, no);
           b.move_to(yes);
           b.ret(is_used ? x : b.constant(1));
           b.move_to(no);
           b.ret(b.constant(2));
         }))
      all += line + "\n";
    return all;
  };
  const auto has = [](const std::string& all, const char* part) { return all.find(part) != std::string::npos; };
  struct Row {
    Opcode comparison;
    int64_t number;
    bool number_first;
    const char* jump;
  };
  const Row rows[] = {{Opcode::lt_s, 5, false, "jslt32"}, {Opcode::lt_s, 5, true, "jsgt32"}, {Opcode::le_s, -5, false, "jsle32"},
                      {Opcode::le_s, 5, true, "jsge32"},  {Opcode::eq, -1, false, "jeq32"},  {Opcode::ne, -1, false, "jne32"}};
  for (const Row& row : rows) {
    const Condition condition = [&](mir::Builder& b, ValueId x) {
      ValueId number = b.constant(row.number);
      return row.number_first ? b.binary(row.comparison, number, x) : b.binary(row.comparison, x, number);
    };
    for (bool is_extended : {false, true})
      for (int isa : {3, 4}) {
        const std::string all = text(isa, is_extended, condition);
        const std::string jump =
            std::string(row.jump) + (is_extended ? " %b, " : " %a, ") + std::to_string(row.number) + ", ^yes, ^no";
        EXPECT_TRUE(has(all, jump.c_str())) << all << jump;
        EXPECT_FALSE(has(all, "arsh64") || has(all, "movsx32") || has(all, "ldxs32")) << all;
        EXPECT_FALSE(has(text(isa, is_extended, condition, true), row.jump)) << "its sign is wanted";
      }
    EXPECT_TRUE(has(text(2, true, condition), "arsh64")) << "no such jumps";
  }
  const Condition itself = [](mir::Builder&, ValueId x) { return x; };
  EXPECT_TRUE(has(text(3, true, itself), "jne32 %b, 0, ^yes, ^no"));
  EXPECT_TRUE(has(text(3, false, itself), "jne %a, 0, ^yes, ^no")) << "the load cleared the other half";
  const Condition big = [](mir::Builder& b, ValueId x) { return b.binary(Opcode::lt_s, x, b.constant(int64_t{1} << 33)); };
  EXPECT_TRUE(has(text(3, true, big), "arsh64"));
  const Condition unsigned_one = [](mir::Builder& b, ValueId x) { return b.binary(Opcode::lt_u, x, b.constant(5)); };
  EXPECT_TRUE(has(text(3, true, unsigned_one), "arsh64"));
}

TEST(Select, CallsTakeTheirOperandsInRegisters) {
  EXPECT_EQ(selected(3,
                     [](test::MirProgram& program) {
                       mir::Builder& b = program.builder;
                       ValueId key = b.slot_addr(program.slot("k", 8));
                       b.store(MemWidth::u32, key, b.constant(0), 0);
                       ValueId found = b.call(mir::HelperId::map_lookup_elem, {key}, program.results);
                       mir::BlockId null = b.add_block("null"), ok = b.add_block("ok");
                       ValueId value = b.branch_null(found, null, ok);
                       b.move_to(null);
                       b.ret(b.constant(0));
                       b.move_to(ok);
                       b.store(MemWidth::u64, value, b.constant(0), 0);
                       b.ret(b.constant(0));
                     }),
            (Lines{"st32 [$k #0], 0", "r1 = ld_map @results", "r2 = lea $k #0", "call map_lookup_elem", "%a = mov64 r0",
                   "jeq %a, 0, ^null, ^ok(%a)", "^null:", "r0 = mov64 0", "exit", "^ok(%b):", "st64 [%b #0], 0"}));
}

TEST(Select, WhatNobodyNeedsIsNotComputed) {
  EXPECT_EQ(selected(3,
                     [](test::MirProgram& program) {
                       mir::Builder& b = program.builder;
                       b.binary(Opcode::mul, b.call(mir::HelperId::ktime_get_ns, {}), b.constant(3));
                       b.load(MemWidth::u64, b.map_value_addr(program.results, 0), 0);
                       b.ret(b.constant(0));
                     }),
            Lines{});
}

TEST(Select, LargeBlocksAreClearedAndCopiedByTheHelper) {
  auto lines = selected(3, [](test::MirProgram& program) {
    mir::Builder& b = program.builder;
    b.zero(b.map_value_addr(program.results, 0), 8, 1000);
    b.ret(b.constant(0));
  });
  EXPECT_EQ(lines, (Lines{"%a = ld_value @results #0", "r3 = mov64 0", "r2 = mov64 1000", "r1 = mov64 %a", "add64 r1, 8",
                          "call probe_read_kernel"}));
}

}  // namespace
}  // namespace shrike
