// The text form of functions: print and parse are inverse, mistakes are reported where they are, nothing crashes.
#include "mir/text.h"

#include <gtest/gtest.h>

#include <random>

namespace shrike::mir {
namespace {

constexpr std::string_view sample = R"(interface {
  map @m user percpu_hash keyed key string[16] value count_t bytes 16 8 entries 4096
  map @.ring ring ring bytes 0 0 entries 4096
  map @"odd name" scratch percpu_array bytes 4 64 entries 1
  map @.globals globals array bytes 4 64 entries 1
  event 0 printf "hi %d\n" (int64 @8) size 16
  probe kprobe "kprobe:vfs_read" function "vfs_read" runs "kprobe:vfs_read"
}

fn "kprobe:vfs_read" program kprobe {
  slot $comm 16 align 8
  slot $"odd slot" 8 align 8
^entry(%0: ptr.ctx):
  %1: i64 = call get_current_pid_tgid()
  %2: i64 = constant -32
  %3: i64 = shr_u %1, %2
  %4: i64 = clamp_u %3, 15
  %5: ptr.stack = slot_addr $comm
  %6: ptr.stack = slot_addr $"odd slot"
  zero %5, #0, 16
  copy %5, %6, 8
  store.u32 %5, %3, #4
  %7: i64 = load.s16 %0, #-8
  atomic_add.u64 %6, %3, #0
  %8: i64 = atomic_fetch_add.u32 %6, %3, #4
  %9: ptr.stack = ptr_add %5, %4
  %10: ptr.map = map_value_addr @.globals, #8
  agg_update @m, %5
  %11: i64 = call for_each_map_elem(@m, &"callback", %6, %2)
  %12: ptr.map? = call map_lookup_elem(@m, %5)
  branch_null %12, ^none, ^some(%3)
^none:
  branch %3, ^"odd block", ^done(%3)
^some(%13: ptr.map, %14: i64):
  jump ^done(%14)
^"odd block":
  jump ^done(%7)
^done(%15: i64):
  call ringbuf_discard(%16, %2)
  ret %15
^unreached:
  %16: ptr.mem? = call ringbuf_reserve(@.ring, %2, %2)
  ret %1
}

fn "callback" for_each kprobe {
^entry(%0: ptr.map_handle, %1: ptr.key, %2: ptr.map, %3: ptr.stack):
  %4: i64 = load.u64 %1, #0
  ret %4
}
)";

std::string without(std::string text, std::string_view part, std::string_view replacement = "") {
  size_t at = text.find(part);
  if (at == std::string::npos) return "part not found: " + std::string(part);
  return text.replace(at, part.size(), replacement);
}

// The sample with the one line that does not fit taken away: a nullable record is discarded.
const std::string& good() {
  static const std::string text = without(std::string(sample), "  call ringbuf_discard(%16, %2)\n");
  return text;
}

TEST(Text, PrintAndParseAreInverse) {
  Diagnostics diagnostics;
  Module module = parse(good(), 1, diagnostics);
  ASSERT_TRUE(diagnostics.all().empty()) << diagnostics.all()[0].message;
  EXPECT_EQ(print(module, {}), good());
  ASSERT_EQ(module.functions.size(), 2u);
  const Function& function = module.functions[FunctionId(0u)];
  EXPECT_EQ(module.interface.probes[0].program, FunctionId(0u));
  EXPECT_EQ(function.values.size(), 17u);
  EXPECT_EQ(function.blocks[BlockId(0u)].insts[15].callee, FunctionId(1u));
  EXPECT_EQ(module.functions[FunctionId(1u)].kind, FunctionKind::for_each);
}

TEST(Text, NamedValuesGetTheNextNumbers) {
  Diagnostics diagnostics;
  Module module = parse("fn \"f\" program tracepoint { ^e(%ctx: ptr.ctx): %3: i64 = constant 0x10 %n: i64 = add %3, %3 ret %n }",
                        1, diagnostics);
  ASSERT_TRUE(diagnostics.all().empty()) << diagnostics.all()[0].message;
  EXPECT_EQ(print(module, FunctionId(0u), {}),
            "fn \"f\" program tracepoint {\n^e(%4: ptr.ctx):\n  %3: i64 = constant 16\n  %5: i64 = add %3, %3\n  ret %5\n}\n");
}

TEST(Text, SourcesGiveComments) {
  SourceMap sources;
  uint32_t begin = sources.add("script", "a\nbcd\n");
  Diagnostics diagnostics;
  Module module = parse(good(), 1, diagnostics);
  for (Function& function : module.functions)
    for (Block& block : function.blocks)
      for (Inst& inst : block.insts) inst.span = {begin + 3, begin + 4};
  std::string text = print(module, FunctionId(0u), {&sources});
  EXPECT_NE(text.find("# 2:2\n"), std::string::npos) << text;
  Module again = parse(print(module, {&sources}), 1, diagnostics);
  EXPECT_EQ(print(again, {}), good());
}

TEST(Text, MistakesAreReportedWhereTheyAre) {
  struct Row {
    const char* part;
    const char* replacement;
    Diag id;
    const char* at;
  };
  const Row rows[] = {
      {"shr_u %1, %2", "shr_u %1, %99", Diag::text_unknown_name, "%99"},
      {"shr_u %1, %2", "shr_u %1, %n", Diag::text_unknown_name, "%n"},
      {"shr_u %1, %2", "shr_u %1, %4294967299", Diag::text_out_of_range, "%4294967299"},
      {"shr_u %1, %2", "shr_u %1, %0", Diag::text_mismatch, "%3: i64 = shr_u %1, %0"},
      {"shr_u %1, %2", "shr_q %1, %2", Diag::text_unknown_name, "shr_q"},
      {"shr_u %1, %2", "shr_u.u8 %1, %2", Diag::text_mismatch, "shr_u.u8"},
      {"shr_u %1, %2", "shr_u %1", Diag::expected_token, "%4"},
      {"%2: i64 = constant -32", "%1: i64 = constant -32", Diag::text_duplicate_name, "%1"},
      {"%2: i64 = constant -32", "%2: ptr.map = constant -32", Diag::text_mismatch, "%2: ptr.map = constant -32"},
      {"%2: i64 = constant -32", "%2: i64? = constant -32", Diag::text_unknown_name, "i64?"},
      {"%2: i64 = constant -32", "%2: i64 = constant -9223372036854775809", Diag::text_out_of_range, "-9223372036854775809"},
      {"store.u32", "store", Diag::text_mismatch, "store"},
      {"store.u32", "store.u33", Diag::text_unknown_name, "store.u33"},
      {"store.u32", "store.s32", Diag::text_mismatch, "store.s32 %5, %3, #4"},
      {"store.u32 %5", "store.u32 %0", Diag::text_mismatch, "store.u32 %0, %3, #4"},
      {"load.s16 %0, #-8", "load.s16 %0, #-8000000000", Diag::text_out_of_range, "#-8000000000"},
      {"slot_addr $comm", "slot_addr $come", Diag::text_unknown_name, "$come"},
      {"slot $comm 16", "slot $\"odd slot\" 16", Diag::text_duplicate_name, "$\"odd slot\""},
      {"agg_update @m, %5", "agg_update @m", Diag::text_mismatch, "agg_update @m"},
      {"agg_update @m, %5", "agg_update @.globals", Diag::text_mismatch, "agg_update @.globals"},
      {"agg_update @m, %5", "agg_update @n, %5", Diag::text_unknown_name, "@n"},
      {"&\"callback\"", "&\"nobody\"", Diag::text_unknown_name, "&\"nobody\""},
      {"runs \"kprobe:vfs_read\"", "runs \"x\"", Diag::text_unknown_name, "\"x\""},
      {"call get_current_pid_tgid", "call get_pid", Diag::text_unknown_name, "get_pid"},
      {"map_lookup_elem(@m, %5)", "map_lookup_elem(@m, %3)", Diag::text_mismatch, "%12: ptr.map? = call map_lookup_elem(@m, %3)"},
      {"branch_null %12", "branch_null %10", Diag::text_mismatch, "branch_null %10, ^none, ^some(%3)"},
      {"jump ^done(%14)", "jump ^done", Diag::text_mismatch, "jump ^done"},
      {"jump ^done(%14)", "jump ^done(%13)", Diag::text_mismatch, "jump ^done(%13)"},
      {"jump ^done(%14)", "jump ^gone(%14)", Diag::text_unknown_name, "^gone"},
      {"^\"odd block\":", "^none:", Diag::text_duplicate_name, "^none"},
      {"\"callback\" for_each", "\"kprobe:vfs_read\" for_each", Diag::text_duplicate_name, "\"kprobe:vfs_read\""},
      {"\"callback\" for_each", "\"callback\" for_some", Diag::text_unknown_name, "for_some"},
      {"  ret %4\n}\n", "  ret %4\n", Diag::expected_token, ""},
  };
  for (const Row& row : rows) {
    std::string text = without(good(), row.part, row.replacement);
    Diagnostics diagnostics;
    parse(text, 1, diagnostics);
    ASSERT_FALSE(diagnostics.all().empty()) << row.replacement;
    const Diagnostic& error = diagnostics.all()[0];
    EXPECT_EQ(error.id, row.id) << row.replacement << ": " << error.message;
    size_t begin = error.span.begin - 1;
    EXPECT_EQ(begin >= text.size() ? "" : text.substr(begin, error.span.end - error.span.begin), row.at) << error.message;
  }
  Diagnostics diagnostics;
  parse(sample, 1, diagnostics);
  ASSERT_EQ(diagnostics.all().size(), 1u);
  EXPECT_EQ(diagnostics.all()[0].message, "operand %16 of ringbuf_discard is ptr.mem?, not a reserved ring record");
}

// Cheap fuzzing: damaged samples must be read or refused, and what is read must print and read again.
TEST(Text, DamagedTextNeverCrashes) {
  std::mt19937 random(42);
  for (int round = 0; round < 3000; round++) {
    std::string text = good();
    for (uint32_t edits = random() % 4 + 1; edits > 0; edits--) {
      size_t at = random() % text.size();
      size_t length = std::min<size_t>(random() % 12, text.size() - at);
      size_t from = random() % text.size();
      switch (random() % 3) {
        case 0: text[at] = static_cast<char>(random()); break;
        case 1: text.erase(at, length); break;
        default: text.insert(at, text.substr(from, length)); break;
      }
    }
    Diagnostics diagnostics;
    Module module = parse(text, 1, diagnostics);
    std::string printed = print(module, {});
    if (diagnostics.has_errors()) continue;
    Diagnostics again;
    EXPECT_EQ(print(parse(printed, 1, again), {}), printed);
    EXPECT_FALSE(again.has_errors()) << printed;
  }
}

}  // namespace
}  // namespace shrike::mir
