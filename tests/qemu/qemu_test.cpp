// Boots each kernel of build/kernels (tests/qemu/fetch-kernels gets them) under QEMU and runs the cases there: kprobes, which
// the kernels that tests run on may lack, and loading by older verifiers. Prints a line for each case; a failing one comes
// with script and output. SHRIKE_QEMU_CASES=PATTERN runs only the cases whose names are like it (a shell pattern, or
// @(ONE|OTHER)).
#include <fnmatch.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include <algorithm>

#include "tests/qemu/cases.h"
#include "tests/qemu/guest.h"

namespace shrike::testing {
namespace {

constexpr int boot_limit_ms = 400000;

// What scripts cannot know when they are written: where a function is in a program, and a line in its source.
std::string address_of(const std::string& function, const std::string& program) {
  for (const std::string& line : split_lines(run({"nm", program}, {}, 10000).out))
    if (line.ends_with(" " + function)) return "0x" + line.substr(0, line.find(' '));
  ADD_FAILURE() << program << " has no " << function;
  return {};
}

size_t line_of(std::string_view text, const std::string& source) {
  const std::vector<std::string> lines = split_lines(read_file(source));
  for (size_t i = 0; i < lines.size(); ++i)
    if (lines[i].find(text) != std::string::npos) return i + 1;
  ADD_FAILURE() << source << " has no " << text;
  return 0;
}

std::vector<Case> probe_cases() {
  const std::pair<std::string, std::string> facts[] = {
      {"{target_add}", address_of("target_add", SHRIKE_WORKLOAD)},
      {"{plain_line}", std::to_string(line_of("DTRACE_PROBE(debugged, plain)", SHRIKE_SOURCE_DIR "/tests/kernel/debugged.cpp"))}};
  std::vector<Case> cases = read_cases(SHRIKE_SOURCE_DIR "/tests/qemu/probes.txt");
  for (Case& one : cases)
    for (const auto& [name, fact] : facts) one.script = replace_all(one.script, name, fact);
  return cases;
}

std::vector<Case> rejection_cases() {
  return read_cases(SHRIKE_SOURCE_DIR "/tests/qemu/rejections.txt");
}

std::vector<Case> all_cases() {
  std::vector<Case> cases = read_cases(SHRIKE_SOURCE_DIR "/tests/qemu/cases.txt");
  const auto append = [&](std::vector<Case> more) {
    cases.insert(cases.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  };
  append(probe_cases());
  append(rejection_cases());
  append(read_cases(SHRIKE_SOURCE_DIR "/tests/qemu/loads.txt"));
  append(example_cases());
  append(compat_cases());
  return cases;
}

std::string shortened(const std::string& text) {
  constexpr size_t most = 6000;
  return text.size() <= most ? text : text.substr(0, most / 2) + "\n[…]\n" + text.substr(text.size() - most / 2);
}

class Kernel : public ::testing::TestWithParam<const char*> {};

// Boots the kernel, runs those cases that are for it, and judges each.
void run_cases(const std::string& version, std::vector<Case> all) {
  const char* const filter = getenv("SHRIKE_QEMU_CASES");
  const std::vector<std::string> modules = modules_beside(image_of(version));
  if (modules.empty()) fprintf(stderr, "SKIPPED, not passed: cases of modules, which are not beside Linux %s\n", version.c_str());
  std::vector<Case> cases;
  std::vector<GuestCase> commands;
  for (Case& one : all) {
    if (!runs_on(one, version, modules) || (filter && fnmatch(filter, one.name.c_str(), FNM_EXTMATCH) != 0)) continue;
    commands.push_back({one.name, command_of(one)});
    cases.push_back(std::move(one));
  }
  const GuestRun guest = run_in_guest(image_of(version), commands, boot_limit_ms);
  EXPECT_TRUE(guest.ended) << "Linux " << version << " ran " << guest.results.size() << " of " << cases.size() << " cases\n"
                           << shortened(guest.console);
  for (const Case& one : cases) {
    const auto found = guest.results.find(one.name);
    if (found == guest.results.end()) {
      printf("  not run  %s %s\n", version.c_str(), one.name.c_str());
      continue;
    }
    const Result& result = found->second;
    const std::string wrong = judge(one, result);
    printf("  %s  %s %s (%.2f s)\n", wrong.empty() ? "ok     " : "FAILED ", version.c_str(), one.name.c_str(),
           guest.seconds.at(one.name));
    EXPECT_EQ(wrong, "") << "on Linux " << version << ": " << one.name << "\n"
                         << commands[static_cast<size_t>(&one - cases.data())].command << "\n--- stdout\n"
                         << shortened(result.out) << "\n--- stderr\n"
                         << shortened(result.err);
  }
}

TEST_P(Kernel, RunsEveryCase) {
  const std::string version = kernel_of(GetParam());
  if (version.empty()) GTEST_SKIP() << "no Linux " << GetParam();
  run_cases(version, all_cases());
}

class OlderKernel : public ::testing::TestWithParam<const char*> {};

TEST_P(OlderKernel, DoesWhatItCanAndTellsWhatItLacks) {
  const std::string version = kernel_of(GetParam());
  if (version.empty()) GTEST_SKIP() << "no Linux " << GetParam();
  run_cases(version, read_cases(SHRIKE_SOURCE_DIR "/tests/qemu/older.txt"));
}

// What is at these paths in the guest is here where it was built.
std::string of_this_machine(std::string text) {
  for (const auto& [there, here] : {std::pair("/bin/shrike", SHRIKE_BINARY), std::pair("/bin/workload", SHRIKE_WORKLOAD),
                                    std::pair("/bin/debugged", SHRIKE_DEBUGGED)})
    text = replace_all(text, there, here);
  return text;
}

void run_here(std::vector<Case> cases) {
  utsname system{};
  ASSERT_EQ(uname(&system), 0);
  const char* const filter = getenv("SHRIKE_QEMU_CASES");
  for (Case& one : cases) {
    if (!runs_on(one, system.release, {}) || (filter && fnmatch(filter, one.name.c_str(), FNM_EXTMATCH) != 0)) continue;
    const std::string command = of_this_machine(command_of(one));
    const Result result = run({"sh", "-c", command}, {}, 60000);
    for (Expectation& each : one.expected) each.text = of_this_machine(each.text);
    EXPECT_EQ(judge(one, result), "") << one.name << "\n"
                                      << command << "\n--- stdout\n"
                                      << shortened(result.out) << "\n--- stderr\n"
                                      << shortened(result.err);
  }
}

TEST(ThisKernel, CountsProbesOfEveryType) {
  run_here(probe_cases());
}

TEST(ThisKernel, TakesWhatOtherTracersAreRefused) {
  run_here(rejection_cases());
}

// Kernels that the model of the verifier is compared with; more than shrike runs on.
class JudgingKernel : public ::testing::TestWithParam<const char*> {};

// What the kernel says of the programs of tests/verdicts. Each must be as recorded; SHRIKE_RECORD_VERDICTS=1 records anew.
TEST_P(JudgingKernel, GivesTheRecordedVerdicts) {
  const std::string version = kernel_of(GetParam());
  if (version.empty()) GTEST_SKIP() << "no Linux " << GetParam();
  const std::string folder = SHRIKE_SOURCE_DIR "/tests/verdicts/";
  const std::vector<GuestFile> files = {{"/bin/verdicts", read_file(SHRIKE_VERDICTS_TOOL), true},
                                        {"/programs.txt", read_file(folder + "programs.txt")}};
  const GuestRun guest =
      run_in_guest(image_of(version), {{"verdicts", "exec /bin/verdicts load /programs.txt"}}, boot_limit_ms, files);
  ASSERT_TRUE(guest.ended) << shortened(guest.console);
  const Result& result = guest.results.at("verdicts");
  ASSERT_EQ(result.status, 0) << result.err;
  printf("  Linux %s: %zu verdicts in %.0f s\n%s", version.c_str(), split_lines(result.out).size(), guest.seconds.at("verdicts"),
         result.err.c_str());
  const std::string path = folder + GetParam() + ".txt";
  if (getenv("SHRIKE_RECORD_VERDICTS")) {
    FILE* const file = fopen(path.c_str(), "w");
    ASSERT_TRUE(file);
    fputs(result.out.c_str(), file);
    fclose(file);
  }
  EXPECT_EQ(result.out, read_file(path)) << "the kernel changed its mind: record anew and mend the profile";
}

INSTANTIATE_TEST_SUITE_P(, Kernel, ::testing::Values("6.1", "6.12"), name_of_series);
INSTANTIATE_TEST_SUITE_P(, OlderKernel, ::testing::Values("5.10"), name_of_series);
INSTANTIATE_TEST_SUITE_P(, JudgingKernel, ::testing::Values("5.4", "5.10", "5.15", "6.1", "6.5", "6.12"), name_of_series);

}  // namespace
}  // namespace shrike::testing
