// Which loops stay in their function and which become callbacks, as the MIR shows it.
#include <gtest/gtest.h>

#include "frontend/frontend.h"
#include "mir/text.h"
#include "mir/validate.h"
#include "tests/support/checked_script.h"

namespace shrike {
namespace {

std::string lowered(const std::string& text) {
  CheckedScript script(text);
  std::string errors;
  for (const Diagnostic& diagnostic : script.diagnostics.all()) errors += render(diagnostic, script.sources, {});
  if (script.program == nullptr) return errors;
  mir::Module module = lower(*script.program);
  for (const mir::Violation& violation : mir::validate(module)) errors += violation.message + "\n";
  return mir::print(module, {}) + errors;
}

bool has_callback(const std::string& body, const std::string& probe = "interval:s:1") {
  const std::string text = lowered(probe + " { " + body + " }");
  EXPECT_NE(text.find("fn \"" + probe), std::string::npos) << text;
  return text.find(" while\" loop ") != std::string::npos;
}

TEST(Loops, OfFewRoundsThatCanBeCountedStayInTheirFunction) {
  for (const char* body : {
           "$i = 0; while ($i < 10) { @[$i] = 1; $i++; }",
           "$i = 10; while ($i > 0) { $i--; @++; }",
           "let $i = 0; while ($i <= 100) { $i += 2; @++; }",
           "$i = 5; while ($i >= -5) { @++; $i -= 5; }",
           "$i = 0; while ($i != 6) { @++; ++$i; }",
           "$i = 0; @ = 1; while ($i < 10) { if (@ > 4) { break; } $i++; @++; }",
           "$i = 0; while ($i < 10) { $i++; if (@ > 4) { continue; } @++; }",
           "$i = 0; while ($i < 10) { $j = 0; while ($j < 10) { @++; $j++; } $i++; }",
       })
    EXPECT_FALSE(has_callback(body)) << body;
}

TEST(Loops, OthersAreCallbacks) {
  for (const char* body : {
           "while (@ < 10) { @++; }",                                       // not a variable
           "while (1) { @++; if (@ > 10) { break; } }",                     // no comparison
           "$i = pid; while ($i < 10) { $i++; }",                           // starts anywhere
           "$i = 0; while ($i < pid) { $i++; }",                            // ends anywhere
           "$i = 0; $i = pid; while ($i < 10) { $i++; }",                   // changed before the loop
           "$i = 0; if (pid) { $i = -100000; } while ($i < 10) { $i++; }",  // the same, perhaps
           "$i = 0; while ($i < 10) { $i += pid; }",                        // steps by anything
           "$i = 0; while ($i < 10) { $i++; $i--; }",                       // two steps
           "$i = 0; while ($i < 10) { $i++; if (pid) { $i = 0; } }",        // set back
           "$i = 0; while ($i < 10) { if (@++ > 4) { continue; } $i++; }",  // `continue` goes around the step
           "$i = 0; while ($i < 10) { if (@++ > 4) { $i++; } }",            // not in each round
           "$i = 0; while ($i < 10) { $i--; }",                             // away from the end
           "$i = 0; while ($i != 5) { $i += 2; }",                          // over the end
           "$i = 0; while ($i < 100000) { $i++; @++; }",                    // too many rounds
           "$i = 0; while ($i < 200) { $j = 0; while ($j < 200) { @++; $j++; } $i++; }",
       })
    EXPECT_TRUE(has_callback(body)) << body;
}

// A callback does not see what is in the probe's context, and what it shares with the function lies on the stack.
TEST(Loops, ThatNeedTheirFunctionStayThere) {
  EXPECT_FALSE(has_callback("while (@ < 10) { @++; @k[arg0] = 1; }", "kprobe:do_work"));
  EXPECT_FALSE(has_callback("while (@ < 10) { while (@ < 5) { @++; @k[arg0] = 1; } }", "kprobe:do_work"));
  EXPECT_FALSE(has_callback("while (@ < 10) { @++; @k[arg0, kstack] = 1; }", "kprobe:do_work"));
  EXPECT_TRUE(has_callback("$s = str(1); while (@ < 10) { @++; $s = str(2); } print($s);"));
  EXPECT_TRUE(has_callback("while (@ < 10) { @++; let $s = str(2); print($s); }"));
}

// The helper for stacks wants the context itself, which callbacks are handed beside the variables.
TEST(Loops, ThatAskForStacksAreCallbacks) {
  EXPECT_TRUE(has_callback("while (@ < 10) { @++; @k[kstack] = 1; }"));
  EXPECT_TRUE(has_callback("while (@ < 10) { while (@ < 5) { @++; @k[ustack] = 1; } }", "kprobe:do_work"));
}

}  // namespace
}  // namespace shrike
