// The Builder and the tables of rows it works from.
#include "mir/build.h"

#include <gtest/gtest.h>

namespace shrike::mir {
namespace {

TEST(Builder, TypesResultsFromRows) {
  Module module;
  MapId map = module.interface.maps.add(MapDecl{.name = "@"});
  FunctionId id = module.functions.add(Function{.name = "f"});
  module.functions[id].blocks.add(Block{"entry", {}, {}});
  Builder b(module, id, BlockId(uint32_t{0}));
  b.add_param(b.block(), {Region::ctx, false});
  ValueId key = b.slot_addr(b.add_slot("key", 8, 8));
  EXPECT_EQ(text_of(b.function().values[key].type), "ptr.stack");
  ValueId found = b.call(HelperId::map_lookup_elem, {key}, map);
  EXPECT_EQ(text_of(b.function().values[found].type), "ptr.map?");
  BlockId none = b.add_block("none");
  BlockId some = b.add_block("some");
  ValueId value = b.branch_null(found, none, some);
  EXPECT_TRUE(b.is_terminated());
  EXPECT_EQ(text_of(b.function().values[value].type), "ptr.map");
  b.move_to(some);
  EXPECT_FALSE(b.is_terminated());
  ValueId moved = b.ptr_add(value, b.constant(0));
  EXPECT_EQ(text_of(b.function().values[moved].type), "ptr.map");
  EXPECT_EQ(text_of(b.function().values[b.load(MemWidth::u64, moved, 0)].type), "i64");
  EXPECT_EQ(effect_of(b.function().blocks[BlockId(uint32_t{0})].insts[1]), Effect::reads);
}

TEST(Builder, NamesAreMadeUnique) {
  Module module;
  FunctionId id = module.functions.add(Function{.name = "f"});
  Builder b(module, id, BlockId(uint32_t{0}));
  const auto name = [&](const char* base) { return b.function().blocks[b.add_block(base)].name; };
  EXPECT_EQ(name("x"), "x");
  EXPECT_EQ(name("x"), "x.1");
  EXPECT_EQ(name("x"), "x.2");
  EXPECT_EQ(name("x.1"), "x.3");
  EXPECT_EQ(name("xy"), "xy");
}

// As texts and inlined bodies may have it.
TEST(Builder, NamesAreUniqueWhateverOrderTheirNumbersHave) {
  Module module;
  FunctionId id = module.functions.add(Function{.name = "f"});
  Builder b(module, id, BlockId(uint32_t{0}));
  for (const char* name : {"x.7", "x.2", "y.1", "z.99999999999", "z.", ".5"})
    b.function().blocks.add({.name = name, .params = {}, .insts = {}});
  const auto name = [&](const char* base) { return b.function().blocks[b.add_block(base)].name; };
  EXPECT_EQ(name("x"), "x.8");
  EXPECT_EQ(name("x.2"), "x.9");
  EXPECT_EQ(name("y"), "y.2");
  EXPECT_EQ(name("z"), "z");
  EXPECT_EQ(name("z."), "z..1");
  EXPECT_EQ(name(".5"), ".5.1");
}

TEST(Rows, NamesAndNumbersFindTheirRows) {
  EXPECT_EQ(find_helper("get_current_comm"), HelperId::get_current_comm);
  EXPECT_EQ(find_helper(131), HelperId::ringbuf_reserve);
  EXPECT_FALSE(find_helper("no_such"));
  EXPECT_EQ(row_of(HelperId::for_each_map_elem).operands.size(), 4u);
  EXPECT_EQ(row_of(Opcode::and_).name, "and");
  EXPECT_TRUE(row_of(Opcode::atomic_add).has_width);
  EXPECT_FALSE(row_of(Opcode::zero).has_width);
  EXPECT_EQ(find_map_kind("percpu_hash"), MapKind::percpu_hash);
  EXPECT_EQ(kernel_number(MapKind::ring), 27u);
  EXPECT_EQ(find_probe_kind("hardware"), ProbeKind::hardware);
  EXPECT_EQ(mem_width(4, true), MemWidth::s32);
}

}  // namespace
}  // namespace shrike::mir
