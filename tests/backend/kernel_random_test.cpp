// Random programs: what the kernel computes with them must be what the host computes with their MIR and what the interpreter of
// BPF computes with their bytes, at every ISA level and with every register spilled; and the verifier must accept them all.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "backend-bpf/interpret.h"
#include "backend-bpf/lir_text.h"
#include "mir/text.h"
#include "tests/backend/evaluate.h"
#include "tests/backend/kernel_fixture.h"
#include "tests/backend/random_mir.h"
#include "tests/support/seeds.h"

namespace shrike {
namespace {

std::vector<uint8_t> random_input(uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<uint8_t> bytes(test::input_bytes);
  constexpr uint64_t edges[] = {0, 1, UINT64_MAX, uint64_t{1} << 63, INT64_MAX, 0x80000000, 0xffffffff, 0x8000, 0x80};
  for (size_t i = 0; i < bytes.size(); i += 8) {
    uint64_t word = random() % 3 == 0 ? edges[random() % std::size(edges)] : random() >> (random() % 64);
    memcpy(bytes.data() + i, &word, 8);
  }
  return bytes;
}

void compare(uint64_t seed, const test::RandomShape& shape, bool spill_everything) {
  const int isa = static_cast<int>(1 + seed % 4);
  SCOPED_TRACE("seed " + std::to_string(seed) + " ISA " + std::to_string(isa) + (spill_everything ? " spilled" : ""));
  test::RandomProgram program = test::random_program(seed, shape);
  mir::MapId results = program.base.results, input = program.input;
  std::vector<uint8_t> in = random_input(seed);
  test::MapValues maps{std::vector<uint8_t>(4096), in};
  uint64_t wanted = test::evaluate(program.base.module, program.base.function, maps);
  std::string text = mir::print(program.base.module, {});
  const bpf::Object object =
      test::compile(std::move(program.base.module), {.isa_level = isa, .spill_everything = spill_everything});
  bpf::Interpreter interpreter(object);
  const uint8_t first[4] = {};
  interpreter.update(input, first, in, 0);
  const mir::Machine::Outcome interpreted = interpreter.run_program(0, std::vector<uint8_t>(64));
  ASSERT_EQ(interpreted.fault, "") << text;
  test::LoadedObject loaded(object);
  // Iterators in each other, whose ways the verifier walks a million instructions of: the program is right, and the one seed in
  // some thousands for which that is so is seen by the interpreters only.
  if (shape.iterators && loaded.error().find("BPF program is too large") != std::string::npos) {
    ASSERT_EQ(static_cast<uint32_t>(interpreted.result), static_cast<uint32_t>(wanted)) << text;
    fprintf(stderr, "not run by the kernel, which would walk it for too long: seed %llu\n",
            static_cast<unsigned long long>(seed));
    return;
  }
  ASSERT_EQ(loaded.error(), "") << text;
  loaded.write(input, 0, in);
  uint32_t result = 0;
  ASSERT_TRUE(loaded.run(0, result)) << loaded.error();
  ASSERT_EQ(result, static_cast<uint32_t>(wanted)) << text;
  ASSERT_EQ(loaded.read(results), maps[results.index]) << text;
  ASSERT_EQ(static_cast<uint32_t>(interpreted.result), result) << text;
  std::vector<uint8_t> left(4096);
  ASSERT_TRUE(interpreter.read(interpreter.lookup(results, first).value_or(0), left.data(), left.size()));
  ASSERT_EQ(left, maps[results.index]) << text;
}

TEST(KernelRandom, SmallProgramsAgreeWithTheHost) {
  NEEDS_BPF();
  const test::Seeds seeds = test::seeds(1, 60);
  for (uint64_t seed = seeds.first; seed < seeds.end() && !HasFatalFailure(); seed++)
    compare(seed, {.statements = 12, .live_values = 5, .iterators = test::has_number_iterators()}, false);
}

TEST(KernelRandom, ProgramsWithManyLiveValuesAgreeWithTheHost) {
  NEEDS_BPF();
  const test::Seeds seeds = test::seeds(1000, 40);
  for (uint64_t seed = seeds.first; seed < seeds.end() && !HasFatalFailure(); seed++)
    compare(seed,
            {.statements = 30,
             .live_values = static_cast<uint32_t>(8 + seed % 16),
             .iterators = seed % 2 == 0 && test::has_number_iterators()},
            false);
}

TEST(KernelRandom, SpillingEveryRegisterChangesNothing) {
  NEEDS_BPF();
  const test::Seeds seeds = test::seeds(2000, 30);
  for (uint64_t seed = seeds.first; seed < seeds.end() && !HasFatalFailure(); seed++)
    compare(seed, {.statements = 8, .live_values = 5}, true);
}

}  // namespace
}  // namespace shrike
