// Data types: text form, layout, records.
#include "mir/type.h"

#include <gtest/gtest.h>

namespace shrike::mir {
namespace {

struct Row {
  const char* text;
  uint32_t size;
  uint32_t align;
};

TEST(Type, TextFormsParseBackWithTheirLayout) {
  const Row rows[] = {
      {"void", 0, 1},
      {"bool", 1, 1},
      {"int8", 1, 1},
      {"uint16", 2, 2},
      {"int32", 4, 4},
      {"uint64", 8, 8},
      {"int32*", 8, 8},
      {"uint8*user", 8, 8},
      {"int32*[3]", 24, 8},
      {"int16[5]", 10, 2},
      {"int16[5][2]*", 8, 8},
      {"string[16]", 16, 1},
      {"string[16][4]", 64, 1},
      {"buffer[5]", 12, 4},
      {"(int8,int64,int8)", 24, 8},
      {"()", 0, 1},
      {"((int8,int32),string[3])", 12, 4},
      {"struct task_struct*", 8, 8},
      {"union u", 0, 1},
      {"enum e", 4, 4},
      {"enum8 e", 8, 8},
      {"struct \"odd \\\"name\"*user", 8, 8},
      {"kstack_t[4]", 40, 8},
      {"ustack_t[4,perf]", 48, 8},
      {"kstack_t[2,raw]", 24, 8},
      {"ustack_t[2,build_id]", 80, 8},
      {"ksym_t", 8, 8},
      {"usym_t", 16, 8},
      {"username_t", 8, 8},
      {"inet_t", 20, 4},
      {"macaddr_t", 6, 1},
      {"timestamp_t", 16, 8},
      {"cgroup_path_t", 16, 8},
      {"count_t", 8, 8},
      {"sum_t", 8, 8},
      {"usum_t", 8, 8},
      {"min_t", 16, 8},
      {"umax_t", 16, 8},
      {"avg_t", 16, 8},
      {"ustats_t", 16, 8},
      {"hist_t[0]", 520, 8},
      {"hist_t[5]", 8 * (1 + 59 * 32), 8},
      {"lhist_t[0,100,10]", 96, 8},
      {"lhist_t[-10,10,5]", 48, 8},
      {"tseries_t[1000,5,last]", 120, 8},
      {"utseries_t[1000,5,avg]", 120, 8},
  };
  for (const Row& row : rows) {
    TypePool pool;
    const Type* type = pool.parse(row.text);
    ASSERT_NE(type, nullptr) << row.text;
    EXPECT_EQ(type->text, row.text);
    EXPECT_EQ(type->size, row.size) << row.text;
    EXPECT_EQ(type->align, row.align) << row.text;
    EXPECT_EQ(pool.parse(row.text), type) << row.text;
  }
}

TEST(Type, WhatIsNotOneTypeIsRefused) {
  TypePool pool;
  for (const char* text : {"",
                           "int",
                           "int128",
                           "int32 ",
                           "string",
                           "string[",
                           "string[]",
                           "string[-1]",
                           "(int32",
                           "(int32,)",
                           "struct",
                           "struct ",
                           "struct \"a",
                           "enum3 e",
                           "int32[4",
                           "int32[9999999999]",
                           "int64[999999999]",
                           "hist_t[99]",
                           "lhist_t[0,10,0]",
                           "tseries_t[0,5,last]",
                           "tseries_t[1,5,middle]",
                           "lhist_t[10,0,1]",
                           "lhist_t[0,9223372036854775807,1]",
                           "kstack_t[3,odd]",
                           "kstack_t[3,build_id]",
                           "*",
                           "int32**x"})
    EXPECT_EQ(pool.parse(text), nullptr) << text;
  EXPECT_EQ(pool.parse(std::string(100000, '(')), nullptr);
  EXPECT_EQ(pool.parse("int8" + std::string(100000, '*')), nullptr);
}

TEST(Type, DefiningARecordGivesSizeToWhatHoldsIt) {
  TypePool pool;
  const Type* record = pool.record("s", false);
  const Type* array = pool.array(record, 3);
  const Type* tuple = pool.tuple({pool.integer(1, true), array});
  EXPECT_EQ(pool.layout(record), nullptr);
  const RecordLayout* layout = pool.define_record({"s", false, 12, {{"a", pool.int64(), 0}, {"b", pool.integer(4, true), 8}}});
  EXPECT_EQ(pool.layout(record), layout);
  EXPECT_EQ(record->size, 12u);
  EXPECT_EQ(array->size, 36u);
  EXPECT_EQ(tuple->elements[1].offset, 4u);
  EXPECT_EQ(tuple->size, 40u);
  EXPECT_EQ(pool.define_record({"s", false, 99, {}}), layout);
  EXPECT_EQ(pool.layout(pool.record("s", true)), nullptr);
}

}  // namespace
}  // namespace shrike::mir
