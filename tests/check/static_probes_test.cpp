// Static probes in scripts: their arguments have the types that the file tells.
#include <gtest/gtest.h>

#include "frontend/checked.h"
#include "tests/support/checked_script.h"

namespace shrike {
namespace {

TEST(CheckStaticProbes, ArgumentsAreSignedAsTheFileSays) {
  CheckedScript script("usdt:/bin/app:app:start { @x = arg0; }");
  ASSERT_NE(script.program, nullptr);
  EXPECT_EQ(script.program->bodies.front().points.front().name, "usdt:/bin/app:app:start");
  EXPECT_EQ(script.program->maps.begin()->value->text, "int64");
}

TEST(CheckStaticProbes, ProviderMayBeLeftOut) {
  EXPECT_NE(CheckedScript("U:/bin/app:start { @ = count(); }").program, nullptr);
}

TEST(CheckStaticProbes, Mistakes) {
  struct Row {
    const char* script;
    Diag said;
  };
  const Row rows[] = {{"usdt:/bin/app:app:start { @ = arg2; }", Diag::unknown_argument},
                      {"usdt:/bin/app:app:start { @ = arg1; }", Diag::no_arguments},
                      {"usdt:/bin/app:app:stop { @ = 1; }", Diag::no_such_probe},
                      {"usdt:*:app:start { @ = 1; }", Diag::no_such_probe},
                      {"usdt:start { @ = 1; }", Diag::bad_attach_point},
                      {"usdt:/bin/app:app:start { @ = retval; }", Diag::builtin_not_available}};
  for (const Row& row : rows) {
    CheckedScript script(row.script);
    EXPECT_EQ(script.program, nullptr) << row.script;
    ASSERT_EQ(script.diagnostics.all().size(), 1u) << row.script;
    EXPECT_EQ(script.diagnostics.all()[0].id, row.said) << row.script;
  }
}

}  // namespace
}  // namespace shrike
