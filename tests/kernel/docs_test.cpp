// What the pages in docs/ show of shrike's output is what it prints: every block of theirs that begins with `$ shrike` is run.
// SHRIKE_RECORD_DOCS=1 writes the output into the pages instead.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

std::string printed_by(const std::string& command) {
  const std::string folder = std::filesystem::path(shrike_binary()).parent_path();
  return run({"sh", "-c", "PATH=" + folder + ":$PATH; " + command}, {}, 20000).out;
}

// The page with what its commands print now.
std::string refreshed(const std::string& text, size_t& blocks) {
  std::istringstream lines(text);
  std::string out;
  bool is_output = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) is_output = false;
    if (is_output) continue;
    out += line + "\n";
    if (!line.starts_with("$ shrike ")) continue;
    out += printed_by(line.substr(2));
    is_output = true;
    blocks++;
  }
  return out;
}

class Docs : public LiveTest {};

TEST_F(Docs, ShowWhatIsPrinted) {
  const std::string path = SHRIKE_SOURCE_DIR "/docs/compiler.md";
  std::ifstream file(path);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  size_t blocks = 0;
  const std::string now = refreshed(text, blocks);
  EXPECT_GE(blocks, 5u);
  if (getenv("SHRIKE_RECORD_DOCS") != nullptr) std::ofstream(path) << now;
  else EXPECT_EQ(text, now) << "SHRIKE_RECORD_DOCS=1 records what is printed now";
}

}  // namespace
}  // namespace shrike::testing
