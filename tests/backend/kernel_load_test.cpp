// Whole programs through the backend into the running kernel.
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/backend/kernel_fixture.h"
#include "tests/backend/mir_programs.h"

namespace shrike {
namespace {

using mir::MemWidth;
using mir::Opcode;

TEST(KernelLoad, StoresTheProcessIdInAMapAndReturns) {
  NEEDS_BPF();
  for (int isa = 1; isa <= 4; isa++) {
    test::MirProgram program;
    mir::Builder& b = program.builder;
    auto pid = b.binary(Opcode::shr_u, b.call(mir::HelperId::get_current_pid_tgid, {}), b.constant(32));
    auto value = b.map_value_addr(program.results, 0);
    auto small = b.add_block("small"), done = b.add_block("done");
    auto joined = b.add_param(done, {});
    b.branch(b.binary(Opcode::lt_u, pid, b.constant(100000000)), small, done, {}, {pid});
    b.move_to(small);
    b.store(MemWidth::u64, value, pid, 8);
    b.jump(done, {b.binary(Opcode::add, pid, b.constant(3))});
    b.move_to(done);
    b.store(MemWidth::u64, value, joined, 16);
    b.ret(b.constant(7));
    test::LoadedObject loaded(test::compile(std::move(program.module), {.isa_level = isa}));
    ASSERT_EQ(loaded.error(), "") << "ISA " << isa;
    uint32_t result = 0;
    ASSERT_TRUE(loaded.run(0, result)) << loaded.error();
    EXPECT_EQ(result, 7u);
    EXPECT_EQ(loaded.read_u64(program.results, 8), static_cast<uint64_t>(getpid()));
    EXPECT_EQ(loaded.read_u64(program.results, 16), static_cast<uint64_t>(getpid()) + 3);
  }
}

}  // namespace
}  // namespace shrike
