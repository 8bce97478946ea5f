// The model against recorded verdicts of real kernels: 3,201 programs, accepted and rejected. It never accepts what a kernel
// rejected. What it rejects or does not know although a kernel accepts is in known-gaps.txt with the reason, and nothing else
// is in that file. Needs no kernel; README.md tells how the record is made.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <set>
#include <sstream>

#include "tests/verdicts/programs.h"
#include "tests/verifier-sim/live_kernel.h"
#include "verifier-sim/sentences.h"

namespace shrike::sim::test {
namespace {

const std::string folder = SHRIKE_SOURCE_DIR "/tests/verdicts/";

const std::vector<RecordedProgram>& programs() {
  static const std::vector<RecordedProgram> all = parse_programs(read_text(folder + "programs.txt"));
  return all;
}

// Socket filters came later than the records of some kernels.
bool is_packet(const RecordedProgram& program) {
  return program.name.starts_with("fault/packet_");
}
size_t packets() {
  return static_cast<size_t>(std::count_if(programs().begin(), programs().end(), is_packet));
}

// "6.18 own/for_in_for/0 unknown callback inside a callback"
std::set<std::string> known_gaps() {
  std::set<std::string> gaps;
  std::istringstream lines(read_text(folder + "known-gaps.txt"));
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line[0] != '#') gaps.insert(line);
  }
  return gaps;
}

struct Tally {
  size_t accepted = 0, rejected = 0, false_rejects = 0, unknown = 0, unknown_of_rejected = 0, same_class = 0, both_reject = 0;
  std::vector<double> count_ratios;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

class Recorded : public ::testing::TestWithParam<const char*> {};

TEST_P(Recorded, ModelAgreesOrTheGapIsKnown) {
  const std::string kernel = GetParam();
  const auto profile = profile_of_record(kernel);
  ASSERT_TRUE(profile);
  const std::map<std::string, RecordedVerdict> verdicts = parse_verdicts(read_text(folder + kernel + ".txt"));
  const bool has_packets = verdicts.contains("fault/packet_load");
  const bool is_at_hand = kernel == "5.10" || kernel == "6.1" || kernel == "6.12" || kernel == "6.18";
  ASSERT_EQ(has_packets, is_at_hand) << "the records of the others are older than these programs";
  ASSERT_EQ(verdicts.size(), has_packets ? programs().size() : programs().size() - packets());
  const std::set<std::string> gaps = known_gaps();
  std::set<std::string> met;
  Tally t;
  for (const RecordedProgram& program : programs()) {
    if (!has_packets && is_packet(program)) continue;
    const RecordedVerdict& recorded = verdicts.at(program.name);
    const Verdict verdict = verify(program.input, *profile);
    (recorded.accepted ? t.accepted : t.rejected)++;
    if (verdict.answer == Answer::unknown && !recorded.accepted) {
      t.unknown_of_rejected++;
    } else if (verdict.answer == Answer::accept) {
      EXPECT_TRUE(recorded.accepted) << "FALSE ACCEPT on " << kernel << " of " << program.name << ", which is rejected for "
                                     << recorded.reject_class;
      if (program.name.starts_with("own/"))
        t.count_ratios.push_back(double(verdict.processed) / std::max(1u, recorded.processed));
    } else if (!recorded.accepted) {
      t.both_reject++;
      t.same_class += name_of(class_of(verdict.message)) == recorded.reject_class;
    } else {
      bool is_unknown = verdict.answer == Answer::unknown;
      (is_unknown ? t.unknown : t.false_rejects)++;
      std::string gap = kernel + " " + program.name + (is_unknown ? " unknown " : " refused ") + verdict.message;
      EXPECT_TRUE(gaps.count(gap)) << "not in known-gaps.txt: " << gap;
      met.insert(gap);
    }
  }
  for (const std::string& gap : gaps) {
    if (gap.starts_with(kernel + " ")) {
      EXPECT_TRUE(met.count(gap)) << "no gap any more: " << gap;
    }
  }
  double walked = median(t.count_ratios);
  printf(
      "Linux %s: %zu accepted, %zu rejected; of the accepted %zu refused, %zu unknown; of the rejected %zu unknown, %zu of %zu "
      "in "
      "the same class; walked instructions of compiled programs, model by kernel: median %.3f\n",
      kernel.c_str(), t.accepted, t.rejected, t.false_rejects, t.unknown, t.unknown_of_rejected, t.same_class, t.both_reject,
      walked);
  EXPECT_LT(t.false_rejects * 100, t.accepted);
  EXPECT_GE(t.same_class * 100, t.both_reject * 95);
  EXPECT_NEAR(walked, 1.0, 0.1);
}

INSTANTIATE_TEST_SUITE_P(, Recorded, ::testing::Values("5.4", "5.10", "5.15", "6.1", "6.5", "6.12", "6.18"),
                         [](const auto& kernel) {
                           std::string name = kernel.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return "Linux_" + name;
                         });

TEST(Record, ProgramsAreManyAndDistinct) {
  EXPECT_GE(programs().size(), 2000u);
  std::set<std::string> bodies;
  for (const RecordedProgram& program : programs()) bodies.insert(print_programs({{"", program.input}}));
  EXPECT_EQ(bodies.size(), programs().size());
}

TEST(Record, TextFormKeepsEverything) {
  std::vector<RecordedProgram> some(programs().begin(), programs().begin() + 300);
  EXPECT_EQ(print_programs(parse_programs(print_programs(some))), print_programs(some));
}

// The record of the running kernel's version still holds; a sample, because loading takes its time.
TEST(Record, RunningKernelSaysTheSame) {
  LiveKernel kernel;
  const std::string version = running_version();
  if (!kernel.why_not().empty()) GTEST_SKIP() << "NOT RUN, the kernel cannot be asked: " << kernel.why_not();
  const std::map<std::string, RecordedVerdict> verdicts = parse_verdicts(read_text(folder + version + ".txt"));
  if (verdicts.empty()) GTEST_SKIP() << "NOT RUN, no verdicts of Linux " << version << " are recorded";
  for (size_t i = 0; i < programs().size(); i += 9) {
    if (!verdicts.contains(programs()[i].name)) continue;
    const LiveKernel::Answer answer = kernel.load(programs()[i].input);
    const RecordedVerdict& recorded = verdicts.at(programs()[i].name);
    EXPECT_EQ(answer.accepted, recorded.accepted) << programs()[i].name;
    EXPECT_EQ(answer.error, recorded.error) << programs()[i].name;
  }
}

}  // namespace
}  // namespace shrike::sim::test
