// The repository's own files as text, for the tests that hold rules over them. Walks the source tree that the build was
// configured from; build outputs and version control are left out. Reads only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace shrike::meta {

struct TreeFile {
  std::string path;  // from the source root: "mir/base/id.h"
  std::string text;
};

// Every text file of the repository, sorted by path.
const std::vector<TreeFile>& tree();

std::string_view top_folder(std::string_view path);  // "mir" of "mir/base/id.h"; the path itself for root files
std::string_view extension(std::string_view path);   // "h", "cpp", "def"; empty without a dot
bool is_source(std::string_view path);               // C++ that the build compiles or includes
size_t line_count(std::string_view text);
std::vector<std::string_view> lines(std::string_view text);

// The first column of the X-macro rows `MACRO(id, …)` of a .def file, in order.
std::vector<std::string> row_ids(std::string_view def_path, std::string_view macro);

// True if `word` stands in `text` with no identifier character on either side.
bool has_word(std::string_view text, std::string_view word);

}  // namespace shrike::meta
