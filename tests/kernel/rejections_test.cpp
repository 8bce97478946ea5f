// Naive instructions that the verifier refuses, by a program for each class that bpftrace's guide to its internals names. They
// prove that the kernel looks after these things; that scripts with the same needs load is in tests/qemu/rejections.txt.
#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

struct Row {
  const char* name;
  const char* body;
  const char* sentence;
};

constexpr Row rows[] = {
    {"min_value_is_negative",
     "  slot $s 64 align 8\n"
     "^entry:\n"
     "  v1 = ld_value @x #0\n"
     "  v2 = ldx64 [v1 #0]\n"
     "  r1 = lea $s #0\n"
     "  r2 = mov64 v2\n"
     "  r3 = mov64 0\n"
     "  call probe_read_kernel\n",
     "R2 min value is negative"},
    {"unbounded_memory_access",
     "  slot $s 64 align 8\n"
     "^entry:\n"
     "  v1 = ld_value @x #0\n"
     "  v2 = ldx32 [v1 #0]\n"
     "  r1 = lea $s #0\n"
     "  r2 = mov64 v2\n"
     "  r3 = mov64 0\n"
     "  call probe_read_kernel\n",
     "R2 unbounded memory access"},
    {"invalid_stack_type",
     "  slot $s 64 align 8\n"
     "^entry:\n"
     "  r1 = lea $s #0\n"
     "  r2 = mov64 128\n"
     "  r3 = mov64 0\n"
     "  call probe_read_kernel\n",
     "invalid write to stack"},
    {"map_value_for_stack",
     "  slot $k 64 align 8\n"
     "^entry:\n"
     "  r1 = lea $k #0\n"
     "  r2 = mov64 64\n"
     "  r3 = mov64 0\n"
     "  call probe_read_kernel\n"
     "  r1 = ld_map @h\n"
     "  r2 = lea $k #0\n"
     "  call map_lookup_elem\n"
     "  r2 = mov64 r0\n"
     "  r1 = ld_map @h\n"
     "  call map_lookup_elem\n",
     "type=map_value_or_null expected=fp"},
    {"stack_limit_exceeded",
     "  slot $s 600 align 8\n"
     "^entry:\n"
     "  st64 [$s #0], 1\n",
     "`begin` needs 600 bytes of stack and the kernel gives 512"},
};

class Rejection : public LiveTest, public ::testing::WithParamInterface<Row> {};

TEST_P(Rejection, OfNaiveInstructions) {
  const TemporaryFile file(
      "lir isa 3\n"
      "interface {\n"
      "  map @x user array value int64 bytes 4 16 entries 1\n"
      "  map @h user hash value int64 bytes 64 8 entries 16\n"
      "  probe begin \"begin\" runs \"begin\"\n"
      "}\n"
      "fn \"begin\" program raw_tracepoint {\n" +
      std::string(GetParam().body) + "  r0 = mov64 0\n  exit\n}\n");
  const std::string path = file.path() + ".lir";
  ASSERT_EQ(rename(file.path().c_str(), path.c_str()), 0);
  const Result result = run({shrike_binary(), "--stop-after=load", path}, {}, patience_ms);
  remove(path.c_str());
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.err.find(GetParam().sentence), std::string::npos) << result.err;
}

INSTANTIATE_TEST_SUITE_P(, Rejection, ::testing::ValuesIn(rows),
                         [](const ::testing::TestParamInfo<Row>& row) { return row.param.name; });

}  // namespace
}  // namespace shrike::testing
