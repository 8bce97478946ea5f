// The environment of the whole suite has shrike note the answers in a file, which is read at the end.
#include "tests/support/judged_loads.h"

#include <gtest/gtest.h>
#include <stdio.h>
#include <stdlib.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace shrike::testing {
namespace {

constexpr const char* variable = "SHRIKE_JUDGE_LOADS";
// Random programs branch on values that scripts rarely keep: the model walks about twice what the kernel does there.
#ifdef SHRIKE_RANDOM_PROGRAMS
constexpr bool has_usual_programs = false;
#else
constexpr bool has_usual_programs = true;
#endif
constexpr size_t enough = 200;  // programs for a median to mean anything

class JudgedLoads : public ::testing::Environment {
 public:
  void SetUp() override {
    if (getenv(variable)) return;  // whoever runs the suite reads them
    file_ = std::make_unique<TemporaryFile>("");
    setenv(variable, file_->path().c_str(), 1);
  }

  void TearDown() override {
    if (!file_) return;
    expect_agreement(read_file(file_->path()));
    file_.reset();
  }

 private:
  std::unique_ptr<TemporaryFile> file_;
};

[[maybe_unused]] const ::testing::Environment* const added = ::testing::AddGlobalTestEnvironment(new JudgedLoads);

// A line and the program that stands below it.
std::string with_program(const std::vector<std::string>& lines, size_t at) {
  std::string text = lines[at];
  for (size_t i = at + 1; i < lines.size() && lines[i].starts_with(' '); i++) text += "\n" + lines[i];
  return text;
}

}  // namespace

void expect_agreement(std::string_view text) {
  const std::vector<std::string> lines = split_lines(text);
  size_t programs = 0, unknown = 0;
  std::vector<double> ratios;
  for (size_t i = 0; i < lines.size(); i++) {
    if (lines[i].starts_with(' ')) continue;
    char answer[16] = "";
    unsigned long model = 0, kernel = 0;
    if (sscanf(lines[i].c_str(), "%15s %lu %lu", answer, &model, &kernel) != 3) {
      ADD_FAILURE() << "not a verdict: " << lines[i];
      continue;
    }
    programs++;
    if (answer == std::string_view("differ")) {
      ADD_FAILURE() << "model and kernel differ: " << with_program(lines, i);
    } else if (answer == std::string_view("unknown")) {
      unknown++;
      printf("unknown to the model: %s\n", lines[i].c_str());
    } else if (kernel != 0) {
      ratios.push_back(double(model) / double(kernel));
    }
  }
  if (ratios.empty()) return;
  std::sort(ratios.begin(), ratios.end());
  const double median = ratios[ratios.size() / 2];
  printf("%zu programs loaded, %zu unknown to the model; walked instructions, model by kernel: median %.3f\n", programs, unknown,
         median);
  if (ratios.size() < enough || !has_usual_programs) return;
  EXPECT_NEAR(median, 1.0, 0.1);
  EXPECT_LE(unknown * 100, programs);
}

}  // namespace shrike::testing
