// The layers, held by a test: which folder may include what. The table is the whole rule; a new edge is a change of the
// architecture and is made here, with its reason, or not at all.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "tests/meta/source_tree.h"

namespace shrike::meta {
namespace {

struct Layer {
  std::string_view folder;
  std::vector<std::string_view> may_include;  // folders (ending in `/`) or single files, from the source root
  bool may_use_system;                        // headers of the system and of libraries, beyond C++'s own
};

const std::vector<Layer>& layers() {
  static const std::vector<Layer> table = {
      // The vocabulary: needs nothing but itself.
      {"mir", {"mir/"}, false},
      {"frontend", {"frontend/", "mir/"}, false},
      {"passes", {"passes/", "mir/"}, false},
      {"backend-bpf", {"backend-bpf/", "mir/"}, false},
      // The judge shares no code with what it judges: bytes and helper rows only.
      {"verifier-sim", {"verifier-sim/", "backend-bpf/isa.h", "mir/helpers.h"}, false},
      // The only folder that touches files, system calls and libraries.
      {"runtime", {"runtime/", "frontend/", "passes/", "backend-bpf/", "verifier-sim/", "mir/"}, true},
      {"tests", {"tests/", "runtime/", "frontend/", "passes/", "backend-bpf/", "verifier-sim/", "mir/"}, true},
  };
  return table;
}

struct Include {
  std::string target;
  bool quoted = false;
  size_t line = 0;
};

std::vector<Include> includes_of(const TreeFile& file) {
  std::vector<Include> out;
  size_t number = 0;
  for (std::string_view line : lines(file.text)) {
    ++number;
    if (!line.starts_with("#include")) continue;
    const size_t open = line.find_first_of("\"<");
    if (open == std::string_view::npos) continue;
    const size_t close = line.find_first_of("\">", open + 1);
    out.push_back({std::string(line.substr(open + 1, close - open - 1)), line[open] == '"', number});
  }
  return out;
}

bool is_allowed(const Layer& layer, std::string_view target) {
  return std::any_of(layer.may_include.begin(), layer.may_include.end(),
                     [&](std::string_view entry) { return entry.back() == '/' ? target.starts_with(entry) : target == entry; });
}

// C++'s own headers have neither a slash nor a dot in their name.
bool is_standard_header(std::string_view target) {
  return target.find_first_of("./") == std::string_view::npos;
}

TEST(IncludeGraph, EveryLayerIncludesOnlyWhatItsRowAllows) {
  size_t seen = 0;
  for (const TreeFile& file : tree()) {
    if (!is_source(file.path)) continue;
    for (const Layer& layer : layers()) {
      if (top_folder(file.path) != layer.folder) continue;
      for (const Include& include : includes_of(file)) {
        ++seen;
        const std::string where = file.path + ":" + std::to_string(include.line) + " includes " + include.target;
        if (include.quoted) EXPECT_TRUE(is_allowed(layer, include.target)) << where;
        else EXPECT_TRUE(layer.may_use_system || is_standard_header(include.target)) << where;
      }
    }
  }
  EXPECT_GT(seen, 50u) << "the walk found too few includes to mean anything";
}

TEST(IncludeGraph, QuotedIncludesAreWrittenFromTheRootAndExist) {
  for (const TreeFile& file : tree()) {
    if (!is_source(file.path)) continue;
    for (const Include& include : includes_of(file)) {
      if (!include.quoted || include.target.ends_with(".inc")) continue;  // the build makes lists of files
      const auto found =
          std::find_if(tree().begin(), tree().end(), [&](const TreeFile& other) { return other.path == include.target; });
      EXPECT_TRUE(found != tree().end()) << file.path << ":" << include.line << " includes " << include.target;
    }
  }
}

// Start-up is a feature: these bring static constructors or heavy tables into every run.
TEST(IncludeGraph, NoHeaderThatCostsStartUp) {
  const std::vector<std::string_view> heavy = {"iostream", "sstream", "fstream", "iomanip", "regex", "locale"};
  for (const TreeFile& file : tree()) {
    if (!is_source(file.path) || top_folder(file.path) == "tests") continue;
    for (const Include& include : includes_of(file)) {
      EXPECT_TRUE(std::find(heavy.begin(), heavy.end(), include.target) == heavy.end())
          << file.path << ":" << include.line << " includes <" << include.target << ">";
    }
  }
}

TEST(IncludeGraph, EveryProductFolderHasARow) {
  for (const TreeFile& file : tree()) {
    if (!is_source(file.path) || file.path.find('/') == std::string::npos) continue;
    const std::string_view folder = top_folder(file.path);
    if (folder == "bench") continue;  // programs of their own, built from no product header
    const bool has_row =
        std::any_of(layers().begin(), layers().end(), [&](const Layer& layer) { return layer.folder == folder; });
    EXPECT_TRUE(has_row) << file.path << " stands in a folder that the include graph does not know";
  }
}

}  // namespace
}  // namespace shrike::meta
