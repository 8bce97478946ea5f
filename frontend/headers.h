// C headers of the script's C section. The frontend reads no files: the caller's HeaderLoader finds them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "frontend/token.h"
#include "mir/base/source.h"

namespace shrike {

struct HeaderFile {
  std::string name;      // as shown in messages, and what its own quoted includes are relative to
  std::string identity;  // equal for two names of one file
  std::string text;
  Origin origin = Origin::system_header;
  size_t place = 0;  // in the order of search, from 1; 0: beside the file that includes it
};

class HeaderLoader {
 public:
  virtual ~HeaderLoader() = default;
  // `path` as written between the quotes or angle brackets. Quoted ones are also looked for beside `includer`. Only
  // places after `after` are searched (#include_next); 0: all.
  virtual std::optional<HeaderFile> find(std::string_view path, bool is_quoted, std::string_view includer, size_t after) = 0;
  // The kernel tells its types: headers of its own may be missing.
  virtual bool has_btf() = 0;
};

// What the lexer needs to read headers: where they come from and where their text goes.
struct Headers {
  HeaderLoader& loader;
  SourceMap& sources;
};

// The text of a header that belongs to the compiler, or stands in for a small one where it is not installed; empty if
// there is none of that name.
std::string_view builtin_header(std::string_view path);
// What the kernel's own header of that name says beyond the one that programs are given: constants that scripts use and BTF does
// not tell. Guarded against being there already; empty for most.
std::string_view addition_to_header(std::string_view path);
// The body of a name that is defined before any text is read; nothing if it is not.
std::optional<std::string_view> predefined(std::string_view name);

}  // namespace shrike
