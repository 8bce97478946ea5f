// Lines of source to code, from the line tables of DWARF: where a breakpoint for FILE:LINE belongs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/symbol_options.h"

namespace shrike {

struct SourceAddresses {
  std::vector<uint64_t> file_offsets;  // sorted: one for each function the line is in and each place it was inlined to
  uint64_t next_line = 0;              // if the line has no code: the next that has; 0: none
  bool has_file = false;
  std::string why;  // nothing could be looked up
};

// `file` is a path, or the end of one. A column of 0 is any.
SourceAddresses find_source_line(const std::string& path, const DebugDirectories& directories, std::string_view file,
                                 uint64_t line, uint64_t column);

}  // namespace shrike
