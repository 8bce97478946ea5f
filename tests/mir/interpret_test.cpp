// What each operation and helper does, run by the reference interpreter.
#include "mir/interpret.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "mir/text.h"
#include "mir/validate.h"

namespace shrike::mir {
namespace {

constexpr std::string_view maps = R"(interface {
  map @h user hash keyed key int64 value int64 bytes 8 8 entries 2
  map @a user array value int64 bytes 4 16 entries 1
  map @p user percpu_hash keyed key int64 value count_t bytes 8 8 entries 4
  map @l user lru_hash keyed key int64 value int64 bytes 8 8 entries 2
  map @.ring ring ring bytes 0 0 entries 4096
  map @.globals globals array bytes 4 64 entries 1
  map @.packets packets perf_events bytes 4 4 entries 2
}
)";

Module read(const std::string& text) {
  Diagnostics diagnostics;
  Module module = parse(text, 1, diagnostics);
  EXPECT_FALSE(diagnostics.has_errors()) << diagnostics.all()[0].message << "\n" << text;
  if (diagnostics.has_errors()) return {};
  for (const Violation& violation : validate(module)) ADD_FAILURE() << violation.message;
  return module;
}

struct Case {
  const char* code;
  uint64_t result;
};

// `code` runs with %x, %y from the context, a 32-byte zeroed slot at %s, and %0, %1, %8 as constants.
std::string program(std::string_view code) {
  std::string text(maps);
  text +=
      "fn \"add_key\" for_each kprobe { ^entry(%m: ptr.map_handle, %k: ptr.key, %v: ptr.map, %f: ptr.stack): %n: i64 = load.u64 "
      "%k, #0 ";
  text += "atomic_add.u64 %f, %n, #0 %0: i64 = constant 0 ret %0 }\n";
  text += "fn \"stop_at\" loop kprobe { ^entry(%i: i64, %f: ptr.stack): %n: i64 = load.u64 %f, #0 %e: i64 = eq %i, %n ret %e }\n";
  text += "fn \"halve\" subprogram kprobe { ^entry(%n: i64, %f: ptr.stack): %1: i64 = constant 1 store.u64 %f, %1, #0 ";
  text += "%h: i64 = shr_u %n, %1 ret %h }\n";
  text +=
      "fn \"main\" program kprobe { slot $s 32 align 8 slot $i 8 align 8 ^entry(%ctx: ptr.ctx): %0: i64 = constant 0 %1: i64 = "
      "constant 1 ";
  text +=
      "%8: i64 = constant 8 %x: i64 = load.u64 %ctx, #0 %y: i64 = load.u64 %ctx, #8 %s: ptr.stack = slot_addr $s zero %s, #0, "
      "32 ";
  return text + std::string(code) + "}";
}

constexpr FunctionId main_id(3u);

std::vector<uint8_t> context(uint64_t x, uint64_t y) {
  std::vector<uint8_t> bytes(16);
  std::memcpy(bytes.data(), &x, 8);
  std::memcpy(bytes.data() + 8, &y, 8);
  return bytes;
}

TEST(Interpret, IntegerOperations) {
  struct Row {
    const char* op;
    int64_t x, y, result;
  };
  constexpr int64_t least = INT64_MIN;
  const Row rows[] = {
      {"add %x, %y", INT64_MAX, 1, least},
      {"sub %x, %y", 3, 5, -2},
      {"mul %x, %y", -3, 5, -15},
      {"div_u %x, %y", -1, 2, INT64_MAX},
      {"div_u %x, %y", 7, 0, 0},
      {"div_s %x, %y", -7, 2, -3},
      {"div_s %x, %y", -7, 0, 0},
      {"div_s %x, %y", least, -1, least},
      {"mod_u %x, %y", 7, 4, 3},
      {"mod_u %x, %y", 7, 0, 7},
      {"mod_s %x, %y", -7, 4, -3},
      {"mod_s %x, %y", -7, 0, -7},
      {"mod_s %x, %y", least, -1, 0},
      {"and %x, %y", 12, 10, 8},
      {"or %x, %y", 12, 10, 14},
      {"xor %x, %y", 12, 10, 6},
      {"shl %x, %y", 1, 65, 2},
      {"shr_u %x, %y", -1, 60, 15},
      {"shr_s %x, %y", -16, 2, -4},
      {"shr_u %x, %y", 5, 64, 5},
      {"neg %x", 5, 0, -5},
      {"eq %x, %y", 4, 4, 1},
      {"ne %x, %y", 4, 4, 0},
      {"lt_u %x, %y", -1, 1, 0},
      {"lt_s %x, %y", -1, 1, 1},
      {"le_u %x, %y", 1, 1, 1},
      {"le_s %x, %y", 2, 1, 0},
      {"zext8 %x", -1, 0, 255},
      {"zext16 %x", -1, 0, 65535},
      {"zext32 %x", -1, 0, 4294967295},
      {"sext8 %x", 128, 0, -128},
      {"sext16 %x", 32768, 0, -32768},
      {"sext32 %x", 2147483648, 0, -2147483648},
      {"bswap16 %x", 0x11223344, 0, 0x4433},
      {"bswap32 %x", 0x1122334455, 0, 0x55443322},
      {"bswap64 %x", 0x0102030405060708, 0, 0x0807060504030201},
      {"clamp_u %x, 9", -1, 0, 9},
      {"clamp_u %x, 9", 4, 0, 4},
      {"constant -8", 0, 0, -8},
  };
  for (const Row& row : rows) {
    Module module = read(program(std::string("%r: i64 = ") + row.op + " ret %r"));
    Machine machine(module);
    Machine::Outcome outcome = machine.run(main_id, context(static_cast<uint64_t>(row.x), static_cast<uint64_t>(row.y)));
    EXPECT_EQ(outcome.fault, "");
    EXPECT_EQ(static_cast<int64_t>(outcome.result), row.result) << row.op << " of " << row.x << " and " << row.y;
  }
}

// With x = 5, y = 0xfedc in the context.
TEST(Interpret, MemoryControlFlowAndHelpers) {
  const Case cases[] = {
      {"store.u64 %s, %y, #8 %r: i64 = load.u8 %s, #9 ret %r", 0xfe},
      {"store.u64 %s, %y, #8 %r: i64 = load.s8 %s, #9 ret %r", uint64_t(-2)},
      {"store.u16 %s, %y, #0 %r: i64 = load.s16 %s, #0 ret %r", 0xfffffffffffffedc},
      {"store.u32 %s, %y, #4 %r: i64 = load.s32 %s, #4 ret %r", 0xfedc},
      {"store.u8 %s, %y, #0 copy %s, %s, 0 %r: i64 = load.u64 %s, #0 ret %r", 0xdc},
      {"store.u64 %s, %y, #0 %p: ptr.stack = ptr_add %s, %8 copy %p, %s, 2 %r: i64 = load.u64 %s, #8 ret %r", 0xfedc},
      {"store.u64 %s, %y, #0 zero %s, #1, 3 %r: i64 = load.u64 %s, #0 ret %r", 0xdc},
      {"store.u64 %s, %y, #0 atomic_add.u32 %s, %x, #0 %r: i64 = load.u64 %s, #0 ret %r", 0xfee1},
      {"store.u64 %s, %y, #0 %r: i64 = atomic_fetch_add.u64 %s, %x, #0 ret %r", 0xfedc},
      {"store.u64 %s, %y, #0 %r: i64 = atomic_cmpxchg.u64 %s, %y, %x, #0 ret %r", 0xfedc},
      {"store.u64 %s, %y, #0 %o: i64 = atomic_cmpxchg.u64 %s, %y, %x, #0 %r: i64 = load.u64 %s, #0 ret %r", 5},
      {"store.u64 %s, %y, #0 %o: i64 = atomic_cmpxchg.u64 %s, %x, %x, #0 %r: i64 = load.u64 %s, #0 ret %r", 0xfedc},
      {"store.u64 %s, %x, #8 %a: i64 = ptr_to_int %s %r: i64 = kernel_load.u64 %a, #8 ret %r", 5},
      {"%p: ptr.stack = ptr_add %s, %8 %a: i64 = ptr_to_int %s %b: i64 = ptr_to_int %p %r: i64 = sub %b, %a ret %r", 8},
      {"%m: ptr.map = map_value_addr @a, #8 store.u64 %m, %x, #0 %n: ptr.map = map_value_addr @a, #0 %r: i64 = load.u64 %n, #8 "
       "ret %r",
       5},
      {"%h: i64 = call_fn &\"halve\", %y, %s %f: i64 = load.u64 %s, #0 %r: i64 = sub %h, %f ret %r", 0x7f6d},
      {"branch %x, ^a(%x), ^a(%y) ^a(%r: i64): ret %r", 5},
      {"branch %0, ^a(%x), ^a(%y) ^a(%r: i64): ret %r", 0xfedc},
      // Parameters that swap: 1, 8 -> 8, 1.
      {"jump ^l(%1, %8, %x) ^l(%a: i64, %b: i64, %n: i64): %m: i64 = sub %n, %1 branch %m, ^l(%b, %a, %m), ^e ^e: %t: i64 = shl "
       "%a, %8 "
       "%r: i64 = or %t, %b ret %r",
       0x108},
      // Maps.
      {"%p: ptr.map? = call map_lookup_elem(@h, %s) branch_null %p, ^no, ^yes ^yes(%q: ptr.map): ret %1 ^no: ret %8", 8},
      {"store.u64 %s, %y, #8 %v: ptr.stack = ptr_add %s, %8 %u: i64 = call map_update_elem(@h, %s, %v, %1) %p: ptr.map? = call "
       "map_lookup_elem(@h, %s) branch_null %p, ^no, ^yes ^yes(%q: ptr.map): %r: i64 = load.u64 %q, #0 ret %r ^no: ret %8",
       0xfedc},
      {"%u: i64 = call map_update_elem(@h, %s, %s, %1) %r: i64 = call map_update_elem(@h, %s, %s, %1) ret %r", uint64_t(-17)},
      {"%two: i64 = constant 2 %r: i64 = call map_update_elem(@h, %s, %s, %two) ret %r", uint64_t(-2)},
      {"%r: i64 = call map_update_elem(@h, %s, %s, %8) ret %r", uint64_t(-22)},
      {"%u: i64 = call map_update_elem(@h, %s, %s, %0) store.u64 %s, %x, #0 %v: i64 = call map_update_elem(@h, %s, %s, %0) "
       "store.u64 %s, %y, "
       "#0 %r: i64 = call map_update_elem(@h, %s, %s, %0) ret %r",
       uint64_t(-7)},
      {"%u: i64 = call map_update_elem(@l, %s, %s, %0) store.u64 %s, %x, #0 %v: i64 = call map_update_elem(@l, %s, %s, %0) "
       "store.u64 %s, %y, "
       "#0 %r: i64 = call map_update_elem(@l, %s, %s, %0) ret %r",
       0},
      {"%r: i64 = call map_delete_elem(@h, %s) ret %r", uint64_t(-2)},
      {"%u: i64 = call map_update_elem(@h, %s, %s, %0) %r: i64 = call map_delete_elem(@h, %s) ret %r", 0},
      {"%r: i64 = call map_delete_elem(@a, %s) ret %r", uint64_t(-22)},
      {"agg_update @p, %s %p: ptr.map? = call map_lookup_percpu_elem(@p, %s, %1) branch_null %p, ^no, ^yes ^yes(%q: ptr.map): "
       "%r: i64 = "
       "load.u64 %q, #0 ret %r ^no: ret %8",
       0},
      {"%p: ptr.map? = call map_lookup_percpu_elem(@p, %s, %8) branch_null %p, ^no, ^yes ^yes(%q: ptr.map): ret %0 ^no: ret %8",
       8},
      {"store.u64 %s, %x, #0 %u: i64 = call map_update_elem(@h, %s, %s, %0) store.u64 %s, %8, #0 %v: i64 = call "
       "map_update_elem(@h, %s, %s, "
       "%0) store.u64 %s, %0, #0 %n: i64 = call for_each_map_elem(@h, &\"add_key\", %s, %0) %r: i64 = load.u64 %s, #0 ret %r",
       13},
      {"%i: ptr.stack = slot_addr $i %n: i64 = call iter_num_new(%i, %1, %8) jump ^l(%0) ^l(%t: i64): %p: ptr.number? = call "
       "iter_num_next(%i) branch_null %p, ^e, ^b ^b(%q: ptr.number): %v: i64 = load.u32 %q, #0 %u: i64 = add %t, %v jump ^l(%u) "
       "^e: call iter_num_destroy(%i) ret %t",
       28},
      {"%i: ptr.stack = slot_addr $i %n: i64 = call iter_num_new(%i, %8, %1) %p: ptr.number? = call iter_num_next(%i) "
       "branch_null %p, ^e, ^b ^b(%q: ptr.number): call iter_num_destroy(%i) ret %0 ^e: call iter_num_destroy(%i) ret %n",
       uint64_t(-22)},
      {"%i: ptr.stack = slot_addr $i %m: i64 = constant 8388609 %n: i64 = call iter_num_new(%i, %0, %m) call "
       "iter_num_destroy(%i) ret %n",
       uint64_t(-7)},
      {"store.u64 %s, %x, #0 %r: i64 = call loop(%8, &\"stop_at\", %s, %0) ret %r", 6},
      {"store.u64 %s, %y, #0 %r: i64 = call loop(%8, &\"stop_at\", %s, %0) ret %r", 8},
      {"%n: i64 = constant 8388609 %r: i64 = call loop(%n, &\"stop_at\", %s, %0) ret %r", uint64_t(-7)},
      // The ring.
      {"%p: ptr.mem? = call ringbuf_reserve(@.ring, %8, %0) branch_null %p, ^no, ^yes ^yes(%q: ptr.mem): store.u64 %q, %x, #0 "
       "call "
       "ringbuf_submit(%q, %0) ret %1 ^no: ret %0",
       1},
      {"%p: ptr.mem? = call ringbuf_reserve(@.ring, %8, %0) branch_null %p, ^no, ^yes ^yes(%q: ptr.mem): call "
       "ringbuf_discard(%q, %0) ret %1 "
       "^no: ret %0",
       1},
      {"%r: i64 = call ringbuf_output(@.ring, %s, %8, %0) ret %r", 0},
      {"%r: i64 = call perf_event_output(%ctx, @.packets, %0, %s, %8) ret %r", 0},
      // Traced memory: "hello" at 0x7000.
      {"%a: i64 = constant 0x7000 %e: i64 = call probe_read_user(%s, %8, %a) ret %e", uint64_t(-14)},
      {"%a: i64 = constant 0x7000 %e: i64 = call probe_read_kernel(%s, %x, %a) %r: i64 = load.u64 %s, #0 ret %r", 0x6f6c6c6568},
      {"%a: i64 = constant 0x7000 %r: i64 = call probe_read_kernel_str(%s, %8, %a) ret %r", 6},
      {"%a: i64 = constant 0x7000 %n: i64 = constant 3 %r: i64 = call probe_read_user_str(%s, %n, %a) ret %r", 3},
      {"%a: i64 = constant 0x7000 %n: i64 = constant 3 %e: i64 = call probe_read_str(%s, %n, %a) %r: i64 = load.u64 %s, #0 ret "
       "%r",
       0x6568},
      {"store.u64 %s, %y, #0 %e: i64 = call probe_read_user_str(%s, %8, %y) %r: i64 = load.u64 %s, #0 ret %r", 0},
      {"%r: i64 = call probe_read_user_str(%s, %8, %y) ret %r", uint64_t(-14)},
      {"store.u64 %s, %y, #0 %e: i64 = call probe_read(%s, %8, %y) %r: i64 = load.u64 %s, #0 ret %r", 0},
      // The machine.
      {"%r: i64 = call get_current_pid_tgid() ret %r", (uint64_t{100} << 32) | 101},
      {"%n: i64 = constant 16 %e: i64 = call get_current_comm(%s, %n) %r: i64 = load.u64 %s, #0 ret %r", 0x6d6d6f63},
      {"%n: i64 = constant 3 %e: i64 = call get_current_comm(%s, %n) %r: i64 = load.u64 %s, #0 ret %r", 0x6f63},
      {"%e: i64 = call get_ns_current_pid_tgid(%0, %0, %s, %8) %r: i64 = load.u32 %s, #4 ret %r", 100},
      {"%a: i64 = call ktime_get_ns() %b: i64 = call ktime_get_boot_ns() %r: i64 = sub %b, %a ret %r", 1},
      {"%r: i64 = call get_smp_processor_id() ret %r", 0},
      {"%n: i64 = constant 24 %r: i64 = call get_stack(%ctx, %s, %n, %1) ret %r", 8},
      {"%n: i64 = constant 24 %e: i64 = call get_stack(%ctx, %s, %n, %1) %r: i64 = load.u64 %s, #0 ret %r", 22},
      {"%r: i64 = call send_signal(%8) ret %r", 0},
      {"%r: i64 = call send_signal_thread(%8) ret %r", 0},
      {"%r: i64 = call override_return(%ctx, %8) ret %r", 0},
      {"%r: i64 = call get_socket_cookie(%0) ret %r", uint64_t(-22)},
      {"%r: i64 = call skb_output(%0, @.packets, %0, %s, %8) ret %r", uint64_t(-22)},
      {"%r: i64 = call d_path(%0, %s, %8) ret %r", uint64_t(-22)},
      {"store.u64 %s, %y, #0 %r: i64 = call probe_write_user(%0, %s, %8) ret %r", uint64_t(-14)},
      {"%m: ptr.map = map_value_addr @a, #0 store.u64 %s, %x, #0 %r: i64 = call strncmp(%s, %8, %m) ret %r", 1},
      {"%m: ptr.map = map_value_addr @a, #0 %r: i64 = call strncmp(%s, %8, %m) ret %r", 0},
  };
  for (const Case& row : cases) {
    Module module = read(program(row.code));
    Machine machine(module);
    machine.add_memory(0x7000, {'h', 'e', 'l', 'l', 'o', 0});
    machine.state.kernel_stack = {11, 22};
    Machine::Outcome outcome = machine.run(main_id, context(5, 0xfedc));
    EXPECT_EQ(outcome.fault, "") << row.code;
    EXPECT_EQ(outcome.result, row.result) << row.code;
  }
}

TEST(Interpret, FaultsEndTheProgram) {
  for (const char* code : {
           "%r: i64 = load.u64 %ctx, #9 ret %r", "%p: ptr.stack = ptr_add %s, %y store.u8 %p, %x, #0 ret %0",
           "%p: ptr.stack = ptr_add %s, %y zero %p, #0, 8 ret %0", "%p: ptr.stack = ptr_add %s, %y copy %s, %p, 8 ret %0",
           "%p: ptr.stack = ptr_add %s, %y %r: i64 = call map_delete_elem(@h, %p) ret %r",
           "%r: i64 = call probe_read_user(%s, %y, %0) ret %r", "jump ^l ^l: jump ^l",
           // NOLINTBEGIN(bugprone-suspicious-missing-comma): one program
           "%p: ptr.mem? = call ringbuf_reserve(@.ring, %8, %0) branch_null %p, ^no, ^yes "
           "^yes(%q: ptr.mem): call ringbuf_submit(%q, %0) call ringbuf_submit(%q, %0) ret %0 "
           "^no: ret %0",
           // NOLINTEND(bugprone-suspicious-missing-comma)
       }) {
    Module module = read(program(code));
    Machine machine(module);
    machine.state.most_steps = 1000;
    EXPECT_NE(machine.run(main_id, context(5, 0xfedc)).fault, "") << code;
  }
}

TEST(Interpret, RecordsAndHooks) {
  Module module = read(
      program("%p: ptr.mem? = call ringbuf_reserve(@.ring, %8, %0) branch_null %p, ^no, ^yes ^yes(%q: ptr.mem): store.u64 %q, "
              "%x, #0 call ringbuf_submit(%q, %0) ret %1 ^no: ret %8"));
  Machine machine(module);
  machine.state.ring_records = 1;
  std::set<uint64_t> seen;
  machine.on_value = [&](FunctionId, ValueId, uint64_t value) { seen.insert(value); };
  EXPECT_EQ(machine.run(main_id, context(5, 6)).result, 1u);
  EXPECT_EQ(machine.run(main_id, context(5, 6)).result, 8u);
  EXPECT_EQ(machine.records, (std::vector<std::vector<uint8_t>>{{5, 0, 0, 0, 0, 0, 0, 0}}));
  EXPECT_TRUE(seen.contains(5) && seen.contains(6));
  machine.on_call = [](Machine&, const Inst& inst, std::span<const uint64_t>) {
    return inst.helper == HelperId::ringbuf_reserve ? std::optional<uint64_t>(0) : std::nullopt;
  };
  machine.state.ring_records = 9;
  EXPECT_EQ(machine.run(main_id, context(5, 6)).result, 8u);
}

// Runs one update per operand and compares the words of the value that are not zero: index, value.
TEST(Interpret, Aggregates) {
  struct Row {
    const char* type;
    std::vector<int64_t> operands;
    std::vector<std::pair<size_t, int64_t>> words;
  };
  const Row rows[] = {
      {"count_t", {7, 7, 7}, {{0, 3}}},
      {"sum_t", {7, -9}, {{0, -2}}},
      {"min_t", {7, -9, 3}, {{0, -9}, {1, 1}}},
      {"umin_t", {7, -9, 3}, {{0, 3}, {1, 1}}},
      {"max_t", {-7, -9}, {{0, -7}, {1, 1}}},
      {"umax_t", {7, -9, 3}, {{0, -9}, {1, 1}}},
      {"avg_t", {7, 9}, {{0, 16}, {1, 2}}},
      {"ustats_t", {7, 9}, {{0, 16}, {1, 2}}},
      {"hist_t[0]", {-1, 0, 1, 2, 3, 4, INT64_MAX}, {{0, 1}, {1, 1}, {2, 1}, {3, 2}, {4, 1}, {64, 1}}},
      {"hist_t[2]", {3, 4, 5, 8, 9, 10, INT64_MAX}, {{4, 1}, {5, 1}, {6, 1}, {9, 2}, {10, 1}, {248, 1}}},
      {"lhist_t[-10,10,5]", {-11, -10, -6, 0, 9, 10, 99}, {{0, 1}, {1, 2}, {3, 1}, {4, 1}, {5, 2}}},
  };
  for (const Row& row : rows) {
    TypePool pool;
    uint32_t size = pool.parse(row.type)->size;
    bool has_operand = std::string_view(row.type) != "count_t";
    std::string text =
        std::string("interface { map @m user percpu_hash keyed key int64 value ") + row.type + " bytes 8 " +
        std::to_string(size) +
        " entries 1 map @.globals globals array bytes 4 1120 entries 1 } fn \"f\" program kprobe { slot $k 8 align "
        "8 ^e(%c: ptr.ctx): " +
        "%x: i64 = load.u64 %c, #0 %y: i64 = load.u64 %c, #8 %k: ptr.stack = slot_addr $k store.u64 %k, %y, #0 "
        "agg_update @m, %k" +
        (has_operand ? ", %x" : "") + " ret %x }";
    Module module = read(text);
    Machine machine(module);
    machine.state.cpu = 1;
    for (int64_t operand : row.operands)
      EXPECT_EQ(machine.run(FunctionId(0u), context(static_cast<uint64_t>(operand), 1)).fault, "");
    std::vector<Machine::Entry> entries = machine.entries(MapId(0u));
    ASSERT_EQ(entries.size(), 1u);
    std::vector<std::pair<size_t, int64_t>> words;
    for (size_t i = 0; i < size / 8; i++) {
      int64_t word = 0;
      std::memcpy(&word, entries[0].values[1].data() + i * 8, 8);
      const Type& type = *pool.parse(row.type);
      const bool is_extreme = type.is(TypeKind::min) || type.is(TypeKind::max);
      if (is_extreme && i == 0) word ^= static_cast<int64_t>(extreme_mask(type));
      if (word != 0) words.push_back({i, word});
    }
    EXPECT_EQ(words, row.words) << row.type;
    EXPECT_EQ(entries[0].values[0], std::vector<uint8_t>(size)) << "the other CPU's value";
    // A second key does not fit: counted, not kept.
    machine.run(FunctionId(0u), context(1, 2));
    EXPECT_EQ(machine.entries(MapId(0u)).size(), 1u);
    EXPECT_EQ(machine.entries(MapId(1u))[0].values[0][globals::map_refusals(MapId(0u))], 1);
  }
}

}  // namespace
}  // namespace shrike::mir
