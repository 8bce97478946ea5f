// Stacks as values, keys and arguments, and what they show of source code: compared with what addr2line knows.
#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

using Stacks = LiveTest;

const std::string debugged = SHRIKE_DEBUGGED;

std::string marker_probe(const std::string& binary) {
  const Result nm = run({"nm", debugged}, {}, patience_ms);
  for (const std::string& line : split_lines(nm.out))
    if (line.ends_with(" debugged_in_inlined")) return "uprobe:" + binary + ":0x" + line.substr(0, line.find(' '));
  ADD_FAILURE() << "no marker in " << debugged;
  return "";
}

Result trace_rounds(const std::string& script, const std::string& binary, std::vector<std::string> options = {}) {
  options.insert(options.end(), {"-e", script, "-c", binary + " 3"});
  return shrike(options);
}

// The line of addr2line that names the place in `function`, as a frame shows it.
std::string place_in(const std::string& function) {
  std::string probe = marker_probe(debugged);
  const Result told = run({"addr2line", "-Cfie", debugged, probe.substr(probe.rfind(':') + 1)}, {}, patience_ms);
  std::vector<std::string> lines = split_lines(told.out);
  for (size_t i = 0; i + 1 < lines.size(); i++)
    if (lines[i].starts_with(function)) return lines[i + 1];
  ADD_FAILURE() << told.out;
  return "";
}

TEST_F(Stacks, LinesAndInlinedFunctions) {
  for (const std::string& binary : {debugged, debugged + "_split"}) {
    const Result t =
        trace_rounds("config = { show_debug_info = true } " + marker_probe(binary) + " { @[ustack] = count(); }", binary);
    const size_t inner = t.out.find("    [inlined] debugged::inlined_part(long) @" + place_in("debugged::inlined_part") + "\n");
    const size_t outer = t.out.find("    debugged::measure(debugged::Shape*, int, char const*, unsigned char)+");
    ASSERT_NE(inner, std::string::npos) << t.out << t.err;
    ASSERT_NE(outer, std::string::npos) << t.out << t.err;
    EXPECT_LT(inner, outer);
    EXPECT_TRUE(has(t.out, " @" + place_in("debugged::measure") + "\n")) << t.out;
    EXPECT_TRUE(has(t.out, "]: 3\n")) << t.out;
  }
}

TEST_F(Stacks, NoLinesUnlessAskedFor) {
  const Result t = trace_rounds(marker_probe(debugged) + " { @[ustack(1)] = count(); }", debugged);
  EXPECT_TRUE(has(t.out, "debugged::measure(")) << t.out << t.err;
  EXPECT_FALSE(has(t.out, "inlined_part")) << t.out;
  EXPECT_FALSE(has(t.out, "debugged.cpp")) << t.out;
}

TEST_F(Stacks, DebugInformationWhereTheUserSays) {
  const std::string binary = debugged + "_far", script = marker_probe(binary) + " { @[ustack(1)] = count(); }";
  EXPECT_FALSE(has(trace_rounds(script, binary).out, "debugged::measure("));
  const std::string folder = debugged.substr(0, debugged.rfind('/')) + "/far";
  const Result t = trace_rounds(script, binary, {"--debuginfo", folder});
  EXPECT_TRUE(has(t.out, "debugged::measure(")) << t.out << t.err;
}

TEST_F(Stacks, PackedSymbolsOfAStrippedProgram) {
  const Result t = trace_rounds(marker_probe(debugged + "_mini") + " { @[ustack(perf, 1)] = count(); }", debugged + "_mini");
  EXPECT_TRUE(has(t.out, " debugged::measure(debugged::Shape*, int, char const*, unsigned char)+")) << t.out << t.err;
  EXPECT_TRUE(has(t.out, " (" + debugged + "_mini)\n")) << t.out;
}

}  // namespace
}  // namespace shrike::testing
