// What script_uses.h says of a few scripts, strings and messages.
#include "tests/meta/script_uses.h"

#include <gtest/gtest.h>

namespace shrike::meta {
namespace {

using testing::ScriptCase;

TEST(ScriptUses, ScriptsAreParsed) {
  ScriptCase script;
  script.text = "begin { print((pid, tid(curr_ns), comm())); @ = count(); $c = args.uid; print(\"cpu\"); }";
  EXPECT_EQ(uses_of(script), (Rows{"args", "comm", "count()", "pid", "print()", "tid()"}));
}

TEST(ScriptUses, StringsOfTestsAreSearched) {
  EXPECT_EQ(
      uses_in_strings(R"__(trace("uprobe:x { print(arg0); $pid = 1; @cpu = f.comm; }", R"(begin { tid(init); str (1) })");)__"),
      (Rows{"argN", "print()", "tid()"}));
}

TEST(ScriptUses, MessagesBlameWhatTheyUnderline) {
  const auto blamed_by = [](std::string_view text, std::string_view underlined, std::string_view message) {
    const size_t from = text.find(underlined);
    return blamed(text, from, from + underlined.size(), message);
  };
  EXPECT_EQ(blamed_by("begin { print(uid(1)); }", "uid(1)", "`uid` is a value"), Rows{"uid"});
  EXPECT_EQ(blamed_by("begin { print(is_err(comm)); }", "comm", "the argument of `is_err` is an integer"), Rows{"is_err()"});
  EXPECT_EQ(blamed_by("begin { print(kaddr(   )); }", "   ", "no symbol `x`"), Rows{"kaddr()"});
  EXPECT_EQ(blamed_by("begin { print(comm(1, 2)); }", "comm(1, 2)", "`comm` takes 1 argument, 2 given"), Rows{"comm()"});
  EXPECT_EQ(blamed_by("begin { pid = 1; }", "pid", "only variables and maps can be assigned to"), Rows{"pid"});
}

}  // namespace
}  // namespace shrike::meta
