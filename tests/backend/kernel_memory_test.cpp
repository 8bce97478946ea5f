// Memory operations, calls and callbacks in the kernel.
#include <gtest/gtest.h>

#include <cstring>

#include "tests/backend/evaluate.h"
#include "tests/backend/kernel_fixture.h"
#include "tests/backend/mir_programs.h"

namespace shrike {
namespace {

using mir::FunctionKind;
using mir::HelperId;
using mir::MemWidth;
using mir::Opcode;
using mir::Region;

struct Loaded {
  test::LoadedObject object;
  uint32_t result = 0;
  explicit Loaded(test::MirProgram& program, int isa = 3) : object(test::compile(std::move(program.module), {.isa_level = isa})) {
    EXPECT_TRUE(object.error().empty() && object.run(0, result)) << object.error();
  }
};

TEST(KernelMemory, ZeroAndCopyOfEveryLengthTouchExactlyTheirBytes) {
  NEEDS_BPF();
  for (uint32_t length : {1u, 2u, 3u, 7u, 8u, 9u, 15u, 31u, 64u, 100u, 256u, 257u, 300u, 1000u}) {
    for (bool is_zero : {true, false}) {
      test::MirProgram program;
      mir::Builder& b = program.builder;
      mir::MapId source = test::MirProgram::add_array(program.module, "@source", 1024);
      mir::ValueId to = b.map_value_addr(program.results, 8);
      if (is_zero) b.zero(to, 0, length);
      else b.copy(to, b.map_value_addr(source, 0), length);
      b.ret(b.constant(0));
      mir::MapId results = program.results;
      test::LoadedObject loaded(test::compile(std::move(program.module)));
      ASSERT_EQ(loaded.error(), "");
      std::vector<uint8_t> before(4096, 0xee), from(1024);
      for (size_t i = 0; i < from.size(); i++) from[i] = static_cast<uint8_t>(i * 7 + 1);
      loaded.write(results, 0, before);
      loaded.write(source, 0, from);
      uint32_t ignored;
      ASSERT_TRUE(loaded.run(0, ignored));
      std::vector<uint8_t> wanted = before;
      if (is_zero) memset(wanted.data() + 8, 0, length);
      else memcpy(wanted.data() + 8, from.data(), length);
      EXPECT_EQ(loaded.read(results), wanted) << length << (is_zero ? " zeroed" : " copied");
    }
  }
}

TEST(KernelMemory, UnalignedSlotsAreAccessedInAlignedPieces) {
  NEEDS_BPF();
  test::MirProgram program;
  mir::Builder& b = program.builder;
  mir::SlotId bytes = b.add_slot("bytes", 21, 1), words = b.add_slot("words", 12, 4), wide = b.add_slot("wide", 24, 8);
  b.zero(b.slot_addr(bytes), 0, 21);
  b.zero(b.slot_addr(words), 0, 12);
  b.zero(b.slot_addr(wide), 0, 24);
  b.store(MemWidth::u8, b.slot_addr(bytes), b.constant(5), 20);
  b.copy(b.slot_addr(wide), b.slot_addr(bytes), 21);
  b.copy(b.ptr_add(b.slot_addr(words), b.constant(4)), b.slot_addr(wide), 8);
  b.ret(b.load(MemWidth::u8, b.slot_addr(wide), 20));
  EXPECT_EQ(Loaded(program).result, 5u);
}

TEST(KernelMemory, LoadsExtendAsTheirWidthSays) {
  NEEDS_BPF();
  for (int isa = 1; isa <= 4; isa++) {
    test::MirProgram program;
    mir::Builder& b = program.builder;
    mir::ValueId slot = b.slot_addr(program.slot("v", 8));
    b.store(MemWidth::u64, slot, b.constant(static_cast<int64_t>(0x8877f6f584838281)), 0);
    mir::ValueId out = b.map_value_addr(program.results, 0);
    int32_t at = 0;
    for (MemWidth width : {MemWidth::u8, MemWidth::s8, MemWidth::u16, MemWidth::s16, MemWidth::u32, MemWidth::s32, MemWidth::u64})
      b.store(MemWidth::u64, out, b.load(width, slot, 0), at++ * 8);
    b.ret(b.constant(0));
    mir::MapId results = program.results;
    Loaded loaded(program, isa);
    uint64_t wanted[] = {
        0x81, 0xffffffffffffff81, 0x8281, 0xffffffffffff8281, 0x84838281, 0xffffffff84838281, 0x8877f6f584838281};
    for (size_t i = 0; i < std::size(wanted); i++) EXPECT_EQ(loaded.object.read_u64(results, i * 8), wanted[i]) << i;
  }
}

class KernelAtomics : public ::testing::TestWithParam<int> {};

// Below ISA v3 they are several instructions.
TEST_P(KernelAtomics, ReturnTheOldValue) {
  NEEDS_BPF();
  test::MirProgram program;
  mir::Builder& b = program.builder;
  mir::ValueId out = b.map_value_addr(program.results, 0);
  b.store(MemWidth::u64, out, b.constant(40), 0);
  b.atomic_add(MemWidth::u64, out, b.constant(2), 0);
  mir::ValueId old = b.atomic_fetch_add(MemWidth::u64, out, b.constant(100), 0);
  b.store(MemWidth::u64, out, old, 8);
  b.store(MemWidth::u64, out, b.constant(-1), 16);
  b.store(MemWidth::u64, out, b.atomic_fetch_add(MemWidth::u32, out, b.constant(1), 16), 24);
  // One that finds what it expects, in the low half, and one that does not.
  b.store(MemWidth::u64, out, b.constant(-1), 32);
  mir::ValueId found = b.atomic_cmpxchg(MemWidth::u32, out, b.constant(-1), b.constant(7), 32);
  b.store(MemWidth::u64, out, found, 40);
  b.store(MemWidth::u64, out, b.atomic_cmpxchg(MemWidth::u64, out, b.constant(41), b.constant(7), 8), 48);
  b.ret(b.constant(0));
  mir::MapId results = program.results;
  Loaded loaded(program, GetParam());
  EXPECT_EQ(loaded.object.read_u64(results, 32), 0xffffffff00000007u);
  EXPECT_EQ(loaded.object.read_u64(results, 40), 0xffffffffu);
  EXPECT_EQ(loaded.object.read_u64(results, 48), 42u);
  EXPECT_EQ(loaded.object.read_u64(results, 0), 142u);
  EXPECT_EQ(loaded.object.read_u64(results, 8), 42u);
  EXPECT_EQ(loaded.object.read_u64(results, 16), 0xffffffff00000000u);
  EXPECT_EQ(loaded.object.read_u64(results, 24), 0xffffffffu);
}

INSTANTIATE_TEST_SUITE_P(, KernelAtomics, ::testing::Range(1, 5));

TEST(KernelMemory, PointersFromLookupsSurviveCallsAndSpills) {
  NEEDS_BPF();
  for (bool spill : {false, true}) {
    test::MirProgram program;
    mir::Builder& b = program.builder;
    mir::MapDecl decl;
    decl.name = "@hash";
    decl.kind = mir::MapKind::hash;
    decl.key_size = 8;
    decl.value_size = 16;
    decl.max_entries = 8;
    mir::MapId hash = program.module.interface.maps.add(decl);
    mir::ValueId key = b.slot_addr(program.slot("key", 8)), value = b.slot_addr(program.slot("value", 16));
    b.store(MemWidth::u64, key, b.constant(7), 0);
    b.zero(value, 0, 16);
    b.call(HelperId::map_update_elem, {key, value, b.constant(0)}, hash);
    mir::ValueId found = b.call(HelperId::map_lookup_elem, {key}, hash);
    mir::BlockId missing = b.add_block("missing"), present = b.add_block("present");
    mir::ValueId entry = b.branch_null(found, missing, present);
    b.move_to(missing);
    b.ret(b.constant(1));
    b.move_to(present);
    b.store(MemWidth::u64, entry, b.constant(11), 0);
    b.call(HelperId::map_update_elem, {key, value, b.constant(1)}, hash);  // BPF_NOEXIST: refused
    b.atomic_add(MemWidth::u64, entry, b.constant(5), 0);
    b.call(HelperId::probe_read_kernel, {value, b.constant(8), b.unary(Opcode::ptr_to_int, entry)});
    b.ret(b.load(MemWidth::u64, value, 0));
    test::LoadedObject loaded(test::compile(std::move(program.module), {.spill_everything = spill}));
    ASSERT_EQ(loaded.error(), "");
    uint32_t result = 0;
    ASSERT_TRUE(loaded.run(0, result));
    EXPECT_EQ(result, 16u);
  }
}

// for_each_map_elem over an array, adding all values to a word in the caller's frame.
TEST(KernelMemory, CallbacksSeeTheFrameOfTheirCaller) {
  NEEDS_BPF();
  test::MirProgram program;
  mir::Builder& b = program.builder;
  mir::MapDecl decl;
  decl.name = "@elements";
  decl.kind = mir::MapKind::array;
  decl.value_size = 8;
  decl.max_entries = 10;
  mir::MapId elements = program.module.interface.maps.add(decl);
  mir::FunctionId callback = test::MirProgram::add_function(program.module, "add one", FunctionKind::for_each);
  mir::FunctionId loop = test::MirProgram::add_function(program.module, "round", FunctionKind::loop);
  {
    mir::Builder c(program.module, callback, mir::BlockId(uint32_t{0}));
    c.add_param(c.block(), {Region::map_handle, false});
    mir::ValueId key = c.add_param(c.block(), {Region::key, false});
    mir::ValueId value = c.add_param(c.block(), {Region::map, false});
    mir::ValueId frame = c.add_param(c.block(), {Region::stack, false});
    mir::ValueId sum = c.binary(Opcode::add, c.load(MemWidth::u64, frame, 0), c.load(MemWidth::u64, value, 0));
    c.store(MemWidth::u64, frame, c.binary(Opcode::add, sum, c.load(MemWidth::u32, key, 0)), 0);
    c.ret(c.constant(0));
  }
  {
    mir::Builder c(program.module, loop, mir::BlockId(uint32_t{0}));
    mir::ValueId index = c.add_param(c.block(), {});
    mir::ValueId frame = c.add_param(c.block(), {Region::stack, false});
    c.store(MemWidth::u64, frame, c.binary(Opcode::add, c.load(MemWidth::u64, frame, 8), index), 8);
    c.ret(c.constant(0));
  }
  mir::ValueId frame = b.slot_addr(program.slot("frame", 16));
  b.zero(frame, 0, 16);
  b.call(HelperId::for_each_map_elem, {frame, b.constant(0)}, elements, callback);
  b.call(HelperId::loop, {b.constant(5), frame, b.constant(0)}, {}, loop);
  mir::ValueId out = b.map_value_addr(program.results, 0);
  b.copy(out, frame, 16);
  b.ret(b.constant(0));
  mir::MapId results = program.results;
  test::LoadedObject loaded(test::compile(std::move(program.module)));
  ASSERT_EQ(loaded.error(), "");
  for (uint32_t i = 0; i < 10; i++) loaded.write(elements, i, {static_cast<uint8_t>(100 + i), 0, 0, 0, 0, 0, 0, 0});
  uint32_t ignored;
  ASSERT_TRUE(loaded.run(0, ignored)) << loaded.error();
  EXPECT_EQ(loaded.read_u64(results, 0), 1000u + 45 + 45);
  EXPECT_EQ(loaded.read_u64(results, 8), 10u);
}

// A clamped index reaches into a map value and the stack: the verifier must see the bound on the register that is used.
TEST(KernelMemory, ClampedIndicesAreAccepted) {
  NEEDS_BPF();
  for (bool spill : {false, true})
    for (int isa = 1; isa <= 4; isa++) {
      test::MirProgram program;
      mir::Builder& b = program.builder;
      mir::ValueId out = b.map_value_addr(program.results, 0);
      mir::ValueId buffer = b.slot_addr(program.slot("buffer", 64));
      b.zero(buffer, 0, 64);
      mir::ValueId index = b.clamp_u(b.load(MemWidth::u64, out, 0), 63);
      b.store(MemWidth::u8, b.ptr_add(buffer, index), b.constant(9), 0);
      b.store(MemWidth::u8, b.ptr_add(out, b.clamp_u(b.load(MemWidth::u32, out, 8), 4095)), b.constant(7), 0);
      b.ret(b.load(MemWidth::u8, b.ptr_add(buffer, index), 0));
      test::LoadedObject loaded(test::compile(std::move(program.module), {.isa_level = isa, .spill_everything = spill}));
      ASSERT_EQ(loaded.error(), "");
      uint32_t result = 0;
      ASSERT_TRUE(loaded.run(0, result));
      EXPECT_EQ(result, 9u);
    }
}

}  // namespace
}  // namespace shrike
