// docs/reference.md and the lists in the manual say what the tables say. With SHRIKE_WRITE_REFERENCE set, they are written
// instead: that is what scripts/reference does.
#include "tests/meta/reference.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace shrike::meta {
namespace {

constexpr const char* stale = "a row has changed: run scripts/reference";

std::string path_of(const char* name) {
  return std::string(SHRIKE_SOURCE_DIR "/docs/") + name;
}

std::string read(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void compare_or_write(const char* name, const std::string& wanted) {
  if (getenv("SHRIKE_WRITE_REFERENCE") != nullptr) std::ofstream(path_of(name)) << wanted;
  const std::string found = read(path_of(name));
  if (found == wanted) return;
  const size_t at =
      static_cast<size_t>(std::mismatch(found.begin(), found.end(), wanted.begin(), wanted.end()).first - found.begin());
  const size_t line = found.rfind('\n', at) + 1;
  ADD_FAILURE() << "docs/" << name << " differs from this line on:\n"
                << found.substr(line, found.find('\n', at) - line) << "\n"
                << stale;
}

TEST(Reference, ThePageIsWhatTheTablesSay) {
  compare_or_write("reference.md", reference_page());
}

TEST(Reference, TheListsOfTheManualAreWhatTheTablesSay) {
  const std::string manual = read(path_of("shrike.8"));
  const size_t begin = manual.find(manual_begin);
  const size_t end = manual.find(manual_end);
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  ASSERT_LT(begin, end);
  compare_or_write("shrike.8", manual.substr(0, begin + manual_begin.size()) + manual_lists() + manual.substr(end));
}

// The rows are what the page is made of: each has something to say.
TEST(Reference, NamesEveryRowOnce) {
  const std::string page = reference_page();
  for (const char* text : {"`kprobe:", "`pid`", "`printf(format, ...)`", "`strlen(text)`", "`hist(n, [bits])`", "`getopt("})
    EXPECT_NE(page.find(text), std::string::npos) << text;
  EXPECT_EQ(page.find("`printf("), page.rfind("`printf("));
}

}  // namespace
}  // namespace shrike::meta
