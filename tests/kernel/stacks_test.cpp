// Stacks as values, keys and arguments, and what they show of source code: compared with what addr2line knows.
#include <cstdio>
#include <cstdlib>

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

// The build id that the linker gave the file, and where in it the code is; segments lie as they are linked.
TEST_F(Stacks, BuildIdsAndOffsets) {
  std::string id;
  for (const std::string& line : split_lines(run({"readelf", "-n", debugged}, {}, patience_ms).out))
    if (const size_t at = line.find("Build ID: "); at != std::string::npos) id = line.substr(at + 10);
  ASSERT_EQ(id.size(), 40u) << debugged;
  const std::string probe = marker_probe(debugged);
  const unsigned long offset = strtoul(probe.c_str() + probe.rfind(':') + 1, nullptr, 16);
  char frame[64];
  snprintf(frame, sizeof frame, "%s 0x%lx\n", id.c_str(), offset);
  const Result t = trace_rounds(probe + " { @[ustack(build_id, 2)] = count(); @n = len(ustack(build_id, 2)); }", debugged);
  EXPECT_TRUE(has(t.out, "@[\n" + std::string(frame))) << t.out << t.err;
  EXPECT_TRUE(has(t.out, "\n]: 3\n")) << t.out;
  EXPECT_EQ(number_of(t.out, "@n"), 2) << t.out;
  const Result configured =
      trace_rounds("config = { stack_mode = build_id } " + probe + " { printf(\"%s|\", ustack(1)); exit(); }", debugged);
  EXPECT_TRUE(has(configured.out, "\n" + std::string(frame) + "|")) << configured.out << configured.err;
  // Where the kernel's frames have no such form they have the usual one.
  const Result kernel = shrike_script("config = { stack_mode = build_id } begin { print(kstack(1)); }");
  EXPECT_TRUE(has(kernel.out, "\n        bpf_prog_")) << kernel.out << kernel.err;
}

// The kernel's symbols name the module that they belong to; programs like the one that runs have one, too.
TEST_F(Stacks, ModulesOfKernelFrames) {
  const Result t = shrike_script("begin { print(kstack(perf, 2)); print(kstack(1)); }");
  const std::vector<std::string> lines = split_lines(t.out);
  ASSERT_GE(lines.size(), 5u) << t.out << t.err;
  EXPECT_TRUE(lines[1].starts_with("\tffff") && has(lines[1], " bpf_prog_") && lines[1].ends_with(" (bpf)")) << t.out;
  EXPECT_TRUE(has(lines[2], "test_run") && !lines[2].ends_with(")")) << t.out;
  EXPECT_TRUE(lines[5].starts_with("        bpf_prog_") && !lines[5].ends_with(")")) << t.out;
}

// Of one event, so that all tell the same frames.
TEST_F(Stacks, AddressesAloneAreThoseOfPerf) {
  const Trace t = trace_living(
      R"(uprobe:WORKLOAD:target_add /pid == PID/ { print(ustack(raw, 3)); print(ustack(perf, 3)); print(ustack(3)); print(reg("ip")); })",
      {"frames", "3"});
  std::vector<std::string> lines = split_lines(t.out);
  std::erase(lines, "");
  ASSERT_GE(lines.size(), 10u) << t.out << t.err;
  char place[32];
  snprintf(place, sizeof place, "%lx", strtoul(lines[9].c_str(), nullptr, 10));
  EXPECT_EQ(lines[0], place);
  for (size_t i = 0; i < 3; i++) {
    const std::string symbol = lines[6 + i].substr(8);
    EXPECT_EQ(lines[3 + i], "\t" + lines[i] + " " + symbol + " (" SHRIKE_WORKLOAD ")") << t.out;
  }
  EXPECT_EQ(lines[6], "        target_add+0");
}

// It was there before the trace, and is gone when its stack is printed.
TEST_F(Stacks, OfAProcessThatEnded) {
  const Trace t =
      trace(R"(uprobe:WORKLOAD:target_add /pid == PID/ { @[ustack(2)] = count(); @at = usym(reg("ip")); })", {"frames", "3"});
  EXPECT_TRUE(has(t.out, "@[\n    target_add+0\n    target_inner_frame+")) << t.out << t.err;
  EXPECT_TRUE(has(t.out, "@at: target_add\n")) << t.out << t.err;
}

TEST_F(Stacks, PackedSymbolsOfAStrippedProgram) {
  const Result t = trace_rounds(marker_probe(debugged + "_mini") + " { @[ustack(perf, 1)] = count(); }", debugged + "_mini");
  EXPECT_TRUE(has(t.out, " debugged::measure(debugged::Shape*, int, char const*, unsigned char)+")) << t.out << t.err;
  EXPECT_TRUE(has(t.out, " (" + debugged + "_mini)\n")) << t.out;
}

}  // namespace
}  // namespace shrike::testing
