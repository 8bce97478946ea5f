// Every arithmetic operation of MIR in the kernel against the host, for all pairs of edge values: with both operands in
// registers, and with the second as a constant.
#include <gtest/gtest.h>

#include <cstring>

#include "tests/backend/evaluate.h"
#include "tests/backend/kernel_fixture.h"
#include "tests/backend/mir_programs.h"

namespace shrike {
namespace {

using mir::MemWidth;
using mir::Opcode;

constexpr uint64_t edges[] = {0,
                              1,
                              2,
                              3,
                              7,
                              63,
                              64,
                              65,
                              127,
                              128,
                              255,
                              256,
                              0x7fff,
                              0x8000,
                              0xffff,
                              0x7fffffff,
                              0x80000000,
                              0xffffffff,
                              0x100000000,
                              INT64_MAX,
                              1ull << 63,
                              UINT64_MAX,
                              -2ull,
                              -7ull,
                              -128ull,
                              -32768ull,
                              -2147483648ull,
                              -2147483649ull,
                              0x0123456789abcdef,
                              1000000007};
constexpr size_t edge_count = std::size(edges);

constexpr Opcode binary_ops[] = {Opcode::add,   Opcode::sub,   Opcode::mul,   Opcode::div_u, Opcode::div_s,
                                 Opcode::mod_u, Opcode::mod_s, Opcode::and_,  Opcode::or_,   Opcode::xor_,
                                 Opcode::shl,   Opcode::shr_u, Opcode::shr_s, Opcode::eq,    Opcode::ne,
                                 Opcode::lt_u,  Opcode::le_u,  Opcode::lt_s,  Opcode::le_s};
constexpr Opcode unary_ops[] = {Opcode::neg,    Opcode::zext8,  Opcode::zext16,  Opcode::zext32,  Opcode::sext8,
                                Opcode::sext16, Opcode::sext32, Opcode::bswap16, Opcode::bswap32, Opcode::bswap64};

// One operand from @input, the other a constant or from @input too; results to @results in order.
struct Table {
  test::MirProgram program;
  mir::MapId input = test::MirProgram::add_array(program.module, "@input", 8 * edge_count);
  mir::ValueId in = program.builder.map_value_addr(input, 0);
  mir::ValueId out = program.builder.map_value_addr(program.results, 0);
  std::vector<uint64_t> wanted;

  mir::ValueId value(size_t edge) { return program.builder.load(MemWidth::u64, in, static_cast<int32_t>(edge * 8)); }
  void expect(mir::ValueId result, uint64_t value) {
    program.builder.store(MemWidth::u64, out, result, static_cast<int32_t>(wanted.size() * 8));
    wanted.push_back(value);
  }
  void run(int isa, const std::string& what) {
    program.builder.ret(program.builder.constant(0));
    test::LoadedObject loaded(test::compile(std::move(program.module), {.isa_level = isa}));
    ASSERT_EQ(loaded.error(), "") << what;
    std::vector<uint8_t> bytes(8 * edge_count);
    memcpy(bytes.data(), edges, sizeof edges);
    loaded.write(input, 0, bytes);
    uint32_t ignored = 0;
    ASSERT_TRUE(loaded.run(0, ignored)) << loaded.error();
    std::vector<uint8_t> results = loaded.read(program.results);
    for (size_t i = 0; i < wanted.size(); i++) {
      uint64_t found;
      memcpy(&found, results.data() + i * 8, 8);
      ASSERT_EQ(found, wanted[i]) << what << ", ISA " << isa << ", case " << i << ": " << edges[i / edge_count] << ", "
                                  << edges[i % edge_count];
    }
  }
};

class KernelArithmetic : public testing::TestWithParam<int> {};

// A program holds the cases of at most this many first operands, to stay within the result map.
constexpr size_t rows_per_program = 4096 / 8 / edge_count;

TEST_P(KernelArithmetic, BinaryOperationsAgreeWithTheHost) {
  NEEDS_BPF();
  for (Opcode op : binary_ops)
    for (bool constant : {false, true})
      for (size_t first = 0; first < edge_count && !HasFatalFailure(); first += rows_per_program) {
        Table table;
        for (size_t a = first; a < std::min(first + rows_per_program, edge_count); a++)
          for (size_t b = 0; b < edge_count; b++) {
            mir::ValueId right = constant ? table.program.builder.constant(static_cast<int64_t>(edges[b])) : table.value(b);
            table.expect(table.program.builder.binary(op, table.value(a), right), test::evaluate_binary(op, edges[a], edges[b]));
          }
        table.run(GetParam(), std::string(mir::row_of(op).name) + (constant ? " with a constant" : ""));
      }
}

TEST_P(KernelArithmetic, UnaryOperationsAgreeWithTheHost) {
  NEEDS_BPF();
  for (Opcode op : unary_ops) {
    Table table;
    for (size_t a = 0; a < edge_count; a++)
      table.expect(table.program.builder.unary(op, table.value(a)), test::evaluate_unary(op, edges[a]));
    table.run(GetParam(), std::string(mir::row_of(op).name));
  }
}

TEST_P(KernelArithmetic, ClampsAreUnsignedMinima) {
  NEEDS_BPF();
  Table table;
  for (uint64_t limit : {uint64_t{0}, uint64_t{63}, uint64_t{INT32_MAX}, uint64_t{UINT32_MAX}, uint64_t{1} << 63, UINT64_MAX})
    for (size_t a = 0; a < edge_count; a++)
      table.expect(table.program.builder.clamp_u(table.value(a), limit), std::min(edges[a], limit));
  table.run(GetParam(), "clamp_u");
}

INSTANTIATE_TEST_SUITE_P(Isa, KernelArithmetic, testing::Values(1, 3, 4));

}  // namespace
}  // namespace shrike
