// What must be proved, and what the ranges prove: each row is one access and whether it is provable.
#include "mir/obligations.h"

#include <gtest/gtest.h>

#include "mir/text.h"
#include "mir/validate.h"

namespace shrike::mir {
namespace {

constexpr std::string_view before = R"(interface {
  map @m user hash keyed key int64 value int64 bytes 8 16 entries 10
  map @.ring ring ring bytes 0 0 entries 4096
}
fn "cb" for_each kprobe {
^entry(%0: ptr.map_handle, %1: ptr.key, %2: ptr.map, %3: ptr.stack):
  %4: i64 = load.u64 %1, #0
  %5: i64 = load.u64 %2, #8
  %6: i64 = load.u64 %3, #24
  ret %4
}
fn "main" program kprobe {
  slot $s 32 align 8
  slot $bytes 7 align 1
^entry(%ctx: ptr.ctx):
  %0: i64 = constant 0
  %1: i64 = constant 1
  %16: i64 = constant 16
  %24: i64 = constant 24
  %s: ptr.stack = slot_addr $s
  %bytes: ptr.stack = slot_addr $bytes
  %n: i64 = call get_prandom_u32()
  %each: i64 = call for_each_map_elem(@m, &"cb", %s, %0)
)";

std::vector<std::string> missing(std::string_view code) {
  Diagnostics diagnostics;
  Module module = parse(std::string(before) + std::string(code) + "}\n", 1, diagnostics);
  EXPECT_FALSE(diagnostics.has_errors()) << diagnostics.all()[0].message;
  if (diagnostics.has_errors()) return {"unreadable"};
  for (const Violation& violation : validate(module)) ADD_FAILURE() << violation.message;
  EXPECT_TRUE(unproved(module, FunctionId(0u)).empty());
  std::vector<std::string> out;
  for (const Obligation& obligation : unproved(module, FunctionId(1u)))
    out.push_back(text_of(obligation, module.functions[FunctionId(1u)]));
  return out;
}

// A pass may have removed the only call of a function.
TEST(Obligations, FunctionsThatNobodyCallsOweNothing) {
  constexpr std::string_view text = R"(
fn "outer" subprogram kprobe { ^entry(%f: ptr.stack): %v: i64 = load.u64 %f, #8 %r: i64 = call_fn &"inner", %f ret %r }
fn "inner" subprogram kprobe { ^entry(%f: ptr.stack): %v: i64 = load.u64 %f, #16 ret %v }
fn "main" program kprobe { slot $s 16 align 8 ^entry(%ctx: ptr.ctx): %s: ptr.stack = slot_addr $s zero %s, #0, 16 )";
  for (bool is_called : {false, true}) {
    Diagnostics diagnostics;
    const std::string call = is_called ? "%r: i64 = call_fn &\"outer\", %s ret %r }" : "%r: i64 = constant 0 ret %r }";
    Module module = parse("interface { }" + std::string(text) + call, 1, diagnostics);
    ASSERT_FALSE(diagnostics.has_errors()) << diagnostics.all()[0].message;
    EXPECT_TRUE(unproved(module, FunctionId(0u)).empty());
    EXPECT_EQ(unproved(module, FunctionId(1u)).empty(), !is_called);
  }
}

TEST(Obligations, ProvableAccessesLeaveNothing) {
  for (const char* code : {
           "%v: i64 = load.u64 %s, #24 ret %v",
           "%v: i64 = load.u32 %ctx, #112 ret %v",
           "zero %bytes, #0, 7 copy %s, %bytes, 7 ret %0",
           // A variable offset, masked, then added.
           "%m: i64 = and %n, %24 %p: ptr.stack = ptr_add %s, %m store.u64 %p, %0, #0 ret %0",
           "%m: i64 = clamp_u %n, 31 %p: ptr.stack = ptr_add %s, %m store.u8 %p, %0, #0 ret %0",
           // A branch that bounds.
           "%c: i64 = le_u %n, %24 branch %c, ^in, ^out ^in: %p: ptr.stack = ptr_add %s, %n store.u8 %p, %0, #7 jump ^out ^out: "
           "ret %0",
           "%c: i64 = lt_u %24, %n %e: i64 = eq %c, %0 branch %e, ^in, ^out ^in: %p: ptr.stack = ptr_add %s, %n store.u8 %p, %0, "
           "#7 jump "
           "^out ^out: ret %0",
           // A bounded loop.
           "jump ^head(%0) ^head(%i: i64): %c: i64 = lt_u %i, %24 branch %c, ^body, ^out ^body: %p: ptr.stack = ptr_add %s, %i "
           "store.u8 "
           "%p, %0, #8 %j: i64 = add %i, %1 jump ^head(%j) ^out: ret %0",
           // Pointers into one object meet again.
           "branch %n, ^a(%s), ^b ^b: %q: ptr.stack = ptr_add %s, %16 jump ^a(%q) ^a(%p: ptr.stack): store.u64 %p, %0, #8 ret %0",
           "%p: ptr.map? = call map_lookup_elem(@m, %s) branch_null %p, ^no, ^yes ^yes(%q: ptr.map): atomic_add.u64 %q, %1, #8 "
           "jump ^no ^no: "
           "ret %0",
           "%p: ptr.mem? = call ringbuf_reserve(@.ring, %24, %0) branch_null %p, ^no, ^yes ^yes(%q: ptr.mem): store.u64 %q, %1, "
           "#16 call "
           "ringbuf_submit(%q, %0) jump ^no ^no: ret %0",
           "%r: i64 = call probe_read_kernel(%s, %24, %n) ret %r",
           "%m: i64 = clamp_u %n, 32 %r: i64 = call probe_read_kernel_str(%s, %m, %n) ret %r",
           // The result of a string read is at most its buffer.
           "%r: i64 = call probe_read_kernel_str(%s, %24, %n) %c: i64 = lt_s %0, %r branch %c, ^in, ^out ^in: %p: ptr.stack = "
           "ptr_add %s, "
           "%r store.u8 %p, %0, #0 jump ^out ^out: ret %0",
           "zero %bytes, #0, 7 branch %n, ^a(%s), ^a(%bytes) ^a(%p: ptr.stack): store.u8 %p, %0, #6 ret %0",
           // Nothing is asked where control never comes.
           "ret %0 ^dead: %p: ptr.stack = ptr_add %s, %n %v: i64 = load.u64 %p, #8 ret %v",
       }) {
    std::vector<std::string> out = missing(code);
    EXPECT_TRUE(out.empty()) << code << "\n" << out[0];
  }
}

TEST(Obligations, UnprovableAccessesAreNamed) {
  struct Row {
    const char* code;
    const char* missing;
  };
  const Row rows[] = {
      {"%m: i64 = clamp_u %n, 32 %p: ptr.stack = ptr_add %s, %m store.u8 %p, %0, #0 ret %0", "1 bytes at"},
      {"%m: i64 = clamp_u %n, 31 %p: ptr.stack = ptr_add %s, %m store.u8 %p, %0, #-1 ret %0", "1 bytes at"},
      {"%m: i64 = clamp_u %n, 24 %p: ptr.stack = ptr_add %s, %m store.u64 %p, %0, #0 ret %0", "is aligned to 8"},
      {"%v: i64 = load.u64 %s, #0 %p: ptr.stack = ptr_add %s, %v ret %v", "between -2^29 and 2^29"},
      {"%p: ptr.ctx = ptr_add %ctx, %n %v: i64 = load.u8 %p, #0 ret %v", "between -2^29 and 2^29"},
      {"%v: i64 = load.u32 %ctx, #-4 ret %v", "4 bytes at"},
      {"%r: i64 = call probe_read_kernel(%s, %n, %n) ret %r", "bytes at"},
      {"%m: i64 = clamp_u %n, 24 %r: i64 = call get_current_comm(%s, %m) ret %r", "is not zero"},
      {"%r: i64 = call map_delete_elem(@m, %bytes) ret %r", "8 bytes at"},
      {"%r: i64 = call map_update_elem(@m, %s, %bytes, %0) ret %r", "16 bytes at"},
      // Of two objects, the smaller counts.
      {"zero %bytes, #0, 7 branch %n, ^a(%s), ^a(%bytes) ^a(%p: ptr.stack): store.u8 %p, %0, #7 ret %0", "1 bytes at"},
      // The remainder is small, but older verifiers do not see it.
      {"%m: i64 = mod_u %n, %24 %p: ptr.stack = ptr_add %s, %m store.u8 %p, %0, #0 ret %0", "between"},
  };
  for (const Row& row : rows) {
    std::vector<std::string> out = missing(row.code);
    ASSERT_FALSE(out.empty()) << row.code;
    EXPECT_NE(out[0].find(row.missing), std::string::npos) << row.code << "\n" << out[0];
  }
}

}  // namespace
}  // namespace shrike::mir
