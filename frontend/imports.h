// `import "path"`: other scripts become part of the program. The frontend reads no files; the caller's ImportLoader does.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "frontend/ast.h"
#include "frontend/parser.h"

namespace shrike {

struct ImportedFile {
  std::string name;      // as shown in messages, and what its own imports are relative to
  std::string identity;  // equal for two names of one file
  std::string text;
};

struct ImportResult {
  enum class Problem : uint8_t { none, unreadable, writable_by_all, not_a_script } problem = Problem::none;
  std::string reason;               // unreadable: why
  std::string path;                 // what has the problem
  std::vector<ImportedFile> files;  // one, or those of a folder by name
};

// What bpftrace's standard library has is part of the language here.
inline bool is_standard_library(std::string_view path) {
  return path == "stdlib" || path.starts_with("stdlib/");
}

class ImportLoader {
 public:
  virtual ~ImportLoader() = default;
  virtual std::string identity_of(std::string_view script) = 0;
  virtual ImportResult load(std::string_view path, std::string_view importer) = 0;
};

// Parses what `program` imports, what that imports, and so on, each file once, and adds it all to `program`. `begin` is
// where the program's own file begins in `sources`.
void merge_imports(ast::Program& program, uint32_t begin, SourceMap& sources, ImportLoader& loader, const ParseOptions& options,
                   Arena& arena, Diagnostics& diagnostics);

}  // namespace shrike
