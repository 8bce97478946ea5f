// The same points of the same program (compared.cpp) asked of others: arguments and frames of gdb, inlined functions and lines
// of addr2line. What shrike prints must be what they say.
#include <algorithm>
#include <cstdlib>

#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

const std::string compared = SHRIKE_COMPARED;

class Debugger : public LiveTest {
 protected:
  void SetUp() override {
    LiveTest::SetUp();
    if (IsSkipped()) return;
    if (run({"gdb", "--version"}, {}, patience_ms).status == 0) return;
    fprintf(stderr, "WARNING: gdb is not installed, what shrike prints is not compared with it: scripts/install-test-deps\n");
    GTEST_SKIP() << "no gdb";
  }
};

// --- arguments

struct Stop {
  const char* function;             // as gdb and `cpp:` know it
  std::vector<const char*> values;  // integers, from the name of an argument on
};

// In the order in which they are called.
const std::vector<Stop> stops = {
    {"compared::deep::Counter::add",
     {"this->id", "this->state_", "by.x", "by.y", "shape->kind", "shape->corners[1].x", "shape->next->next", "negate"}},
    {"compared::twice<long>",
     {"box.first", "box.second", "shape.bits.low", "shape.bits.high", "shape.bits.is_set", "shape.bits.wide", "shape.bits.rest",
      "shape.area", "shape.bytes[3]", "point.x", "point.y"}},
    {"compared::(anonymous namespace)::total(int, compared::Bits, compared::Shape const&)",
     {"a", "bits.low", "bits.high", "bits.is_set", "bits.wide", "bits.rest", "shape.corners[0].y", "shape.raw"}},
    {"compared::inner",
     {"shape->bits.rest", "shape->corners[1].y", "shape->next->bits.high", "shape->next->corners[1].y", "shape->next->raw",
      "box.first", "box.second", "total"}},
};

// gdb's answers, each on a line of its own.
std::vector<std::string> asked_of_gdb(const std::string& binary) {
  std::vector<std::string> command = {"gdb", "-nx", "-batch"};
  const char* go_on = "run";
  for (const Stop& stop : stops) {
    command.insert(command.end(), {"-ex", std::string("tbreak ") + stop.function, "-ex", go_on});
    for (const char* value : stop.values)
      command.insert(command.end(), {"-ex", std::string("printf \"= %ld\\n\", (long)(") + value + ")"});
    go_on = "continue";
  }
  command.push_back(binary);
  const Result result = run(command, {}, patience_ms);
  std::vector<std::string> answers;
  for (const std::string& line : split_lines(result.out))
    if (line.starts_with("= ")) answers.push_back(line.substr(2));
  return answers;
}

std::vector<std::string> asked_of_shrike(const std::string& binary) {
  std::string script;
  for (const Stop& stop : stops) {
    script += "uprobe:" + binary + ":cpp:\"" + stop.function + "\" { ";
    for (const char* value : stop.values) script += std::string("printf(\"= %ld\\n\", (int64)args.") + value + "); ";
    script += "}\n";
  }
  const Result result = shrike({"-e", script, "-c", binary});
  EXPECT_EQ(result.status, 0) << script << result.err;
  std::vector<std::string> answers;
  for (const std::string& line : split_lines(result.out))
    if (line.starts_with("= ")) answers.push_back(line.substr(2));
  return answers;
}

TEST_F(Debugger, ArgumentsAreWhatGdbPrints) {
  size_t values = 0;
  for (const Stop& stop : stops) values += stop.values.size();
  // Where code is optimised, gdb may know less than the calling convention tells.
  const std::vector<std::string> answers = asked_of_gdb(compared + "_plain");
  ASSERT_EQ(answers.size(), values);
  EXPECT_EQ(asked_of_shrike(compared + "_plain"), answers);
  EXPECT_EQ(asked_of_shrike(compared), answers);
}

// --- frames

struct Frame {
  std::string function;  // without parameters and result
  std::string place;     // file:line
  bool operator==(const Frame&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Frame& frame) {
  return out << frame.function << " " << frame.place;
}
using Frames = std::vector<Frame>;

// `long ns::f<long>(int) const` is `ns::f<long>`; `(anonymous namespace)` is part of a name.
std::string bare_name(std::string name) {
  constexpr std::string_view anonymous = "(anonymous namespace)";
  constexpr char stand_in = '\1';
  for (size_t at = 0; (at = name.find(anonymous)) != std::string::npos;) name.replace(at, anonymous.size(), 1, stand_in);
  int depth = 0;
  size_t begin = 0, end = name.size();
  for (size_t i = 0; i < end; i++) {
    depth += name[i] == '<' ? 1 : name[i] == '>' ? -1 : 0;
    if (depth == 0 && name[i] == ' ') begin = i + 1;
    if (depth == 0 && name[i] == '(') end = i;
  }
  name = name.substr(begin, end - begin);
  if (const size_t at = name.find(stand_in); at != std::string::npos) name.replace(at, 1, anonymous);
  return name;
}

std::string file_and_line(const std::string& place) {
  std::string last = place.substr(place.rfind('/') + 1);
  return last.substr(0, last.find(' '));  // behind it addr2line names a discriminator
}

Frames up_to_main(Frames frames) {
  for (size_t i = 0; i < frames.size(); i++)
    if (frames[i].function == "main") frames.resize(i + 1);
  return frames;
}

uint64_t bottom_address(const std::string& binary) {
  for (const std::string& line : split_lines(run({"nm", binary}, {}, patience_ms).out))
    if (line.ends_with(" compared_at_the_bottom")) return strtoull(line.c_str(), nullptr, 16);
  ADD_FAILURE() << "no marker in " << binary;
  return 0;
}

std::string hex(uint64_t value) {
  char text[32];
  snprintf(text, sizeof text, "0x%lx", value);
  return text;
}

Result at_the_bottom(const std::string& binary, const std::string& stack) {
  return shrike({"-e",
                 "config = { show_debug_info = true } uprobe:" + binary + ":" + hex(bottom_address(binary)) +
                     " { printf(\"%s\", " + stack + "); exit(); }",
                 "-c", binary});
}

Frames frames_of_shrike(const std::string& binary) {
  Frames frames;
  const Result result = at_the_bottom(binary, "ustack");
  for (const std::string& line : split_lines(result.out)) {
    const size_t at = line.rfind(" @");
    if (!line.starts_with("    ") || at == std::string::npos) continue;
    std::string name = line.substr(0, at);
    if (const size_t mark = name.find("[inlined] "); mark != std::string::npos) name = name.substr(mark + 10);
    else name = name.substr(name.find_first_not_of(' '));
    frames.push_back({bare_name(name.substr(0, name.rfind('+'))), file_and_line(line.substr(at + 2))});
  }
  EXPECT_FALSE(frames.empty()) << result.out << result.err;
  return up_to_main(frames);
}

Frames frames_of_gdb(const std::string& binary) {
  const Result result = run({"gdb", "-nx", "-batch", "-ex", "set width 0", "-ex", "set print frame-arguments none", "-ex",
                             "starti", "-ex", "tbreak *&compared_at_the_bottom", "-ex", "continue", "-ex", "bt", binary},
                            {}, patience_ms);
  // #0  ns::f (a=..., b=...) at /path/file.cpp:12, from the second on with `0x... in` before the name unless it is inlined.
  Frames frames;
  for (const std::string& line : split_lines(result.out)) {
    const size_t place = line.rfind(" at ");
    if (!line.starts_with("#") || place == std::string::npos) continue;
    std::string name = line.substr(line.find_first_not_of("#0123456789 "));
    name = line.substr(line.find_first_not_of(' ', line.find(' ')));
    if (const size_t in = name.find(" in "); name.starts_with("0x") && in != std::string::npos) name = name.substr(in + 4);
    size_t parameters = name.rfind(" (", name.rfind(") at "));
    frames.push_back({bare_name(name.substr(0, parameters)), file_and_line(line.substr(place + 4))});
  }
  EXPECT_FALSE(frames.empty()) << result.out << result.err;
  return up_to_main(frames);
}

// By the offsets in the file that frames with build ids have, which are addresses here: segments lie as they are linked.
Frames frames_of_addr2line(const std::string& binary) {
  Frames frames;
  const Result result = at_the_bottom(binary, "ustack(build_id)");
  bool is_first = true;
  for (const std::string& line : split_lines(result.out)) {
    const size_t at = line.find(" 0x");
    if (at == std::string::npos) continue;
    const uint64_t address = strtoull(line.c_str() + at, nullptr, 16) - (is_first ? 0 : 1);
    is_first = false;
    const std::vector<std::string> told = split_lines(run({"addr2line", "-Cfie", binary, hex(address)}, {}, patience_ms).out);
    for (size_t i = 0; i + 1 < told.size(); i += 2) frames.push_back({bare_name(told[i]), file_and_line(told[i + 1])});
  }
  return up_to_main(frames);
}

// addr2line leaves namespaces of static functions out.
Frames without_namespaces(Frames frames) {
  for (Frame& frame : frames) {
    const size_t end = std::min(frame.function.find('<'), frame.function.size());
    if (const size_t at = frame.function.rfind("::", end); at != std::string::npos) frame.function.erase(0, at + 2);
  }
  return frames;
}

TEST_F(Debugger, FramesAreWhatGdbAndAddr2linePrint) {
  for (const std::string& binary : {compared, compared + "_plain"}) {
    const Frames frames = frames_of_shrike(binary);
    EXPECT_EQ(frames, frames_of_gdb(binary)) << binary;
    EXPECT_EQ(without_namespaces(frames), without_namespaces(frames_of_addr2line(binary))) << binary;
    ASSERT_EQ(frames.size(), 7u) << binary;
    EXPECT_EQ(frames[0].function, "compared::at_the_bottom");
    EXPECT_EQ(frames[3].function, "compared::(anonymous namespace)::total");
  }
}

}  // namespace
}  // namespace shrike::testing
