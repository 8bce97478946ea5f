// What the user asked about the naming of addresses.
#pragma once

#include <string>
#include <vector>

namespace shrike {

// Where separate debug files are looked for, besides next to their binaries.
struct DebugDirectories {
  std::vector<std::string> paths = {"/usr/lib/debug"};
};

struct SymbolOptions {
  bool demangle = true;     // C++ names
  bool with_lines = false;  // source positions and inlined functions, from DWARF
  DebugDirectories debug;
};

}  // namespace shrike
