// Iterators that are pinned: what their scripts may not do, since shrike does not stay with them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "frontend/checked.h"
#include "frontend/frontend.h"
#include "frontend/parser.h"
#include "mir/btf.h"
#include "tests/support/fixture_facts.h"

namespace shrike {
namespace {

// The types of a kernel that iterates over tasks, and knows nothing else.
std::vector<uint8_t> task_iterator_types() {
  const std::string names("\0bpf_iter_task\0bpf_iter__task\0", 30);
  constexpr uint32_t function_name = 1, structure_name = 15;
  constexpr uint32_t structure = 4u << 24, function = 12u << 24, prototype = 13u << 24;
  const uint32_t words[] = {0x1eb9f,
                            24,
                            0,
                            36,
                            36,
                            static_cast<uint32_t>(names.size()),  // the header
                            0,
                            prototype,
                            0,
                            function_name,
                            function,
                            1,
                            structure_name,
                            structure,
                            8};
  std::vector<uint8_t> bytes(sizeof words);
  std::memcpy(bytes.data(), words, sizeof words);
  bytes.insert(bytes.end(), names.begin(), names.end());
  return bytes;
}

class IteratorFacts : public FixtureFacts {
 public:
  Answer<const Btf*> btf() override { return {Lookup::found, &*types_, ""}; }

 private:
  const std::vector<uint8_t> bytes_ = task_iterator_types();
  const std::optional<Btf> types_ = Btf::open(bytes_);
};

struct Case {
  Diag id;
  const char* script;
  const char* underlined;
};

TEST(PinnedIterators, WhatTheyMayNotDo) {
  const Case cases[] = {
      {Diag::not_when_pinned, "iter:task:a { exit(); }", "exit()"},
      {Diag::not_when_pinned, "iter:task:a { time(); }", "time()"},
      {Diag::not_when_pinned, "iter:task:a { unwatch(1); }", "unwatch(1)"},
      {Diag::not_when_pinned, "iter:task:a { } begin { }", "begin"},
      {Diag::not_when_pinned, "iter:task:a, iter:task { }", "iter:task"},
      {Diag::map_when_pinned, "iter:task:a { @x = 1; }", "@x"},
      {Diag::map_when_pinned, "iter:task:a { $x = has_key(@x, 1); }", "@x"},
      {Diag::pinned_format, "iter:task:a { printf(\"%o\", 1); }", "\"%o\""},
      {Diag::pinned_format, "iter:task:a { printf(\"%d%s\", nsecs, username); }", "username"},
      {Diag::pinned_printf_in_function, "fn f() { printf(\"1\"); } iter:task:a { f(); }", "printf"},
      {Diag::bad_attach_point, "iter:task:a:b { }", "iter:task:a:b"},
  };
  for (const Case& one : cases) {
    SourceMap sources;
    Diagnostics diagnostics;
    Arena arena;
    IteratorFacts facts;
    const ast::Program program = parse(sources, sources.add("test.bt", one.script), {}, arena, diagnostics);
    EXPECT_EQ(check(program, facts, {}, diagnostics), nullptr) << one.script;
    const auto is_meant = [&](const Diagnostic& each) { return each.id == one.id && sources.text(each.span) == one.underlined; };
    EXPECT_TRUE(std::any_of(diagnostics.all().begin(), diagnostics.all().end(), is_meant)) << one.script;
  }
}

TEST(PinnedIterators, NamesWithoutAFolderAreBelowTheUsualOne) {
  for (const auto& [written, path] : {std::pair("iter:task:list { }", "/sys/fs/bpf/list"),
                                      std::pair("iter:task:/other/list { }", "/other/list"), std::pair("iter:task { }", "")}) {
    SourceMap sources;
    Diagnostics diagnostics;
    Arena arena;
    IteratorFacts facts;
    const ast::Program program = parse(sources, sources.add("test.bt", written), {}, arena, diagnostics);
    const CheckedProgramPtr checked = check(program, facts, {}, diagnostics);
    ASSERT_NE(checked, nullptr);
    EXPECT_EQ(checked->bodies[0].points[0].target, path);
  }
}

}  // namespace
}  // namespace shrike
