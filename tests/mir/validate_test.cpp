// Each invariant of validate.cpp, broken by at least one module that is otherwise good.
#include "mir/validate.h"

#include <gtest/gtest.h>

#include <functional>

#include "mir/text.h"

namespace shrike::mir {
namespace {

constexpr std::string_view good = R"(interface {
  map @c user percpu_hash keyed key int64 value count_t bytes 8 8 entries 10
  map @x user array value int64 bytes 4 16 entries 1
  map @.ring ring ring bytes 0 0 entries 4096
  map @.pages pages hash bytes 16 48 entries 10
  map @t user hash keyed key int32 value tseries_t[1,4,sum] bytes 4 8 entries 10 pages @.pages
  event 0 printf "%d" (int64 @8, int32 @16) size 24
  event 1 clear "" () size 8 map @c
  probe begin "begin" runs "main"
}
fn "main" program kprobe {
  slot $k 16 align 8
^entry(%ctx: ptr.ctx):
  %zero: i64 = constant 0
  %k: ptr.stack = slot_addr $k
  zero %k, #0, 16
  %eight: i64 = constant 8
  %k8: ptr.stack = ptr_add %k, %eight
  store.u64 %k8, %zero, #0
  agg_update @c, %k
  %x: ptr.map = map_value_addr @x, #0
  %size: i64 = constant 24
  %r: ptr.mem? = call ringbuf_reserve(@.ring, %size, %zero)
  branch_null %r, ^none, ^some
^some(%rec: ptr.mem):
  call ringbuf_submit(%rec, %zero)
  jump ^done(%eight)
^none:
  %n: i64 = call for_each_map_elem(@c, &"callback", %k, %zero)
  branch %n, ^done(%n), ^done(%zero)
^done(%v: i64):
  ret %v
}
fn "callback" for_each kprobe {
^entry(%m: ptr.map_handle, %key: ptr.key, %value: ptr.map, %frame: ptr.stack):
  %v: i64 = load.u64 %key, #0
  ret %v
}
fn "index" loop kprobe {
^entry(%i: i64, %frame: ptr.stack):
  ret %i
}
fn "helped" subprogram kprobe {
^entry(%a: i64, %p: ptr.stack):
  ret %a
}
fn "helper" subprogram kprobe {
  slot $h 8 align 8
^entry:
  %h: ptr.stack = slot_addr $h
  %one: i64 = constant 1
  %a: i64 = call_fn &"helped", %one, %h
  ret %a
}
fn "iterates" subprogram kprobe {
  slot $it 8 align 8
^entry(%from: i64, %to: i64):
  %it: ptr.stack = slot_addr $it
  %begun: i64 = call iter_num_new(%it, %from, %to)
  jump ^round
^round:
  %p: ptr.number? = call iter_num_next(%it)
  branch_null %p, ^over, ^number
^number(%at: ptr.number):
  jump ^round
^over:
  call iter_num_destroy(%it)
  ret %to
}
)";

Module read(const std::string& text) {
  Diagnostics diagnostics;
  Module module = parse(text, 1, diagnostics);
  EXPECT_FALSE(diagnostics.has_errors()) << diagnostics.all()[0].message;
  return module;
}

std::string edited(std::string_view part, std::string_view replacement) {
  std::string text(good);
  size_t at = text.find(part);
  EXPECT_NE(at, std::string::npos) << part;
  return at == std::string::npos ? text : text.replace(at, part.size(), replacement);
}

Inst& call_of_helper(Module& module) {
  return module.functions[FunctionId(4u)].blocks[BlockId(0u)].insts[2];
}
std::vector<ValueId>& parameters_of_helped(Module& module) {
  return module.functions[FunctionId(3u)].blocks[BlockId(0u)].params;
}
void add_parameter_of_helped(Module& module) {
  parameters_of_helped(module).push_back(module.functions[FunctionId(3u)].values.add({}));
}
void call_itself(Module& module) {
  call_of_helper(module).callee = FunctionId(4u);
  call_of_helper(module).operands.clear();
}

Function& main_of(Module& module) {
  return module.functions[FunctionId(0u)];
}
Block& block_of(Module& module, uint32_t index) {
  return main_of(module).blocks[BlockId(index)];
}

void expect_violation(const Module& module, int invariant, const std::vector<std::string_view>& finished = {}) {
  std::vector<Violation> violations = validate(module, finished);
  ASSERT_FALSE(violations.empty()) << "nothing found for invariant " << invariant;
  std::string start = "invariant " + std::to_string(invariant) + ": ";
  EXPECT_EQ(violations[0].message.substr(0, start.size()), start) << violations[0].message;
}

TEST(Validate, TheUnbrokenModuleHasNoViolations) {
  for (const Violation& violation : validate(read(std::string(good)))) ADD_FAILURE() << violation.message;
}

TEST(Validate, ViolationsSeenInText) {
  struct Row {
    int invariant;
    const char* part;
    const char* replacement;
  };
  const Row rows[] = {
      {2, "  ret %v\n}\nfn \"callback\"", "}\nfn \"callback\""},
      {2, "  jump ^done(%eight)", "  jump ^done(%eight)\n  jump ^done(%eight)"},
      {5, "jump ^done(%eight)", "jump ^done(%n)"},
      {5, "zero %k, #0, 16", "zero %k8, #0, 8"},
      {8, "  jump ^done(%eight)", "  branch_null %r, ^again(%rec), ^again\n^again(%a: ptr.mem):\n  jump ^done(%eight)"},
      {9, "jump ^done(%eight)", "jump ^entry(%ctx)"},
      {9, "(%m: ptr.map_handle, %key: ptr.key,", "(%key: ptr.key, %m: ptr.map_handle,"},
      {10, "%size: i64 = constant 24", "%size: i64 = add %eight, %eight"},
      {10, "&\"callback\"", "&\"index\""},
      {10, "\"callback\" for_each kprobe", "\"callback\" for_each tracepoint"},
      {12, "slot $k 16 align 8", "slot $k 16 align 3"},
      {12, "slot $k 16 align 8", "slot $k 0 align 8"},
      {13, "zero %k, #0, 16", "zero %k, #0, 17"},
      {13, "zero %k, #0, 16", "zero %k, #-1, 8"},
      {13, "store.u64 %k8, %zero, #0", "store.u64 %k8, %zero, #8"},
      {13, "%eight: i64 = constant 8", "%eight: i64 = constant 9223372036854775807"},
      {13, "map_value_addr @x, #0", "map_value_addr @x, #16"},
      {14, "store.u64 %k8, %zero, #0", "store.u32 %k8, %zero, #2"},
      {14, "slot $k 16 align 8", "slot $k 16 align 4"},
      {15, "map_value_addr @x, #0", "map_value_addr @c, #0"},
      {15, "ringbuf_reserve(@.ring", "ringbuf_reserve(@x"},
      {16, "ring ring bytes 0 0 entries 4096", "ring ring bytes 0 0 entries 5000"},
      {16, "count_t bytes 8 8", "count_t bytes 4 8"},
      {16, "count_t bytes 8 8", "count_t bytes 8 12"},
      {16, "value int64 bytes 4 16", "value int64 bytes 4 8"},
      {16, "value int64 bytes 4 16", "value int64 bytes 8 16"},
      {16, "value int64 bytes 4 16", "bytes 4 16"},
      {16, "keyed key int64 value", "keyed value"},
      {16, "pages hash bytes 16", "pages percpu_hash bytes 16"},
      {16, "pages hash bytes 16", "zeros hash bytes 16"},
      {16, "pages hash bytes 16 48", "pages hash bytes 12 48"},
      {16, "pages hash bytes 16 48", "pages hash bytes 16 56"},
      {16, "value tseries_t[1,4,sum]", "value count_t"},
      {17, "int32 @16", "int32 @18"},
      {17, "int32 @16", "int32 @24"},
      {17, "int64 @8", "int64 @0"},
      {17, "(int64 @8, int32 @16) size 24", "(int64 @8, int32 @16) size 20"},
      {17, "size 8 map @c", "size 8"},
      {17, "size 8 map @c", "size 8 then 0 map @c"},
      {10, "\"helped\" subprogram kprobe", "\"helped\" subprogram tracepoint"},
      {18, "runs \"main\"", "runs \"callback\""},
      {18, " runs \"main\"", ""},
      {20, "%it: ptr.stack = slot_addr $it", "%base: ptr.stack = slot_addr $it\n  %it: ptr.stack = ptr_add %base, %from"},
      {20, "slot $it 8 align 8", "slot $it 16 align 8"},
      {20, "call iter_num_destroy(%it)\n", "call iter_num_destroy(%it)\n  store.u64 %it, %to, #0\n"},
      {21, "  call iter_num_destroy(%it)\n", ""},
      {21, "call iter_num_destroy(%it)\n", "call iter_num_destroy(%it)\n  call iter_num_destroy(%it)\n"},
      {21, "  %begun: i64 = call iter_num_new(%it, %from, %to)\n", ""},
      {21, "^number(%at: ptr.number):\n  jump", "^number(%at: ptr.number):\n  call iter_num_destroy(%it)\n  jump"},
      {21, "^number(%at: ptr.number):\n", "^number(%at: ptr.number):\n  %b: i64 = call iter_num_new(%it, %from, %to)\n"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.replacement);
    expect_violation(read(edited(row.part, row.replacement)), row.invariant);
  }
}

TEST(Validate, ViolationsThatTextCannotHold) {
  struct Row {
    int invariant;
    std::function<void(Module&)> damage;
  };
  const Row rows[] = {
      {1, [](Module& m) { main_of(m).name.clear(); }},
      {1, [](Module& m) { m.functions[FunctionId(2u)].name = "main"; }},
      {1, [](Module& m) { main_of(m).blocks = {}; }},
      {1, [](Module& m) { block_of(m, 1).name = "entry"; }},
      {1, [](Module& m) { main_of(m).slots.add({"k", 8, 8}); }},
      {2, [](Module& m) { block_of(m, 1).insts.clear(); }},
      {3, [](Module& m) { block_of(m, 0).insts[1].slot = {}; }},
      {3, [](Module& m) { block_of(m, 0).insts[2].operands[0] = ValueId(9999u); }},
      {3, [](Module& m) { block_of(m, 0).insts[2].result = ValueId(9999u); }},
      {3, [](Module& m) { block_of(m, 0).insts[6].map = MapId(5u); }},
      {3, [](Module& m) { block_of(m, 2).insts[0].callee = {}; }},
      {3, [](Module& m) { call_of_helper(m).callee = {}; }},
      {6, [](Module& m) { call_of_helper(m).operands.pop_back(); }},
      {6, [](Module& m) { call_of_helper(m).operands[1] = call_of_helper(m).operands[0]; }},
      {6, [](Module& m) { call_of_helper(m).callee = FunctionId(2u); }},
      {9, [](Module& m) { m.functions[FunctionId(3u)].values[parameters_of_helped(m)[0]].type = {Region::map, true}; }},
      {9, [](Module& m) { m.functions[FunctionId(3u)].values[parameters_of_helped(m)[0]].type = {Region::ctx, false}; }},
      {9,
       [](Module& m) {
         while (parameters_of_helped(m).size() < 6) add_parameter_of_helped(m);
       }},
      {19, [](Module& m) { call_itself(m); }},
      {3, [](Module& m) { block_of(m, 1).insts[1].targets[0].block = BlockId(4u); }},
      {3, [](Module& m) { block_of(m, 1).insts[1].targets[0].args[0] = {}; }},
      {3, [](Module& m) { block_of(m, 1).params[0] = {}; }},
      {4, [](Module& m) { block_of(m, 0).insts[1].result = block_of(m, 0).insts[0].result; }},
      {4, [](Module& m) { block_of(m, 0).insts.erase(block_of(m, 0).insts.begin()); }},
      {6, [](Module& m) { block_of(m, 3).insts[0].operands.clear(); }},
      {6, [](Module& m) { block_of(m, 3).insts[0].operands[0] = main_of(m).blocks[BlockId(0u)].params[0]; }},
      {6, [](Module& m) { block_of(m, 0).insts[5].width = MemWidth::s16; }},
      {7, [](Module& m) { main_of(m).values[block_of(m, 0).insts[1].result].type = {Region::map, false}; }},
      {7, [](Module& m) { block_of(m, 1).insts[0].result = main_of(m).values.add({}); }},
      {8, [](Module& m) { block_of(m, 1).insts[1].targets[0].args.clear(); }},
      {16, [](Module& m) { m.interface.maps[MapId(1u)].name = "@c"; }},
      {16, [](Module& m) { m.interface.maps[MapId(0u)].role = MapRole::table; }},
      {16, [](Module& m) { m.interface.maps[MapId(0u)].constants = "12345678"; }},
      {17, [](Module& m) { m.interface.events[EventId(0u)].fields[0].type = nullptr; }},
  };
  int row_number = 0;
  for (const Row& row : rows) {
    SCOPED_TRACE(row_number++);
    Module module = read(std::string(good));
    row.damage(module);
    expect_violation(module, row.invariant);
    EXPECT_FALSE(print(module, {}).empty());
  }
}

TEST(Validate, OpsAreRejectedAfterTheirPass) {
  Module module = read(std::string(good));
  expect_violation(module, 11, {"expand-aggregates"});
  expect_violation(module, 11, {"simplify", "expand_aggregates"});
  EXPECT_TRUE(validate(module, {"simplify"}).empty());
}

TEST(Validate, UnreachableBlocksNeedNoDominance) {
  EXPECT_TRUE(validate(read(edited("^done(%v: i64):", "^dead:\n  jump ^done(%n)\n^done(%v: i64):"))).empty());
}

}  // namespace
}  // namespace shrike::mir
