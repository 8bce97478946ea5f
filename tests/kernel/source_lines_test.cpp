// uprobes at lines of source: where addr2line says the line is, in every function that it was inlined to.
#include <cstdlib>
#include <fstream>

#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

using SourceLine = LiveTest;

const std::string called = SHRIKE_CALLED;

// The number of the line in called.cpp that has `text`.
std::string line_with(const std::string& text) {
  std::ifstream file(std::string(SHRIKE_SOURCE_DIR) + "/tests/kernel/called.cpp");
  std::string line;
  for (int number = 1; std::getline(file, line); number++)
    if (line.find(text) != std::string::npos) return std::to_string(number);
  ADD_FAILURE() << "no line has " << text;
  return "";
}

std::string marked_line() {
  return line_with("the line that tests look for");
}

Result trace_line(const std::string& place, const std::string& body, const std::string& binary = called) {
  return shrike({"-e", "uprobe:" + binary + "@" + place + " { " + body + " }", "-c", binary});
}

TEST_F(SourceLine, InEveryFunctionItWasInlinedTo) {
  for (const std::string& binary : {called, called + "_split"}) {
    const Result t = trace_line("called.cpp:" + marked_line(), "@[func] = count(); @named[probe] = count();", binary);
    EXPECT_EQ(number_of(t.out, "@[first_user]"), 1) << t.out << t.err;
    EXPECT_EQ(number_of(t.out, "@[second_user]"), 2) << t.out;
    EXPECT_EQ(number_of(t.out, "@named[uprobe:" + binary + "@called.cpp:" + marked_line() + "]"), 3) << t.out;
  }
}

TEST_F(SourceLine, IsWhereAddr2lineSays) {
  const std::string line = marked_line();
  const Result mir = shrike({"--emit=mir", "-e", "uprobe:" + called + "@kernel/called.cpp:" + line + " { @ = count(); }"});
  size_t places = 0;
  for (size_t at = 0; (at = mir.out.find(" address ", at)) != std::string::npos; places++) {
    at += 9;
    char hex[32];
    snprintf(hex, sizeof hex, "0x%lx", strtoul(mir.out.c_str() + at, nullptr, 10));
    const Result told = run({"addr2line", "-ie", called, hex}, {}, patience_ms);
    EXPECT_TRUE(has(told.out.substr(0, told.out.find('\n')), "/tests/kernel/called.cpp:" + line)) << told.out;
  }
  EXPECT_EQ(places, 2u) << mir.out << mir.err;
}

TEST_F(SourceLine, WithItsColumn) {
  const std::string line = marked_line();
  const Result t = trace_line("called.cpp:" + line + ":3", "@ = count();");
  EXPECT_EQ(number_of(t.out, "@"), 3) << t.out << t.err;
  EXPECT_TRUE(has(trace_line("called.cpp:" + line + ":1", "@ = count();").err, "does not exist")) << t.err;
}

TEST_F(SourceLine, OfTheEntryOfAFunctionHasItsArguments) {
  const Result t = trace_line("called.cpp:" + line_with("NOIPA long first_user"), "@ = args.value;");
  EXPECT_EQ(number_of(t.out, "@"), 1) << t.out << t.err;
}

TEST_F(SourceLine, Misuse) {
  const Result without_code = trace_line("called.cpp:1", "");
  EXPECT_TRUE(has(without_code.err, "HINT: the next line with code is ")) << without_code.err;
  EXPECT_TRUE(has(trace_line("alled.cpp:30", "").err, "was not made from a file of that name"));
  EXPECT_TRUE(has(trace_line("called.cpp:30", "", called + "_bare").err, "has no debug information (DWARF)"));
}

}  // namespace
}  // namespace shrike::testing
