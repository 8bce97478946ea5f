// Every script of examples/ compiles, loads and attaches on this kernel; the one that the quick start runs shows what it
// promises. tests/meta checks that each opens with what it is for.
#include <dirent.h>

#include <algorithm>

#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

std::vector<std::string> example_names() {
  std::vector<std::string> names;
  DIR* folder = opendir(SHRIKE_SOURCE_DIR "/examples");
  while (const dirent* entry = folder ? readdir(folder) : nullptr) {
    const std::string name = entry->d_name;
    if (name.ends_with(".bt")) names.push_back(name.substr(0, name.size() - 3));
  }
  if (folder) closedir(folder);
  std::sort(names.begin(), names.end());
  return names;
}

std::string path_of(const std::string& name) {
  return SHRIKE_SOURCE_DIR "/examples/" + name + ".bt";
}

class Example : public LiveTest, public ::testing::WithParamInterface<std::string> {};

TEST_P(Example, Attaches) {
  const Result result = shrike({"--dry-run", path_of(GetParam()), "100"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_FALSE(has(result.err, "ERROR")) << result.err;
}

INSTANTIATE_TEST_SUITE_P(, Example, ::testing::ValuesIn(example_names()),
                         [](const ::testing::TestParamInfo<std::string>& tested) { return tested.param; });

using Quickstart = LiveTest;

TEST_F(Quickstart, ShowsSystemCallsAndTheirLatency) {
  Tracer tracer({path_of("syscalls")});
  ASSERT_TRUE(tracer.wait_until_armed());
  EXPECT_EQ(run({SHRIKE_WORKLOAD, "name", "quickwork", "getppid", "200000"}, {}, patience_ms).status, 0);
  const Result result = tracer.finish();  // ends by itself after five seconds
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(number_of(result.out, "@calls[quickwork]"), 200001) << result.out;
  EXPECT_GE(histogram_total(result.out, "@latency_ns"), 190000) << result.out;
  EXPECT_EQ(count_text(result.out, "@start"), 0u) << "scratch maps are not for the reader\n" << result.out;
}

}  // namespace
}  // namespace shrike::testing
