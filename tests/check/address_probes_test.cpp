// uprobes at an address of a file: the file's symbols are not asked for.
#include <gtest/gtest.h>

#include "frontend/checked.h"
#include "tests/support/checked_script.h"

namespace shrike {
namespace {

TEST(CheckAddressProbes, NeedNoSymbols) {
  CheckedScript script("uprobe:app:0x1234 { @ = count(); }");
  ASSERT_NE(script.program, nullptr);
  const mir::AttachPoint& place = script.program->bodies.front().points.front();
  EXPECT_EQ(place.name, "uprobe:/bin/app:0x1234");
  EXPECT_EQ(place.target, "/bin/app");
  EXPECT_EQ(place.address, 0x1234u);
  EXPECT_EQ(script.facts.symbol_questions, 0);
  ASSERT_NE(CheckedScript("uprobe:/bin/app:work { @ = count(); }").program, nullptr);
}

TEST(CheckAddressProbes, NeedTheFile) {
  CheckedScript script("uprobe:nowhere:0x1234 { @ = count(); }");
  EXPECT_EQ(script.program, nullptr);
  ASSERT_EQ(script.diagnostics.all().size(), 1u);
  EXPECT_EQ(script.diagnostics.all()[0].id, Diag::no_such_probe);
}

}  // namespace
}  // namespace shrike
